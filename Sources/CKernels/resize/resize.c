#include <math.h>

#include "resize/resize.h"

/// The input coordinate of output place `x`.
static double coordinate(csn_resize_coordinates mode, double scale, int32_t in, int32_t out, double x) {
  switch (mode) {
    case CSN_RESIZE_HALF_PIXEL: return (x + 0.5) / scale - 0.5;
    case CSN_RESIZE_HALF_PIXEL_SYMMETRIC: {
      // The part of the last pixel that rounding the extent cut off, or added, is shared by both ends.
      double adjustment = out / (in * scale), centre = in / 2.0;
      return centre * (1 - adjustment) + (x + 0.5) / scale - 0.5;
    }
    case CSN_RESIZE_PYTORCH_HALF_PIXEL: return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case CSN_RESIZE_ALIGN_CORNERS: return out > 1 ? x * (in - 1) / (out - 1) : 0;
    default: return x / scale;
  }
}

static double nearest(csn_resize_method method, double x) {
  switch (method) {
    case CSN_RESIZE_NEAREST_FLOOR: return floor(x);
    case CSN_RESIZE_NEAREST_CEIL: return ceil(x);
    case CSN_RESIZE_NEAREST_PREFER_FLOOR: return ceil(x - 0.5);
    default: return floor(x + 0.5);
  }
}

static int32_t bounded(double x, int32_t extent) { return x < 0 ? 0 : x > extent - 1 ? extent - 1 : (int32_t)x; }

void csn_resize_taps(csn_resize_method method, csn_resize_coordinates coordinates, double scale, int32_t in,
                     int32_t out, csn_resize_tap *taps) {
  for (int32_t i = 0; i < out; i++) {
    double x = coordinate(coordinates, scale, in, out, i);
    if (method != CSN_RESIZE_LINEAR) {
      int32_t place = bounded(nearest(method, x), in);
      taps[i] = (csn_resize_tap){place, place, 0};
    } else {
      double inside = x < 0 ? 0 : x > in - 1 ? in - 1 : x, first = floor(inside);
      taps[i] = (csn_resize_tap){bounded(first, in), bounded(first + 1, in), (float)(inside - first)};
    }
  }
}

static const csn_resize_kernels *kernels(void) {
#if defined(__x86_64__)
  if (csn_cpu_current() >= CSN_CPU_AVX512) return &csn_resize_kernels_avx512;
  if (csn_cpu_current() == CSN_CPU_AVX2) return &csn_resize_kernels_avx2;
#endif
  return &csn_resize_kernels_portable;
}

typedef struct {
  const csn_resize_tap *rows, *columns;
  const csn_tensor *in, *out;
  const float *x;
  float *y;
  const csn_resize_kernels *kernels;
} resize_job;

static void resize_row(void *context, int index, int worker) {
  (void)worker;
  const resize_job *job = context;
  const csn_tensor *in = job->in, *out = job->out;
  const int blocks = csn_tensor_blocks(out), y = index % out->height, plane = index / out->height;
  const int block = plane % blocks, image = plane / blocks;
  const csn_resize_tap tap = job->rows[y];
  const float *x = job->x + image * in->image_stride + block * in->block_stride;
  float *row = job->y + image * out->image_stride + block * out->block_stride + y * out->row_stride;
  (in->layout == CSN_BLOCKED ? job->kernels->blocked_row : job->kernels->planar_row)(
      x + tap.first * in->row_stride, x + tap.second * in->row_stride, tap.weight, job->columns, row, out->width);
}

void csn_resize_run(const csn_resize_tap *rows, const csn_resize_tap *columns, const csn_tensor *in, const float *x,
                    const csn_tensor *out, float *y, csn_pool *pool) {
  resize_job job = {rows, columns, in, out, x, y, kernels()};
  csn_pool_run(pool, resize_row, &job, out->images * csn_tensor_blocks(out) * out->height);
}
