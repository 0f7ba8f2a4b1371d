#pragma once
#include "csn_cpu.h"
#include "csn_lrn.h"

/// `pixels` (at most csn_lrn_pixels) adjacent pixels, all channel blocks.
typedef void (*csn_lrn_function)(const csn_lrn *lrn, const float *x, ptrdiff_t x_block, float *y, ptrdiff_t y_block,
                                 int channels, int pixels);

enum { csn_lrn_pixels = 8 };

extern const csn_lrn_function csn_lrn_kernel_portable, csn_lrn_kernel_avx2, csn_lrn_kernel_avx512;
