#include "conv/strassen/strassen.h"

enum {
  // A chunk's input for one product, and its products for all panels, stay in the second-level cache.
  chunk_bytes = 384 << 10,
  // Panels of a chunk: the input is combined anew for so many.
  chunk_panels = 8,
  // Fewer pixels than this don't pay for their weights' coming from afar, fewer panels not for combining the input.
  least_pixels = 24,
  least_panels = 4,
};

/// A quarter of the input: the even or the odd pixels, the lower or the upper half of the channels.
typedef struct {
  int pixels, channels;
} quarter;

/// What a product's input is, and what the product begins with.
typedef struct {
  quarter first, second;
  /// The second's; 0 for none.
  int sign;
  /// The product that it continues; itself where it begins anew.
  int begun;
} product_row;

static const product_row product_rows[csn_strassen_products] = {
    {{1, 1}, {0, 0}, 0, 0},
    {{1, 0}, {1, 1}, -1, 0},
    {{0, 0}, {0, 0}, 0, 2},
    {{0, 1}, {0, 0}, -1, 2},
    {{0, 0}, {1, 1}, 1, 4},
    {{0, 1}, {1, 1}, 1, 4},
    {{0, 0}, {1, 0}, 1, 4},
};

static const csn_strassen_kernels *kernels_for(csn_cpu_level level) {
#if defined(__x86_64__)
  if (level >= CSN_CPU_AVX512) return &csn_strassen_kernels_avx512;
  if (level == CSN_CPU_AVX2) return &csn_strassen_kernels_avx2;
#endif
  (void)level;
  return &csn_strassen_kernels_portable;
}

/// Blocks of one half of the input channels.
static int half_blocks(const csn_conv *conv) { return conv->in_channels / (2 * csn_block); }

/// Even pixels of an image, counted on over its rows.
static int64_t half_pixels(const csn_tensor *out) { return ((int64_t)out->height * out->width + 1) / 2; }

void csn_strassen_pack(const csn_conv *conv, const float *weights, float *packed) {
  const ptrdiff_t blocks = half_blocks(conv), in = conv->in_channels;
  const ptrdiff_t half_in = in / 2, half_out = conv->out_channels / 2;
  for (ptrdiff_t out = 0; out < half_out; out++)
    for (ptrdiff_t channel = 0; channel < half_in; channel++) {
      const double a11 = weights[out * in + channel], a12 = weights[out * in + half_in + channel];
      const double a21 = weights[(half_out + out) * in + channel];
      const double a22 = weights[(half_out + out) * in + half_in + channel];
      const double factors[csn_strassen_products] = {a11 + a12, a11, a21 + a22, a22, a11 + a22, a12 - a22, a21 - a11};
      for (int p = 0; p < csn_strassen_products; p++)
        packed[((p * half_out / csn_panel + out / csn_panel) * blocks * csn_block + channel) * csn_panel +
               out % csn_panel] = (float)factors[p];
    }
}

