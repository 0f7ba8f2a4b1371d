#include <string.h>

#include "csn_tensor.h"
#include "support/pairs.h"

typedef struct {
  const csn_tensor *from, *to;
  const float *in;
  float *out;
} reorder_job;

/// The channels from `first` on that a block of 16 has; 0 where there is no such block.
static int lanes_from(const csn_tensor *tensor, int first) {
  const int left = tensor->channels - first;
  return left < 0 ? 0 : left < csn_block ? left : csn_block;
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

/// Rounds pixels of two blocks to pairs; `high` may be NULL for zeros.
static void blocks_to_pairs(const float *low, const float *high, int width, uint32_t *out) {
  const ptrdiff_t count = (ptrdiff_t)width * csn_block;
  if (high)
    for (ptrdiff_t i = 0; i < count; i++) out[i] = csn_pair_of(low[i], high[i]);
  else
    for (ptrdiff_t i = 0; i < count; i++) out[i] = csn_to_bf16(low[i]);
}

/// The reverse, exact.
static void pairs_to_blocks(const uint32_t *in, int width, float *low, float *high) {
  const ptrdiff_t count = (ptrdiff_t)width * csn_block;
  for (ptrdiff_t i = 0; i < count; i++) low[i] = csn_low_of(in[i]);
  if (!high) return;
  for (ptrdiff_t i = 0; i < count; i++) high[i] = csn_high_of(in[i]);
}

/// Pixels that pass from planes to pairs, or back, at a time: by way of blocks that stay in the first-level cache.
enum { step = 32 };

static void planar_row_to_pairs(const float *in, ptrdiff_t plane, const int lanes[2], int width, uint32_t *out) {
  float blocks[2][step * csn_block];
  for (int x = 0; x < width; x += step) {
    const int count = x + step < width ? step : width - x;
    planar_row_to_block(in + x, plane, lanes[0], count, blocks[0]);
    if (lanes[1] > 0) planar_row_to_block(in + csn_block * plane + x, plane, lanes[1], count, blocks[1]);
    blocks_to_pairs(blocks[0], lanes[1] > 0 ? blocks[1] : NULL, count, out + (ptrdiff_t)x * csn_block);
  }
}

static void pairs_row_to_planar(const uint32_t *in, const int lanes[2], int width, float *out, ptrdiff_t plane) {
  float blocks[2][step * csn_block];
  for (int x = 0; x < width; x += step) {
    const int count = x + step < width ? step : width - x;
    pairs_to_blocks(in + (ptrdiff_t)x * csn_block, count, blocks[0], lanes[1] > 0 ? blocks[1] : NULL);
    block_row_to_planar(blocks[0], lanes[0], count, out + x, plane);
    block_row_to_planar(blocks[1], lanes[1], count, out + csn_block * plane + x, plane);
  }
}

/// Moves a row between the blocked and the planar layout.
static void reorder_blocks(const csn_tensor *from, const float *in, const csn_tensor *to, float *out) {
  const int blocks = (from->channels - 1) / csn_block + 1;
  for (int b = 0; b < blocks; b++) {
    const int lanes = lanes_from(from, b * csn_block);
    if (from->layout == CSN_PLANAR)
      planar_row_to_block(in + (ptrdiff_t)b * csn_block * from->block_stride, from->block_stride, lanes, from->width,
                          out + b * to->block_stride);
    else
      block_row_to_planar(in + b * from->block_stride, lanes, from->width,
                          out + (ptrdiff_t)b * csn_block * to->block_stride, to->block_stride);
  }
}

/// Moves a row to or from the paired layout.
static void reorder_pairs(const csn_tensor *from, const float *in, const csn_tensor *to, float *out) {
  const int blocks = (from->channels - 1) / (2 * csn_block) + 1;
  for (int b = 0; b < blocks; b++) {
    const int first = b * 2 * csn_block;
    const int lanes[2] = {lanes_from(from, first), lanes_from(from, first + csn_block)};
    const float *source = in + csn_tensor_channel_offset(from, first);
    float *target = out + csn_tensor_channel_offset(to, first);
    if (from->layout == CSN_PLANAR)
      planar_row_to_pairs(source, from->block_stride, lanes, from->width, (uint32_t *)target);
    else if (to->layout == CSN_PLANAR)
      pairs_row_to_planar((const uint32_t *)source, lanes, from->width, target, to->block_stride);
    else if (to->layout == CSN_PAIRED)
      blocks_to_pairs(source, lanes[1] > 0 ? source + from->block_stride : NULL, from->width, (uint32_t *)target);
    else
      pairs_to_blocks((const uint32_t *)source, from->width, target, lanes[1] > 0 ? target + to->block_stride : NULL);
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
    size_t bytes = (size_t)from->width * (from->layout == CSN_PLANAR ? 1 : csn_block) * sizeof(float);
    for (int b = 0; b < csn_tensor_blocks(from); b++)
      memcpy(out + b * to->block_stride, in + b * from->block_stride, bytes);
    return;
  }
  if (from->layout == CSN_PAIRED || to->layout == CSN_PAIRED)
    reorder_pairs(from, in, to, out);
  else
    reorder_blocks(from, in, to, out);
}

void csn_reorder(const csn_tensor *from, const float *in, const csn_tensor *to, float *out, csn_pool *pool) {
  reorder_job job = {from, to, in, out};
  csn_pool_run(pool, reorder_row, &job, from->images * from->height);
}
