// Direct convolution on AMX's tiles: products of bf16, sums of fp32.
//
// A line of output pixels is cut into spans of up to 16, all of one length: where that does not divide the line, the
// last spans overlap their predecessors. A line is an output row; or a whole plane, with what lies between its rows in
// the input, where that makes fewer spans: what they compute in between is not stored. A span is one tile's rows, a
// pixel's block of 32 channels (16 words of pairs) a row of the input's tile. Two spans and a panel of 32 output
// channels are computed together: four tiles of sums, two of input, two of weights.
#pragma once
#include "conv/conv.h"

enum {
  /// The most pixels of a span: rows of a tile.
  csn_amx_pixels = 16,
  /// Spans that are computed together.
  csn_amx_spans = 2,
  /// Channels of a planar input's pixel as it is staged, and adjacent pixels that one row of a tile holds.
  csn_amx_planar_channels = 4,
  csn_amx_planar_pixels = 8,
};

/// Pixels [first, end) of a span, which lie in one output row: where the first of them is, in words from the tensors'
/// first elements on.
typedef struct {
  int first, end;
  ptrdiff_t out, residual;
} csn_amx_piece;

/// Where a span lies in the input, likewise; and what of it is stored: neither what its predecessor stores nor what
/// lies between rows.
typedef struct {
  ptrdiff_t in;
  int pieces;
  csn_amx_piece piece[csn_amx_pixels];
} csn_amx_span;

/// What all spans and one panel have in common. Strides count words, of 4 bytes.
typedef struct {
  const float *in;
  /// From one output pixel's input to the next one's, from input block to block, kernel row to row, tap to tap.
  ptrdiff_t in_pixel, in_block, in_row, in_tap;
  int blocks, kernel_h, kernel_w;
  /// [blocks][kernel_h][kernel_w][16][32] pairs.
  const float *weights;
  /// 32 values.
  const float *bias;
  /// NULL for none.
  const float *residual;
  float *out;
  ptrdiff_t residual_block, out_block;
  /// Whether they are pairs; where they are not, whether there is a second block of 16 channels.
  bool residual_paired, out_paired, second;
  /// Whether the output goes past the caches.
  bool stream;
  float lower, upper;
} csn_amx_tile;

/// Sets this thread's tiles up for spans of `pixels`; and gives them back.
void csn_amx_begin(int pixels);
void csn_amx_end(void);

/// Computes one or two spans, and fetches weights meanwhile.
void csn_amx_run(const csn_amx_tile *tile, const csn_amx_span *spans, int count, csn_fetch *fetch);

/// Rounds `pixels` pixels of up to four planes to [pixel][4]; NULL for zeros.
void csn_amx_interleave(const float *const planes[csn_amx_planar_channels], int pixels, float *out);

/// Rows of a tile that a planar input's kernel row takes.
static inline int csn_amx_planar_taps(const csn_conv *conv) {
  return (conv->kernel_w - 1) / csn_amx_planar_pixels + 1;
}
