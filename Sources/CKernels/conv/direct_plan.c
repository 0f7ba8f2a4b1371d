// How a direct convolution is cut: the input staged where it must be, output pixels in tiles, tiles and panels in
// chunks.
#include "conv/conv.h"

enum {
  // Pixels of a scattered tile: its offsets cost registers, so two less than AVX-512's full tile.
  scattered_pixels = 12,
  // Rows whose tiles have fewer pixels than this, and are less than four fifths full, waste more than scattered tiles.
  row_pixels = 4,
  // A chunk's input should stay in the second-level cache, half a MiB or more, while its panels pass over it.
  chunk_input_bytes = 384 << 10,
  // Not where every chunk would read weights anew that are much larger than an input of this size at most.
  whole_input_bytes = 1 << 20,
  // Chunks a thread, for balance.
  chunks_per_thread = 8,
  // A thread keeps to its own part of the pixels where it has so many, and weights are so many times the input at most:
  // what it reads is then mostly what it wrote, and caches that don't lie near each other exchange little. This goes
  // before whole inputs.
  own_pixels = 64,
  own_weights = 8,
};

int64_t csn_conv_overhang(int64_t in, int64_t out, int64_t stride, int64_t kernel, int64_t dilation, int64_t pad) {
  return csn_max64(0, (out - 1) * stride + (kernel - 1) * dilation - pad - (in - 1));
}

/// Where the halo is too narrow, or the padding is not zeros: a copy in scratch, with a frame. Where pixels are left
/// out: a copy without them.
static void stage_input(csn_conv_plan *plan) {
  const csn_conv *conv = &plan->conv;
  const csn_tensor *in = &plan->in;
  plan->step_h = conv->stride_h;
  plan->step_w = conv->stride_w;
  const int64_t bottom = csn_conv_overhang(in->height, plan->out.height, conv->stride_h, conv->kernel_h,
                                           conv->dilation_h, conv->pad_top);
  const int64_t right = csn_conv_overhang(in->width, plan->out.width, conv->stride_w, conv->kernel_w,
                                          conv->dilation_w, conv->pad_left);
  plan->source = *in;
  if (plan->algorithm == CSN_CONV_BF16) {
    // Pairs, always in scratch.
    plan->staged = true;
    plan->source = csn_tensor_make(CSN_BLOCKED, in->images, plan->panel_blocks * csn_block, in->height, in->width,
                                   conv->pad_top, conv->pad_left, (int32_t)bottom, (int32_t)right);
    return;
  }
  if (plan->algorithm == CSN_CONV_DIRECT && csn_conv_is_pointwise(conv) && !csn_conv_is_unit_stride(conv)) {
    plan->staged = plan->thinned = true;
    plan->step_h = plan->step_w = 1;
    plan->source =
        csn_tensor_make(CSN_BLOCKED, in->images, in->channels, plan->out.height, plan->out.width, 0, 0, 0, 0);
    return;
  }
  plan->staged = in->halo_top < conv->pad_top || in->halo_left < conv->pad_left || in->halo_bottom < bottom ||
                 in->halo_right < right || csn_conv_has_edges(conv);
  if (plan->staged)
    plan->source = csn_tensor_make(in->layout, in->images, in->channels, in->height, in->width, conv->pad_top,
                                   conv->pad_left, (int32_t)bottom, (int32_t)right);
}

/// Cuts the rows (or, where rows are too short or the stride is unusual, all pixels) into tiles.
static void cut_tiles(csn_conv_plan *plan) {
  const int full = csn_tile_kernels_for(plan->level)->pixels;
  const csn_tensor *out = &plan->target;
  int64_t rows = (int64_t)out->images * out->height, pixels = rows * out->width;
  plan->tiles_per_row = (int32_t)csn_ceil_div(out->width, full);
  const bool short_rows =
      rows > 1 && out->width * 5 < plan->tiles_per_row * csn_min64(4 * full, 5 * row_pixels);
  plan->scattered = plan->step_w > 2 || short_rows;
  int64_t tiles = rows * plan->tiles_per_row;
  if (plan->scattered) tiles = csn_ceil_div(pixels, csn_min64(full, scattered_pixels));
  plan->tiles = tiles <= INT32_MAX ? (int32_t)tiles : 0;
}

csn_conv_part csn_conv_part_of(const csn_conv_plan *plan, int index, int worker) {
  const int tiles = index / plan->panel_chunks, panels = index % plan->panel_chunks;
  csn_conv_part part = {
      .first_tile = csn_share(plan->tiles, tiles, plan->tile_chunks),
      .end_tile = csn_share(plan->tiles, tiles + 1, plan->tile_chunks),
      .first_panel = csn_share(plan->panels, panels, plan->panel_chunks),
      .end_panel = csn_share(plan->panels, panels + 1, plan->panel_chunks),
      .next_panel = -1,
  };
  const int next = csn_pool_likely_next(index, worker, plan->threads);
  if (next >= 0 && next < plan->tile_chunks * plan->panel_chunks && next % plan->panel_chunks != panels)
    part.next_panel = csn_share(plan->panels, next % plan->panel_chunks, plan->panel_chunks);
  return part;
}

