// PNG and deflate for Swift, over libpng and zlib.
//
// libpng reports errors by longjmp, which must not unwind Swift frames: every call into libpng happens in this
// target, behind functions that return normally in any case, with the reason of a failure in words.
#ifndef CPNG_H
#define CPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPNG_MESSAGE_LENGTH 200

/// What a reader accepts.
typedef struct {
  uint32_t max_width;
  uint32_t max_height;
  /// Bytes of decoded pixels.
  uint64_t max_pixel_bytes;
  /// Pixels, whatever they are made of.
  uint64_t max_pixels;
  /// Bytes of one decompressed profile or text, and of all of them.
  uint64_t max_metadata_bytes;
} cpng_limits;

/// One text chunk, in Latin-1 or, where `is_utf8`, in UTF-8.
typedef struct {
  const char *keyword;
  const char *text;
  size_t text_length;
  bool is_utf8;
} cpng_text;

/// What surrounds the pixels. Pointers from a reader belong to it; pointers given to a writer stay the caller's.
typedef struct {
  const uint8_t *icc;
  size_t icc_length;
  const uint8_t *exif;
  size_t exif_length;
  const cpng_text *texts;
  size_t text_count;
  /// The sRGB chunk's rendering intent; -1 where there is no such chunk.
  int srgb_intent;
  /// The gAMA chunk, in 1/100000; 0 where there is none.
  int32_t gamma;
  bool has_chromaticities;
  /// The cHRM chunk, in 1/100000: white x, y, red x, y, green x, y, blue x, y.
  int32_t chromaticities[8];
  /// The pHYs chunk: pixels per metre (unit 1) or the pixels' proportion (unit 0); x is 0 where there is none.
  uint32_t resolution_x, resolution_y;
  int resolution_unit;
} cpng_metadata;

/// How the pixels lie: rows from the top, samples of 8 or 16 bits (native byte order) interleaved.
typedef struct {
  uint32_t width;
  uint32_t height;
  /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
  uint8_t channels;
  /// 8 or 16.
  uint8_t bit_depth;
} cpng_format;

typedef struct cpng_reader cpng_reader;

/// Reads what stands before the pixels. Palettes, fewer than 8 bits and transparent colours are expanded, so `format` tells
/// what `cpng_read_pixels` gives. Returns NULL with the reason in `message` (CPNG_MESSAGE_LENGTH bytes).
/// `data` must stay valid until `cpng_reader_free`.
cpng_reader *cpng_reader_create(const uint8_t *data, size_t length, const cpng_limits *limits, cpng_format *format,
                                char *message);

/// Decodes all pixels into `pixels`, which has width * height * channels * bit_depth / 8 bytes, and reads to the end of the file.
bool cpng_read_pixels(cpng_reader *reader, void *pixels, char *message);

/// What came with the pixels; call it after `cpng_read_pixels`. The pointers live as long as the reader.
void cpng_read_metadata(const cpng_reader *reader, cpng_metadata *metadata);

void cpng_reader_free(cpng_reader *reader);

/// Takes the next encoded bytes; returns false to stop the writing.
typedef bool (*cpng_sink)(void *context, const uint8_t *bytes, size_t count);

/// Encodes a whole picture; `compression` is zlib's level, 0 to 9.
bool cpng_write(const cpng_format *format, const void *pixels, const cpng_metadata *metadata, int compression,
                cpng_sink sink, void *context, char *message);

// MARK: - Deflate

typedef struct cpng_inflater cpng_inflater;

/// A decoder of a raw deflate stream, as ZIP holds it; NULL when there is no memory.
cpng_inflater *cpng_inflater_create(void);

/// Decodes from `input` into `output`, as far as either reaches, and says how much of each it took.
/// Returns 1 at the end of the stream, 0 when it wants more input or room, -1 when the stream is corrupt.
int cpng_inflate(cpng_inflater *inflater, const uint8_t *input, size_t input_count, size_t *consumed,
                 uint8_t *output, size_t output_count, size_t *produced);

void cpng_inflater_free(cpng_inflater *inflater);

/// The CRC-32 that ZIP uses, continued from `crc` (0 to start).
uint32_t cpng_crc32(uint32_t crc, const uint8_t *bytes, size_t count);

#endif