void csn_strassen_plan(csn_conv_plan *plan) {
  const csn_conv *conv = &plan->conv;
  const csn_tile_kernels *kernels = csn_tile_kernels_for(plan->level);
  plan->source = plan->in;
  plan->target = plan->out;
  plan->addend = plan->residual;
  plan->panels = conv->out_channels / csn_strassen_panel;
  plan->panel_blocks = half_blocks(conv);
  if (csn_conv_is_unit_stride(conv) && csn_tensor_is_dense(&plan->in) && csn_tensor_is_dense(&plan->out) &&
      (!plan->has_residual || csn_tensor_is_dense(&plan->residual)) &&
      (int64_t)plan->out.height * plan->out.width <= INT32_MAX / csn_block)
    csn_tensor_flatten(&plan->target);
  const int64_t half = half_pixels(&plan->out);
  if (half > INT32_MAX / 2) return;
  const int64_t pixel_bytes = csn_block * sizeof(float);
  const int64_t input_bytes = plan->panel_blocks * pixel_bytes;
  const int64_t products_bytes =
      csn_strassen_products * 2 * csn_min64(plan->panels, chunk_panels) * pixel_bytes;
  const int64_t by_cache = csn_ceil_div(half * csn_max64(input_bytes, products_bytes), chunk_bytes);
  const int64_t wanted = csn_ceil_div(plan->threads, plan->out.images);
  const int64_t panel_chunks = csn_max64(1, csn_min64(csn_ceil_div(wanted, by_cache), plan->panels / least_panels));
  const int64_t tile_chunks = csn_max64(
      1, csn_min64(csn_max64(by_cache, csn_ceil_div(wanted, panel_chunks)), half / least_pixels));
  if (tile_chunks * panel_chunks * plan->out.images > INT32_MAX) return;
  // As many to every chunk.
  const int64_t chunk_tiles = csn_ceil_div(half, tile_chunks * kernels->pixels), tiles = chunk_tiles * tile_chunks;
  plan->tiles = (int32_t)tiles;
  plan->tile_chunks = (int32_t)tile_chunks;
  plan->panel_chunks = (int32_t)panel_chunks;
  plan->depth = csn_conv_strip_depth(kernels, plan->panel_blocks, csn_block * csn_block);
  plan->worker_scratch = (size_t)(chunk_tiles * kernels->pixels * (input_bytes + products_bytes));
  plan->scratch_bytes = plan->worker_scratch * (size_t)plan->threads;
}

typedef struct {
  const csn_conv_plan *plan;
  const csn_strassen_kernels *kernels;
  const csn_tile_kernels *tiles;
  const float *in, *weights, *bias, *residual;
  float *out;
  char *scratch;
  /// Of the outputs, as of a csn_tile.
  unsigned flags;
} strassen_job;

/// Some tiles of one image's even pixels, and with them the odd ones.
typedef struct {
  const strassen_job *job;
  int image, first_tile, end_tile, first, count;
  int first_panel, end_panel;
  /// Of one product at a time: [block][pixel][16].
  float *input;
  /// [panel][product][2][pixel][16].
  float *products;
} strassen_chunk;

/// Pixels of which the even ones lie in one row, and so do the odd ones.
typedef struct {
  int first, count;
  int x[2], y[2];
  bool has_second;
} strassen_run;

/// The run that begins `done` pixels after the chunk's first.
static strassen_run run_at(const strassen_chunk *chunk, int done) {
  const csn_tensor *out = &chunk->job->plan->target;
  const int pixels = out->height * out->width;
  strassen_run run = {.first = done, .count = chunk->count - done};
  for (int i = 0; i < 2; i++) {
    const int pixel = 2 * (chunk->first + done) + i;
    if (i == 1 && pixel >= pixels) break;
    run.has_second = i == 1;
    run.y[i] = pixel / out->width;
    run.x[i] = pixel % out->width;
    const int left = (out->width - run.x[i] + 1) / 2;
    if (run.count > left) run.count = left;
  }
  return run;
}

/// The pixels before a tile, where a chunk may begin: tiles share the half evenly.
static int tile_start(const csn_conv_plan *plan, int index) {
  return csn_share((int)half_pixels(&plan->target), index, plan->tiles);
}

