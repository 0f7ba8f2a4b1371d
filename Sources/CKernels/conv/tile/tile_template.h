// The tile kernels of one variant; see tile.h. The including file has set the target, CSN_TILE_PIXELS (at most 14)
// and CSN_TILE_VECTORS: how many of a panel's two 16-channel blocks the registers hold at once. It may set
// CSN_TILE_MULTIPLY_ADD, for other products than fp32's, and CSN_TILE_BLOCKED_ONLY.
#include "conv/tile/tile.h"

#ifndef CSN_TILE_MULTIPLY_ADD
#define CSN_TILE_MULTIPLY_ADD(x, w, sum) csn_fma(x, w, sum)
#endif

typedef csn_v16 accumulators[CSN_TILE_VECTORS][CSN_TILE_PIXELS];

/// The offset of pixel `i` in the input.
CSN_INLINE ptrdiff_t pixel_offset(const int kind, const csn_tile *tile, int i) {
  switch (kind) {
    case csn_tile_dense: return 16 * i;
    case csn_tile_strided2: return 32 * i;
    case csn_tile_planar1: return i;
    case csn_tile_planar2: return 2 * i;
    default: return tile->in_offsets[i];
  }
}

/// Adds one input channel's products.
CSN_INLINE void add_channel(const int kind, const int pixels, const int vectors, const csn_tile *tile, const float *in,
                            const float *weights, accumulators sum) {
  csn_v16 first = csn_load(weights), second = csn_zero();
  if (vectors > 1) second = csn_load(weights + 16);
  CSN_UNROLL for (int i = 0; i < pixels; i++) {
    csn_v16 x = csn_splat(in[pixel_offset(kind, tile, i)]);
    sum[0][i] = CSN_TILE_MULTIPLY_ADD(x, first, sum[0][i]);
    if (vectors > 1) sum[CSN_TILE_VECTORS - 1][i] = CSN_TILE_MULTIPLY_ADD(x, second, sum[CSN_TILE_VECTORS - 1][i]);
  }
}

/// Adds all products of the tile's kernel window and input channels, and fetches what comes next. A `pointwise` kernel
/// is one tap.
CSN_INLINE void accumulate(const int kind, const int pointwise, const int pixels, const int vectors,
                           const csn_tile *tile, accumulators sum) {
  const int planar = kind >= csn_tile_planar1;
  const int kernel_h = pointwise ? 1 : tile->kernel_h, kernel_w = pointwise ? 1 : tile->kernel_w;
  const float *block = tile->in, *weights = tile->weights, *next = tile->next_in, *ahead = tile->ahead;
  for (int b = 0; b < tile->blocks; b++, block += tile->in_block) {
    const float *row = block;
    if ((kind == csn_tile_dense || kind == csn_tile_strided2) && next) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) __builtin_prefetch(next + pixel_offset(kind, tile, i), 0, 3);
      next += tile->in_block;
    }
    for (int y = 0; y < kernel_h; y++, row += tile->in_row) {
      const float *tap = row;
      for (int x = 0; x < kernel_w; x++, tap += tile->in_tap) {
        if (planar) {
          add_channel(kind, pixels, vectors, tile, tap, weights, sum);
          weights += csn_panel;
          continue;
        }
        _Pragma("clang loop unroll(disable)") for (int line = 0; line < tile->ahead_lines; line++, ahead += csn_line)
            __builtin_prefetch(ahead, 0, 2);
        _Pragma("clang loop unroll_count(4)") for (int c = 0; c < 16; c++, weights += csn_panel)
            add_channel(kind, pixels, vectors, tile, tap + c, weights, sum);
      }
    }
  }
}

/// Asks for the lines that the end of the tile reads and writes.
CSN_INLINE void prefetch_ends(const int pixels, const int vectors, const csn_tile *tile) {
  CSN_UNROLL for (int v = 0; v < vectors; v++) {
    const float *out = tile->out + v * tile->out_block;
    const ptrdiff_t *offsets = tile->out_offsets;
    if (!(tile->flags & csn_tile_stream)) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) __builtin_prefetch(out + offsets[i], 1, 3);
    }
    if (!(tile->flags & csn_tile_residual)) continue;
    const float *residual = tile->residual + v * tile->residual_block;
    offsets = tile->residual_offsets;
    CSN_UNROLL for (int i = 0; i < pixels; i++) __builtin_prefetch(residual + offsets[i], 0, 3);
  }
}

