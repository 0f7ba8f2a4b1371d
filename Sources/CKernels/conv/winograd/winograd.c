// Winograd convolution, in one of two orders. By tiles: a chunk is some tiles, taken through all three steps in
// scratch of its worker's own that mostly stays in the second-level cache; right where the transformed weights lie
// there too, or near. By frequency: each step runs over all tiles (or a round of many) before the next begins, so that
// the weights are read once.
#include "conv/winograd/winograd.h"

#include <string.h>

#include "conv/bf16/bf16.h"

enum {
  // Transformed weights up to this size are read anew by every chunk.
  cached_weight_bytes = 768 << 10,
  // So are larger ones, from the third-level cache, by chunks of so many tiles or more. Not at AMX's level: the caches
  // of processors that have it are far away.
  near_weight_bytes = 4 << 20,
  near_tiles = 12,
  // Scratch of a chunk, by tiles. More than some second-level caches hold: longer runs of tiles, and weights that are
  // read anew less often, pay for it.
  chunk_bytes = 640 << 10,
  // Scratch of a round, by frequency.
  round_bytes = 4 << 20,
  chunks_per_thread = 8,
  // An input larger than this comes from behind the second-level cache, and should be on its way before its turn.
  far_input_bytes = 4 << 20,
  // Fewer tiles than this don't pay for a chunk of their own, nor less than the registers hold.
  chunk_tiles = 6,
  // Weights of one chunk of the middle step, by frequency.
  product_weight_bytes = 256 << 10,
};

typedef struct {
  const csn_conv_plan *plan;
  const csn_winograd_kernels *kernels;
  const csn_tile_kernels *tile_kernels;
  const float *in, *weights, *bias, *residual;
  float *out;
  char *scratch;
  int m, n, in_blocks, product_blocks, out_blocks;
  // By tiles: whether the input comes from far.
  bool fetches_input;
  // The round: its tiles, and its transformed input and output, [frequency][block][tile][16], its
  // frequencies frequency_stride() apart.
  int first, count;
  float *transformed, *products;
  int input_parts, product_parts, output_parts;
} winograd_job;

static const csn_winograd_kernels *kernels_for(csn_cpu_level level) {
#if defined(__x86_64__)
  if (level >= CSN_CPU_AVX512) return &csn_winograd_kernels_avx512;
  if (level == CSN_CPU_AVX2) return &csn_winograd_kernels_avx2;
#endif
  (void)level;
  return &csn_winograd_kernels_portable;
}

static const csn_tile_kernels *tile_kernels_for(const csn_conv_plan *plan) {
#if defined(__x86_64__)
  if (csn_winograd_is_paired(plan->algorithm)) return &csn_tile_kernels_bf16;
#endif
  return csn_tile_kernels_for(plan->level);
}

/// Floats from one frequency to the next, of `count` tiles of some blocks: an odd number of cache lines, so that a
/// tile's frequencies fall into different sets.
static ptrdiff_t frequency_stride(int blocks, int count) { return ((ptrdiff_t)blocks * count | 1) * csn_block; }

/// Bytes that a tile takes in scratch, transformed input and products.
static int64_t tile_bytes(const csn_conv_plan *plan) {
  const int n = csn_winograd_inputs(plan->algorithm);
  const int in_blocks = csn_winograd_in_blocks(plan->algorithm, &plan->conv);
  return (int64_t)n * n * csn_block * (in_blocks + csn_tensor_blocks(&plan->out)) * (int64_t)sizeof(float);
}

/// Bytes that `count` tiles take, with the lines that keep the frequencies of either apart.
static size_t scratch_of(const csn_conv_plan *plan, int count) {
  const int n = csn_winograd_inputs(plan->algorithm);
  return (size_t)(count * tile_bytes(plan)) + (size_t)(2 * n * n * csn_block) * sizeof(float);
}

/// Bytes of one frequency of `count` tiles' inputs, rounded to pairs; 0 where they aren't.
static size_t pairs_of(const csn_conv_plan *plan, int count) {
  if (!csn_winograd_is_paired(plan->algorithm)) return 0;
  return (size_t)csn_winograd_product_blocks(plan->algorithm, &plan->conv) * (size_t)count * csn_block * sizeof(float);
}

