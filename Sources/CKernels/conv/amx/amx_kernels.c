#if defined(__x86_64__)
#include "support/target_amx.h"
#include "conv/amx/amx.h"
#include "conv/bf16/round.h"
#include "support/paired.h"

#include <stdalign.h>

// Tiles 0 to 3 hold the sums: of the first span and the second, of the panel's first block and its second each.
enum { first_low, first_high, second_low, second_high, first_in, second_in, low_weights, high_weights, tiles };

enum { tile_row_bytes = 64, tile_floats = csn_amx_pixels * csn_block };

void csn_amx_begin(int pixels) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } config = {.palette = 1};
  for (int tile = 0; tile < tiles; tile++) {
    config.row_bytes[tile] = tile_row_bytes;
    config.rows[tile] = (uint8_t)(tile < low_weights ? pixels : csn_block);
  }
  _tile_loadconfig(&config);
}

void csn_amx_end(void) { _tile_release(); }

/// Fetches some lines of weights to the second-level cache; returns what is next.
CSN_INLINE const float *fetch_ahead(const float *next, const float *end, int lines) {
  for (; lines > 0 && next < end; lines--, next += csn_line) _mm_prefetch(next, _MM_HINT_T1);
  return next;
}

/// Adds up the products of `count` spans.
CSN_INLINE void multiply(const int count, const csn_amx_tile *tile, const csn_amx_span *spans, csn_fetch *fetch) {
  const size_t in_bytes = (size_t)tile->in_pixel * sizeof(float), weight_bytes = csn_panel * sizeof(float);
  const float *weights = tile->weights, *ahead = fetch->next, *const fetch_end = fetch->end;
  const int fetch_lines = fetch->lines;
  // Every row of sums begins as the bias.
  _tile_loadd(first_low, tile->bias, 0);
  _tile_loadd(first_high, tile->bias + csn_block, 0);
  if (count == 2) {
    _tile_loadd(second_low, tile->bias, 0);
    _tile_loadd(second_high, tile->bias + csn_block, 0);
  }
  for (int block = 0; block < tile->blocks; block++) {
    const float *plane = tile->in + block * tile->in_block;
    for (int y = 0; y < tile->kernel_h; y++, plane += tile->in_row) {
      const float *in = plane;
      for (int x = 0; x < tile->kernel_w; x++, in += tile->in_tap, weights += csn_block * csn_panel) {
        _tile_loadd(low_weights, weights, weight_bytes);
        _tile_loadd(first_in, in + spans[0].in, in_bytes);
        _tile_dpbf16ps(first_low, first_in, low_weights);
        _tile_loadd(high_weights, weights + csn_block, weight_bytes);
        _tile_dpbf16ps(first_high, first_in, high_weights);
        if (count == 2) {
          _tile_loadd(second_in, in + spans[1].in, in_bytes);
          _tile_dpbf16ps(second_low, second_in, low_weights);
          _tile_dpbf16ps(second_high, second_in, high_weights);
        }
        ahead = fetch_ahead(ahead, fetch_end, fetch_lines);
      }
    }
  }
  fetch->next = ahead;
}

/// From the sums of a piece to its output.
CSN_INLINE void finish(const bool has_residual, const bool residual_paired, const bool out_paired,
                       const csn_amx_tile *tile, const csn_amx_piece *piece, const float *sums) {
  const csn_v16 lower = csn_splat(tile->lower), upper = csn_splat(tile->upper);
  const float *residual = has_residual ? tile->residual + piece->residual : NULL;
  float *out = tile->out + piece->out;
  const bool second = tile->second, stream = tile->stream;
  const ptrdiff_t floats = (ptrdiff_t)(piece->end - piece->first) * csn_block;
  sums += (ptrdiff_t)piece->first * csn_block;
  for (ptrdiff_t i = 0; i < floats; i += csn_block) {
    csn_v16 low = csn_load(sums + i), high = csn_load(sums + tile_floats + i);
    if (has_residual && residual_paired) {
      const csn_u16 pairs = csn_load_pairs(residual + i);
      low += csn_low_halves(pairs);
      high += csn_high_halves(pairs);
    } else if (has_residual) {
      low += csn_load(residual + i);
      if (second) high += csn_load(residual + tile->residual_block + i);
    }
    low = csn_max(lower, low);
    high = csn_max(lower, high);
    low = csn_min(upper, low);
    high = csn_min(upper, high);
    if (out_paired) {
      const csn_v16 pairs = (csn_v16)csn_pairs_of(low, high);
      if (stream)
        csn_stream(out + i, pairs);
      else
        csn_store(out + i, pairs);
    } else if (stream) {
      csn_stream(out + i, low);
      if (second) csn_stream(out + tile->out_block + i, high);
    } else {
      csn_store(out + i, low);
      if (second) csn_store(out + tile->out_block + i, high);
    }
  }
}

static void finish_piece(const csn_amx_tile *tile, const csn_amx_piece *piece, const float *sums) {
  if (tile->out_paired) {
    if (!tile->residual) finish(false, false, true, tile, piece, sums);
    else if (tile->residual_paired) finish(true, true, true, tile, piece, sums);
    else finish(true, false, true, tile, piece, sums);
  } else {
    if (!tile->residual) finish(false, false, false, tile, piece, sums);
    else if (tile->residual_paired) finish(true, true, false, tile, piece, sums);
    else finish(true, false, false, tile, piece, sums);
  }
}

void csn_amx_run(const csn_amx_tile *tile, const csn_amx_span *spans, int count, csn_fetch *fetch) {
  alignas(tile_row_bytes) float sums[2 * csn_amx_spans * tile_floats];
  if (count == 2)
    multiply(2, tile, spans, fetch);
  else
    multiply(1, tile, spans, fetch);
  _tile_stored(first_low, sums, tile_row_bytes);
  _tile_stored(first_high, sums + tile_floats, tile_row_bytes);
  if (count == 2) {
    _tile_stored(second_low, sums + 2 * tile_floats, tile_row_bytes);
    _tile_stored(second_high, sums + 3 * tile_floats, tile_row_bytes);
  }
  for (int i = 0; i < count; i++)
    for (int k = 0; k < spans[i].pieces; k++) finish_piece(tile, &spans[i].piece[k], sums + 2 * i * tile_floats);
}

void csn_amx_interleave(const float *const planes[csn_amx_planar_channels], int pixels, float *out) {
  const __m512i front = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512i back = _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
  for (int x = 0; x < pixels; x += csn_block, out += 2 * csn_block) {
    const int count = pixels - x < csn_block ? pixels - x : csn_block;
    const __mmask16 some = (__mmask16)((1u << count) - 1);
    csn_v16 values[csn_amx_planar_channels];
    for (int i = 0; i < csn_amx_planar_channels; i++)
      values[i] = planes[i] ? (csn_v16)_mm512_maskz_loadu_ps(some, planes[i] + x) : csn_zero();
    const __m512i first = (__m512i)csn_pairs_of(values[0], values[1]);
    const __m512i second = (__m512i)csn_pairs_of(values[2], values[3]);
    const __mmask16 front_words = (__mmask16)(count < 8 ? (1u << 2 * count) - 1 : 0xffff);
    const __mmask16 back_words = (__mmask16)(count > 8 ? (1u << 2 * (count - 8)) - 1 : 0);
    _mm512_mask_storeu_epi32(out, front_words, _mm512_permutex2var_epi32(first, front, second));
    _mm512_mask_storeu_epi32(out + csn_block, back_words, _mm512_permutex2var_epi32(first, back, second));
  }
}
#include "support/target_end.h"
#endif
