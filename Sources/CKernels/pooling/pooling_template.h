// The pooling kernels of one variant. The including file has set the target.
#include <math.h>

#include "pooling/pooling.h"

CSN_INLINE csn_v16 join(const int maximum, csn_v16 sum, csn_v16 value) {
  return maximum ? csn_max(sum, value) : sum + value;
}

/// A window whose columns [first_x, end_x) exist.
CSN_INLINE csn_v16 window(const int maximum, const csn_pooling_row *row, const float *in, int first_x, int end_x) {
  csn_v16 sum = maximum ? csn_splat(-INFINITY) : csn_zero();
  for (int y = row->first_y; y < row->end_y; y++) {
    const float *line = in + (ptrdiff_t)y * row->dilation_h * row->in_row;
    for (int x = first_x; x < end_x; x++)
      sum = join(maximum, sum, csn_load(line + (ptrdiff_t)x * row->dilation_w * csn_block));
  }
  return sum;
}

/// A whole window of `rows` x `columns`, neither dilated nor cut.
CSN_INLINE csn_v16 small_window(const int maximum, const int rows, const int columns, const float *in,
                                ptrdiff_t stride) {
  csn_v16 sum = csn_load(in);
  CSN_UNROLL for (int y = 0; y < rows; y++) {
    CSN_UNROLL for (int x = 0; x < columns; x++) {
      if (x + y > 0) sum = join(maximum, sum, csn_load(in + y * stride + x * csn_block));
    }
  }
  return sum;
}

/// Places of an axis' window that the divisor of an average counts.
static int counted(int first, int taps, int dilation, int low, int high) {
  int count = 0;
  for (int i = 0; i < taps; i++) count += first + i * dilation >= low && first + i * dilation < high;
  return count;
}

CSN_INLINE void pool_pixel(const int maximum, const csn_pooling_row *row, int x) {
  const int column = row->left + x * row->stride;
  const float *in = row->in + (ptrdiff_t)x * row->stride * csn_block;
  int first = 0, end = row->kernel_w;
  while (first < end && column + first * row->dilation_w < 0) first++;
  while (end > first && column + (end - 1) * row->dilation_w >= row->in_width) end--;
  csn_v16 value = window(maximum, row, in, first, end);
  if (!maximum) {
    int places = (end - first) * (row->end_y - row->first_y);
    if (row->count_padding)
      places = row->counted_y * counted(column, row->kernel_w, row->dilation_w, row->left, row->padded_end);
    value = value / csn_splat(places);
  }
  csn_store(row->out + x * csn_block, value);
}

CSN_INLINE void pool_row(const int maximum, const csn_pooling_row *row) {
  const int height = row->end_y - row->first_y;
  const bool square = row->dilation_h == 1 && row->dilation_w == 1 && height == row->kernel_w &&
                      row->counted_y == height && (height == 2 || height == 3);
  const float *in = row->in + row->first_y * row->in_row;
  const csn_v16 scale = csn_splat(1.0f / (float)(height * row->kernel_w));
  for (int x = 0; x < row->width; x++) {
    const int column = row->left + x * row->stride;
    if (!square || column < 0 || column + row->kernel_w > row->in_width) {
      pool_pixel(maximum, row, x);
      continue;
    }
    const float *corner = in + (ptrdiff_t)x * row->stride * csn_block;
    csn_v16 value = height == 3 ? small_window(maximum, 3, 3, corner, row->in_row)
                                : small_window(maximum, 2, 2, corner, row->in_row);
    csn_store(row->out + x * csn_block, maximum ? value : value * scale);
  }
}

static void max_row(const csn_pooling_row *row) { pool_row(1, row); }
static void average_row(const csn_pooling_row *row) { pool_row(0, row); }

CSN_INLINE void reduce_plane(const int maximum, const float *in, ptrdiff_t row_stride, int height, int width,
                             float *out) {
  const csn_v16 start = maximum ? csn_splat(-INFINITY) : csn_zero();
  csn_v16 total = start;
  for (int y = 0; y < height; y++, in += row_stride) {
    // Four sums, so that additions don't wait for each other; each row by itself, which also keeps rounding errors
    // small.
    csn_v16 sums[4] = {start, start, start, start};
    int x = 0;
    for (; x + 4 <= width; x += 4) {
      CSN_UNROLL for (int i = 0; i < 4; i++) sums[i] = join(maximum, sums[i], csn_load(in + (x + i) * csn_block));
    }
    for (; x < width; x++) sums[0] = join(maximum, sums[0], csn_load(in + x * csn_block));
    total = join(maximum, total, join(maximum, join(maximum, sums[0], sums[1]), join(maximum, sums[2], sums[3])));
  }
  csn_store(out, total);
}

static void plane_sum(const float *in, ptrdiff_t row_stride, int height, int width, float *out) {
  reduce_plane(0, in, row_stride, height, width, out);
}

static void plane_max(const float *in, ptrdiff_t row_stride, int height, int width, float *out) {
  reduce_plane(1, in, row_stride, height, width, out);
}

const csn_pooling_kernels CSN_NAME(csn_pooling_kernels) = {
    .row = {max_row, average_row}, .plane_sum = plane_sum, .plane_max = plane_max};
