// The pooling kernels of one variant. The including file has set the target.
#include <math.h>

#include "pooling/pooling.h"
#include "support/paired.h"

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

/// The columns of the window of output `x` that exist.
typedef struct {
  int column, first, end;
} window_columns;

CSN_INLINE window_columns columns_of(const csn_pooling_row *row, int x) {
  window_columns columns = {.column = row->left + x * row->stride, .end = row->kernel_w};
  while (columns.first < columns.end && columns.column + columns.first * row->dilation_w < 0) columns.first++;
  while (columns.end > columns.first && columns.column + (columns.end - 1) * row->dilation_w >= row->in_width)
    columns.end--;
  return columns;
}

/// The divisor of a window's average.
CSN_INLINE int places_of(const csn_pooling_row *row, const window_columns *columns) {
  if (!row->count_padding) return (columns->end - columns->first) * (row->end_y - row->first_y);
  return row->counted_y * counted(columns->column, row->kernel_w, row->dilation_w, row->left, row->padded_end);
}

CSN_INLINE void pool_pixel(const int maximum, const csn_pooling_row *row, int x) {
  const float *in = row->in + (ptrdiff_t)x * row->stride * csn_block;
  const window_columns columns = columns_of(row, x);
  csn_v16 value = window(maximum, row, in, columns.first, columns.end);
  if (!maximum) value = value / csn_splat(places_of(row, &columns));
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

CSN_INLINE void pool_paired_pixel(const int maximum, const csn_pooling_row *row, int x) {
  const csn_v16 start = maximum ? csn_splat(-INFINITY) : csn_zero();
  const window_columns columns = columns_of(row, x);
  csn_v16 low = start, high = start;
  for (int y = row->first_y; y < row->end_y; y++) {
    const float *line = row->in + (ptrdiff_t)y * row->dilation_h * row->in_row + (ptrdiff_t)x * row->stride * csn_block;
    for (int i = columns.first; i < columns.end; i++) {
      const csn_u16 pairs = csn_load_pairs(line + (ptrdiff_t)i * row->dilation_w * csn_block);
      low = join(maximum, low, csn_low_halves(pairs));
      high = join(maximum, high, csn_high_halves(pairs));
    }
  }
  if (!maximum) {
    const csn_v16 places = csn_splat(places_of(row, &columns));
    low /= places;
    high /= places;
  }
  csn_store_pairs(row->out + x * csn_block, low, high);
}

/// The maximum of a whole window of 3 x 3, not dilated.
CSN_INLINE void max_paired_window(const float *in, ptrdiff_t stride, float *out) {
  csn_v16 low = csn_splat(-INFINITY), high = low;
  CSN_UNROLL for (int y = 0; y < 3; y++) {
    CSN_UNROLL for (int x = 0; x < 3; x++) {
      const csn_u16 pairs = csn_load_pairs(in + y * stride + x * csn_block);
      low = csn_max(low, csn_low_halves(pairs));
      high = csn_max(high, csn_high_halves(pairs));
    }
  }
  // Halves that came from pairs need no rounding.
  const csn_u16 bits = __builtin_bit_cast(csn_u16, low) >> 16 | __builtin_bit_cast(csn_u16, high);
  csn_store(out, __builtin_bit_cast(csn_v16, bits));
}

CSN_INLINE void pool_paired_row(const int maximum, const csn_pooling_row *row) {
  const bool small = maximum && row->dilation_h == 1 && row->dilation_w == 1 && row->kernel_w == 3 &&
                     row->end_y - row->first_y == 3;
  for (int x = 0; x < row->width; x++) {
    const int column = row->left + x * row->stride;
    const float *in = row->in + row->first_y * row->in_row + (ptrdiff_t)x * row->stride * csn_block;
    if (small && column >= 0 && column + 3 <= row->in_width)
      max_paired_window(in, row->in_row, row->out + x * csn_block);
    else
      pool_paired_pixel(maximum, row, x);
  }
}

static void max_row(const csn_pooling_row *row) { pool_row(1, row); }
static void average_row(const csn_pooling_row *row) { pool_row(0, row); }
static void paired_max_row(const csn_pooling_row *row) { pool_paired_row(1, row); }
static void paired_average_row(const csn_pooling_row *row) { pool_paired_row(0, row); }

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

CSN_INLINE void reduce_paired_plane(const int maximum, const float *in, ptrdiff_t row_stride, int height, int width,
                                    float *out) {
  const csn_v16 start = maximum ? csn_splat(-INFINITY) : csn_zero();
  csn_v16 low = start, high = start;
  // Each row by itself, which keeps rounding errors small.
  for (int y = 0; y < height; y++, in += row_stride) {
    csn_v16 row_low = start, row_high = start;
    for (int x = 0; x < width; x++) {
      const csn_u16 pairs = csn_load_pairs(in + x * csn_block);
      row_low = join(maximum, row_low, csn_low_halves(pairs));
      row_high = join(maximum, row_high, csn_high_halves(pairs));
    }
    low = join(maximum, low, row_low);
    high = join(maximum, high, row_high);
  }
  csn_store(out, low);
  csn_store(out + csn_block, high);
}

static void paired_plane_sum(const float *in, ptrdiff_t row_stride, int height, int width, float *out) {
  reduce_paired_plane(0, in, row_stride, height, width, out);
}

static void paired_plane_max(const float *in, ptrdiff_t row_stride, int height, int width, float *out) {
  reduce_paired_plane(1, in, row_stride, height, width, out);
}

const csn_pooling_kernels CSN_NAME(csn_pooling_kernels) = {
    .row = {{max_row, average_row}, {paired_max_row, paired_average_row}},
    .plane = {{plane_max, plane_sum}, {paired_plane_max, paired_plane_sum}},
};
