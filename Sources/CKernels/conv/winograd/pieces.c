// Kernels in pieces of r x r taps; see winograd.h.
#include <string.h>

#include "conv/winograd/winograd.h"

enum {
  least_kernel = 3,
  largest_kernel = 9,
  // Planar input.
  largest_planar_kernel = 12,
  largest_stride = 4,
  most_channels = 4,
  // What gather reads of a row.
  gathered_floats = 8,
};

/// Phases of which the kernel has taps.
static int phases(int kernel, int stride) { return kernel < stride ? kernel : stride; }

/// Taps of a phase.
static int phase_taps(int kernel, int stride, int phase) { return (kernel - phase + stride - 1) / stride; }

int csn_winograd_pieces(csn_conv_algorithm algorithm, int kernel, int stride) {
  int pieces = 0;
  for (int phase = 0; phase < phases(kernel, stride); phase++)
    pieces += (int)csn_ceil_div(phase_taps(kernel, stride, phase), csn_winograd_taps(algorithm));
  return pieces;
}

csn_winograd_piece csn_winograd_piece_at(csn_conv_algorithm algorithm, int kernel, int stride, int index) {
  const int taps = csn_winograd_taps(algorithm);
  csn_winograd_piece piece = {0};
  for (;; piece.phase++) {
    const int pieces = (int)csn_ceil_div(phase_taps(kernel, stride, piece.phase), taps);
    if (index < pieces) break;
    index -= pieces;
  }
  piece.tap = taps * index;
  return piece;
}

bool csn_winograd_serves(csn_conv_algorithm algorithm, const csn_conv *conv) {
  if (conv->groups != 1 || conv->dilation_h != 1 || conv->dilation_w != 1) return false;
  const int least = conv->kernel_h < conv->kernel_w ? conv->kernel_h : conv->kernel_w;
  const int most = conv->kernel_h > conv->kernel_w ? conv->kernel_h : conv->kernel_w;
  if (csn_conv_is_planar(algorithm))
    return most <= largest_planar_kernel && conv->stride_h <= largest_stride && conv->stride_w <= largest_stride &&
           conv->in_channels <= most_channels;
  return least >= least_kernel && most <= largest_kernel && conv->stride_h == 1 && conv->stride_w == 1;
}

/// Pieces in both dimensions.
static int all_pieces(csn_conv_algorithm algorithm, const csn_conv *conv) {
  return csn_winograd_pieces(algorithm, conv->kernel_h, conv->stride_h) *
         csn_winograd_pieces(algorithm, conv->kernel_w, conv->stride_w);
}

int csn_winograd_in_blocks(csn_conv_algorithm algorithm, const csn_conv *conv) {
  const int pieces = all_pieces(algorithm, conv);
  if (csn_conv_is_planar(algorithm)) return (int)csn_ceil_div(pieces * conv->in_channels, csn_block);
  return pieces * (int)csn_ceil_div(conv->in_channels, csn_block);
}

int csn_winograd_product_blocks(csn_conv_algorithm algorithm, const csn_conv *conv) {
  const int blocks = csn_winograd_in_blocks(algorithm, conv);
  return csn_winograd_is_paired(algorithm) ? (blocks + 1) / 2 : blocks;
}

/// Pixels of a phase that `tiles` tiles read.
static int64_t phase_extent(const csn_conv_plan *plan, int tiles, int kernel, int stride) {
  const int m = csn_winograd_outputs(plan->algorithm), taps = csn_winograd_taps(plan->algorithm);
  return (int64_t)tiles * m - 1 + csn_ceil_div(phase_taps(kernel, stride, 0), taps) * taps;
}