void csn_winograd_plan(csn_conv_plan *plan) {
  // Zeros around the input are not what its padding holds.
  if (csn_conv_has_edges(&plan->conv))
    plan->in.halo_top = plan->in.halo_left = plan->in.halo_bottom = plan->in.halo_right = 0;
  const int m = csn_winograd_outputs(plan->algorithm);
  const int full = tile_kernels_for(plan)->pixels;
  plan->tiles_x = (plan->out.width - 1) / m + 1;
  plan->tiles_y = (plan->out.height - 1) / m + 1;
  const int64_t tiles = (int64_t)plan->tiles_x * plan->tiles_y * plan->out.images;
  const int64_t bytes = tile_bytes(plan), weight_bytes = (int64_t)plan->weight_count * 4;
  if (tiles > INT32_MAX) return;
  plan->tiles = (int32_t)tiles;
  plan->depth = csn_conv_strip_depth(tile_kernels_for(plan),
                                     csn_winograd_product_blocks(plan->algorithm, &plan->conv), csn_block * csn_block);
  const bool near = !csn_cpu_level_has_amx(plan->level) && tiles / plan->threads >= near_tiles;
  plan->by_frequency = weight_bytes > (near ? near_weight_bytes : cached_weight_bytes);
  if (plan->by_frequency) {
    // A round reads all weights: let it have no less work in hand than they are large.
    int64_t room = csn_max64(csn_max64(round_bytes, weight_bytes) / bytes, full);
    int64_t rounds = csn_ceil_div(tiles, room);
    plan->round_tiles = (int32_t)csn_ceil_div(tiles, rounds);
    plan->worker_scratch = pairs_of(plan, plan->round_tiles);
    plan->scratch_bytes = scratch_of(plan, plan->round_tiles) + plan->worker_scratch * (size_t)plan->threads;
  } else {
    int64_t room = csn_max64(chunk_bytes / bytes / full * full, full);
    int64_t chunks = csn_ceil_div(tiles, room);
    const int64_t most_chunks = weight_bytes > cached_weight_bytes ? tiles / near_tiles
                                                                   : csn_ceil_div(tiles, csn_max64(full, chunk_tiles));
    if (plan->threads > 1)
      chunks = csn_max64(chunks, csn_min64((int64_t)plan->threads * chunks_per_thread, most_chunks));
    plan->tile_chunks = (int32_t)csn_min64(chunks, tiles);
    plan->round_tiles = (int32_t)csn_ceil_div(tiles, plan->tile_chunks);
    plan->worker_scratch = scratch_of(plan, plan->round_tiles) + pairs_of(plan, plan->round_tiles);
    plan->scratch_bytes = plan->worker_scratch * (size_t)plan->threads;
  }
  if (csn_conv_is_planar(plan->algorithm)) csn_winograd_plan_phases(plan);
  plan->scratch_bytes += plan->staged_bytes;
}

/// A tile's place: image and position in the grid.
typedef struct {
  int image, y, x;
} tile_place;

static tile_place place_of(const csn_conv_plan *plan, int tile) {
  const int x = tile % plan->tiles_x, row = tile / plan->tiles_x;
  return (tile_place){row / plan->tiles_y, row % plan->tiles_y, x};
}

/// Copies a tile that reaches over the border, with zeros for what is not there.
static void gather(const csn_tensor *in, const float *plane, int top, int left, int n, float *tile) {
  const int first = left < 0 ? -left : 0;
  const int end = left + n > in->width ? in->width - left : n;
  memset(tile, 0, sizeof(float) * (size_t)(n * n) * csn_block);
  for (int y = 0; y < n && end > first; y++) {
    if (top + y < 0 || top + y >= in->height) continue;
    const float *row = plane + (top + y) * in->row_stride + (ptrdiff_t)(left + first) * csn_block;
    memcpy(tile + (y * n + first) * csn_block, row, sizeof(float) * (size_t)(end - first) * csn_block);
  }
}

/// The same, with the nearest pixels.
static void gather_edges(const csn_tensor *in, const float *plane, int top, int left, int n, float *tile) {
  csn_tensor from = *in;
  from.images = 1;
  from.channels = csn_block;
  const csn_tensor to = csn_tensor_make(CSN_BLOCKED, 1, csn_block, n, n, 0, 0, 0, 0);
  const csn_pad pad = {.mode = CSN_PAD_EDGE, .top = -top, .left = -left};
  csn_pad_run(&pad, &from, plane, &to, tile, NULL);
}

