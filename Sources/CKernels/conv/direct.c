// Direct convolution: tiles of output pixels times panels of output channels, as the plan has cut them.
#include "conv/bf16/bf16.h"
#include "conv/conv.h"

#include <string.h>

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

/// Where the pixels of a run of tiles lie, from the tensors' first elements on: every one where tiles are scattered,
/// and a run is one tile; else the first.
typedef struct {
  int pixels, tiles;
  ptrdiff_t in[csn_tile_max_pixels], out[csn_tile_max_pixels], residual[csn_tile_max_pixels];
} run_place;

/// Walks over tiles, which follow each other in the order of the output's pixels. Tiles share a span of pixels evenly:
/// the first `longer` of a span have one more than the rest. A span is a row, or all pixels where tiles are scattered.
typedef struct {
  const csn_conv_plan *plan;
  int span_tiles, shorter, longer;
  int part, image, y, x;
  /// Where the pixel lies, from the tensors' first elements on.
  ptrdiff_t in, out, residual;
} tile_walk;

/// Floats from one pixel that tiles read to the next of its row.
static ptrdiff_t in_step(const csn_conv_plan *plan) {
  return (ptrdiff_t)plan->step_w * (plan->source.layout == CSN_PLANAR ? 1 : csn_block);
}

/// Works out where the pixel lies.
static void locate(tile_walk *walk) {
  const csn_conv_plan *plan = walk->plan;
  const csn_tensor *source = &plan->source, *out = &plan->target, *residual = &plan->addend;
  walk->in = walk->image * source->image_stride + walk->y * plan->step_h * source->row_stride +
             walk->x * in_step(plan);
  walk->out = walk->image * out->image_stride + walk->y * out->row_stride + walk->x * csn_block;
  walk->residual = walk->image * residual->image_stride + walk->y * residual->row_stride + walk->x * csn_block;
}

/// Begins at tile `index`.
static tile_walk walk_from(const csn_conv_plan *plan, int index) {
  const csn_tensor *out = &plan->target;
  const int64_t pixels = (int64_t)out->images * out->height * out->width;
  tile_walk walk = {.plan = plan};
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
  locate(&walk);
  return walk;
}

/// Passes over `count` pixels of the row.
static void pass(tile_walk *walk, int count) {
  const csn_tensor *out = &walk->plan->target;
  walk->x += count;
  if (walk->x < out->width) {
    walk->in += count * in_step(walk->plan);
    walk->out += (ptrdiff_t)count * csn_block;
    walk->residual += (ptrdiff_t)count * csn_block;
    return;
  }
  walk->x = 0;
  if (++walk->y == out->height) {
    walk->y = 0;
    walk->image++;
  }
  locate(walk);
}

/// The next tiles of one size that lie in one row, `limit` at most.
static void next_run(tile_walk *walk, int limit, run_place *place) {
  const bool scattered = walk->plan->scattered, is_longer = walk->part < walk->longer;
  const int alike = (is_longer ? walk->longer : walk->span_tiles) - walk->part;
  place->pixels = walk->shorter + is_longer;
  place->tiles = scattered ? 1 : (int)csn_min64(alike, limit);
  for (int i = 0; i < (scattered ? place->pixels : 1); i++) {
    place->in[i] = walk->in;
    place->out[i] = walk->out;
    place->residual[i] = walk->residual;
    pass(walk, scattered ? 1 : place->pixels * place->tiles);
  }
  walk->part += place->tiles;
  if (walk->part == walk->span_tiles) walk->part = 0;
}