void csn_winograd_plan_phases(csn_conv_plan *plan) {
  const csn_conv *conv = &plan->conv;
  const int64_t height = phase_extent(plan, plan->tiles_y, conv->kernel_h, conv->stride_h);
  const int64_t width = phase_extent(plan, plan->tiles_x, conv->kernel_w, conv->stride_w) + gathered_floats;
  const int channels =
      conv->in_channels * phases(conv->kernel_h, conv->stride_h) * phases(conv->kernel_w, conv->stride_w);
  plan->source = csn_tensor_make(CSN_PLANAR, plan->in.images, channels, (int32_t)height, (int32_t)width, 0, 0, 0, 0);
  plan->staged_bytes = (csn_tensor_count(&plan->source) * sizeof(float) + 63) / 64 * 64;
  if (plan->staged_bytes == 0 || (int64_t)plan->in.images * channels > INT32_MAX) plan->tiles = 0;
}

typedef struct {
  const csn_conv_plan *plan;
  const float *in;
  float *copy;
} phase_job;

/// Copies one phase of one channel, framed by the padding.
static void stage_phase(void *context, int index, int worker) {
  (void)worker;
  const phase_job *job = context;
  const csn_tensor *in = &job->plan->in, *source = &job->plan->source;
  const csn_conv *conv = &job->plan->conv;
  const int down = phases(conv->kernel_h, conv->stride_h), across = phases(conv->kernel_w, conv->stride_w);
  const int image = index / source->channels, plane = index % source->channels;
  const int first_y = plane / across % down - conv->pad_top, first_x = plane % across - conv->pad_left;
  const float *from = job->in + image * in->image_stride + plane / (down * across) * in->block_stride;
  float *to = job->copy + image * source->image_stride + plane * source->block_stride;
  // Pixels that exist.
  const int begin = csn_clamped((int)csn_ceil_div(-first_x, conv->stride_w), source->width + 1);
  const int end = csn_clamped((int)csn_ceil_div(in->width - first_x, conv->stride_w), source->width + 1);
  const bool has_edges = csn_conv_has_edges(conv);
  for (int row = 0; row < source->height; row++, to += source->row_stride) {
    int y = first_y + row * conv->stride_h;
    if (has_edges) y = csn_clamped(y, in->height);
    if (y < 0 || y >= in->height) {
      memset(to, 0, sizeof(float) * (size_t)source->width);
      continue;
    }
    const float *pixels = from + y * in->row_stride;
    const float before = has_edges ? pixels[0] : 0, after = has_edges ? pixels[in->width - 1] : 0;
    for (int x = 0; x < begin; x++) to[x] = before;
    for (int x = begin; x < end; x++) to[x] = pixels[first_x + (ptrdiff_t)x * conv->stride_w];
    for (int x = end; x < source->width; x++) to[x] = after;
  }
}

void csn_winograd_stage_phases(const csn_conv_plan *plan, const float *in, float *copy, csn_pool *pool) {
  phase_job job = {plan, in, copy};
  csn_pool_run(pool, stage_phase, &job, plan->source.images * plan->source.channels);
}

void csn_winograd_lanes(const csn_conv_plan *plan, int block, ptrdiff_t lanes[16]) {
  const csn_conv *conv = &plan->conv;
  const int across = csn_winograd_pieces(plan->algorithm, conv->kernel_w, conv->stride_w);
  const int count = all_pieces(plan->algorithm, conv) * conv->in_channels;
  for (int lane = 0; lane < csn_block; lane++) {
    int index = block * csn_block + lane;
    if (index >= count) index = 0;
    const int piece = index / conv->in_channels, channel = index % conv->in_channels;
    const csn_winograd_piece y = csn_winograd_piece_at(plan->algorithm, conv->kernel_h, conv->stride_h, piece / across);
    const csn_winograd_piece x = csn_winograd_piece_at(plan->algorithm, conv->kernel_w, conv->stride_w, piece % across);
    const int row = channel * phases(conv->kernel_h, conv->stride_h) + y.phase;
    const int plane = row * phases(conv->kernel_w, conv->stride_w) + x.phase;
    lanes[lane] = plane * plan->source.block_stride + y.tap * plan->source.row_stride + x.tap;
  }
}