/// Asks for `rows` rows of `m` pixels: of an input tile what it adds to its left neighbour, or an output tile.
static void prefetch_rows(const float *first, ptrdiff_t row_stride, int rows, int m) {
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < m; x++) __builtin_prefetch(first + y * row_stride + x * csn_block, 0, 3);
}

/// As transform_inputs, of a planar input.
static void transform_lanes(const winograd_job *job, float *transformed, int count, int base, int block, int first,
                            int end) {
  const csn_tensor *source = &job->plan->source;
  const int m = job->m, n = job->n;
  ptrdiff_t lanes[csn_block];
  csn_winograd_lanes(job->plan, block, lanes);
  for (int t = first; t < end; t++) {
    const tile_place place = place_of(job->plan, base + t);
    float tile[csn_winograd_most_inputs * csn_winograd_most_inputs * csn_block];
    const float *in = job->in + place.image * source->image_stride + place.y * m * source->row_stride + place.x * m;
    job->kernels->gather_lanes(in, lanes, source->row_stride, n, tile);
    job->kernels->input[n](tile, (ptrdiff_t)n * csn_block,
                           transformed + ((ptrdiff_t)block * count + t) * csn_block,
                           frequency_stride(job->in_blocks, count));
  }
}

/// Transforms block `block` of tiles [first, end), counted within the round of `count`. Blocks are those of the input,
/// for every piece of the kernel anew.
static void transform_inputs(const winograd_job *job, float *transformed, int count, int base, int block, int first,
                             int end) {
  const csn_conv_plan *plan = job->plan;
  const csn_tensor *in = &plan->in;
  if (in->layout == CSN_PLANAR) {
    transform_lanes(job, transformed, count, base, block, first, end);
    return;
  }
  const int m = job->m, n = job->n, blocks = csn_tensor_blocks(in);
  const int piece = block / blocks, across = csn_winograd_pieces(plan->algorithm, plan->conv.kernel_w, 1);
  const int down_tap = csn_winograd_piece_at(plan->algorithm, plan->conv.kernel_h, 1, piece / across).tap;
  const int across_tap = csn_winograd_piece_at(plan->algorithm, plan->conv.kernel_w, 1, piece % across).tap;
  const ptrdiff_t stride = frequency_stride(job->in_blocks, count);
  csn_winograd_input transform = job->kernels->input[n];
  const bool has_edges = csn_conv_has_edges(&plan->conv);
  for (int t = first; t < end; t++) {
    tile_place place = place_of(plan, base + t);
    const int top = place.y * m - plan->conv.pad_top + down_tap, left = place.x * m - plan->conv.pad_left + across_tap;
    const float *plane = job->in + place.image * in->image_stride + block % blocks * in->block_stride;
    float *to = transformed + ((ptrdiff_t)block * count + t) * csn_block;
    if (top >= -in->halo_top && left >= -in->halo_left && top + n <= in->height + in->halo_bottom &&
        left + n <= in->width + in->halo_right) {
      const float *tile = plane + top * in->row_stride + (ptrdiff_t)left * csn_block;
      // The block after this comes next: its lines should be on their way.
      if (block % blocks + 1 < blocks) prefetch_rows(tile + in->block_stride, in->row_stride, n, m);
      transform(tile, in->row_stride, to, stride);
    } else {
      float tile[csn_winograd_most_inputs * csn_winograd_most_inputs * csn_block];
      (has_edges ? gather_edges : gather)(in, plane, top, left, n, tile);
      transform(tile, (ptrdiff_t)n * csn_block, to, stride);
    }
  }
}

/// Weights of a panel for a frequency; NULL past the last frequency.
static const float *panel_weights(const winograd_job *job, int frequency, int panel) {
  if (frequency < 0 || frequency >= job->n * job->n) return NULL;
  const ptrdiff_t size = (ptrdiff_t)job->product_blocks * csn_block * csn_panel;
  return job->weights + ((ptrdiff_t)frequency * job->plan->panels + panel) * size;
}

