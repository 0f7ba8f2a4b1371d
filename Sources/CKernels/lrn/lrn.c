#include "lrn/lrn.h"

static csn_lrn_function kernel(void) {
#if defined(__x86_64__)
  if (csn_cpu_current() >= CSN_CPU_AVX512) return csn_lrn_kernel_avx512;
  if (csn_cpu_current() == CSN_CPU_AVX2) return csn_lrn_kernel_avx2;
#endif
  return csn_lrn_kernel_portable;
}

csn_status csn_lrn_check(const csn_lrn *lrn, const csn_tensor *in, const csn_tensor *out) {
  if (!csn_tensor_is_valid(in) || !csn_tensor_is_valid(out) || lrn->size < 1) return CSN_INVALID;
  if (in->images != out->images || in->channels != out->channels || in->height != out->height ||
      in->width != out->width)
    return CSN_INVALID;
  if (in->layout != CSN_BLOCKED || out->layout != CSN_BLOCKED || lrn->size > 32) return CSN_UNSUPPORTED;
  return (int64_t)in->images * in->height <= INT32_MAX ? CSN_OK : CSN_UNSUPPORTED;
}

typedef struct {
  const csn_lrn *lrn;
  const csn_tensor *in, *out;
  const float *x;
  float *y;
  csn_lrn_function kernel;
} lrn_job;

static void run_row(void *context, int row, int worker) {
  (void)worker;
  const lrn_job *job = context;
  const csn_tensor *in = job->in, *out = job->out;
  const int image = row / in->height, line = row % in->height;
  const float *x = job->x + image * in->image_stride + line * in->row_stride;
  float *y = job->y + image * out->image_stride + line * out->row_stride;
  for (int start = 0; start < in->width; start += csn_lrn_pixels) {
    const int left = in->width - start;
    job->kernel(job->lrn, x + start * csn_block, in->block_stride, y + start * csn_block, out->block_stride,
                in->channels, left < csn_lrn_pixels ? left : csn_lrn_pixels);
  }
}

void csn_lrn_run(const csn_lrn *lrn, const csn_tensor *in, const float *x, const csn_tensor *out, float *y,
                 csn_pool *pool) {
  lrn_job job = {lrn, in, out, x, y, kernel()};
  csn_pool_run(pool, run_row, &job, in->images * in->height);
}