/// Writes the input of a product.
static void combine_input(const strassen_chunk *chunk, const product_row *product) {
  static const float zeros[csn_block];
  const strassen_job *job = chunk->job;
  const csn_conv_plan *plan = job->plan;
  const csn_tensor *in = &plan->in;
  const ptrdiff_t step = (ptrdiff_t)plan->conv.stride_w * csn_block;
  const quarter quarters[] = {product->first, product->second};
  strassen_run run;
  for (int done = 0; done < chunk->count; done += run.count) {
    run = run_at(chunk, done);
    for (int block = 0; block < plan->panel_blocks; block++) {
      const float *terms[] = {zeros, zeros};
      ptrdiff_t steps[] = {0, 0};
      for (int i = 0; i < (product->sign ? 2 : 1); i++) {
        const int half = quarters[i].pixels;
        if (half == 1 && !run.has_second) continue;
        terms[i] = job->in + chunk->image * in->image_stride +
                   (quarters[i].channels * plan->panel_blocks + block) * in->block_stride +
                   (ptrdiff_t)run.y[half] * plan->conv.stride_h * in->row_stride + run.x[half] * step;
        steps[i] = 2 * step;
      }
      job->kernels->combine(terms[0], steps[0], terms[1], steps[1], (float)product->sign,
                            chunk->input + ((ptrdiff_t)block * chunk->count + run.first) * csn_block, run.count);
    }
  }
}

/// Where the products of a panel lie.
static float *products_of(const strassen_chunk *chunk, int panel) {
  return chunk->products + (ptrdiff_t)(panel - chunk->first_panel) * csn_strassen_products * chunk->count * csn_panel;
}

/// A panel's weights for a product's input blocks from `from` on.
static const float *weights_of(const strassen_chunk *chunk, int product, int panel, int from) {
  const csn_conv_plan *plan = chunk->job->plan;
  return chunk->job->weights +
         (((ptrdiff_t)product * plan->panels + panel) * plan->panel_blocks + from) * csn_block * csn_panel;
}

/// Fetches the weights that follow those of the input blocks from `from` on, with `strips` strips.
static csn_fetch fetch_next(const strassen_chunk *chunk, int product, int panel, int from, int strips) {
  const csn_conv_plan *plan = chunk->job->plan;
  from += plan->depth;
  if (from >= plan->panel_blocks) from = 0, panel++;
  if (panel == chunk->end_panel) panel = chunk->first_panel, product++;
  if (product == csn_strassen_products) return (csn_fetch){0};
  const float *weights = weights_of(chunk, product, panel, from);
  const int tiles = chunk->end_tile - chunk->first_tile;
  const int64_t blocks = csn_min64(plan->depth, plan->panel_blocks - from);
  return csn_fetch_make(chunk->job->tiles, weights, weights + blocks * csn_block * csn_panel, strips * tiles,
                        chunk->count / tiles, plan->depth);
}

/// Adds the products of the input blocks from `from` on, for a panel of output channels.
static void multiply(const strassen_chunk *chunk, int product, int panel, int from) {
  const csn_conv_plan *plan = chunk->job->plan;
  const csn_tile_kernels *tiles = chunk->job->tiles;
  const ptrdiff_t plane = (ptrdiff_t)chunk->count * csn_block;
  csn_tile tile = {
      .in_block = plane, .sums_block = plane, .out_block = plane,
      .blocks = (int)csn_min64(plan->depth, plan->panel_blocks - from), .kernel_h = 1, .kernel_w = 1,
  };
  const int begun = from > 0 ? product : product_rows[product].begun;
  const bool begins = begun == product && from == 0;
  const csn_row row = csn_row_make(chunk->count, chunk->end_tile - chunk->first_tile);
  csn_fetch fetch = fetch_next(chunk, product, panel, from, 2 / tiles->vectors);
  for (int strip = 0; strip < 2; strip += tiles->vectors) {
    tile.in = chunk->input + from * plane;
    tile.out = products_of(chunk, panel) + (2 * product + strip) * plane;
    if (!begins) tile.sums = products_of(chunk, panel) + (2 * begun + strip) * plane;
    tile.weights = weights_of(chunk, product, panel, from) + strip * csn_block;
    csn_row_run(tiles, tiles->vectors, &row, &tile, &fetch);
  }
}

