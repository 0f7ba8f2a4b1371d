#include <string.h>

#include "conv/winograd/winograd.h"

/// The matrix G of n = m + 2 rows: row j is [1, p, p^2] / prod over the other points of (p - q); the last row, for
/// the point at infinity, is [0, 0, 1].
static void filter_matrix(int m, double matrix[8][3]) {
  static const double points[csn_winograd_most_outputs + 1][7] = {
      [2] = {0, CSN_WINOGRAD2_A, -CSN_WINOGRAD2_A},
      [3] = {0, CSN_WINOGRAD3_A, -CSN_WINOGRAD3_A, CSN_WINOGRAD3_B},
      [4] = {0, CSN_WINOGRAD4_A, -CSN_WINOGRAD4_A, CSN_WINOGRAD4_B, -CSN_WINOGRAD4_B},
      [6] = {0, CSN_WINOGRAD6_A, -CSN_WINOGRAD6_A, CSN_WINOGRAD6_B, -CSN_WINOGRAD6_B, CSN_WINOGRAD6_C, -CSN_WINOGRAD6_C},
  };
  const double *p = points[m];
  for (int j = 0; j < m + 1; j++) {
    double divisor = 1;
    for (int k = 0; k < m + 1; k++)
      if (k != j) divisor *= p[j] - p[k];
    matrix[j][0] = 1 / divisor;
    matrix[j][1] = p[j] / divisor;
    matrix[j][2] = p[j] * p[j] / divisor;
  }
  matrix[m + 1][0] = matrix[m + 1][1] = 0;
  matrix[m + 1][2] = 1;
}

/// G g G^T of one filter, into `out` of n x n.
static void transform_filter(int n, double matrix[8][3], const float *filter, double *out) {
  double half[8][3];
  for (int i = 0; i < n; i++)
    for (int x = 0; x < 3; x++)
      half[i][x] = matrix[i][0] * filter[x] + matrix[i][1] * filter[3 + x] + matrix[i][2] * filter[6 + x];
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      out[i * n + j] = half[i][0] * matrix[j][0] + half[i][1] * matrix[j][1] + half[i][2] * matrix[j][2];
}

/// The taps of a piece, zeros where the kernel has none.
static void cut_piece(const csn_conv *conv, const float *kernel, csn_winograd_piece down, csn_winograd_piece across,
                      float taps[9]) {
  for (int i = 0; i < 9; i++) {
    const int y = (down.tap + i / 3) * conv->stride_h + down.phase;
    const int x = (across.tap + i % 3) * conv->stride_w + across.phase;
    taps[i] = y < conv->kernel_h && x < conv->kernel_w ? kernel[y * conv->kernel_w + x] : 0;
  }
}

void csn_winograd_pack(csn_conv_algorithm algorithm, const csn_conv *conv, const float *weights, float *packed) {
  const int m = csn_winograd_outputs(algorithm), n = m + 2;
  double matrix[8][3], filter[64];
  filter_matrix(m, matrix);
  const int down = csn_winograd_pieces(conv->kernel_h, conv->stride_h);
  const int across = csn_winograd_pieces(conv->kernel_w, conv->stride_w);
  const ptrdiff_t in_padded = (ptrdiff_t)csn_winograd_in_blocks(algorithm, conv) * csn_block;
  // Planar pieces follow each other, blocked ones begin with a block.
  const ptrdiff_t piece_channels = csn_conv_is_planar(algorithm) ? conv->in_channels : in_padded / (down * across);
  const ptrdiff_t panels = csn_conv_panels(conv), frequency = panels * in_padded * csn_panel;
  memset(packed, 0, sizeof(float) * (size_t)(n * n * frequency));
  for (ptrdiff_t out = 0; out < conv->out_channels; out++)
    for (ptrdiff_t in = 0; in < conv->in_channels; in++) {
      const float *kernel = weights + (out * conv->in_channels + in) * conv->kernel_h * conv->kernel_w;
      for (int piece = 0; piece < down * across; piece++) {
        float taps[9];
        cut_piece(conv, kernel, csn_winograd_piece_at(conv->kernel_h, conv->stride_h, piece / across),
                  csn_winograd_piece_at(conv->kernel_w, conv->stride_w, piece % across), taps);
        transform_filter(n, matrix, taps, filter);
        float *place =
            packed + (out / csn_panel * in_padded + piece * piece_channels + in) * csn_panel + out % csn_panel;
        for (int f = 0; f < n * n; f++) place[f * frequency] = (float)filter[f];
      }
    }
}