/// Rounds the input pixels of tiles [first, end) to pairs: [block][pixel][16]; returns how many pixels they are.
static int gather_pairs(const direct_job *job, int first, int end, float *pairs) {
  int pixels = 0;
#if defined(__x86_64__)
  const csn_conv_plan *plan = job->plan;
  const csn_tensor *in = &plan->in;
  const int blocks = csn_tensor_blocks(in);
  run_place place;
  tile_walk walk = walk_from(plan, first);
  for (int index = first; index < end; index += place.tiles) {
    next_run(&walk, end - index, &place);
    pixels += place.tiles * place.pixels;
  }
  walk = walk_from(plan, first);
  for (int index = first; index < end; index += place.tiles) {
    next_run(&walk, end - index, &place);
    const int count = place.tiles * place.pixels;
    for (int block = 0; block < blocks; block += 2) {
      const float *low = job->in + place.in[0] + block * in->block_stride;
      csn_bf16_pair(low, block + 1 < blocks ? low + in->block_stride : NULL,
                    (ptrdiff_t)plan->conv.stride_w * csn_block,
                    pairs + (ptrdiff_t)block / 2 * pixels * csn_block, count);
    }
    pairs += (ptrdiff_t)count * csn_block;
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
static const float *input_after(tile_walk walk, const float *in) {
  run_place next;
  next_run(&walk, 1, &next);
  return in + next.in[0];
}

/// Rows of a kernel's window that the outputs above have not read.
static int new_rows(const csn_conv_plan *plan) {
  return plan->conv.dilation_h > 1 ? 1 : (int)csn_min64(plan->conv.kernel_h, plan->step_h);
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
  const ptrdiff_t sums_block = (ptrdiff_t)(plan->worker_scratch / sizeof(float) / 2);
  csn_tile tile = chunk->tile;
  tile.blocks = last ? left : plan->depth;
  tile.weights = job->weights + ((ptrdiff_t)panel * plan->panel_blocks + from) * block_weights(plan) +
                 block % 2 * csn_block;
  if (job->bias) tile.bias = job->bias + (ptrdiff_t)block * csn_block;
  tile.sums_block = sums_block;
  if (!last) {
    tile.flags = 0;
    tile.out_block = sums_block;
  }
  const float *in = job->in + (first_block + from) * plan->source.block_stride, *pairs = chunk->pairs;
  float *out = job->out + block * plan->target.block_stride;
  float *sums = from > 0 || !last ? chunk->sums + block % 2 * sums_block : NULL;
  const float *residual = plan->has_residual ? job->residual + block * plan->addend.block_stride : NULL;
  if (block == chunk->first_block && !plan->scattered && !planar && !pairs) tile.fetch_rows = new_rows(plan);
  tile_walk walk = chunk->walk;
  run_place place;
  for (int index = chunk->first_tile; index < chunk->end_tile; index += place.tiles) {
    next_run(&walk, chunk->end_tile - index, &place);
    const ptrdiff_t floats = (ptrdiff_t)place.tiles * place.pixels * csn_block;
    tile.count = place.tiles;
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
      if (residual) tile.residual += place.residual[0];
    }
    if (pairs) {
      tile.in = pairs;
      pairs += floats;
    }
    if (from > 0) tile.sums = sums;
    if (!last) {
      tile.out = sums;
      tile.out_offsets = csn_adjacent;
    }
    if (tile.fetch_rows > 0) tile.next_in = index + place.tiles < chunk->end_tile ? input_after(walk, in) : NULL;
    csn_fetch_with(&chunk->fetch, &tile);
    chunk->kernels->run[chunk->kind][count - 1][place.pixels - 1](&tile);
    if (sums) sums += floats;
  }
}

/// Fetches the weights of the pass over a panel's input blocks from `from` on, with the pass before it, of `strips`
/// strips.
static csn_fetch fetch_pass(const direct_chunk *chunk, int panel, int from, int strips) {
  const csn_conv_plan *plan = chunk->job->plan;
  const int64_t pixels = (int64_t)plan->target.images * plan->target.height * plan->target.width;
  const ptrdiff_t size = block_weights(plan);
  const int64_t blocks = csn_min64(plan->depth, plan->panel_blocks - from);
  const float *weights = chunk->job->weights + ((ptrdiff_t)panel * plan->panel_blocks + from) * size;
  return csn_fetch_make(chunk->kernels, weights, weights + blocks * size,
                        strips * (chunk->end_tile - chunk->first_tile), (int)(pixels / plan->tiles),
                        (ptrdiff_t)plan->depth * plan->conv.kernel_h * plan->conv.kernel_w);
}

/// Runs the panel's strips, one pass of input blocks after another: strips lie line by line beside each other, and what
/// the first fetches brings the second's along. `next` is the panel that follows; negative for none.
static void run_panel(direct_chunk *chunk, int panel, int next) {
  const csn_conv_plan *plan = chunk->job->plan;
  const int vectors = chunk->kernels->vectors;
  const int first = 2 * panel, end = (int)csn_min64(first + 2, csn_tensor_blocks(&plan->target));
  const int strips = (end - first - 1) / vectors + 1;
  for (int from = 0; from < plan->panel_blocks; from += plan->depth) {
    chunk->fetch = (csn_fetch){0};
    if (from + plan->depth < plan->panel_blocks)
      chunk->fetch = fetch_pass(chunk, panel, from + plan->depth, strips);
    else if (next >= 0)
      chunk->fetch = fetch_pass(chunk, next, 0, strips);
    for (int block = first; block < end; block += vectors)
      run_strip(chunk, block, (int)csn_min64(end - block, vectors), from);
  }
}

static void run_chunk(void *context, int index, int worker) {
  const direct_job *job = context;
  const csn_conv_plan *plan = job->plan;
  const csn_conv *conv = &plan->conv;
  const bool planar = plan->source.layout == CSN_PLANAR;
  const csn_conv_part part = csn_conv_part_of(plan, index, worker);
  float *room = (float *)(job->scratch + plan->staged_bytes + (size_t)worker * plan->worker_scratch);
  direct_chunk chunk = {
      .job = job, .kernels = kernels_of(plan), .kind = tile_kind(plan),
      .first_tile = part.first_tile, .end_tile = part.end_tile,
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
      .first_block = 2 * part.first_panel,
  };
  chunk.walk = walk_from(plan, chunk.first_tile);
  if (plan->gathered) {
    chunk.tile.in_block = (ptrdiff_t)gather_pairs(job, chunk.first_tile, chunk.end_tile, room) * csn_block;
    chunk.pairs = room;
  }
  for (int panel = part.first_panel; panel < part.end_panel; panel++)
    run_panel(&chunk, panel, panel + 1 < part.end_panel ? panel + 1 : part.next_panel);
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

/// Copies the input to scratch, framed by the padding or thinned out.
static void stage(const csn_conv_plan *plan, const float *in, float *copy, csn_pool *pool) {
#if defined(__x86_64__)
  if (plan->algorithm == CSN_CONV_BF16) {
    csn_clear_halo(&plan->source, copy, pool);
    csn_bf16_stage(plan, in, copy, pool);
    return;
  }
#endif
  if (plan->thinned) {
    thin_job job = {plan, in, copy};
    csn_pool_run(pool, thin_plane, &job, plan->in.images * csn_tensor_blocks(&plan->in));
    return;
  }
  if (csn_conv_has_edges(&plan->conv)) {
    csn_edge_stage(plan, in, copy - csn_tensor_origin(&plan->source), pool);
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
