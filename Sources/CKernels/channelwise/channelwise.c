#include "channelwise/channelwise.h"

static csn_channel_row kernel(void) {
#if defined(__x86_64__)
  if (csn_cpu_current() >= CSN_CPU_AVX512) return csn_channel_row_avx512;
  if (csn_cpu_current() == CSN_CPU_AVX2) return csn_channel_row_avx2;
#endif
  return csn_channel_row_portable;
}

typedef struct {
  const csn_tensor *in, *out;
  const float *x, *scale, *shift;
  ptrdiff_t image_stride;
  float lower, upper;
  float *y;
  csn_channel_row kernel;
} affine_job;

static void run_plane(void *context, int plane, int worker) {
  static const float ones[csn_block] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, zeros[csn_block];
  (void)worker;
  const affine_job *job = context;
  const csn_tensor *in = job->in, *out = job->out;
  const int blocks = csn_tensor_blocks(in), image = plane / blocks, block = plane % blocks;
  const ptrdiff_t place = image * job->image_stride + (ptrdiff_t)block * csn_block;
  const float *scale = job->scale ? job->scale + place : ones, *shift = job->shift ? job->shift + place : zeros;
  const float *x = job->x + image * in->image_stride + block * in->block_stride;
  float *y = job->y + image * out->image_stride + block * out->block_stride;
  for (int row = 0; row < in->height; row++)
    job->kernel(x + row * in->row_stride, scale, shift, job->lower, job->upper, y + row * out->row_stride, in->width);
}

void csn_channel_affine(const csn_tensor *in, const float *x, const float *scale, const float *shift,
                        ptrdiff_t image_stride, float lower, float upper, const csn_tensor *out, float *y,
                        csn_pool *pool) {
  affine_job job = {in, out, x, scale, shift, image_stride, lower, upper, y, kernel()};
  csn_pool_run(pool, run_plane, &job, in->images * csn_tensor_blocks(in));
}
