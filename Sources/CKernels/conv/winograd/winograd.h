// Winograd's minimal filtering F(m x m, 3 x 3), by Toom-Cook with n = m + 2 points: A^T [(G g G^T) * (B^T d B)] A.
//
// Points: 0, +-a [, +-b [, +-c]], infinity. Pairs of opposite points share the even and the odd part of a sum, which
// halves the work. Points near one keep the transforms' entries, and so the rounding errors, small.
#pragma once
#include <stddef.h>

#include "conv/conv.h"

#define CSN_WINOGRAD2_A 1.0
#define CSN_WINOGRAD4_A 0.75
#define CSN_WINOGRAD4_B 1.5
#define CSN_WINOGRAD6_A 0.5
#define CSN_WINOGRAD6_B 1.0
#define CSN_WINOGRAD6_C 1.75

/// Transforms one (m+2) x (m+2) tile of a channel block; frequencies lie `stride` floats apart.
typedef void (*csn_winograd_input)(const float *in, ptrdiff_t row_stride, float *out, ptrdiff_t stride);

/// Where an output tile goes.
typedef struct {
  /// 16 values or NULL.
  const float *bias;
  const float *residual;
  float *out;
  ptrdiff_t residual_row, out_row;
  /// Rows and columns of the tile that exist.
  int height, width;
  float lower, upper;
  /// As of a csn_tile.
  unsigned flags;
} csn_winograd_target;

/// Transforms a tile back, adds bias and residual, applies bounds, and stores.
typedef void (*csn_winograd_output)(const float *in, ptrdiff_t stride, const csn_winograd_target *target);

/// The transforms of one variant, by m / 2 - 1.
typedef struct {
  csn_winograd_input input[3];
  csn_winograd_output output[3];
} csn_winograd_kernels;

extern const csn_winograd_kernels csn_winograd_kernels_portable, csn_winograd_kernels_avx2,
    csn_winograd_kernels_avx512;
