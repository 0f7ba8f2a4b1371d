// Direct convolution: tiles of output pixels times panels of output channels.
#include "conv/bf16/bf16.h"
#include "conv/conv.h"

enum {
  // Pixels of a scattered tile: its offsets cost registers, so two less than a full tile.
  scattered_pixels = 12,
  // Tiles of fewer pixels than this waste more than scattered ones do.
  row_pixels = 4,
  // A chunk's input should stay in the second-level cache while its panels pass over it.
  chunk_input_bytes = 384 << 10,
  // Chunks a thread, for balance.
  chunks_per_thread = 8,
};

/// Whether a 1x1 convolution sees every plane of the tensor as one long row.
static bool is_dense(const csn_tensor *tensor) {
  return tensor->height == 1 || tensor->row_stride == (ptrdiff_t)tensor->width * csn_block;
}

static void flatten(csn_tensor *tensor) {
  tensor->width *= tensor->height;
  tensor->height = 1;
  tensor->row_stride = (ptrdiff_t)tensor->width * csn_block;
}

/// What the input lacks on its bottom or right: places that the last output reads beyond the end.
static int64_t overhang(int64_t in, int64_t out, int64_t stride, int64_t kernel, int64_t dilation, int64_t pad) {
  return csn_max64(0, (out - 1) * stride + (kernel - 1) * dilation - pad - (in - 1));
}

/// Where the halo is too narrow: a copy in scratch, with a wider one.
static void stage_input(csn_conv_plan *plan) {
  const csn_conv *conv = &plan->conv;
  const csn_tensor *in = &plan->in;
  const int64_t bottom = overhang(in->height, plan->out.height, conv->stride_h, conv->kernel_h, conv->dilation_h,
                                  conv->pad_top);
  const int64_t right = overhang(in->width, plan->out.width, conv->stride_w, conv->kernel_w, conv->dilation_w,
                                 conv->pad_left);
  plan->source = *in;
  if (plan->algorithm == CSN_CONV_BF16) {
    // Pairs, always in scratch.
    plan->staged = true;
    plan->source = csn_tensor_make(CSN_BLOCKED, in->images, plan->panel_blocks * csn_block, in->height, in->width,
                                   conv->pad_top, conv->pad_left, (int32_t)bottom, (int32_t)right);
    return;
  }
  plan->staged = in->halo_top < conv->pad_top || in->halo_left < conv->pad_left || in->halo_bottom < bottom ||
                 in->halo_right < right;
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
  const bool short_rows = out->width / plan->tiles_per_row < csn_min64(full, row_pixels) && rows > 1;
  plan->scattered = plan->conv.stride_w > 2 || short_rows;
  int64_t tiles = rows * plan->tiles_per_row;
  if (plan->scattered) tiles = csn_ceil_div(pixels, csn_min64(full, scattered_pixels));
  plan->tiles = tiles <= INT32_MAX ? (int32_t)tiles : 0;
}

/// Chooses how many chunks to make of the tiles, and how many of the panels.
static void cut_chunks(csn_conv_plan *plan) {
  if (plan->tiles == 0) return;
  const csn_tensor *source = &plan->source;
  int64_t input_bytes = (int64_t)csn_tensor_blocks(source) * source->block_stride * source->images * 4;
  int64_t wanted = plan->threads > 1 ? (int64_t)plan->threads * chunks_per_thread : 1;
  int64_t by_cache = csn_ceil_div(input_bytes, chunk_input_bytes);
  int64_t weight_bytes = (int64_t)plan->weight_count * 4;
  int64_t tile_chunks = by_cache;
  // Small weights stay in cache whatever passes over them: cut the pixels only, so that each thread keeps its part.
  if (weight_bytes <= chunk_input_bytes) tile_chunks = csn_max64(by_cache, wanted);
  tile_chunks = csn_min64(tile_chunks, plan->tiles);
  int64_t panel_chunks = csn_min64(csn_ceil_div(wanted, tile_chunks), plan->panels);
  if (tile_chunks * panel_chunks < wanted) tile_chunks = csn_min64(csn_ceil_div(wanted, panel_chunks), plan->tiles);
  plan->tile_chunks = (int32_t)tile_chunks;
  plan->panel_chunks = (int32_t)panel_chunks;
}

