// Direct convolution: tiles of output pixels times panels of output channels.
#include "conv/bf16/bf16.h"
#include "conv/conv.h"

#include <string.h>

enum {
  // Pixels of a scattered tile: its offsets cost registers, so two less than a full tile.
  scattered_pixels = 12,
  // Tiles of fewer pixels than this waste more than scattered ones do.
  row_pixels = 4,
  // A chunk's input should stay in the second-level cache, half a MiB or more, while its panels pass over it.
  chunk_input_bytes = 384 << 10,
  // Weights of a strip that stay in the first-level cache. Strips lie two to a panel, so that theirs fall into half of
  // the cache's sets.
  strip_weight_bytes = 16 << 10,
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

/// Whether the kernel is one pixel wide and there is no padding.
static bool is_pointwise(const csn_conv *conv) {
  return conv->kernel_h == 1 && conv->kernel_w == 1 &&
         !(conv->pad_top | conv->pad_left | conv->pad_bottom | conv->pad_right);
}

/// Where the halo is too narrow: a copy in scratch, with a wider one. Where pixels are left out: a copy without them.
static void stage_input(csn_conv_plan *plan) {
  const csn_conv *conv = &plan->conv;
  const csn_tensor *in = &plan->in;
  plan->step_h = conv->stride_h;
  plan->step_w = conv->stride_w;
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
  if (plan->algorithm == CSN_CONV_DIRECT && is_pointwise(conv) && conv->stride_h * conv->stride_w > 1) {
    plan->staged = plan->thinned = true;
    plan->step_h = plan->step_w = 1;
    plan->source =
        csn_tensor_make(CSN_BLOCKED, in->images, in->channels, plan->out.height, plan->out.width, 0, 0, 0, 0);
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
  plan->scattered = plan->step_w > 2 || short_rows;
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
  if (plan->algorithm != CSN_CONV_BF16 || !is_pointwise(&plan->conv) || plan->scattered || plan->panel_chunks != 1)
    return;
  plan->gathered = true;
  plan->staged = false;
  plan->source = plan->in;
  if (plan->target.height != plan->out.height) flatten(&plan->source);
  const int64_t chunk_tiles = csn_ceil_div(plan->tiles, plan->tile_chunks);
  plan->worker_scratch =
      (size_t)(chunk_tiles * csn_tile_max_pixels * csn_block * plan->panel_blocks) * sizeof(float);
}

/// Splits the input blocks so that a strip's weights for some of them stay in the first-level cache while they pass
/// over a chunk's tiles; the sums wait in scratch.
static void split_depth(csn_conv_plan *plan) {
  const csn_tile_kernels *kernels = csn_tile_kernels_for(plan->level);
  plan->depth = plan->panel_blocks;
  // Tiles as large as two blocks of 16 allow spend enough time on a weight for it to come from further away.
  if (kernels->vectors > 1 || plan->source.layout == CSN_PLANAR) return;
  const int64_t block_bytes = (int64_t)plan->conv.kernel_h * plan->conv.kernel_w * csn_block * csn_block * 4;
  const int64_t passes = csn_ceil_div(plan->panel_blocks * block_bytes, strip_weight_bytes);
  const int64_t chunk_tiles = csn_ceil_div(plan->tiles, plan->tile_chunks);
  // A few tiles don't pay for it.
  if (passes < 2 || chunk_tiles < 4) return;
  plan->depth = (int32_t)csn_ceil_div(plan->panel_blocks, passes);
  plan->worker_scratch = (size_t)(chunk_tiles * kernels->pixels * csn_panel) * sizeof(float);
}

void csn_direct_plan(csn_conv_plan *plan) {
  stage_input(plan);
  plan->target = plan->out;
  plan->addend = plan->residual;
  if (is_pointwise(&plan->conv) && plan->step_h * plan->step_w == 1 && plan->in.layout == CSN_BLOCKED &&
      is_dense(&plan->source) && is_dense(&plan->target) &&
      (!plan->has_residual || is_dense(&plan->addend)) &&
      (int64_t)plan->out.height * plan->out.width <= INT32_MAX / csn_block) {
    flatten(&plan->source);
    flatten(&plan->target);
    if (plan->has_residual) flatten(&plan->addend);
  }
  cut_tiles(plan);
  cut_chunks(plan);
  if (plan->tiles == 0) return;
  split_depth(plan);
  plan_gathering(plan);
  if (plan->staged) plan->staged_bytes = csn_tensor_count(&plan->source) * sizeof(float);
  if (plan->staged && plan->staged_bytes == 0) plan->tiles = 0;
  plan->scratch_bytes = plan->staged_bytes + plan->worker_scratch * (size_t)plan->threads;
}

typedef struct {
  const csn_conv_plan *plan;
  const float *in, *weights, *bias, *residual;
  float *out;
  char *scratch;
} direct_job;

static csn_tile_kind tile_kind(const csn_conv_plan *plan) {
  const bool planar = plan->source.layout == CSN_PLANAR;
  if (plan->gathered) return csn_tile_dense;
  if (plan->scattered) return planar ? csn_tile_planar_scattered : csn_tile_scattered;
  if (plan->step_w == 2) return planar ? csn_tile_planar2 : csn_tile_strided2;
  return planar ? csn_tile_planar1 : csn_tile_dense;
}

/// Where a tile's pixels lie, from the tensors' first elements on: every one where tiles are scattered, else the first.
typedef struct {
  int pixels;
  ptrdiff_t in[csn_tile_max_pixels], out[csn_tile_max_pixels], residual[csn_tile_max_pixels];
} tile_place;

/// Walks over tiles, which follow each other in the order of the output's pixels. Tiles share a span of pixels evenly:
/// the first `longer` of a span have one more than the rest. A span is a row, or all pixels where tiles are scattered.
typedef struct {
  const csn_conv_plan *plan;
  ptrdiff_t pixel;
  int span_tiles, shorter, longer;
  int part, image, y, x;
} tile_walk;

/// Begins at tile `index`.
static tile_walk walk_from(const csn_conv_plan *plan, int index) {
  const csn_tensor *out = &plan->target;
  const int64_t pixels = (int64_t)out->images * out->height * out->width;
  tile_walk walk = {.plan = plan, .pixel = plan->source.layout == CSN_PLANAR ? 1 : csn_block};
  walk.span_tiles = plan->scattered ? plan->tiles : plan->tiles_per_row;
  const int64_t span = plan->scattered ? pixels : out->width;
  walk.shorter = (int)(span / walk.span_tiles);
  walk.longer = (int)(span % walk.span_tiles);
  walk.part = index % walk.span_tiles;
  const int64_t first = index / walk.span_tiles * span + (int64_t)walk.part * walk.shorter +
                        (walk.part < walk.longer ? walk.part : walk.longer);
  walk.x = (int)(first % out->width);
  walk.y = (int)(first / out->width % out->height);
  walk.image = (int)(first / out->width / out->height);
  return walk;
}

/// Passes over `count` pixels of the row.
static void pass(tile_walk *walk, int count) {
  const csn_tensor *out = &walk->plan->target;
  walk->x += count;
  if (walk->x < out->width) return;
  walk->x = 0;
  if (++walk->y < out->height) return;
  walk->y = 0;
  walk->image++;
}

/// The next tile.
static void next_tile(tile_walk *walk, tile_place *place) {
  const csn_conv_plan *plan = walk->plan;
  const csn_tensor *source = &plan->source, *out = &plan->target, *residual = &plan->addend;
  const int count = walk->shorter + (walk->part < walk->longer);
  place->pixels = count;
  for (int i = 0; i < (plan->scattered ? count : 1); i++) {
    place->in[i] = walk->image * source->image_stride + walk->y * plan->step_h * source->row_stride +
                   walk->x * plan->step_w * walk->pixel;
    place->out[i] = walk->image * out->image_stride + walk->y * out->row_stride + walk->x * csn_block;
    place->residual[i] =
        walk->image * residual->image_stride + walk->y * residual->row_stride + walk->x * csn_block;
    pass(walk, plan->scattered ? 1 : count);
  }
  if (++walk->part == walk->span_tiles) walk->part = 0;
}

/// Rounds the input pixels of tiles [first, end) to pairs: [block][pixel][16]; returns how many pixels they are.
static int gather_pairs(const direct_job *job, int first, int end, float *pairs) {
  int pixels = 0;
#if defined(__x86_64__)
  const csn_conv_plan *plan = job->plan;
  const csn_tensor *in = &plan->in;
  const int blocks = csn_tensor_blocks(in);
  tile_place place;
  tile_walk walk = walk_from(plan, first);
  for (int index = first; index < end; index++) {
    next_tile(&walk, &place);
    pixels += place.pixels;
  }
  walk = walk_from(plan, first);
  for (int index = first; index < end; index++) {
    next_tile(&walk, &place);
    for (int block = 0; block < blocks; block += 2) {
      const float *low = job->in + place.in[0] + block * in->block_stride;
      csn_bf16_pair(low, block + 1 < blocks ? low + in->block_stride : NULL,
                    (ptrdiff_t)plan->conv.stride_w * csn_block,
                    pairs + (ptrdiff_t)block / 2 * pixels * csn_block, place.pixels);
    }
    pairs += (ptrdiff_t)place.pixels * csn_block;
  }
#else
  (void)job, (void)first, (void)end, (void)pairs;
#endif
  return pixels;
}

static const csn_tile_kernels *kernels_of(const csn_conv_plan *plan) {
#if defined(__x86_64__)
  if (plan->algorithm == CSN_CONV_BF16) return &csn_tile_kernels_bf16;
#endif
  return csn_tile_kernels_for(plan->level);
}

/// A chunk: some tiles, to be computed for one strip of output channels after another. A strip is as many blocks of 16
/// as the registers hold at once; its weights pass over all tiles before the next strip's turn.
typedef struct {
  const direct_job *job;
  const csn_tile_kernels *kernels;
  csn_tile_kind kind;
  int first_tile, end_tile;
  /// At the first tile.
  tile_walk walk;
  /// What all tiles have in common.
  csn_tile tile;
  /// The input as pairs, where it is gathered.
  const float *pairs;
  /// Room for the sums of a panel's tiles, where the input blocks take several passes.
  float *sums;
  /// The output block of the first strip, to which the input comes from far.
  int first_block;
  /// The weights of the next pass.
  csn_fetch fetch;
} direct_chunk;

/// Floats of the packed weights of one input block of a panel.
static ptrdiff_t block_weights(const csn_conv_plan *plan) {
  return (ptrdiff_t)plan->conv.kernel_h * plan->conv.kernel_w * csn_panel *
         (plan->source.layout == CSN_PLANAR ? 1 : csn_block);
}

/// The input of the tile that `walk` comes to next.
static const float *input_after(const direct_chunk *chunk, tile_walk walk, const float *in) {
  const csn_conv_plan *plan = chunk->job->plan;
  tile_place next;
  next_tile(&walk, &next);
  // The kernel's last row: the rows above it have been read with the outputs above.
  return in + next.in[0] + (plan->conv.kernel_h - 1) * chunk->tile.in_row;
}

/// Adds the products of a pass's input blocks, from `from` on, to a strip of `count` output blocks that begins at
/// `block`.
static void run_strip(direct_chunk *chunk, int block, int count, int from) {
  const direct_job *job = chunk->job;
  const csn_conv_plan *plan = job->plan;
  const bool planar = plan->source.layout == CSN_PLANAR;
  const int panel = block / 2, left = plan->panel_blocks - from;
  const int first_block = planar ? 0 : csn_conv_first_block(&plan->conv, plan->panel_blocks, panel);
  const bool last = left <= plan->depth;
  csn_tile tile = chunk->tile;
  tile.blocks = last ? left : plan->depth;
  tile.weights = job->weights + ((ptrdiff_t)panel * plan->panel_blocks + from) * block_weights(plan) +
                 block % 2 * csn_block;
  if (job->bias) tile.bias = job->bias + (ptrdiff_t)block * csn_block;
  if (!last) tile.flags = 0;
  const float *in = job->in + (first_block + from) * plan->source.block_stride, *pairs = chunk->pairs;
  float *out = job->out + block * plan->target.block_stride;
  float *sums = chunk->sums + block % 2 * (plan->worker_scratch / sizeof(float) / 2);
  const float *residual = plan->has_residual ? job->residual + block * plan->addend.block_stride : NULL;
  const bool fetches_input = block == chunk->first_block && !plan->scattered && !pairs;
  csn_fetch fetch = chunk->fetch;
  tile_walk walk = chunk->walk;
  tile_place place;
  for (int index = chunk->first_tile; index < chunk->end_tile; index++) {
    next_tile(&walk, &place);
    const int pixels = place.pixels;
    tile.in = in;
    tile.out = out;
    tile.residual = residual;
    if (plan->scattered) {
      tile.in_offsets = place.in;
      tile.out_offsets = place.out;
      tile.residual_offsets = place.residual;
    } else {
      tile.in += place.in[0];
      tile.out += place.out[0];
      tile.out_offsets = tile.residual_offsets = csn_dense_offsets;
      if (residual) tile.residual += place.residual[0];
    }
    if (pairs) {
      tile.in = pairs;
      pairs += (ptrdiff_t)pixels * csn_block;
    }
    if (from > 0) tile.sums = sums;
    if (!last) {
      tile.out = sums;
      tile.out_offsets = csn_dense_offsets;
    }
    if (fetches_input) tile.next_in = index + 1 < chunk->end_tile ? input_after(chunk, walk, in) : NULL;
    if (fetch.lines) csn_fetch_with(&fetch, &tile);
    chunk->kernels->run[chunk->kind][count - 1][pixels - 1](&tile);
    sums += (ptrdiff_t)pixels * csn_block;
  }
  chunk->fetch = fetch;
}

/// Fetches the weights of the pass over a panel's input blocks from `from` on, with the pass before it, of `strips`
/// strips.
static csn_fetch fetch_pass(const direct_chunk *chunk, int panel, int from, int strips) {
  const csn_conv_plan *plan = chunk->job->plan;
  const int64_t pixels = (int64_t)plan->target.images * plan->target.height * plan->target.width;
  const ptrdiff_t size = block_weights(plan);
  const int64_t blocks = csn_min64(plan->depth, plan->panel_blocks - from);
  const float *weights = chunk->job->weights + ((ptrdiff_t)panel * plan->panel_blocks + from) * size;
  return csn_fetch_make(weights, weights + blocks * size,
                        strips * (chunk->end_tile - chunk->first_tile), (int)(pixels / plan->tiles),
                        (ptrdiff_t)plan->depth * plan->conv.kernel_h * plan->conv.kernel_w);
}

/// Runs the panel's strips, one pass of input blocks after another: strips lie line by line beside each other, and what
/// the first fetches brings the second's along.
static void run_panel(direct_chunk *chunk, int panel, bool is_last) {
  const csn_conv_plan *plan = chunk->job->plan;
  const int vectors = chunk->kernels->vectors;
  const int first = 2 * panel, end = (int)csn_min64(first + 2, csn_tensor_blocks(&plan->target));
  const int strips = (end - first - 1) / vectors + 1;
  for (int from = 0; from < plan->panel_blocks; from += plan->depth) {
    chunk->fetch = (csn_fetch){0};
    if (from + plan->depth < plan->panel_blocks)
      chunk->fetch = fetch_pass(chunk, panel, from + plan->depth, strips);
    else if (!is_last)
      chunk->fetch = fetch_pass(chunk, panel + 1, 0, strips);
    for (int block = first; block < end; block += vectors)
      run_strip(chunk, block, (int)csn_min64(end - block, vectors), from);
  }
}

static void run_chunk(void *context, int index, int worker) {
  const direct_job *job = context;
  const csn_conv_plan *plan = job->plan;
  const csn_conv *conv = &plan->conv;
  const bool planar = plan->source.layout == CSN_PLANAR;
  const int tile_chunk = index % plan->tile_chunks, panel_chunk = index / plan->tile_chunks;
  const int first_panel = (int)((int64_t)plan->panels * panel_chunk / plan->panel_chunks);
  const int end_panel = (int)((int64_t)plan->panels * (panel_chunk + 1) / plan->panel_chunks);
  float *room = (float *)(job->scratch + plan->staged_bytes + (size_t)worker * plan->worker_scratch);
  direct_chunk chunk = {
      .job = job, .kernels = kernels_of(plan), .kind = tile_kind(plan),
      .first_tile = (int)((int64_t)plan->tiles * tile_chunk / plan->tile_chunks),
      .end_tile = (int)((int64_t)plan->tiles * (tile_chunk + 1) / plan->tile_chunks),
      .tile =
          {
              .in_block = plan->source.block_stride,
              .in_row = plan->source.row_stride * conv->dilation_h,
              .in_tap = (ptrdiff_t)conv->dilation_w * (planar ? 1 : csn_block),
              .kernel_h = conv->kernel_h, .kernel_w = conv->kernel_w,
              .residual_block = plan->addend.block_stride, .out_block = plan->target.block_stride,
              .lower = conv->lower, .upper = conv->upper,
              .flags = csn_conv_flags(plan, job->out),
          },
      .sums = room,
      .first_block = 2 * first_panel,
  };
  chunk.walk = walk_from(plan, chunk.first_tile);
  if (plan->gathered) {
    chunk.tile.in_block = (ptrdiff_t)gather_pairs(job, chunk.first_tile, chunk.end_tile, room) * csn_block;
    chunk.pairs = room;
  }
  for (int panel = first_panel; panel < end_panel; panel++) run_panel(&chunk, panel, panel + 1 == end_panel);
}

typedef struct {
  const csn_conv_plan *plan;
  const float *in;
  float *copy;
} thin_job;

/// Copies the pixels of one block of one image that a strided pointwise convolution reads.
static void thin_plane(void *context, int index, int worker) {
  (void)worker;
  const thin_job *job = context;
  const csn_tensor *in = &job->plan->in, *source = &job->plan->source;
  const csn_conv *conv = &job->plan->conv;
  const int blocks = csn_tensor_blocks(in), image = index / blocks, block = index % blocks;
  const float *plane = job->in + image * in->image_stride + block * in->block_stride;
  float *copy = job->copy + image * source->image_stride + block * source->block_stride;
  for (int y = 0; y < job->plan->out.height; y++) {
    const float *row = plane + (ptrdiff_t)y * conv->stride_h * in->row_stride;
    for (int x = 0; x < job->plan->out.width; x++, copy += csn_block)
      memcpy(copy, row + (ptrdiff_t)x * conv->stride_w * csn_block, csn_block * sizeof(float));
  }
}

/// Copies the input to scratch, framed by zeros or thinned out.
static void stage(const csn_conv_plan *plan, const float *in, float *copy, csn_pool *pool) {
#if defined(__x86_64__)
  if (plan->algorithm == CSN_CONV_BF16) {
    csn_bf16_stage(plan, in, copy, pool);
    return;
  }
#endif
  if (plan->thinned) {
    thin_job job = {plan, in, copy};
    csn_pool_run(pool, thin_plane, &job, plan->in.images * csn_tensor_blocks(&plan->in));
    return;
  }
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
  csn_pool_run(pool, run_chunk, &job, plan->tile_chunks * plan->panel_chunks);
}
