// Depthwise convolution: every channel has a kernel of its own, so a block of 16 channels is one vector throughout.
#pragma once
#include "conv/conv.h"

/// One row of output pixels of one channel block.
typedef struct {
  /// The row's first window, inside the input or not; rows and columns of the window that exist are in [first_y,
  /// end_y) for the whole row, and found for every pixel.
  const float *in;
  ptrdiff_t in_row;
  int first_y, end_y;
  /// The input column of the first pixel's first tap, and the input's columns.
  int left, in_width;
  int kernel_w, stride, dilation_h, dilation_w;
  /// [kernel_h][kernel_w][16].
  const float *weights;
  /// 16 values or NULL.
  const float *bias, *residual;
  float *out;
  int width;
  float lower, upper;
} csn_depthwise_row;

typedef void (*csn_depthwise_function)(const csn_depthwise_row *row);

extern const csn_depthwise_function csn_depthwise_kernel_portable, csn_depthwise_kernel_avx2,
    csn_depthwise_kernel_avx512;
