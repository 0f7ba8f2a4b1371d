#include <string.h>

#include "csn_tensor.h"

typedef struct {
  const csn_tensor *from, *to;
  const float *in;
  float *out;
} reorder_job;

/// The channels of block `block` that exist.
static int lanes_of(const csn_tensor *tensor, int block) {
  int left = tensor->channels - block * csn_block;
  return left < csn_block ? left : csn_block;
}

static void planar_row_to_block(const float *in, ptrdiff_t plane, int lanes, int width, float *out) {
  if (lanes < csn_block) memset(out, 0, (size_t)width * csn_block * sizeof(float));
  // Few pixels at a time, so that the lines written stay near while all lanes fill them.
  for (int start = 0; start < width; start += 16) {
    int end = start + 16 < width ? start + 16 : width;
    for (int lane = 0; lane < lanes; lane++)
      for (int x = start; x < end; x++) out[x * csn_block + lane] = in[lane * plane + x];
  }
}

static void block_row_to_planar(const float *in, int lanes, int width, float *out, ptrdiff_t plane) {
  for (int start = 0; start < width; start += 16) {
    int end = start + 16 < width ? start + 16 : width;
    for (int lane = 0; lane < lanes; lane++)
      for (int x = start; x < end; x++) out[lane * plane + x] = in[x * csn_block + lane];
  }
}

static void reorder_row(void *context, int index, int worker) {
  (void)worker;
  const reorder_job *job = context;
  const csn_tensor *from = job->from, *to = job->to;
  const int image = index / from->height, y = index % from->height;
  const float *in = job->in + image * from->image_stride + y * from->row_stride;
  float *out = job->out + image * to->image_stride + y * to->row_stride;
  if (from->layout == to->layout) {
    size_t bytes = (size_t)from->width * (from->layout == CSN_BLOCKED ? csn_block : 1) * sizeof(float);
    for (int b = 0; b < csn_tensor_blocks(from); b++)
      memcpy(out + b * to->block_stride, in + b * from->block_stride, bytes);
    return;
  }
  const int blocks = (from->channels - 1) / csn_block + 1;
  for (int b = 0; b < blocks; b++) {
    int lanes = lanes_of(from, b);
    if (from->layout == CSN_PLANAR)
      planar_row_to_block(in + (ptrdiff_t)b * csn_block * from->block_stride, from->block_stride, lanes, from->width,
                          out + b * to->block_stride);
    else
      block_row_to_planar(in + b * from->block_stride, lanes, from->width,
                          out + (ptrdiff_t)b * csn_block * to->block_stride, to->block_stride);
  }
}

void csn_reorder(const csn_tensor *from, const float *in, const csn_tensor *to, float *out, csn_pool *pool) {
  reorder_job job = {from, to, in, out};
  csn_pool_run(pool, reorder_row, &job, from->images * from->height);
}
