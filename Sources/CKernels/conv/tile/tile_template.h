// The tile kernels of one variant; see tile.h. The including file has set the target, CSN_TILE_PIXELS (at most 14)
// and CSN_TILE_VECTORS: how many of a panel's two 16-channel blocks the registers hold at once. It may set
// CSN_TILE_MULTIPLY_ADD, for other products than fp32's, CSN_TILE_BLOCKED_ONLY, CSN_TILE_SINGLES, the tiles that are
// computed at once where there is but one such block, and CSN_TILE_BY_HAND, where a header of its own computes full
// tiles.
#include "conv/tile/tile.h"

#ifndef CSN_TILE_SINGLES
#define CSN_TILE_SINGLES 1
#endif

#ifndef CSN_TILE_MULTIPLY_ADD
#define CSN_TILE_MULTIPLY_ADD(x, w, sum) csn_fma(x, w, sum)
#endif

typedef csn_v16 accumulators[CSN_TILE_VECTORS][CSN_TILE_PIXELS * CSN_TILE_SINGLES];

/// Where one tile of a run reads and writes.
typedef struct {
  const float *in, *sums, *residual;
  float *out;
  /// Fetched meanwhile: the input of the tile behind this one (NULL for none), and weights.
  const float *next_in, *ahead;
  int ahead_lines;
} place;

CSN_INLINE int is_scattered(const int kind) {
  return kind == csn_tile_scattered || kind == csn_tile_planar_scattered;
}

/// The offset of pixel `i` in the input.
CSN_INLINE ptrdiff_t in_offset(const int kind, const csn_tile *tile, int i) {
  switch (kind) {
    case csn_tile_dense: return 16 * i;
    case csn_tile_strided2: return 32 * i;
    case csn_tile_planar1: return i;
    case csn_tile_planar2: return 2 * i;
    default: return tile->in_offsets[i];
  }
}

/// The same in the output or the residual.
CSN_INLINE ptrdiff_t out_offset(const int kind, const ptrdiff_t *offsets, int i) {
  return is_scattered(kind) ? offsets[i] : 16 * i;
}

/// Adds the products of one input channel, or of a block of 16, to a full tile by hand; false where there is no such
/// way.
CSN_INLINE int add_by_hand(const int kind, const int pixels, const int vectors, const int whole_block,
                           const csn_tile *tile, const float *in, const float *weights, accumulators sum) {
#ifdef CSN_TILE_BY_HAND
  if (pixels < CSN_TILE_PIXELS || vectors < CSN_TILE_VECTORS) return 0;
  const float *each[CSN_TILE_PIXELS];
  CSN_UNROLL for (int i = 0; i < CSN_TILE_PIXELS; i++) each[i] = in + in_offset(kind, tile, i);
  whole_block ? csn_add_block(each, weights, sum) : csn_add_channel(each, weights, sum);
  return 1;
#else
  (void)kind, (void)pixels, (void)vectors, (void)whole_block, (void)tile, (void)in, (void)weights, (void)sum;
  return 0;
#endif
}

/// Adds one input channel's products.
CSN_INLINE void add_channel(const int kind, const int pixels, const int vectors, const csn_tile *tile, const float *in,
                            const float *weights, accumulators sum) {
  if (add_by_hand(kind, pixels, vectors, 0, tile, in, weights, sum)) return;
  csn_v16 first = csn_load(weights), second = csn_zero();
  if (vectors > 1) second = csn_load(weights + 16);
  CSN_UNROLL for (int i = 0; i < pixels; i++) {
    csn_v16 x = csn_splat(in[in_offset(kind, tile, i)]);
    sum[0][i] = CSN_TILE_MULTIPLY_ADD(x, first, sum[0][i]);
    if (vectors > 1) sum[CSN_TILE_VECTORS - 1][i] = CSN_TILE_MULTIPLY_ADD(x, second, sum[CSN_TILE_VECTORS - 1][i]);
  }
}

/// Adds the products of a block of 16 input channels.
CSN_INLINE void add_block(const int kind, const int pixels, const int vectors, const csn_tile *tile, const float *in,
                          const float *weights, accumulators sum) {
  if (add_by_hand(kind, pixels, vectors, 1, tile, in, weights, sum)) return;
  _Pragma("clang loop unroll_count(4)") for (int c = 0; c < 16; c++, weights += csn_panel)
      add_channel(kind, pixels, vectors, tile, in + c, weights, sum);
}

