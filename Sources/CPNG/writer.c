#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "CPNG.h"
#include "message.h"

typedef struct {
  cpng_sink sink;
  void *context;
  char *message;
} output;

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
  output *out = png_get_io_ptr(png);
  if (!out->sink(out->context, bytes, count)) png_error(png, "the output can't be written");
}

static void flush_bytes(png_structp png) { (void)png; }

static void on_error(png_structp png, png_const_charp text) {
  output *out = png_get_error_ptr(png);
  cpng_set_message(out->message, text);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static const int color_types[5] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                   PNG_COLOR_TYPE_RGB_ALPHA};

static void set_texts(png_structp png, png_infop info, const cpng_metadata *metadata) {
  for (size_t i = 0; i < metadata->text_count; i++) {
    cpng_text text = metadata->texts[i];
    png_text item;
    memset(&item, 0, sizeof item);
    item.compression = text.is_utf8 ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE;
    item.key = (png_charp)text.keyword;
    item.text = (png_charp)text.text;
    if (text.is_utf8) {
      item.itxt_length = text.text_length;
    } else {
      item.text_length = text.text_length;
    }
    item.lang = (png_charp) "";
    item.lang_key = (png_charp) "";
    png_set_text(png, info, &item, 1);
  }
}

static void set_metadata(png_structp png, png_infop info, const cpng_metadata *metadata) {
  // sRGB and iCCP exclude each other; the profile says more.
  if (metadata->icc_length) {
    png_set_iCCP(png, info, "icc", PNG_COMPRESSION_TYPE_BASE, metadata->icc, (png_uint_32)metadata->icc_length);
  } else if (metadata->srgb_intent >= 0) {
    png_set_sRGB(png, info, metadata->srgb_intent);
  }
  if (metadata->gamma > 0) png_set_gAMA_fixed(png, info, metadata->gamma);
  if (metadata->has_chromaticities) {
    const int32_t *c = metadata->chromaticities;
    png_set_cHRM_fixed(png, info, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
  }
  if (metadata->resolution_x) {
    png_set_pHYs(png, info, metadata->resolution_x, metadata->resolution_y, metadata->resolution_unit);
  }
  if (metadata->exif_length) {
    png_set_eXIf_1(png, info, (png_uint_32)metadata->exif_length, (png_bytep)metadata->exif);
  }
  set_texts(png, info, metadata);
}

bool cpng_write(const cpng_format *format, const void *pixels, const cpng_metadata *metadata, int compression,
                cpng_sink sink, void *context, char *message) {
  message[0] = 0;
  output out = {sink, context, message};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &out, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    if (!message[0]) cpng_set_message(message, "out of memory");
    if (png) png_destroy_write_struct(&png, NULL);
    return false;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    return false;
  }
  // Wide pictures are ours to write: the reader's limits are set elsewhere.
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_benign_errors(png, 1);
  png_set_write_fn(png, &out, write_bytes, flush_bytes);
  png_set_compression_level(png, compression);
  png_set_IHDR(png, info, format->width, format->height, format->bit_depth, color_types[format->channels],
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  set_metadata(png, info, metadata);
  png_write_info(png, info);
  if (format->bit_depth == 16) png_set_swap(png);
  size_t row_bytes = (size_t)format->width * format->channels * (format->bit_depth / 8);
  for (uint32_t y = 0; y < format->height; y++) {
    png_write_row(png, (png_const_bytep)pixels + row_bytes * y);
  }
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return true;
}
