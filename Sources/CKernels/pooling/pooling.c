#include "pooling/pooling.h"

#include <string.h>

enum { max_attribute = 1 << 20, chunks_per_thread = 8 };

static const csn_pooling_kernels *kernels(void) {
#if defined(__x86_64__)
  if (csn_cpu_current() >= CSN_CPU_AVX512) return &csn_pooling_kernels_avx512;
  if (csn_cpu_current() == CSN_CPU_AVX2) return &csn_pooling_kernels_avx2;
#endif
  return &csn_pooling_kernels_portable;
}

/// Whether every window along an axis meets the input.
static bool axis_fits(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation, int64_t before,
                      int64_t after) {
  if (kernel < 1 || kernel > max_attribute || stride < 1 || stride > max_attribute || dilation < 1 ||
      dilation > max_attribute || before < 0 || after < 0 || before > max_attribute || after > max_attribute)
    return false;
  const int64_t reach = (kernel - 1) * dilation;
  if (in + before + after < reach + 1) return false;
  // The last window begins inside the input; and no window lies between two taps or in the padding alone.
  const int64_t last = (out - 1) * stride - before;
  if (last >= in) return false;
  if (reach < before && out > 0) return false;
  for (int64_t o = 0; o < out; o++) {
    int64_t first = o * stride - before;
    int64_t skipped = first < 0 ? (-first + dilation - 1) / dilation : 0;
    if (skipped >= kernel || first + skipped * dilation >= in) return false;
  }
  return true;
}

csn_status csn_pooling_check(const csn_pooling *pooling, const csn_tensor *in, const csn_tensor *out) {
  if (!csn_tensor_is_valid(in) || !csn_tensor_is_valid(out)) return CSN_INVALID;
  if (in->layout == CSN_PLANAR || out->layout != in->layout) return CSN_UNSUPPORTED;
  if (in->images != out->images || in->channels != out->channels) return CSN_INVALID;
  if (pooling->kind != CSN_POOLING_MAX && pooling->kind != CSN_POOLING_AVERAGE) return CSN_INVALID;
  bool fits = axis_fits(in->height, out->height, pooling->kernel_h, pooling->stride_h, pooling->dilation_h,
                        pooling->pad_top, pooling->pad_bottom) &&
              axis_fits(in->width, out->width, pooling->kernel_w, pooling->stride_w, pooling->dilation_w,
                        pooling->pad_left, pooling->pad_right);
  if (!fits) return CSN_INVALID;
  int64_t rows = (int64_t)in->images * csn_tensor_blocks(in) * out->height;
  return rows <= INT32_MAX ? CSN_OK : CSN_UNSUPPORTED;
}

typedef struct {
  const csn_pooling *pooling;
  const csn_tensor *in, *out;
  const float *x;
  float *y;
  const csn_pooling_kernels *kernels;
  int rows, chunks;
} pooling_job;

static void run_row(const pooling_job *job, int index) {
  const csn_pooling *pooling = job->pooling;
  const csn_tensor *in = job->in, *out = job->out;
  const int y = index % out->height, plane = index / out->height;
  const int block = plane % csn_tensor_blocks(out), image = plane / csn_tensor_blocks(out);
  const int top = y * pooling->stride_h - pooling->pad_top;
  csn_pooling_row row = {
      .in = job->x + image * in->image_stride + block * in->block_stride + top * in->row_stride -
            (ptrdiff_t)pooling->pad_left * csn_block,
      .in_row = in->row_stride, .end_y = pooling->kernel_h, .left = -pooling->pad_left, .in_width = in->width,
      .padded_end = in->width + pooling->pad_right, .kernel_w = pooling->kernel_w, .stride = pooling->stride_w,
      .dilation_h = pooling->dilation_h, .dilation_w = pooling->dilation_w, .count_padding = pooling->count_padding,
      .out = job->y + image * out->image_stride + block * out->block_stride + y * out->row_stride,
      .width = out->width,
  };
  while (row.first_y < row.end_y && top + row.first_y * pooling->dilation_h < 0) row.first_y++;
  while (row.end_y > row.first_y && top + (row.end_y - 1) * pooling->dilation_h >= in->height) row.end_y--;
  row.counted_y = row.end_y - row.first_y;
  if (pooling->count_padding) {
    row.counted_y = 0;
    for (int i = 0; i < pooling->kernel_h; i++)
      row.counted_y += top + i * pooling->dilation_h < in->height + pooling->pad_bottom;
  }
  job->kernels->row[in->layout == CSN_PAIRED][pooling->kind](&row);
}

static void run_chunk(void *context, int chunk, int worker) {
  (void)worker;
  const pooling_job *job = context;
  const int first = (int)((int64_t)job->rows * chunk / job->chunks);
  const int end = (int)((int64_t)job->rows * (chunk + 1) / job->chunks);
  for (int index = first; index < end; index++) run_row(job, index);
}

void csn_pooling_run(const csn_pooling *pooling, const csn_tensor *in, const float *x, const csn_tensor *out, float *y,
                     csn_pool *pool) {
  const int rows = out->images * csn_tensor_blocks(out) * out->height;
  const int wanted = csn_pool_threads(pool) * chunks_per_thread;
  pooling_job job = {pooling, in, out, x, y, kernels(), rows, rows < wanted ? rows : wanted};
  csn_pool_run(pool, run_chunk, &job, job.chunks);
}

typedef struct {
  const csn_tensor *in;
  const float *x;
  float *y;
  ptrdiff_t row_stride;
  const csn_pooling_kernels *kernels;
  csn_pooling_kind kind;
} global_job;

static void run_plane(void *context, int plane, int worker) {
  (void)worker;
  const global_job *job = context;
  const csn_tensor *in = job->in;
  const int blocks = csn_tensor_blocks(in), image = plane / blocks, block = plane % blocks;
  const float *x = job->x + image * in->image_stride + block * in->block_stride;
  const int channels = in->layout == CSN_PAIRED ? 2 * csn_block : csn_block;
  float result[2 * csn_block];
  job->kernels->plane[in->layout == CSN_PAIRED][job->kind](x, in->row_stride, in->height, in->width, result);
  if (job->kind == CSN_POOLING_AVERAGE) {
    const float scale = (float)(1.0 / ((double)in->height * in->width));
    for (int lane = 0; lane < channels; lane++) result[lane] *= scale;
  }
  const int left = in->channels - block * channels, lanes = left < channels ? left : channels;
  memcpy(job->y + image * job->row_stride + block * channels, result, (size_t)lanes * sizeof(float));
}

static void run_global(const csn_tensor *in, const float *x, float *y, ptrdiff_t row_stride, csn_pooling_kind kind,
                       csn_pool *pool) {
  global_job job = {in, x, y, row_stride, kernels(), kind};
  csn_pool_run(pool, run_plane, &job, in->images * csn_tensor_blocks(in));
}

void csn_global_average(const csn_tensor *in, const float *x, float *y, ptrdiff_t row_stride, csn_pool *pool) {
  run_global(in, x, y, row_stride, CSN_POOLING_AVERAGE, pool);
}

void csn_global_max(const csn_tensor *in, const float *x, float *y, ptrdiff_t row_stride, csn_pool *pool) {
  run_global(in, x, y, row_stride, CSN_POOLING_MAX, pool);
}
