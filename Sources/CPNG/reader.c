#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CPNG.h"
#include "message.h"

struct cpng_reader {
  png_structp png;
  png_infop info;
  png_infop end_info;
  const uint8_t *data;
  size_t length;
  size_t position;
  cpng_format format;
  cpng_text *texts;
  size_t text_count;
  char message[CPNG_MESSAGE_LENGTH];
};

static void read_bytes(png_structp png, png_bytep out, size_t count) {
  cpng_reader *reader = png_get_io_ptr(png);
  if (count > reader->length - reader->position) png_error(png, "the file ends too early");
  memcpy(out, reader->data + reader->position, count);
  reader->position += count;
}

static void on_error(png_structp png, png_const_charp text) {
  cpng_reader *reader = png_get_error_ptr(png);
  cpng_set_message(reader->message, text);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

// Asks libpng for plain samples of 8 or 16 bits, and notes what they will be.
static void set_transformations(cpng_reader *reader) {
  png_structp png = reader->png;
  png_infop info = reader->info;
  int depth = png_get_bit_depth(png, info);
  int color = png_get_color_type(png, info);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  if (png_get_valid(png, info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(png);
  if (depth == 16) png_set_swap(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  reader->format.width = png_get_image_width(png, info);
  reader->format.height = png_get_image_height(png, info);
  reader->format.channels = png_get_channels(png, info);
  reader->format.bit_depth = png_get_bit_depth(png, info);
}

static void check_size(cpng_reader *reader, const cpng_limits *limits) {
  uint64_t row = (uint64_t)png_get_rowbytes(reader->png, reader->info);
  uint64_t bytes = row * reader->format.height;
  if (bytes > limits->max_pixel_bytes) png_error(reader->png, "the picture is larger than the limit");
  uint64_t pixels = (uint64_t)reader->format.width * reader->format.height;
  if (pixels > limits->max_pixels) {
    char text[CPNG_MESSAGE_LENGTH];
    snprintf(text, sizeof text, "the picture has %llu pixels, more than the limit of %llu",
             (unsigned long long)pixels, (unsigned long long)limits->max_pixels);
    png_error(reader->png, text);
  }
}

// A deflate stream grows at most 1032-fold: a header that promises more than the file can hold is refused before
// memory is taken for it.
static void check_plausibility(cpng_reader *reader) {
  uint64_t bits = (uint64_t)png_get_bit_depth(reader->png, reader->info) *
                  png_get_channels(reader->png, reader->info) * png_get_image_width(reader->png, reader->info);
  uint64_t bytes = (bits + 7) / 8 * png_get_image_height(reader->png, reader->info);
  if (bytes / 1032 > reader->length) png_error(reader->png, "the file is too short for the size it states");
}

cpng_reader *cpng_reader_create(const uint8_t *data, size_t length, const cpng_limits *limits, cpng_format *format,
                                char *message) {
  if (length < 8 || png_sig_cmp(data, 0, 8) != 0) {
    cpng_set_message(message, "not a PNG file");
    return NULL;
  }
  cpng_reader *reader = calloc(1, sizeof *reader);
  if (!reader) {
    cpng_set_message(message, "out of memory");
    return NULL;
  }
  reader->data = data;
  reader->length = length;
  reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, on_error, on_warning);
  reader->info = reader->png ? png_create_info_struct(reader->png) : NULL;
  reader->end_info = reader->info ? png_create_info_struct(reader->png) : NULL;
  if (!reader->end_info) {
    cpng_set_message(message, reader->message[0] ? reader->message : "out of memory");
    cpng_reader_free(reader);
    return NULL;
  }
  if (setjmp(png_jmpbuf(reader->png))) {
    cpng_set_message(message, reader->message);
    cpng_reader_free(reader);
    return NULL;
  }
  png_set_user_limits(reader->png, limits->max_width, limits->max_height);
  png_set_chunk_malloc_max(reader->png, limits->max_metadata_bytes);
  png_set_chunk_cache_max(reader->png, 128);
  png_set_read_fn(reader->png, reader, read_bytes);
  png_read_info(reader->png, reader->info);
  check_plausibility(reader);
  set_transformations(reader);
  check_size(reader, limits);
  *format = reader->format;
  return reader;
}

bool cpng_read_pixels(cpng_reader *reader, void *pixels, char *message) {
  if (setjmp(png_jmpbuf(reader->png))) {
    cpng_set_message(message, reader->message);
    return false;
  }
  size_t row_bytes = png_get_rowbytes(reader->png, reader->info);
  // An interlaced picture comes in seven passes over the same rows.
  int passes = png_get_interlace_type(reader->png, reader->info) == PNG_INTERLACE_ADAM7 ? 7 : 1;
  for (int pass = 0; pass < passes; pass++) {
    for (uint32_t y = 0; y < reader->format.height; y++) {
      png_read_row(reader->png, (png_bytep)pixels + row_bytes * y, NULL);
    }
  }
  png_read_end(reader->png, reader->end_info);
  return true;
}

// Appends the texts of `info`, as far as they fit into `limit`.
static size_t append_texts(const cpng_reader *reader, png_infop info, cpng_text *texts, size_t count, size_t limit) {
  png_textp found = NULL;
  int total = png_get_text(reader->png, info, &found, NULL);
  for (int i = 0; i < total && count < limit; i++) {
    bool is_utf8 = found[i].compression >= PNG_ITXT_COMPRESSION_NONE;
    size_t length = is_utf8 ? found[i].itxt_length : found[i].text_length;
    if (!found[i].key || !found[i].text) continue;
    texts[count++] = (cpng_text){found[i].key, found[i].text, length, is_utf8};
  }
  return count;
}

void cpng_read_metadata(const cpng_reader *reader, cpng_metadata *metadata) {
  memset(metadata, 0, sizeof *metadata);
  metadata->srgb_intent = -1;
  // Accessors of chunks already read; an error in one costs the chunks after it, no more.
  if (setjmp(png_jmpbuf(reader->png))) return;
  png_structp png = reader->png;
  png_infop info = reader->info;
  png_charp name;
  int compression;
  png_bytep profile;
  png_uint_32 profile_length;
  if (png_get_iCCP(png, info, &name, &compression, &profile, &profile_length)) {
    metadata->icc = profile;
    metadata->icc_length = profile_length;
  }
  png_infop sources[2] = {info, reader->end_info};
  for (int i = 0; i < 2 && !metadata->exif; i++) {
    png_bytep exif;
    png_uint_32 exif_length;
    if (png_get_eXIf_1(png, sources[i], &exif_length, &exif)) {
      metadata->exif = exif;
      metadata->exif_length = exif_length;
    }
  }
  int intent;
  if (png_get_sRGB(png, info, &intent)) metadata->srgb_intent = intent;
  png_fixed_point gamma;
  if (png_get_gAMA_fixed(png, info, &gamma) && gamma > 0) metadata->gamma = gamma;
  png_fixed_point c[8];
  if (png_get_cHRM_fixed(png, info, &c[0], &c[1], &c[2], &c[3], &c[4], &c[5], &c[6], &c[7])) {
    metadata->has_chromaticities = true;
    for (int i = 0; i < 8; i++) metadata->chromaticities[i] = c[i];
  }
  png_uint_32 x, y;
  int unit;
  if (png_get_pHYs(png, info, &x, &y, &unit)) {
    metadata->resolution_x = x;
    metadata->resolution_y = y;
    metadata->resolution_unit = unit;
  }
  png_textp texts;
  int before = png_get_text(png, info, &texts, NULL);
  int after = png_get_text(png, reader->end_info, &texts, NULL);
  size_t total = (size_t)(before > 0 ? before : 0) + (size_t)(after > 0 ? after : 0);
  cpng_reader *owner = (cpng_reader *)reader;
  if (total && !owner->texts) owner->texts = calloc(total, sizeof *owner->texts);
  if (!owner->texts) return;
  owner->text_count = append_texts(reader, info, owner->texts, 0, total);
  owner->text_count = append_texts(reader, reader->end_info, owner->texts, owner->text_count, total);
  metadata->texts = owner->texts;
  metadata->text_count = owner->text_count;
}

void cpng_reader_free(cpng_reader *reader) {
  if (!reader) return;
  if (reader->png) png_destroy_read_struct(&reader->png, &reader->info, &reader->end_info);
  free(reader->texts);
  free(reader);
}
