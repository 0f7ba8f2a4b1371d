// Pointwise convolution by one step of Strassen's algorithm: seven products of half the size where there were eight.
//
// Weights are the matrix A, halved by output channels (rows) and input channels (columns); an image's pixels are the
// matrix B, halved by input channels (rows), and into even and odd pixels (columns): neighbours, mostly of one size, so
// that neither drowns in the other's rounding errors. Products are ordered, and some begun with the sum of an earlier
// one, so that few sums remain in the end:
//
//     0: (A11 + A12) B22              2: (A21 + A22) B11              4: (A11 + A22) (B11 + B22)
//     1: 0 + A11 (B12 - B22)          3: 2 + A22 (B21 - B11)          5: 4 + (A12 - A22) (B21 + B22)
//                                                                     6: 4 + (A21 - A11) (B11 + B12)
//     C12 = 1,  C21 = 3,  C11 = 5 + 3 - (0 + 2),  C22 = 6 + 1 - (0 + 2)
#pragma once
#include "conv/conv.h"

enum {
  csn_strassen_products = 7,
  /// Output channels of two panels, one in either half.
  csn_strassen_panel = 2 * csn_panel,
};

/// Writes `pixels` blocks: those at `a`, `step_a` floats apart, and `sign` times those at `b`.
typedef void (*csn_strassen_combine)(const float *a, ptrdiff_t step_a, const float *b, ptrdiff_t step_b, float sign,
                                     float *out, int pixels);

/// Pixels of one block of output channels in either half of them; every second one, from either half's first on.
typedef struct {
  /// Products, `stride` floats apart.
  const float *products;
  ptrdiff_t stride;
  /// By half of the channels; NULL for none.
  const float *bias[2];
  /// By half of the pixels, then of the channels.
  const float *residual[2][2];
  float *out[2][2];
  int pixels;
  /// Whether there are pixels of the second half.
  bool has_second;
  float lower, upper;
  /// As of a csn_tile.
  unsigned flags;
} csn_strassen_output;

/// Sums the products up and finishes the outputs.
typedef void (*csn_strassen_join)(const csn_strassen_output *output);

/// Both ends of one variant.
typedef struct {
  csn_strassen_combine combine;
  csn_strassen_join join;
} csn_strassen_kernels;

extern const csn_strassen_kernels csn_strassen_kernels_portable, csn_strassen_kernels_avx2, csn_strassen_kernels_avx512;
