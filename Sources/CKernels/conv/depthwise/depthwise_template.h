// The depthwise kernel of one variant; see depthwise.h. The including file has set the target.
#include "conv/depthwise/depthwise.h"

/// `pixels` outputs from column `x` on; taps outside the input are left out where `guarded`.
CSN_INLINE void run_pixels(const int pixels, const int guarded, const csn_depthwise_row *row, int x) {
  csn_v16 sum[8];
  const csn_v16 bias = row->bias ? csn_load(row->bias) : csn_zero();
  CSN_UNROLL for (int i = 0; i < pixels; i++) sum[i] = bias;
  const ptrdiff_t step = (ptrdiff_t)row->stride * csn_block;
  for (int y = row->first_y; y < row->end_y; y++) {
    const float *line = row->in + (ptrdiff_t)y * row->dilation_h * row->in_row + x * step;
    for (int tap = 0; tap < row->kernel_w; tap++) {
      const csn_v16 weight = csn_load(row->weights + ((ptrdiff_t)y * row->kernel_w + tap) * csn_block);
      const float *in = line + (ptrdiff_t)tap * row->dilation_w * csn_block;
      CSN_UNROLL for (int i = 0; i < pixels; i++) {
        const int column = row->left + (x + i) * row->stride + tap * row->dilation_w;
        if (guarded && (column < 0 || column >= row->in_width)) continue;
        sum[i] = csn_fma(csn_load(in + i * step), weight, sum[i]);
      }
    }
  }
  const csn_v16 lower = csn_splat(row->lower), upper = csn_splat(row->upper);
  CSN_UNROLL for (int i = 0; i < pixels; i++) {
    if (row->residual) sum[i] += csn_load(row->residual + (x + i) * csn_block);
    csn_store(row->out + (x + i) * csn_block, csn_min(upper, csn_max(lower, sum[i])));
  }
}

static void run_row(const csn_depthwise_row *row) {
  const int window = (row->kernel_w - 1) * row->dilation_w;
  for (int x = 0; x < row->width;) {
    const int column = row->left + x * row->stride;
    if (x + 8 <= row->width && column >= 0 && column + 7 * row->stride + window < row->in_width) {
      run_pixels(8, 0, row, x);
      x += 8;
    } else {
      run_pixels(1, 1, row, x);
      x++;
    }
  }
}

const csn_depthwise_function CSN_NAME(csn_depthwise_kernel) = run_row;
