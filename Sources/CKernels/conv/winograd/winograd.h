// Winograd's minimal filtering F(m x m, r x r), by Toom-Cook with n = m + r - 1 points: A^T [(G g G^T) * (B^T d B)] A.
//
// Points: 0, +-a [, +-b [, +-c]], infinity; where n is odd, one more without its opposite. Pairs of opposite points
// share the even and the odd part of a sum, which halves the work. Points near one keep the transforms' entries, and so
// the rounding errors, small.
#pragma once
#include <stddef.h>

#include "conv/conv.h"

// A larger kernel is the sum of pieces of r x r taps (the last ones filled up with zeros), each of which reads its own
// part of the input: tap t of a dimension with stride s is tap t / s of the pixels whose place is t % s modulo s, their
// phase.

// By n.
#define CSN_POINTS4_A 1.0
#define CSN_POINTS5_A 0.75
#define CSN_POINTS5_B 2.0
#define CSN_POINTS6_A 0.75
#define CSN_POINTS6_B 1.5
#define CSN_POINTS7_A 0.5625
#define CSN_POINTS7_B 1.125
#define CSN_POINTS7_C 2.5
#define CSN_POINTS8_A 0.5
#define CSN_POINTS8_B 1.0
#define CSN_POINTS8_C 1.75

/// A piece in one dimension: the phase of its pixels, and which of their taps is its first.
typedef struct {
  int phase, tap;
} csn_winograd_piece;

/// Pieces in one dimension, and one of them.
int csn_winograd_pieces(csn_conv_algorithm algorithm, int kernel, int stride);
csn_winograd_piece csn_winograd_piece_at(csn_conv_algorithm algorithm, int kernel, int stride, int index);

/// Planar input: plans its copy, all phases by themselves: [image][channel][phase y][phase x][height][width]; and
/// makes it.
void csn_winograd_plan_phases(csn_conv_plan *plan);
void csn_winograd_stage_phases(const csn_conv_plan *plan, const float *in, float *copy, csn_pool *pool);

/// Where in that copy the 16 channels of block `block` begin: piece by piece the input's channels; past the last, the
/// first once more.
void csn_winograd_lanes(const csn_conv_plan *plan, int block, ptrdiff_t lanes[16]);

/// Gathers n x n pixels of 16 planes into [n][n][16]. Reads 8 floats of each row.
typedef void (*csn_winograd_gather_lanes)(const float *in, const ptrdiff_t lanes[16], ptrdiff_t row_stride, int n,
                                          float *tile);

/// Transforms one n x n tile of a channel block; frequencies lie `stride` floats apart.
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

/// The largest n and r.
enum { csn_winograd_most_inputs = 8, csn_winograd_most_taps = 4 };

/// The transforms of one variant, by n; NULL where there are none.
typedef struct {
  csn_winograd_gather_lanes gather_lanes;
  csn_winograd_input input[csn_winograd_most_inputs + 1];
  csn_winograd_output output[csn_winograd_most_inputs + 1];
} csn_winograd_kernels;

extern const csn_winograd_kernels csn_winograd_kernels_portable, csn_winograd_kernels_avx2,
    csn_winograd_kernels_avx512;