/// A pointwise bf16 convolution whose chunks each take all panels: every chunk rounds just the pixels that it uses.
static void plan_gathering(csn_conv_plan *plan) {
  const csn_conv *conv = &plan->conv;
  if (plan->algorithm != CSN_CONV_BF16 || conv->kernel_h * conv->kernel_w != 1 || plan->scattered ||
      plan->panel_chunks != 1 || conv->pad_top | conv->pad_left | conv->pad_bottom | conv->pad_right)
    return;
  plan->gathered = true;
  plan->staged = false;
  plan->source = plan->in;
  if (plan->target.height != plan->out.height) flatten(&plan->source);
  const int64_t chunk_tiles = csn_ceil_div(plan->tiles, plan->tile_chunks);
  plan->worker_scratch =
      (size_t)(chunk_tiles * csn_tile_max_pixels * csn_block * plan->panel_blocks) * sizeof(float);
  plan->scratch_bytes = plan->worker_scratch * (size_t)plan->threads;
}

void csn_direct_plan(csn_conv_plan *plan) {
  stage_input(plan);
  plan->target = plan->out;
  plan->addend = plan->residual;
  const csn_conv *conv = &plan->conv;
  bool pointwise = conv->kernel_h * conv->kernel_w == 1 && conv->stride_h * conv->stride_w == 1 &&
                   plan->out.height == plan->in.height && plan->out.width == plan->in.width;
  if (pointwise && plan->in.layout == CSN_BLOCKED && is_dense(&plan->in) && is_dense(&plan->source) &&
      is_dense(&plan->target) &&
      (!plan->has_residual || is_dense(&plan->addend)) &&
      (int64_t)plan->out.height * plan->out.width <= INT32_MAX / csn_block) {
    flatten(&plan->source);
    flatten(&plan->target);
    if (plan->has_residual) flatten(&plan->addend);
  }
  cut_tiles(plan);
  cut_chunks(plan);
  if (plan->tiles > 0) plan_gathering(plan);
  if (plan->staged) plan->scratch_bytes = csn_tensor_count(&plan->source) * sizeof(float);
  if (plan->staged && plan->scratch_bytes == 0) plan->tiles = 0;
}

typedef struct {
  const csn_conv_plan *plan;
  const float *in, *weights, *bias, *residual;
  float *out;
  char *scratch;
} direct_job;

/// Offsets of scattered pixels; one tile's.
typedef struct {
  ptrdiff_t in[csn_tile_max_pixels], out[csn_tile_max_pixels], residual[csn_tile_max_pixels];
} tile_offsets;

static csn_tile_kind tile_kind(const csn_conv_plan *plan) {
  bool planar = plan->source.layout == CSN_PLANAR;
  if (plan->scattered) return planar ? csn_tile_planar_scattered : csn_tile_scattered;
  if (plan->conv.stride_w == 2) return planar ? csn_tile_planar2 : csn_tile_strided2;
  return planar ? csn_tile_planar1 : csn_tile_dense;
}

/// Points `tile` at the pixels of tile `index`, as offsets from the tensors' first elements; returns how many.
static int locate_scattered(const csn_conv_plan *plan, int index, ptrdiff_t pixel, tile_offsets *offsets) {
  const csn_tensor *source = &plan->source, *out = &plan->target, *residual = &plan->addend;
  const int64_t plane = (int64_t)out->height * out->width, pixels = plane * out->images;
  int64_t first = pixels * index / plan->tiles, end = pixels * (index + 1) / plan->tiles;
  for (int64_t p = first; p < end; p++) {
    int64_t image = p / plane, y = p % plane / out->width, x = p % out->width;
    offsets->in[p - first] = image * source->image_stride + y * plan->conv.stride_h * source->row_stride +
                             x * plan->conv.stride_w * pixel;
    offsets->out[p - first] = image * out->image_stride + y * out->row_stride + x * csn_block;
    offsets->residual[p - first] = image * residual->image_stride + y * residual->row_stride + x * csn_block;
  }
  return (int)(end - first);
}