void csn_conv_cut_chunks(csn_conv_plan *plan, int64_t chunk_bytes, int64_t small_weight_bytes) {
  int64_t wanted = plan->threads > 1 ? (int64_t)plan->threads * chunks_per_thread : 1;
  const int64_t input_bytes = csn_tensor_bytes(&plan->source);
  int64_t by_cache = csn_ceil_div(input_bytes, chunk_bytes);
  int64_t weight_bytes = (int64_t)plan->weight_count * 4;
  int64_t tile_chunks = input_bytes <= whole_input_bytes && weight_bytes > 2 * input_bytes ? 1 : by_cache;
  // Small weights stay in cache whatever passes over them: cut the pixels only, so that each thread keeps its part.
  const int64_t pixels = (int64_t)plan->target.images * plan->target.height * plan->target.width;
  if (weight_bytes <= small_weight_bytes)
    tile_chunks = csn_max64(by_cache, wanted);
  else if (pixels / plan->threads >= own_pixels && weight_bytes <= own_weights * input_bytes)
    tile_chunks = csn_ceil_div(tile_chunks, plan->threads) * plan->threads;
  tile_chunks = csn_min64(tile_chunks, plan->tiles);
  int64_t panel_chunks = csn_min64(csn_ceil_div(wanted, tile_chunks), plan->panels);
  if (tile_chunks * panel_chunks < wanted) tile_chunks = csn_min64(csn_ceil_div(wanted, panel_chunks), plan->tiles);
  plan->tile_chunks = (int32_t)tile_chunks;
  plan->panel_chunks = (int32_t)panel_chunks;
}

/// A pointwise bf16 convolution whose chunks each take all panels: every chunk rounds just the pixels that it uses.
static void plan_gathering(csn_conv_plan *plan) {
  if (plan->algorithm != CSN_CONV_BF16 || !csn_conv_is_pointwise(&plan->conv) || plan->scattered ||
      plan->panel_chunks != 1)
    return;
  plan->gathered = true;
  plan->staged = false;
  plan->source = plan->in;
  if (plan->target.height != plan->out.height) csn_tensor_flatten(&plan->source);
  const int64_t chunk_tiles = csn_ceil_div(plan->tiles, plan->tile_chunks);
  plan->worker_scratch =
      (size_t)(chunk_tiles * csn_tile_max_pixels * csn_block * plan->panel_blocks) * sizeof(float);
}

/// Splits the input blocks so that a strip's weights for some of them stay in the first-level cache while they pass
/// over a chunk's tiles; the sums wait in scratch.
static void split_depth(csn_conv_plan *plan) {
  const csn_tile_kernels *kernels = csn_tile_kernels_for(plan->level);
  plan->depth = plan->panel_blocks;
  const int64_t chunk_tiles = csn_ceil_div(plan->tiles, plan->tile_chunks);
  // A few tiles don't pay for it.
  if (plan->source.layout == CSN_PLANAR || chunk_tiles < 4) return;
  plan->depth = csn_conv_strip_depth(kernels, plan->panel_blocks,
                                     (int64_t)plan->conv.kernel_h * plan->conv.kernel_w * csn_block * csn_block);
  if (plan->depth == plan->panel_blocks) return;
  plan->worker_scratch = (size_t)(chunk_tiles * kernels->pixels * csn_panel) * sizeof(float);
}

void csn_conv_flatten(csn_conv_plan *plan) {
  if (!csn_conv_is_pointwise(&plan->conv) || plan->step_h * plan->step_w > 1 || plan->in.layout == CSN_PLANAR ||
      !csn_tensor_is_dense(&plan->source) || !csn_tensor_is_dense(&plan->target) ||
      (plan->has_residual && !csn_tensor_is_dense(&plan->addend)) ||
      (int64_t)plan->out.height * plan->out.width > INT32_MAX / csn_block)
    return;
  csn_tensor_flatten(&plan->source);
  csn_tensor_flatten(&plan->target);
  if (plan->has_residual) csn_tensor_flatten(&plan->addend);
}

void csn_direct_plan(csn_conv_plan *plan) {
  stage_input(plan);
  plan->target = plan->out;
  plan->addend = plan->residual;
  // Pairs are gathered from the input itself.
  if (plan->algorithm != CSN_CONV_BF16 || csn_tensor_is_dense(&plan->in)) csn_conv_flatten(plan);
  cut_tiles(plan);
  if (plan->tiles == 0) return;
  csn_conv_cut_chunks(plan, chunk_input_bytes, chunk_input_bytes);
  split_depth(plan);
  plan_gathering(plan);
  if (plan->staged) plan->staged_bytes = csn_tensor_count(&plan->source) * sizeof(float);
  if (plan->staged && (plan->staged_bytes == 0 || !csn_edge_fits(plan))) plan->tiles = 0;
  plan->scratch_bytes = plan->staged_bytes + plan->worker_scratch * (size_t)plan->threads;
}
