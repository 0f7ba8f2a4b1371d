#include <string.h>

#include "csn_spatial.h"

static int64_t floor_mod(int64_t a, int64_t b) {
  int64_t r = a % b;
  return r < 0 ? r + b : r;
}

/// The input place that output place `index` copies; -1 for the constant.
static int32_t source(csn_pad_mode mode, int64_t index, int64_t extent) {
  if (index >= 0 && index < extent) return (int32_t)index;
  switch (mode) {
    case CSN_PAD_EDGE: return (int32_t)(index < 0 ? 0 : extent - 1);
    case CSN_PAD_WRAP: return (int32_t)floor_mod(index, extent);
    case CSN_PAD_REFLECT: {
      if (extent == 1) return 0;
      int64_t place = floor_mod(index, 2 * (extent - 1));
      return (int32_t)(place < extent ? place : 2 * (extent - 1) - place);
    }
    default: return -1;
  }
}

csn_status csn_pad_check(const csn_pad *pad, const csn_tensor *in, const csn_tensor *out) {
  if (!csn_tensor_is_valid(in) || !csn_tensor_is_valid(out) || in->layout != out->layout) return CSN_INVALID;
  if (in->layout == CSN_PAIRED) return CSN_UNSUPPORTED;
  if (in->images != out->images || in->channels != out->channels) return CSN_INVALID;
  if ((unsigned)pad->mode > CSN_PAD_WRAP) return CSN_INVALID;
  if (pad->mode == CSN_PAD_REFLECT) {
    const int64_t bottom = (int64_t)out->height - in->height - pad->top;
    const int64_t right = (int64_t)out->width - in->width - pad->left;
    if (pad->top >= in->height || bottom >= in->height || pad->left >= in->width || right >= in->width)
      return CSN_INVALID;
  }
  int64_t rows = (int64_t)out->images * csn_tensor_blocks(out) * out->height;
  return rows <= INT32_MAX ? CSN_OK : CSN_UNSUPPORTED;
}

typedef struct {
  const csn_pad *pad;
  const csn_tensor *in, *out;
  const float *x;
  float *y;
} pad_job;

static void fill(float *out, float value, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i++) out[i] = value;
}

static void pad_row(void *context, int index, int worker) {
  (void)worker;
  const pad_job *job = context;
  const csn_tensor *in = job->in, *out = job->out;
  const ptrdiff_t pixel = in->layout == CSN_BLOCKED ? csn_block : 1;
  const int blocks = csn_tensor_blocks(out), y = index % out->height, plane = index / out->height;
  const int block = plane % blocks, image = plane / blocks;
  float *row = job->y + image * out->image_stride + block * out->block_stride + y * out->row_stride;
  const int32_t from = source(job->pad->mode, (int64_t)y - job->pad->top, in->height);
  if (from < 0) {
    fill(row, job->pad->value, out->width * pixel);
    return;
  }
  const float *line = job->x + image * in->image_stride + block * in->block_stride + from * in->row_stride;
  // The part that is copied in one piece, and what is around it.
  const int64_t left = job->pad->left, first = left > 0 ? left : 0;
  int64_t end = left + in->width < out->width ? left + in->width : out->width;
  if (end < first) end = first;
  if (first < out->width && end > first)
    memcpy(row + first * pixel, line + (first - left) * pixel, (size_t)((end - first) * pixel) * sizeof(float));
  for (int64_t x = 0; x < out->width; x++) {
    if (x == first && end > first) x = end;
    if (x >= out->width) break;
    const int32_t column = source(job->pad->mode, x - left, in->width);
    if (column < 0)
      fill(row + x * pixel, job->pad->value, pixel);
    else
      memcpy(row + x * pixel, line + column * pixel, (size_t)pixel * sizeof(float));
  }
}

void csn_pad_run(const csn_pad *pad, const csn_tensor *in, const float *x, const csn_tensor *out, float *y,
                 csn_pool *pool) {
  pad_job job = {pad, in, out, x, y};
  csn_pool_run(pool, pad_row, &job, out->images * csn_tensor_blocks(out) * out->height);
}
