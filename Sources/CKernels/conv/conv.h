// What the parts of the convolution share.
#pragma once
#include <math.h>

#include "conv/tile/tile.h"
#include "csn_conv.h"

static inline int64_t csn_ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t csn_min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t csn_max64(int64_t a, int64_t b) { return a > b ? a : b; }

/// Whether attributes are sane by themselves.
bool csn_conv_is_valid(const csn_conv *conv);

/// Whether `algorithm` can serve the convolution at all.
bool csn_conv_serves(csn_conv_algorithm algorithm, const csn_conv *conv);

/// Whether the algorithm reads a planar input.
static inline bool csn_conv_is_planar(csn_conv_algorithm algorithm) {
  return algorithm == CSN_CONV_PLANAR || algorithm == CSN_CONV_PLANAR_WINOGRAD4 ||
         algorithm == CSN_CONV_PLANAR_WINOGRAD44 || algorithm == CSN_CONV_PLANAR_BF16;
}

/// Whether there is padding, and it holds the nearest pixels: a halo of zeros is then of no use.
bool csn_conv_has_edges(const csn_conv *conv);

/// The nearest of 0..<end.
static inline int csn_clamped(int value, int end) { return value < 0 ? 0 : value < end ? value : end - 1; }

/// The beginning of part `part` of `parts` even shares of `count`.
static inline int csn_share(int count, int part, int parts) { return (int)((int64_t)count * part / parts); }

/// Whether every plane of the tensor is one long row in memory; and makes it one.
static inline bool csn_tensor_is_dense(const csn_tensor *tensor) {
  return tensor->height == 1 || tensor->row_stride == (ptrdiff_t)tensor->width * csn_block;
}

static inline void csn_tensor_flatten(csn_tensor *tensor) {
  tensor->width *= tensor->height;
  tensor->height = 1;
  tensor->row_stride = (ptrdiff_t)tensor->width * csn_block;
}

static inline bool csn_conv_is_unit_stride(const csn_conv *conv) { return conv->stride_h == 1 && conv->stride_w == 1; }

/// Whether the kernel is one pixel and there is no padding.
static inline bool csn_conv_is_pointwise(const csn_conv *conv) {
  return conv->kernel_h == 1 && conv->kernel_w == 1 &&
         !(conv->pad_top | conv->pad_left | conv->pad_bottom | conv->pad_right);
}

/// The m of F(m x m, r x r), 0 for other algorithms; the r; and n = m + r - 1.
int csn_winograd_outputs(csn_conv_algorithm algorithm);
int csn_winograd_taps(csn_conv_algorithm algorithm);
static inline int csn_winograd_inputs(csn_conv_algorithm algorithm) {
  return csn_winograd_outputs(algorithm) + csn_winograd_taps(algorithm) - 1;
}

/// Whether its products are of pairs.
static inline bool csn_winograd_is_paired(csn_conv_algorithm algorithm) { return algorithm == CSN_CONV_WINOGRAD2_BF16; }

/// Input blocks of its products: half as many as channel blocks, rounded up, where they are pairs.
int csn_winograd_product_blocks(csn_conv_algorithm algorithm, const csn_conv *conv);

/// Whether a kernel can be cut into pieces for a Winograd algorithm, and the blocks of input channels that all pieces
/// together have.
bool csn_winograd_serves(csn_conv_algorithm algorithm, const csn_conv *conv);
int csn_winograd_in_blocks(csn_conv_algorithm algorithm, const csn_conv *conv);

/// Input blocks that every panel of output channels reads; all of them where there is one group.
int csn_conv_panel_blocks(const csn_conv *conv);

/// The first input block that panel `panel` reads.
int csn_conv_first_block(const csn_conv *conv, int panel_blocks, int panel);

/// Panels of 32 output channels.
static inline int csn_conv_panels(const csn_conv *conv) { return (conv->out_channels - 1) / csn_panel + 1; }

/// Input blocks, of so many weights for a block of outputs each, of one pass over a chunk's tiles: their weights for a
/// strip of outputs more or less stay in the first-level cache meanwhile.
int32_t csn_conv_strip_depth(const csn_tile_kernels *kernels, int blocks, int64_t block_weights);

/// The plan's flags for tiles; `out` must be aligned for the output to be streamed.
unsigned csn_conv_flags(const csn_conv_plan *plan, const float *out);

/// The parts of a plan that each algorithm makes; the common part is filled.
void csn_direct_plan(csn_conv_plan *plan);
void csn_winograd_plan(csn_conv_plan *plan);
void csn_depthwise_plan(csn_conv_plan *plan);
void csn_strassen_plan(csn_conv_plan *plan);
void csn_amx_plan(csn_conv_plan *plan);

/// What the input lacks on its bottom or right: places that the last output reads beyond the end.
int64_t csn_conv_overhang(int64_t in, int64_t out, int64_t stride, int64_t kernel, int64_t dilation, int64_t pad);

/// Bytes from a tensor's first image to its last one's end.
static inline int64_t csn_tensor_bytes(const csn_tensor *tensor) {
  return (int64_t)csn_tensor_blocks(tensor) * tensor->block_stride * tensor->images * (int64_t)sizeof(float);
}

/// Chooses how many chunks to make of the tiles, and how many of the panels. A chunk's input should not be larger than
/// `chunk_bytes`; weights up to `small_weight_bytes` may pass through every thread's caches.
void csn_conv_cut_chunks(csn_conv_plan *plan, int64_t chunk_bytes, int64_t small_weight_bytes);

/// Makes one row of every plane of source, target and addend, where a pointwise convolution may take them so.
void csn_conv_flatten(csn_conv_plan *plan);

/// What a chunk computes: tiles [first_tile, end_tile) of panels [first_panel, end_panel).
typedef struct {
  int first_tile, end_tile, first_panel, end_panel;
  /// The panel that the worker likely begins its next chunk with, to fetch its weights; negative where there is none,
  /// or they aren't far: this chunk began with them.
  int next_panel;
} csn_conv_part;

/// Chunk `index` of csn_conv_cut_chunks. Chunks of the same tiles follow each other, so that either end of the queue
/// has its own part of the pixels.
csn_conv_part csn_conv_part_of(const csn_conv_plan *plan, int index, int worker);

/// Whether the frame of `source`, the staged input, can be filled with the nearest pixels, where that is asked for.
bool csn_edge_fits(const csn_conv_plan *plan);

/// A staged input together with its frame.
csn_tensor csn_edge_framed(const csn_tensor *source);

/// Copies the input to scratch, framed by the nearest pixels.
void csn_edge_stage(const csn_conv_plan *plan, const float *in, void *scratch, csn_pool *pool);

void csn_direct_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                    const float *residual, float *out, void *scratch, csn_pool *pool);
void csn_winograd_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                      const float *residual, float *out, void *scratch, csn_pool *pool);
void csn_depthwise_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                       const float *residual, float *out, void *scratch, csn_pool *pool);
void csn_strassen_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                      const float *residual, float *out, void *scratch, csn_pool *pool);

void csn_amx_conv_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                      const float *residual, float *out, void *scratch, csn_pool *pool);

/// Packs for Winograd, for Strassen, and for planar bf16; sizes are right.
void csn_winograd_pack(csn_conv_algorithm algorithm, const csn_conv *conv, const float *weights, float *packed);
void csn_strassen_pack(const csn_conv *conv, const float *weights, float *packed);
void csn_amx_pack_planar(const csn_conv *conv, const float *weights, float *packed);