/// Fetches a block of the input of the tile at `next`.
CSN_INLINE void fetch_input(const int kind, const int pixels, const csn_tile *tile, const float *next) {
  const int lines = kind == csn_tile_strided2 ? 2 * pixels : pixels;
  next += (tile->kernel_h - tile->fetch_rows) * tile->in_row;
  for (int row = 0; row < tile->fetch_rows; row++, next += tile->in_row) {
    CSN_UNROLL for (int i = 0; i < lines; i++) __builtin_prefetch(next + 16 * i, 0, 3);
  }
}

/// Adds all products of the tile's kernel window and input channels, and fetches what comes next. A `pointwise` kernel
/// is one tap.
CSN_INLINE void accumulate(const int kind, const int pointwise, const int pixels, const int vectors,
                           const csn_tile *tile, place *at, accumulators sum) {
  const int planar = kind >= csn_tile_planar1;
  const int kernel_h = pointwise ? 1 : tile->kernel_h, kernel_w = pointwise ? 1 : tile->kernel_w;
  const float *block = at->in, *weights = tile->weights, *next = at->next_in, *ahead = at->ahead;
  for (int b = 0; b < tile->blocks; b++, block += tile->in_block) {
    const float *row = block;
    if ((kind == csn_tile_dense || kind == csn_tile_strided2) && next) {
      fetch_input(kind, pixels, tile, next);
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
        _Pragma("clang loop unroll(disable)") for (int line = 0; line < at->ahead_lines; line++, ahead += csn_line)
            __builtin_prefetch(ahead, 0, 2);
        add_block(kind, pixels, vectors, tile, tap, weights, sum);
        weights += csn_panel * 16;
      }
    }
  }
  at->ahead = ahead;
}

/// Asks for the lines that the end of the tile reads and writes.
CSN_INLINE void prefetch_ends(const int kind, const int pixels, const int vectors, const csn_tile *tile,
                              const place *at) {
  CSN_UNROLL for (int v = 0; v < vectors; v++) {
    if (!(tile->flags & csn_tile_stream)) {
      const float *out = at->out + v * tile->out_block;
      CSN_UNROLL for (int i = 0; i < pixels; i++)
          __builtin_prefetch(out + out_offset(kind, tile->out_offsets, i), 1, 3);
    }
    if (!(tile->flags & csn_tile_residual)) continue;
    const float *residual = at->residual + v * tile->residual_block;
    CSN_UNROLL for (int i = 0; i < pixels; i++)
        __builtin_prefetch(residual + out_offset(kind, tile->residual_offsets, i), 0, 3);
  }
}

/// Adds the residual, applies the bounds and stores.
CSN_INLINE void finish(const int kind, const int pixels, const int vectors, const csn_tile *tile, const place *at,
                       accumulators sum) {
  const csn_v16 lower = csn_splat(tile->lower), upper = csn_splat(tile->upper);
  CSN_UNROLL for (int v = 0; v < vectors; v++) {
    float *out = at->out + v * tile->out_block;
    if (tile->flags & csn_tile_residual) {
      const float *residual = at->residual + v * tile->residual_block;
      CSN_UNROLL for (int i = 0; i < pixels; i++)
          sum[v][i] += csn_load(residual + out_offset(kind, tile->residual_offsets, i));
    }
    if (tile->flags & csn_tile_lower) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) sum[v][i] = csn_max(lower, sum[v][i]);
    }
    if (tile->flags & csn_tile_upper) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) sum[v][i] = csn_min(upper, sum[v][i]);
    }
    if (tile->flags & csn_tile_stream) {
      CSN_UNROLL for (int i = 0; i < pixels; i++)
          csn_stream(out + out_offset(kind, tile->out_offsets, i), sum[v][i]);
    } else {
      CSN_UNROLL for (int i = 0; i < pixels; i++) csn_store(out + out_offset(kind, tile->out_offsets, i), sum[v][i]);
    }
  }
}

