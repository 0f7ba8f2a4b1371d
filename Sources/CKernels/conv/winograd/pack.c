#include <string.h>

#include "conv/bf16/bf16.h"
#include "conv/winograd/winograd.h"

/// The matrix G of n rows: row j is [1, p, p^2...] / prod over the other points of (p - q); the last row, for the point
/// at infinity, is [0, 0... 1].
static void filter_matrix(int n, int taps, double matrix[csn_winograd_most_inputs][csn_winograd_most_taps]) {
  static const double points[csn_winograd_most_inputs + 1][7] = {
      [4] = {0, CSN_POINTS4_A, -CSN_POINTS4_A},
      [5] = {0, CSN_POINTS5_A, -CSN_POINTS5_A, CSN_POINTS5_B},
      [6] = {0, CSN_POINTS6_A, -CSN_POINTS6_A, CSN_POINTS6_B, -CSN_POINTS6_B},
      [7] = {0, CSN_POINTS7_A, -CSN_POINTS7_A, CSN_POINTS7_B, -CSN_POINTS7_B, CSN_POINTS7_C},
      [8] = {0, CSN_POINTS8_A, -CSN_POINTS8_A, CSN_POINTS8_B, -CSN_POINTS8_B, CSN_POINTS8_C, -CSN_POINTS8_C},
  };
  const double *p = points[n];
  for (int j = 0; j < n - 1; j++) {
    double entry = 1;
    for (int k = 0; k < n - 1; k++)
      if (k != j) entry /= p[j] - p[k];
    for (int i = 0; i < taps; i++, entry *= p[j]) matrix[j][i] = entry;
  }
  for (int i = 0; i < taps; i++) matrix[n - 1][i] = i == taps - 1;
}

/// G g G^T of one filter, into `out` of n x n.
static void transform_filter(int n, int taps, double matrix[csn_winograd_most_inputs][csn_winograd_most_taps],
                             const float *filter, double *out) {
  double half[csn_winograd_most_inputs][csn_winograd_most_taps] = {0};
  for (int i = 0; i < n; i++)
    for (int x = 0; x < taps; x++)
      for (int y = 0; y < taps; y++) half[i][x] += matrix[i][y] * filter[y * taps + x];
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      out[i * n + j] = 0;
      for (int x = 0; x < taps; x++) out[i * n + j] += half[i][x] * matrix[j][x];
    }
}

/// The taps of a piece, zeros where the kernel has none.
static void cut_piece(const csn_conv *conv, const float *kernel, csn_winograd_piece down, csn_winograd_piece across,
                      int taps, float *piece) {
  for (int i = 0; i < taps * taps; i++) {
    const int y = (down.tap + i / taps) * conv->stride_h + down.phase;
    const int x = (across.tap + i % taps) * conv->stride_w + across.phase;
    piece[i] = y < conv->kernel_h && x < conv->kernel_w ? kernel[y * conv->kernel_w + x] : 0;
  }
}

void csn_winograd_pack(csn_conv_algorithm algorithm, const csn_conv *conv, const float *weights, float *packed) {
  const int n = csn_winograd_inputs(algorithm), taps = csn_winograd_taps(algorithm);
  double matrix[csn_winograd_most_inputs][csn_winograd_most_taps];
  double filter[csn_winograd_most_inputs * csn_winograd_most_inputs];
  filter_matrix(n, taps, matrix);
  const int down = csn_winograd_pieces(algorithm, conv->kernel_h, conv->stride_h);
  const int across = csn_winograd_pieces(algorithm, conv->kernel_w, conv->stride_w);
  const ptrdiff_t in_padded = (ptrdiff_t)csn_winograd_in_blocks(algorithm, conv) * csn_block;
  // Planar pieces follow each other, blocked ones begin with a block.
  const ptrdiff_t piece_channels = csn_conv_is_planar(algorithm) ? conv->in_channels : in_padded / (down * across);
  const bool paired = csn_winograd_is_paired(algorithm);
  const ptrdiff_t rows = (ptrdiff_t)csn_winograd_product_blocks(algorithm, conv) * csn_block;
  const ptrdiff_t panels = csn_conv_panels(conv), frequency = panels * rows * csn_panel;
  memset(packed, 0, sizeof(float) * (size_t)(n * n * frequency));
  for (ptrdiff_t out = 0; out < conv->out_channels; out++)
    for (ptrdiff_t in = 0; in < conv->in_channels; in++) {
      const float *kernel = weights + (out * conv->in_channels + in) * conv->kernel_h * conv->kernel_w;
      for (int piece = 0; piece < down * across; piece++) {
        float part[csn_winograd_most_taps * csn_winograd_most_taps];
        cut_piece(conv, kernel, csn_winograd_piece_at(algorithm, conv->kernel_h, conv->stride_h, piece / across),
                  csn_winograd_piece_at(algorithm, conv->kernel_w, conv->stride_w, piece % across), taps, part);
        transform_filter(n, taps, matrix, part, filter);
        const ptrdiff_t channel = piece * piece_channels + in;
        const ptrdiff_t row = paired ? channel / (2 * csn_block) * csn_block + channel % csn_block : channel;
        float *place = packed + (out / csn_panel * rows + row) * csn_panel + out % csn_panel;
        for (int f = 0; f < n * n; f++, place += frequency) {
          if (paired)
            csn_bf16_store_half(place, channel / csn_block % 2, (float)filter[f]);
          else
            *place = (float)filter[f];
        }
      }
    }
}