/// Rounds one frequency's inputs to pairs.
static const float *round_pairs(const winograd_job *job, const float *in, int count, float *pairs) {
#if defined(__x86_64__)
  const ptrdiff_t plane = (ptrdiff_t)count * csn_block;
  for (int block = 0; block < job->in_blocks; block += 2)
    csn_bf16_pair(in + block * plane, block + 1 < job->in_blocks ? in + (block + 1) * plane : NULL, csn_block,
                  pairs + block / 2 * plane, count);
  return pairs;
#else
  (void)job, (void)count, (void)pairs;
  return in;
#endif
}

/// The blocked input of some tiles, to be fetched beside the products of others: row by row of every block, a piece of
/// a row at a time.
typedef struct {
  const winograd_job *job;
  /// Tiles that are left, the first ones in one row.
  int tile, end;
  /// Where the next piece begins; and pieces of a row.
  int block, row, piece, pieces;
} input_fetch;

/// Fetches the input of tiles [first, end), all of it where `turns` pieces may be as many as its rows.
static input_fetch input_fetch_make(const winograd_job *job, int first, int end, int turns) {
  const int tile_rows = (end - 1) / job->plan->tiles_x - first / job->plan->tiles_x + 1;
  const int rows = tile_rows * csn_tensor_blocks(&job->plan->in) * job->n;
  return (input_fetch){.job = job, .tile = first, .end = end, .pieces = turns > rows ? turns / rows : 1};
}

/// The next piece; leaves `begin` and `end` as they are where none is left.
static void next_piece(input_fetch *fetch, const float **begin, const float **end) {
  if (fetch->tile >= fetch->end) return;
  const winograd_job *job = fetch->job;
  const csn_tensor *in = &job->plan->in;
  const tile_place place = place_of(job->plan, fetch->tile);
  const int tiles = (int)csn_min64(fetch->end - fetch->tile, job->plan->tiles_x - place.x);
  const int y = csn_clamped(place.y * job->m - job->plan->conv.pad_top + fetch->row, in->height);
  const int left = csn_clamped(place.x * job->m - job->plan->conv.pad_left, in->width);
  const int pixels = (int)csn_min64(tiles * job->m, in->width - left);
  const float *row = job->in + place.image * in->image_stride + fetch->block * in->block_stride + y * in->row_stride +
                     (ptrdiff_t)left * csn_block;
  *begin = row + (ptrdiff_t)csn_share(pixels, fetch->piece, fetch->pieces) * csn_block;
  *end = row + (ptrdiff_t)csn_share(pixels, fetch->piece + 1, fetch->pieces) * csn_block;
  if (++fetch->piece < fetch->pieces) return;
  fetch->piece = 0;
  if (++fetch->row < job->n) return;
  fetch->row = 0;
  if (++fetch->block < csn_tensor_blocks(in)) return;
  fetch->block = 0;
  fetch->tile += tiles;
}

/// Multiplies one frequency of all tiles by panels [first, end), one pass of input blocks after another, and fetches
/// meanwhile: pieces of `input`, or where there are none the weights of each next pass, after the last panel's those at
/// `next` (NULL for none).
static void multiply(const winograd_job *job, const float *transformed, float *products, float *pairs, int count,
                     int frequency, int first, int end, const float *next, input_fetch *input) {
  const csn_tile_kernels *kernels = job->tile_kernels;
  const float *in = transformed + frequency * frequency_stride(job->in_blocks, count);
  if (csn_winograd_is_paired(job->plan->algorithm)) in = round_pairs(job, in, count, pairs);
  const ptrdiff_t plane = (ptrdiff_t)count * csn_block, block_weights = csn_block * csn_panel;
  const int parts = (count - 1) / kernels->pixels + 1, depth = job->plan->depth;
  const csn_row row = csn_row_make(count, parts);
  csn_tile tile = {.in_block = plane, .sums_block = plane, .out_block = plane, .kernel_h = 1, .kernel_w = 1};
  for (int panel = first; panel < end; panel++) {
    const int end_block = (int)csn_min64(2 * panel + 2, job->out_blocks);
    const int strips = (end_block - 2 * panel - 1) / kernels->vectors + 1;
    for (int from = 0; from < job->product_blocks; from += depth) {
      const float *weights = panel_weights(job, frequency, panel) + from * block_weights;
      tile.blocks = (int)csn_min64(depth, job->product_blocks - from);
      const int after = from + depth < job->product_blocks ? from + depth : 0;
      const float *ahead = next;
      if (after > 0)
        ahead = weights + tile.blocks * block_weights;
      else if (panel + 1 < end)
        ahead = panel_weights(job, frequency, panel + 1);
      const float *ahead_end = ahead ? ahead + csn_min64(depth, job->product_blocks - after) * block_weights : NULL;
      if (input) next_piece(input, &ahead, &ahead_end);
      csn_fetch fetch = {0};
      if (ahead) fetch = csn_fetch_make(kernels, ahead, ahead_end, strips * parts, count / parts, tile.blocks);
      for (int block = 2 * panel; block < end_block; block += kernels->vectors) {
        tile.in = in + from * plane;
        tile.out = products + frequency * frequency_stride(job->out_blocks, count) + block * plane;
        tile.sums = from > 0 ? tile.out : NULL;
        tile.weights = weights + block % 2 * csn_block;
        csn_row_run(kernels, (int)csn_min64(end_block - block, kernels->vectors), &row, &tile, &fetch);
      }
    }
  }
}

