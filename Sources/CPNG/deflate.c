#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "CPNG.h"

struct cpng_inflater {
  z_stream stream;
};

cpng_inflater *cpng_inflater_create(void) {
  cpng_inflater *inflater = calloc(1, sizeof *inflater);
  if (!inflater) return NULL;
  // Negative window bits: a raw stream, without zlib's header.
  if (inflateInit2(&inflater->stream, -MAX_WBITS) == Z_OK) return inflater;
  free(inflater);
  return NULL;
}

static uInt clamp(size_t count) { return count > UINT_MAX ? UINT_MAX : (uInt)count; }

int cpng_inflate(cpng_inflater *inflater, const uint8_t *input, size_t input_count, size_t *consumed,
                 uint8_t *output, size_t output_count, size_t *produced) {
  z_stream *stream = &inflater->stream;
  stream->next_in = (Bytef *)input;
  stream->avail_in = clamp(input_count);
  stream->next_out = output;
  stream->avail_out = clamp(output_count);
  int result = inflate(stream, Z_NO_FLUSH);
  *consumed = (size_t)(stream->next_in - input);
  *produced = (size_t)(stream->next_out - output);
  if (result == Z_STREAM_END) return 1;
  return result == Z_OK || result == Z_BUF_ERROR ? 0 : -1;
}

void cpng_inflater_free(cpng_inflater *inflater) {
  if (!inflater) return;
  inflateEnd(&inflater->stream);
  free(inflater);
}

uint32_t cpng_crc32(uint32_t crc, const uint8_t *bytes, size_t count) {
  uLong value = crc;
  while (count > 0) {
    uInt step = clamp(count);
    value = crc32(value, bytes, step);
    bytes += step;
    count -= step;
  }
  return (uint32_t)value;
}
