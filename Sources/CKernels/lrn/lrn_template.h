// The LRN kernel of one variant. The including file has set the target.
#include <math.h>
#include <string.h>

#include "lrn/lrn.h"

/// The squares of a block; zero in lanes past the last channel, and for blocks that don't exist.
CSN_INLINE csn_v16 squares(const float *x, ptrdiff_t block_stride, int block, int channels) {
  const int lanes = channels - block * csn_block;
  if (block < 0 || lanes <= 0) return csn_zero();
  csn_v16 value = csn_load(x + block * block_stride);
  value *= value;
  if (lanes >= csn_block) return value;
  const csn_i16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return lane < (csn_i16)lanes ? value : csn_zero();
}

/// s^-beta; the usual betas by square roots.
CSN_INLINE csn_v16 power(csn_v16 s, float beta) {
  csn_v16 root = __builtin_elementwise_sqrt(s);
  if (beta == 0.75f) return csn_splat(1.0f) / (root * __builtin_elementwise_sqrt(root));
  if (beta == 0.5f) return csn_splat(1.0f) / root;
  if (beta == 1.0f) return csn_splat(1.0f) / s;
  for (int lane = 0; lane < csn_block; lane++) s[lane] = powf(s[lane], -beta);
  return s;
}

static void run_pixels(const csn_lrn *lrn, const float *x, ptrdiff_t x_block, float *y, ptrdiff_t y_block,
                       int channels, int pixels) {
  // The squares of the block before, this one and the next, in a row: a window's sum is a sum of shifted loads.
  float rows[csn_lrn_pixels][3 * csn_block];
  const int blocks = (channels - 1) / csn_block + 1;
  const int before = (lrn->size - 1) / 2, after = lrn->size / 2;
  const csn_v16 scale = csn_splat(lrn->alpha / (float)lrn->size), bias = csn_splat(lrn->bias);
  for (int i = 0; i < pixels; i++) {
    csn_store(rows[i] + csn_block, csn_zero());
    csn_store(rows[i] + 2 * csn_block, squares(x + i * csn_block, x_block, 0, channels));
  }
  for (int block = 0; block < blocks; block++) {
    for (int i = 0; i < pixels; i++) {
      csn_store(rows[i], csn_load(rows[i] + csn_block));
      csn_store(rows[i] + csn_block, csn_load(rows[i] + 2 * csn_block));
      csn_store(rows[i] + 2 * csn_block, squares(x + i * csn_block, x_block, block + 1, channels));
    }
    for (int i = 0; i < pixels; i++) {
      csn_v16 sum = csn_zero();
      for (int k = -before; k <= after; k++) sum += csn_load(rows[i] + csn_block + k);
      csn_v16 value = csn_load(x + block * x_block + i * csn_block) * power(csn_fma(scale, sum, bias), lrn->beta);
      const int lanes = channels - block * csn_block;
      for (int lane = lanes; lane < csn_block; lane++) value[lane] = 0;
      csn_store(y + block * y_block + i * csn_block, value);
    }
  }
}

const csn_lrn_function CSN_NAME(csn_lrn_kernel) = run_pixels;