/// Sums up the products of a panel.
static void join_outputs(const strassen_chunk *chunk, int panel) {
  const strassen_job *job = chunk->job;
  const csn_conv_plan *plan = job->plan;
  const csn_tensor *out = &plan->target, *residual = &plan->addend;
  const ptrdiff_t plane = (ptrdiff_t)chunk->count * csn_block;
  strassen_run run;
  for (int done = 0; done < chunk->count; done += run.count) {
    run = run_at(chunk, done);
    csn_strassen_output output = {
        .stride = 2 * plane, .pixels = run.count, .has_second = run.has_second, .lower = plan->conv.lower,
        .upper = plan->conv.upper, .flags = job->flags,
    };
    for (int strip = 0; strip < 2; strip++) {
      output.products = products_of(chunk, panel) + strip * plane + run.first * csn_block;
      for (int channels = 0; channels < 2; channels++) {
        const int block = 2 * (channels * plan->panels + panel) + strip;
        output.bias[channels] = job->bias ? job->bias + block * csn_block : NULL;
        for (int i = 0; i < 2; i++) {
          output.out[i][channels] = job->out + chunk->image * out->image_stride + block * out->block_stride +
                                    run.y[i] * out->row_stride + run.x[i] * csn_block;
          if (plan->has_residual)
            output.residual[i][channels] = job->residual + chunk->image * residual->image_stride +
                                           block * residual->block_stride + run.y[i] * residual->row_stride +
                                           run.x[i] * csn_block;
        }
      }
      job->kernels->join(&output);
    }
  }
}

/// Computes panels [first_panel, end_panel).
static void run_panels(const strassen_chunk *chunk) {
  const csn_conv_plan *plan = chunk->job->plan;
  for (int product = 0; product < csn_strassen_products; product++) {
    combine_input(chunk, &product_rows[product]);
    for (int panel = chunk->first_panel; panel < chunk->end_panel; panel++)
      for (int from = 0; from < plan->panel_blocks; from += plan->depth) multiply(chunk, product, panel, from);
  }
  for (int panel = chunk->first_panel; panel < chunk->end_panel; panel++) join_outputs(chunk, panel);
}

static void run_chunk(void *context, int index, int worker) {
  const strassen_job *job = context;
  const csn_conv_plan *plan = job->plan;
  const int panel_chunk = index % plan->panel_chunks, rest = index / plan->panel_chunks;
  const int part = rest % plan->tile_chunks;
  strassen_chunk chunk = {
      .job = job, .image = rest / plan->tile_chunks,
      .first_tile = csn_share(plan->tiles, part, plan->tile_chunks),
      .end_tile = csn_share(plan->tiles, part + 1, plan->tile_chunks),
      .first_panel = csn_share(plan->panels, panel_chunk, plan->panel_chunks),
      .end_panel = csn_share(plan->panels, panel_chunk + 1, plan->panel_chunks),
      .input = (float *)(job->scratch + (size_t)worker * plan->worker_scratch),
  };
  chunk.first = tile_start(plan, chunk.first_tile);
  chunk.count = tile_start(plan, chunk.end_tile) - chunk.first;
  chunk.products = chunk.input + (ptrdiff_t)plan->panel_blocks * chunk.count * csn_block;
  const int end = chunk.end_panel;
  for (; chunk.first_panel < end; chunk.first_panel = chunk.end_panel) {
    chunk.end_panel = (int)csn_min64(chunk.first_panel + chunk_panels, end);
    run_panels(&chunk);
  }
}

void csn_strassen_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                      const float *residual, float *out, void *scratch, csn_pool *pool) {
  strassen_job job = {
      .plan = plan, .kernels = kernels_for(plan->level), .tiles = csn_tile_kernels_for(plan->level), .in = in,
      .weights = weights, .bias = bias, .residual = residual, .out = out, .scratch = scratch,
      .flags = csn_conv_flags(plan, out),
  };
  csn_pool_run(pool, run_chunk, &job, plan->out.images * plan->tile_chunks * plan->panel_chunks);
}