/// One tile: `pixels` times `vectors` blocks of 16 output channels.
CSN_INLINE void run_tile(const int kind, const int pointwise, const int pixels, const int vectors, const csn_tile *tile,
                         place *at) {
  accumulators sum;
  if (at->sums) {
    CSN_UNROLL for (int v = 0; v < vectors; v++) {
      CSN_UNROLL for (int i = 0; i < pixels; i++) sum[v][i] = csn_load(at->sums + v * tile->sums_block + 16 * i);
    }
  } else {
    CSN_UNROLL for (int v = 0; v < vectors; v++) {
      csn_v16 bias = tile->bias ? csn_load(tile->bias + v * 16) : csn_zero();
      CSN_UNROLL for (int i = 0; i < pixels; i++) sum[v][i] = bias;
    }
  }
  prefetch_ends(kind, pixels, vectors, tile, at);
  accumulate(kind, pointwise, pixels, vectors, tile, at, sum);
  finish(kind, pixels, vectors, tile, at, sum);
}

/// Runs tiles, `at_once` of them as one, while there are so many of the `left`; returns how many are left then.
CSN_INLINE int run_tiles(const int kind, const int pointwise, const int at_once, int pixels, const int vectors,
                         const csn_tile *tile, int left, place *at) {
  pixels *= at_once;
  const ptrdiff_t in_step = is_scattered(kind) ? 0 : in_offset(kind, tile, pixels), out_step = 16 * pixels;
  for (; left >= at_once; left -= at_once) {
    at->next_in = tile->fetch_rows > 0 && left > at_once ? at->in + in_step : tile->next_in;
    at->ahead_lines = tile->ahead_lines > 0 && at->ahead < tile->ahead_end ? at_once * tile->ahead_lines : 0;
    run_tile(kind, pointwise, pixels, vectors, tile, at);
    at->in += in_step;
    at->out += out_step;
    if (tile->flags & csn_tile_residual) at->residual += out_step;
    if (at->sums) at->sums += out_step;
  }
  return left;
}

/// A run of tiles.
CSN_INLINE void run_all(const int kind, const int pointwise, const int pixels, const int vectors,
                        const csn_tile *tile) {
  place at = {.in = tile->in, .sums = tile->sums, .residual = tile->residual, .out = tile->out, .ahead = tile->ahead};
  int left = tile->count;
  if (CSN_TILE_SINGLES > 1 && vectors == 1 && !is_scattered(kind))
    left = run_tiles(kind, pointwise, CSN_TILE_SINGLES, pixels, vectors, tile, left, &at);
  run_tiles(kind, pointwise, 1, pixels, vectors, tile, left, &at);
}

CSN_INLINE void run_kind(const int kind, const int pixels, const int vectors, const csn_tile *tile) {
  if (kind < csn_tile_planar1 && tile->kernel_h == 1 && tile->kernel_w == 1)
    run_all(kind, 1, pixels, vectors, tile);
  else
    run_all(kind, 0, pixels, vectors, tile);
}

#define TILE_1(kind, pixels) \
  static void kind##_1_##pixels(const csn_tile *tile) { run_kind(csn_tile_##kind, pixels, 1, tile); }
#define TILE_2(kind, pixels) \
  static void kind##_2_##pixels(const csn_tile *tile) { run_kind(csn_tile_##kind, pixels, 2, tile); }
#define ENTRY_1(kind, pixels) kind##_1_##pixels,
#define ENTRY_2(kind, pixels) kind##_2_##pixels,

#if CSN_TILE_PIXELS == 14
#define EVERY(macro, kind)                                                                                          \
  macro(kind, 1) macro(kind, 2) macro(kind, 3) macro(kind, 4) macro(kind, 5) macro(kind, 6) macro(kind, 7)          \
      macro(kind, 8) macro(kind, 9) macro(kind, 10) macro(kind, 11) macro(kind, 12) macro(kind, 13) macro(kind, 14)
#elif CSN_TILE_PIXELS == 3
#define EVERY(macro, kind) macro(kind, 1) macro(kind, 2) macro(kind, 3)
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
    .registers = CSN_TILE_VECTORS * 16 / CSN_TARGET_LANES,
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
