#pragma once
#include "csn_pooling.h"
#include "csn_cpu.h"

/// One output row of one channel block.
typedef struct {
  /// The first window's first place, inside the input or not.
  const float *in;
  ptrdiff_t in_row;
  /// Window rows that exist, and those an average counts.
  int first_y, end_y, counted_y;
  /// The input column of the first window; columns there are, and how far the padding reaches.
  int left, in_width, padded_end;
  int kernel_w, stride, dilation_h, dilation_w;
  bool count_padding;
  float *out;
  int width;
} csn_pooling_row;

typedef struct {
  /// By whether tensors are paired, then by csn_pooling_kind.
  void (*row[2][2])(const csn_pooling_row *row);
  /// Maximum and sum of a plane, 16 values or (paired) 32; likewise.
  void (*plane[2][2])(const float *in, ptrdiff_t row_stride, int height, int width, float *out);
} csn_pooling_kernels;

extern const csn_pooling_kernels csn_pooling_kernels_portable, csn_pooling_kernels_avx2, csn_pooling_kernels_avx512;
