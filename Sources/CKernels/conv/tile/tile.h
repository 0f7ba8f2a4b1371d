// The innermost convolution: a few output pixels times one panel of 32 output channels, the whole sum over input
// channels and kernel taps held in registers.
//
// Every variant adds the products of an output in the same order, so an output's bits depend neither on the pixel
// count of the tile it falls into nor on the way the work is cut.
#pragma once
#include <stddef.h>

#include "csn_cpu.h"

enum {
  /// The most pixels of a tile in any variant.
  csn_tile_max_pixels = 14,
  /// Output channels of a panel, the unit in which weights are packed.
  csn_panel = 32,
  /// Floats of a cache line.
  csn_line = 16,
};

/// How the pixels of a tile lie in the input.
typedef enum {
  /// Blocked, next to each other (stride 1).
  csn_tile_dense,
  /// Blocked, every second (stride 2).
  csn_tile_strided2,
  /// Blocked, anywhere: in_offsets.
  csn_tile_scattered,
  /// Planar (one channel a plane), stride 1, stride 2, anywhere.
  csn_tile_planar1,
  csn_tile_planar2,
  csn_tile_planar_scattered,
  csn_tile_kinds,
} csn_tile_kind;

enum {
  csn_tile_residual = 1,
  csn_tile_lower = 2,
  csn_tile_upper = 4,
  /// The output goes past the caches: it is larger than they are.
  csn_tile_stream = 8,
};

/// A run of tiles of as many pixels each. Strides and offsets count floats. Pixels follow each other from tile to tile,
/// 16 floats apart in output, residual and sums; where they are scattered, a run is one tile, and offsets tell where.
typedef struct {
  const float *in;
  const ptrdiff_t *in_offsets;
  /// From one input block (planar: channel) to the next, kernel row to row, kernel tap to tap.
  ptrdiff_t in_block, in_row, in_tap;
  int blocks, kernel_h, kernel_w;
  /// [blocks][kernel_h][kernel_w][16][32]; planar: [channels][kernel_h][kernel_w][32].
  const float *weights;
  /// 32 values, or NULL.
  const float *bias;
  /// What earlier products have summed up, in place of the bias: 16 values a pixel, blocks `sums_block` apart; or NULL.
  const float *sums;
  ptrdiff_t sums_block;
  const float *residual;
  const ptrdiff_t *residual_offsets;
  ptrdiff_t residual_block;
  float *out;
  const ptrdiff_t *out_offsets;
  ptrdiff_t out_block;
  float lower, upper;
  unsigned flags;
  /// Tiles of the run.
  int count;
  /// What every tile fetches of the next one's input: the last rows of the kernel's window, so many; 0 for nothing. And
  /// where the tile behind the run's last reads; NULL for none.
  int fetch_rows;
  const float *next_in;
  /// Weights to fetch meanwhile, up to an end, some lines with every block and tap.
  const float *ahead, *ahead_end;
  int ahead_lines;
} csn_tile;

typedef void (*csn_tile_function)(const csn_tile *tile);

/// The tile kernels of one variant.
typedef struct {
  /// Pixels of a full tile, and blocks of output channels that its registers hold at once: so many registers a pixel.
  int pixels, vectors, registers;
  /// By kind, output blocks of a tile (at most `vectors`) less one, pixels less one.
  csn_tile_function run[csn_tile_kinds][2][csn_tile_max_pixels];
} csn_tile_kernels;

const csn_tile_kernels *csn_tile_kernels_for(csn_cpu_level level);

extern const csn_tile_kernels csn_tile_kernels_portable, csn_tile_kernels_avx2, csn_tile_kernels_avx512;

/// Weights to be fetched from memory while tiles are computed: a few lines at a time, for a burst would keep the tiles'
/// own loads waiting.
typedef struct {
  const float *next, *end;
  /// With every block and tap of a tile.
  int lines;
} csn_fetch;

/// Fetches [weights, end) with the next `tiles` tiles.
csn_fetch csn_fetch_make(const csn_tile_kernels *kernels, const float *weights, const float *end, int tiles, int pixels,
                         ptrdiff_t steps);

/// Has the run `tile` fetch its share.
static inline void csn_fetch_with(csn_fetch *fetch, csn_tile *tile) {
  tile->ahead_lines = fetch->next == fetch->end ? 0 : fetch->lines;
  if (tile->ahead_lines == 0) return;
  tile->ahead = fetch->next;
  tile->ahead_end = fetch->end;
  const ptrdiff_t floats =
      (ptrdiff_t)fetch->lines * tile->count * tile->blocks * tile->kernel_h * tile->kernel_w * csn_line;
  fetch->next = floats < fetch->end - fetch->next ? fetch->next + floats : fetch->end;
}

/// Offsets of adjacent pixels of a blocked tensor.
extern const ptrdiff_t csn_adjacent[csn_tile_max_pixels];

/// A row of adjacent pixels, cut evenly into tiles: the first ones have one pixel more than the rest.
typedef struct {
  int longer, shorter, shorter_pixels;
} csn_row;

static inline csn_row csn_row_make(int pixels, int tiles) {
  return (csn_row){pixels % tiles, tiles - pixels % tiles, pixels / tiles};
}

/// Computes a row, the first of whose tiles `tile` describes; leaves it where the last ones are.
void csn_row_run(const csn_tile_kernels *kernels, int out_blocks, const csn_row *row, csn_tile *tile,
                 csn_fetch *fetch);