/// Transforms block `block` of tiles [first, end) back, to the output.
static void transform_outputs(const winograd_job *job, const float *products, int count, int base, int block,
                              int first, int end) {
  const csn_conv_plan *plan = job->plan;
  const csn_tensor *out = &plan->out, *residual = &plan->residual;
  const int m = job->m;
  csn_winograd_output transform = job->kernels->output[job->n];
  csn_winograd_target target = {
      .bias = job->bias ? job->bias + block * csn_block : NULL,
      .residual_row = residual->row_stride, .out_row = out->row_stride,
      .lower = plan->conv.lower, .upper = plan->conv.upper, .flags = csn_conv_flags(plan, job->out),
  };
  for (int t = first; t < end; t++) {
    tile_place place = place_of(plan, base + t);
    const int y = place.y * m, x = place.x * m;
    target.height = out->height - y < m ? out->height - y : m;
    target.width = out->width - x < m ? out->width - x : m;
    target.out = job->out + place.image * out->image_stride + block * out->block_stride + y * out->row_stride +
                 (ptrdiff_t)x * csn_block;
    if (plan->has_residual)
      target.residual = job->residual + place.image * residual->image_stride + block * residual->block_stride +
                        y * residual->row_stride + (ptrdiff_t)x * csn_block;
    // The next tile's, where it isn't in another row.
    if (place.x + 1 < plan->tiles_x && !(target.flags & csn_tile_stream))
      prefetch_rows(target.out + (ptrdiff_t)m * csn_block, out->row_stride, target.height, m);
    transform(products + ((ptrdiff_t)block * count + t) * csn_block, frequency_stride(job->out_blocks, count),
              &target);
  }
}

static void run_tiles(void *context, int chunk, int worker) {
  const winograd_job *job = context;
  const csn_conv_plan *plan = job->plan;
  const int base = csn_share(plan->tiles, chunk, plan->tile_chunks);
  const int count = csn_share(plan->tiles, chunk + 1, plan->tile_chunks) - base;
  float *transformed = (float *)(job->scratch + plan->staged_bytes + (size_t)worker * plan->worker_scratch);
  float *products = transformed + job->n * job->n * frequency_stride(job->in_blocks, count);
  float *pairs = products + job->n * job->n * frequency_stride(job->out_blocks, count);
  for (int block = 0; block < job->in_blocks; block++)
    transform_inputs(job, transformed, count, base, block, 0, count);
  const int frequencies = job->n * job->n;
  const int turns = frequencies * plan->panels * (int)csn_ceil_div(job->product_blocks, plan->depth);
  const int next = csn_pool_likely_next(chunk, worker, plan->threads);
  input_fetch fetch = {0};
  if (job->fetches_input && next >= 0 && next < plan->tile_chunks)
    fetch = input_fetch_make(job, csn_share(plan->tiles, next, plan->tile_chunks),
                             csn_share(plan->tiles, next + 1, plan->tile_chunks), turns);
  for (int frequency = 0; frequency < frequencies; frequency++)
    multiply(job, transformed, products, pairs, count, frequency, 0, plan->panels,
             panel_weights(job, (frequency + 1) % frequencies, 0), &fetch);
  for (int block = 0; block < job->out_blocks; block++)
    transform_outputs(job, products, count, base, block, 0, count);
}