/// Adds the residual, applies the bounds and stores.
CSN_INLINE void finish(const int pixels, const int vectors, const csn_tile *tile, accumulators sum) {
  const csn_v16 lower = csn_splat(tile->lower), upper = csn_splat(tile->upper);
  CSN_UNROLL for (int v = 0; v < vectors; v++) {
    float *out = tile->out + v * tile->out_block;
    const float *residual = tile->residual + v * tile->residual_block;
    if (tile->flags & csn_tile_residual) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) sum[v][i] += csn_load(residual + tile->residual_offsets[i]);
    }
    if (tile->flags & csn_tile_lower) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) sum[v][i] = csn_max(lower, sum[v][i]);
    }
    if (tile->flags & csn_tile_upper) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) sum[v][i] = csn_min(upper, sum[v][i]);
    }
    if (tile->flags & csn_tile_stream) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) csn_stream(out + tile->out_offsets[i], sum[v][i]);
    } else {
      CSN_UNROLL for (int i = 0; i < pixels; i++) csn_store(out + tile->out_offsets[i], sum[v][i]);
    }
  }
}

/// One tile: `pixels` times `vectors` blocks of 16 output channels.
CSN_INLINE void run_tile(const int kind, const int pixels, const int vectors, const csn_tile *tile) {
  accumulators sum;
  if (tile->sums) {
    CSN_UNROLL for (int v = 0; v < vectors; v++) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) sum[v][i] = csn_load(tile->sums + v * tile->out_block + 16 * i);
    }
  } else {
    CSN_UNROLL for (int v = 0; v < vectors; v++) {
      csn_v16 bias = tile->bias ? csn_load(tile->bias + v * 16) : csn_zero();
      CSN_UNROLL for (int i = 0; i < pixels; i++) sum[v][i] = bias;
    }
  }
  prefetch_ends(pixels, vectors, tile);
  if (kind < csn_tile_planar1 && tile->kernel_h == 1 && tile->kernel_w == 1)
    accumulate(kind, 1, pixels, vectors, tile, sum);
  else
    accumulate(kind, 0, pixels, vectors, tile, sum);
  finish(pixels, vectors, tile, sum);
}

#define TILE_1(kind, pixels) \
  static void kind##_1_##pixels(const csn_tile *tile) { run_tile(csn_tile_##kind, pixels, 1, tile); }
#define TILE_2(kind, pixels) \
  static void kind##_2_##pixels(const csn_tile *tile) { run_tile(csn_tile_##kind, pixels, 2, tile); }
#define ENTRY_1(kind, pixels) kind##_1_##pixels,
#define ENTRY_2(kind, pixels) kind##_2_##pixels,

#if CSN_TILE_PIXELS == 14
#define EVERY(macro, kind)                                                                                          \
  macro(kind, 1) macro(kind, 2) macro(kind, 3) macro(kind, 4) macro(kind, 5) macro(kind, 6) macro(kind, 7)          \
      macro(kind, 8) macro(kind, 9) macro(kind, 10) macro(kind, 11) macro(kind, 12) macro(kind, 13) macro(kind, 14)
#elif CSN_TILE_PIXELS == 6
#define EVERY(macro, kind) macro(kind, 1) macro(kind, 2) macro(kind, 3) macro(kind, 4) macro(kind, 5) macro(kind, 6)
#elif CSN_TILE_PIXELS == 2
#define EVERY(macro, kind) macro(kind, 1) macro(kind, 2)
#endif

#if CSN_TILE_VECTORS == 2
#define TILES(kind) EVERY(TILE_1, kind) EVERY(TILE_2, kind)
#define KIND(kind) [csn_tile_##kind] = {{EVERY(ENTRY_1, kind)}, {EVERY(ENTRY_2, kind)}}
#else
#define TILES(kind) EVERY(TILE_1, kind)
#define KIND(kind) [csn_tile_##kind] = {{EVERY(ENTRY_1, kind)}}
#endif

TILES(dense)
TILES(strided2)
TILES(scattered)
#ifndef CSN_TILE_BLOCKED_ONLY
TILES(planar1)
TILES(planar2)
TILES(planar_scattered)
#endif

const csn_tile_kernels CSN_NAME(csn_tile_kernels) = {
    .pixels = CSN_TILE_PIXELS,
    .vectors = CSN_TILE_VECTORS,
    .run =
        {
            KIND(dense),
            KIND(strided2),
            KIND(scattered),
#ifndef CSN_TILE_BLOCKED_ONLY
            KIND(planar1),
            KIND(planar2),
            KIND(planar_scattered),
#endif
        },
};