/// The same for a tile inside a row, as one offset each.
static int locate_in_row(const csn_conv_plan *plan, int index, ptrdiff_t pixel, tile_offsets *offsets) {
  const csn_tensor *source = &plan->source, *out = &plan->target, *residual = &plan->addend;
  const int row = index / plan->tiles_per_row, part = index % plan->tiles_per_row;
  const int image = row / out->height, y = row % out->height;
  const int first = (int)((int64_t)out->width * part / plan->tiles_per_row);
  const int end = (int)((int64_t)out->width * (part + 1) / plan->tiles_per_row);
  offsets->in[0] = image * source->image_stride + (ptrdiff_t)y * plan->conv.stride_h * source->row_stride +
                   (ptrdiff_t)first * plan->conv.stride_w * pixel;
  offsets->out[0] = image * out->image_stride + y * out->row_stride + (ptrdiff_t)first * csn_block;
  offsets->residual[0] = image * residual->image_stride + y * residual->row_stride + (ptrdiff_t)first * csn_block;
  return end - first;
}

/// Rounds the input pixels of tiles [first, end) to pairs: [block][pixel][16].
static void gather_pairs(const direct_job *job, int first, int end, int pixels, float *pairs) {
#if defined(__x86_64__)
  const csn_conv_plan *plan = job->plan;
  const csn_tensor *in = &plan->in;
  const int blocks = csn_tensor_blocks(in);
  for (int index = first; index < end; index++) {
    tile_offsets offsets;
    const int count = locate_in_row(plan, index, csn_block, &offsets);
    for (int block = 0; block < blocks; block += 2) {
      const float *low = job->in + offsets.in[0] + block * in->block_stride;
      csn_bf16_pair(low, block + 1 < blocks ? low + in->block_stride : NULL,
                    (ptrdiff_t)plan->conv.stride_w * csn_block,
                    pairs + (ptrdiff_t)block / 2 * pixels * csn_block, count);
    }
    pairs += (ptrdiff_t)count * csn_block;
  }
#endif
}

/// The pixels of tiles [first, end) inside rows.
static int count_pixels(const csn_conv_plan *plan, int first, int end) {
  int pixels = 0;
  for (int index = first; index < end; index++) {
    tile_offsets offsets;
    pixels += locate_in_row(plan, index, csn_block, &offsets);
  }
  return pixels;
}

/// Runs one tile of one panel; returns its pixels.
static int run_direct_tile(const direct_job *job, csn_tile *tile, const csn_tile_kernels *kernels, csn_tile_kind kind,
                           int index, int panel) {
  const csn_conv_plan *plan = job->plan;
  const ptrdiff_t pixel = plan->source.layout == CSN_PLANAR ? 1 : csn_block;
  const int first_block =
      plan->source.layout == CSN_PLANAR ? 0 : csn_conv_first_block(&plan->conv, plan->panel_blocks, panel);
  tile_offsets offsets;
  int pixels;
  if (!plan->gathered) tile->in = job->in + first_block * plan->source.block_stride;
  tile->out = job->out + 2 * panel * plan->target.block_stride;
  if (plan->has_residual) tile->residual = job->residual + 2 * panel * plan->addend.block_stride;
  if (plan->scattered) {
    pixels = locate_scattered(plan, index, pixel, &offsets);
    tile->in_offsets = offsets.in;
    tile->out_offsets = offsets.out;
    tile->residual_offsets = offsets.residual;
  } else {
    pixels = locate_in_row(plan, index, pixel, &offsets);
    if (!plan->gathered) tile->in += offsets.in[0];
    tile->out += offsets.out[0];
    tile->out_offsets = tile->residual_offsets = csn_dense_offsets;
    if (plan->has_residual) tile->residual += offsets.residual[0];
  }
  const int blocks = csn_tensor_blocks(&plan->target) - 2 * panel;
  kernels->run[kind][blocks > 1][pixels - 1](tile);
  return pixels;
}