static void run_inputs(void *context, int chunk, int worker) {
  (void)worker;
  const winograd_job *job = context;
  const int block = chunk % job->in_blocks, part = chunk / job->in_blocks;
  transform_inputs(job, job->transformed, job->count, job->first, block, csn_share(job->count, part, job->input_parts),
                   csn_share(job->count, part + 1, job->input_parts));
}

/// The first panel of a chunk of products.
static int first_panel(const winograd_job *job, int chunk) {
  return csn_share(job->plan->panels, chunk % job->product_parts, job->product_parts);
}

static void run_products(void *context, int chunk, int worker) {
  const winograd_job *job = context;
  const int parts = job->product_parts, next = csn_pool_likely_next(chunk, worker, job->plan->threads);
  float *pairs = (float *)(job->scratch + job->plan->staged_bytes + scratch_of(job->plan, job->plan->round_tiles) +
                           (size_t)worker * job->plan->worker_scratch);
  multiply(job, job->transformed, job->products, pairs, job->count, chunk / parts, first_panel(job, chunk),
           csn_share(job->plan->panels, chunk % parts + 1, parts),
           next < 0 ? NULL : panel_weights(job, next / parts, first_panel(job, next)), NULL);
}

static void run_outputs(void *context, int chunk, int worker) {
  (void)worker;
  const winograd_job *job = context;
  const int block = chunk % job->out_blocks, part = chunk / job->out_blocks;
  transform_outputs(job, job->products, job->count, job->first, block, csn_share(job->count, part, job->output_parts),
                    csn_share(job->count, part + 1, job->output_parts));
}

static int at_most(int64_t wanted, int limit) { return wanted < 1 ? 1 : wanted < limit ? (int)wanted : limit; }

static void run_by_frequency(winograd_job *job, csn_pool *pool) {
  const csn_conv_plan *plan = job->plan;
  const int frequencies = job->n * job->n, wanted = plan->threads * chunks_per_thread;
  const int64_t panel_bytes = (int64_t)job->product_blocks * csn_block * csn_panel * 4;
  job->product_parts = at_most(plan->panels * panel_bytes / product_weight_bytes, plan->panels);
  for (job->first = 0; job->first < plan->tiles; job->first += plan->round_tiles) {
    const int left = plan->tiles - job->first;
    job->count = left < plan->round_tiles ? left : plan->round_tiles;
    // A part of the tiles to every thread, as in the layers before and after.
    job->input_parts = at_most(csn_max64(csn_ceil_div(wanted, job->in_blocks), plan->threads), job->count);
    job->output_parts = at_most(csn_max64(csn_ceil_div(wanted, job->out_blocks), plan->threads), job->count);
    job->transformed = (float *)(job->scratch + plan->staged_bytes);
    job->products = job->transformed + frequencies * frequency_stride(job->in_blocks, job->count);
    csn_pool_run(pool, run_inputs, job, job->in_blocks * job->input_parts);
    csn_pool_run(pool, run_products, job, frequencies * job->product_parts);
    csn_pool_run(pool, run_outputs, job, job->out_blocks * job->output_parts);
  }
}

void csn_winograd_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                      const float *residual, float *out, void *scratch, csn_pool *pool) {
  winograd_job job = {
      .plan = plan, .kernels = kernels_for(plan->level), .in = in, .weights = weights, .bias = bias,
      .residual = residual, .out = out, .scratch = scratch, .m = csn_winograd_outputs(plan->algorithm),
      .n = csn_winograd_inputs(plan->algorithm),
      .tile_kernels = tile_kernels_for(plan), .in_blocks = csn_winograd_in_blocks(plan->algorithm, &plan->conv),
      .product_blocks = csn_winograd_product_blocks(plan->algorithm, &plan->conv),
      .out_blocks = csn_tensor_blocks(&plan->out),
  };
  job.fetches_input = plan->in.layout == CSN_BLOCKED && csn_tensor_bytes(&plan->in) > far_input_bytes;
  if (csn_conv_is_planar(plan->algorithm)) {
    csn_winograd_stage_phases(plan, in, scratch, pool);
    job.in = scratch;
  }
  if (plan->by_frequency)
    run_by_frequency(&job, pool);
  else
    csn_pool_run(pool, run_tiles, &job, plan->tile_chunks);
}