static const csn_tile_kernels *kernels_of(const csn_conv_plan *plan) {
#if defined(__x86_64__)
  if (plan->algorithm == CSN_CONV_BF16) return &csn_tile_kernels_bf16;
#endif
  return csn_tile_kernels_for(plan->level);
}

static void direct_chunk(void *context, int chunk, int worker) {
  const direct_job *job = context;
  const csn_conv_plan *plan = job->plan;
  const csn_conv *conv = &plan->conv;
  const csn_tile_kernels *kernels = kernels_of(plan);
  const bool planar = plan->source.layout == CSN_PLANAR;
  const int tile_chunk = chunk % plan->tile_chunks, panel_chunk = chunk / plan->tile_chunks;
  const int first_tile = (int)((int64_t)plan->tiles * tile_chunk / plan->tile_chunks);
  const int end_tile = (int)((int64_t)plan->tiles * (tile_chunk + 1) / plan->tile_chunks);
  const int first_panel = (int)((int64_t)plan->panels * panel_chunk / plan->panel_chunks);
  const int end_panel = (int)((int64_t)plan->panels * (panel_chunk + 1) / plan->panel_chunks);
  const ptrdiff_t taps = (ptrdiff_t)conv->kernel_h * conv->kernel_w;
  const ptrdiff_t panel_weights = plan->panel_blocks * taps * csn_panel * (planar ? 1 : csn_block);
  const csn_tile_kind kind = plan->gathered ? csn_tile_dense : tile_kind(plan);
  csn_tile tile = {
      .in_block = plan->source.block_stride,
      .in_row = plan->source.row_stride * conv->dilation_h,
      .in_tap = (ptrdiff_t)conv->dilation_w * (planar ? 1 : csn_block),
      .blocks = plan->panel_blocks, .kernel_h = conv->kernel_h, .kernel_w = conv->kernel_w,
      .residual_block = plan->addend.block_stride, .out_block = plan->target.block_stride,
      .lower = conv->lower, .upper = conv->upper,
      .flags = csn_conv_flags(plan, job->out),
  };
  float *pairs = NULL;
  if (plan->gathered) {
    pairs = (float *)(job->scratch + (size_t)worker * plan->worker_scratch);
    const int pixels = count_pixels(plan, first_tile, end_tile);
    gather_pairs(job, first_tile, end_tile, pixels, pairs);
    tile.in_block = (ptrdiff_t)pixels * csn_block;
  }
  for (int panel = first_panel; panel < end_panel; panel++) {
    tile.in = pairs;
    tile.weights = job->weights + panel * panel_weights;
    tile.bias = job->bias ? job->bias + panel * csn_panel : NULL;
    for (int index = first_tile; index < end_tile; index++) {
      int pixels = run_direct_tile(job, &tile, kernels, kind, index, panel);
      if (plan->gathered) tile.in += (ptrdiff_t)pixels * csn_block;
    }
  }
}

/// Copies the input to scratch, framed by zeros.
static void stage(const csn_conv_plan *plan, const float *in, float *copy, csn_pool *pool) {
#if defined(__x86_64__)
  if (plan->algorithm == CSN_CONV_BF16) {
    csn_bf16_stage(plan, in, copy, pool);
    return;
  }
#endif
  csn_clear_halo(&plan->source, copy, pool);
  csn_reorder(&plan->in, in, &plan->source, copy, pool);
}

void csn_direct_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                    const float *residual, float *out, void *scratch, csn_pool *pool) {
  if (plan->staged) {
    float *copy = (float *)scratch + csn_tensor_origin(&plan->source);
    stage(plan, in, copy, pool);
    in = copy;
  }
  const ptrdiff_t pixel = plan->source.layout == CSN_PLANAR ? 1 : csn_block;
  in -= plan->conv.pad_top * plan->source.row_stride + plan->conv.pad_left * pixel;
  direct_job job = {plan, in, weights, bias, residual, out, scratch};
  csn_pool_run(pool, direct_chunk, &job, plan->tile_chunks * plan->panel_chunks);
}
