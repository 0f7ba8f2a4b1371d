// How a convolution on AMX's tiles is cut, and run.
#include "conv/amx/amx.h"

#include <string.h>

#include "conv/bf16/bf16.h"
#include "support/pairs.h"

// A chunk's input should stay in the second-level cache, 2 MiB, while its panels pass over it.
enum { chunk_input_bytes = 1 << 20 };

static bool is_planar(const csn_conv_plan *plan) { return plan->algorithm == CSN_CONV_PLANAR_BF16; }

/// Pixels of four channels: those that the outputs read, the last one's tile row included.
static void stage_planar(csn_conv_plan *plan) {
  const csn_conv *conv = &plan->conv;
  const int64_t rows = (int64_t)(plan->out.height - 1) * conv->stride_h + conv->kernel_h;
  const int64_t pixels = (int64_t)(plan->out.width - 1) * conv->stride_w +
                         (int64_t)csn_amx_planar_taps(conv) * csn_amx_planar_pixels;
  // As words: a pixel is two, and rows are whole lines.
  const int64_t words = csn_ceil_div(2 * pixels, csn_line) * csn_line;
  if (rows > INT32_MAX || words > INT32_MAX) return;
  plan->source = csn_tensor_make(CSN_PLANAR, plan->in.images, 1, (int32_t)rows, (int32_t)words, 0, 0, 0, 0);
}

/// Pairs: the input's own where its halo covers the padding, else in scratch.
static void stage_input(csn_conv_plan *plan) {
  const csn_conv *conv = &plan->conv;
  const csn_tensor *in = &plan->in;
  plan->step_h = conv->stride_h;
  plan->step_w = conv->stride_w;
  plan->staged = true;
  if (is_planar(plan)) {
    stage_planar(plan);
    return;
  }
  const int64_t bottom = csn_conv_overhang(in->height, plan->out.height, conv->stride_h, conv->kernel_h,
                                           conv->dilation_h, conv->pad_top);
  const int64_t right = csn_conv_overhang(in->width, plan->out.width, conv->stride_w, conv->kernel_w,
                                          conv->dilation_w, conv->pad_left);
  plan->source = *in;
  plan->staged = in->layout != CSN_PAIRED || csn_conv_has_edges(conv) || in->halo_top < conv->pad_top ||
                 in->halo_left < conv->pad_left || in->halo_bottom < bottom || in->halo_right < right;
  if (plan->staged)
    plan->source = csn_tensor_make(CSN_PAIRED, in->images, in->channels, in->height, in->width, conv->pad_top,
                                   conv->pad_left, (int32_t)bottom, (int32_t)right);
}

/// Words from one pixel of the source to the next.
static ptrdiff_t source_pixel(const csn_conv_plan *plan) {
  return is_planar(plan) ? csn_amx_planar_channels / 2 : csn_block;
}

/// Lines of an image, and output pixels of a line, with those between rows.
static int image_lines(const csn_conv_plan *plan) { return plan->pitch > 0 ? 1 : plan->target.height; }

static int line_pixels(const csn_conv_plan *plan) {
  return (plan->pitch > 0 ? (plan->target.height - 1) * plan->pitch : 0) + plan->target.width;
}

static int64_t spans_of(const csn_conv_plan *plan) {
  return (int64_t)plan->target.images * image_lines(plan) * plan->tiles_per_row;
}

/// Makes a line of every plane where that takes fewer spans than rows do.
static void choose_lines(csn_conv_plan *plan) {
  const csn_tensor *out = &plan->target;
  const ptrdiff_t down = plan->source.row_stride * plan->step_h, across = plan->step_w * source_pixel(plan);
  if (out->height == 1 || down % across != 0 || down / across < out->width) return;
  const int64_t line = (out->height - 1) * (down / across) + out->width;
  if (line > INT32_MAX / csn_block ||
      csn_ceil_div(line, csn_amx_pixels) >= out->height * csn_ceil_div(out->width, csn_amx_pixels))
    return;
  plan->pitch = (int32_t)(down / across);
}

void csn_amx_plan(csn_conv_plan *plan) {
  stage_input(plan);
  plan->target = plan->out;
  plan->addend = plan->residual;
  csn_conv_flatten(plan);
  if (plan->staged) plan->staged_bytes = csn_tensor_count(&plan->source) * sizeof(float);
  choose_lines(plan);
  plan->tiles_per_row = (int32_t)csn_ceil_div(line_pixels(plan), csn_amx_pixels);
  plan->span = (int32_t)csn_ceil_div(line_pixels(plan), plan->tiles_per_row);
  const int64_t spans = spans_of(plan);
  if (spans > INT32_MAX - 1 || (plan->staged && plan->staged_bytes == 0)) return;
  plan->tiles = (int32_t)csn_ceil_div(spans, csn_amx_spans);
  // Every thread reads what is not cut: that should be the smaller, weights or input.
  csn_conv_cut_chunks(plan, chunk_input_bytes, csn_min64(chunk_input_bytes, csn_tensor_bytes(&plan->source)));
  plan->scratch_bytes = plan->staged_bytes;
}

typedef struct {
  const csn_conv_plan *plan;
  const float *in, *weights, *bias, *residual;
  float *out;
} amx_job;

#if defined(__x86_64__)

/// Walks over spans, which follow each other in the order of the output's pixels.
typedef struct {
  const csn_conv_plan *plan;
  int part, line, image;
} span_walk;

static span_walk walk_from(const csn_conv_plan *plan, int64_t index) {
  const int64_t line = index / plan->tiles_per_row;
  return (span_walk){
      .plan = plan,
      .part = (int)(index % plan->tiles_per_row),
      .line = (int)(line % image_lines(plan)),
      .image = (int)(line / image_lines(plan)),
  };
}

/// Adds to a span the pixels [first, end) of its line, which begin at `x` of row `y`; the span begins at `start`.
static void add_piece(const span_walk *walk, csn_amx_span *span, int start, int first, int end, int y, int x) {
  const csn_tensor *out = &walk->plan->target, *residual = &walk->plan->addend;
  if (first >= end) return;
  span->piece[span->pieces++] = (csn_amx_piece){
      .first = first - start,
      .end = end - start,
      .out = walk->image * out->image_stride + y * out->row_stride + (ptrdiff_t)x * csn_block,
      .residual = walk->image * residual->image_stride + y * residual->row_stride + (ptrdiff_t)x * csn_block,
  };
}

static void next_span(span_walk *walk, csn_amx_span *span) {
  const csn_conv_plan *plan = walk->plan;
  const csn_tensor *source = &plan->source;
  const int first = walk->part * plan->span, start = (int)csn_min64(first, line_pixels(plan) - plan->span);
  const int end = start + plan->span;
  span->in = walk->image * source->image_stride + walk->line * plan->step_h * source->row_stride +
             start * plan->step_w * source_pixel(plan);
  span->pieces = 0;
  if (plan->pitch == 0) {
    add_piece(walk, span, start, first, end, walk->line, first);
  } else {
    for (int y = first / plan->pitch; y * plan->pitch < end; y++) {
      const int row = y * plan->pitch, begin = (int)csn_max64(first, row);
      add_piece(walk, span, start, begin, (int)csn_min64(end, row + plan->target.width), y, begin - row);
    }
  }
  if (++walk->part < plan->tiles_per_row) return;
  walk->part = 0;
  if (++walk->line < image_lines(plan)) return;
  walk->line = 0;
  walk->image++;
}

/// A chunk: some spans, to be computed for one panel after another.
typedef struct {
  const amx_job *job;
  int64_t first_span, end_span;
  /// What all panels have in common.
  csn_amx_tile tile;
} amx_chunk;

/// Floats of a panel's packed weights.
static ptrdiff_t panel_weights(const csn_conv_plan *plan) {
  return (ptrdiff_t)(plan->weight_count / (size_t)plan->panels);
}

/// Where block `block` of 16 channels of a tensor begins, which is an even one.
static ptrdiff_t block_offset(const csn_tensor *tensor, int block) {
  return (tensor->layout == CSN_PAIRED ? block / 2 : block) * tensor->block_stride;
}

/// Computes a panel; `next` is the one whose weights to fetch, negative for none.
static void run_panel(const amx_chunk *chunk, int panel, int next) {
  static const float no_bias[csn_panel];
  const amx_job *job = chunk->job;
  const csn_conv_plan *plan = job->plan;
  const int block = 2 * panel;
  csn_amx_tile tile = chunk->tile;
  tile.weights = job->weights + panel * panel_weights(plan);
  tile.bias = job->bias ? job->bias + (ptrdiff_t)panel * csn_panel : no_bias;
  tile.out = job->out + block_offset(&plan->target, block);
  if (plan->has_residual) tile.residual = job->residual + block_offset(&plan->addend, block);
  tile.second = (block + 1) * csn_block < plan->conv.out_channels;
  csn_fetch fetch = {0};
  if (next >= 0) {
    const float *weights = job->weights + next * panel_weights(plan);
    const int64_t turns = csn_ceil_div(chunk->end_span - chunk->first_span, csn_amx_spans) * tile.blocks *
                          tile.kernel_h * tile.kernel_w;
    fetch = (csn_fetch){weights, weights + panel_weights(plan),
                        (int)csn_ceil_div(panel_weights(plan) / csn_line, turns)};
  }
  span_walk walk = walk_from(plan, chunk->first_span);
  for (int64_t index = chunk->first_span; index < chunk->end_span; index += csn_amx_spans) {
    csn_amx_span spans[csn_amx_spans];
    const int count = (int)csn_min64(chunk->end_span - index, csn_amx_spans);
    for (int i = 0; i < count; i++) next_span(&walk, &spans[i]);
    csn_amx_run(&tile, spans, count, &fetch);
  }
}

static void run_chunk(void *context, int index, int worker) {
  const amx_job *job = context;
  const csn_conv_plan *plan = job->plan;
  const csn_conv *conv = &plan->conv;
  const csn_conv_part part = csn_conv_part_of(plan, index, worker);
  amx_chunk chunk = {
      .job = job,
      .first_span = csn_amx_spans * (int64_t)part.first_tile,
      .end_span = csn_amx_spans * (int64_t)part.end_tile,
      .tile =
          {
              .in = job->in,
              .in_pixel = plan->step_w * source_pixel(plan),
              .in_block = plan->source.block_stride,
              .in_row = plan->source.row_stride * conv->dilation_h,
              .in_tap = (ptrdiff_t)conv->dilation_w * csn_block,
              .blocks = plan->panel_blocks, .kernel_h = conv->kernel_h, .kernel_w = conv->kernel_w,
              .residual_block = plan->addend.block_stride, .out_block = plan->target.block_stride,
              .residual_paired = plan->addend.layout == CSN_PAIRED,
              .out_paired = plan->target.layout == CSN_PAIRED,
              .stream = csn_conv_flags(plan, job->out) & csn_tile_stream,
              .lower = conv->lower, .upper = conv->upper,
          },
  };
  if (is_planar(plan)) chunk.tile.kernel_w = csn_amx_planar_taps(conv);
  chunk.end_span = csn_min64(chunk.end_span, spans_of(plan));
  csn_amx_begin(plan->span);
  for (int panel = part.first_panel; panel < part.end_panel; panel++)
    run_panel(&chunk, panel, panel + 1 < part.end_panel ? panel + 1 : part.next_panel);
  csn_amx_end();
}

typedef struct {
  const csn_conv_plan *plan;
  const float *in;
  float *source;
} stage_job;

/// Writes a pixel of the padding: `edge` once more, or zeros.
static void pad_pixel(float *pixel, const float *edge) {
  for (int i = 0; i < csn_amx_planar_channels / 2; i++) pixel[i] = edge ? edge[i] : 0;
}

/// One row of a planar input, with its padding.
static void stage_planar_row(void *context, int index, int worker) {
  (void)worker;
  const stage_job *job = context;
  const csn_conv_plan *plan = job->plan;
  const csn_tensor *in = &plan->in, *source = &plan->source;
  const bool edges = csn_conv_has_edges(&plan->conv);
  const int image = index / source->height, row = index % source->height;
  int y = row - plan->conv.pad_top;
  if (edges) y = (int)csn_max64(0, csn_min64(y, in->height - 1));
  float *out = job->source + image * source->image_stride + row * source->row_stride;
  const int pixels = source->width / 2, left = (int)csn_min64(plan->conv.pad_left, pixels);
  int width = y >= 0 && y < in->height ? (int)csn_min64(in->width, pixels - left) : 0;
  // Where all is padding, it repeats the first pixel.
  if (edges && width == 0) width = 1;
  const int first = (int)csn_min64(left, pixels - width);
  const float *planes[csn_amx_planar_channels] = {NULL};
  for (int channel = 0; channel < in->channels; channel++)
    planes[channel] = job->in + image * in->image_stride + channel * in->block_stride + y * in->row_stride;
  csn_amx_interleave(planes, width, out + 2 * first);
  for (int x = first - 1; x >= 0; x--) pad_pixel(out + 2 * x, edges ? out + 2 * (x + 1) : NULL);
  for (int x = first + width; x < pixels; x++) pad_pixel(out + 2 * x, edges ? out + 2 * (x - 1) : NULL);
}

/// Copies the input to scratch, as pairs within their padding.
static void stage(const csn_conv_plan *plan, const float *in, float *source, csn_pool *pool) {
  if (is_planar(plan)) {
    stage_job job = {plan, in, source};
    csn_pool_run(pool, stage_planar_row, &job, plan->source.images * plan->source.height);
    return;
  }
  if (plan->in.layout == CSN_PAIRED)
    csn_reorder(&plan->in, in, &plan->source, source, pool);
  else
    csn_bf16_stage(plan, in, source, pool);
  if (csn_conv_has_edges(&plan->conv))
    csn_extend_edges(&plan->source, source, pool);
  else
    csn_clear_halo(&plan->source, source, pool);
}

void csn_amx_conv_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                      const float *residual, float *out, void *scratch, csn_pool *pool) {
  if (plan->staged) {
    float *copy = (float *)scratch + csn_tensor_origin(&plan->source);
    stage(plan, in, copy, pool);
    in = copy;
  }
  if (!is_planar(plan)) in -= plan->conv.pad_top * plan->source.row_stride + (ptrdiff_t)plan->conv.pad_left * csn_block;
  amx_job job = {plan, in, weights, bias, residual, out};
  csn_pool_run(pool, run_chunk, &job, plan->tile_chunks * plan->panel_chunks);
}

#endif

void csn_amx_pack_planar(const csn_conv *conv, const float *weights, float *packed) {
  const int taps = csn_amx_planar_taps(conv);
  const ptrdiff_t area = (ptrdiff_t)conv->kernel_h * conv->kernel_w;
  for (int panel = 0; panel < csn_conv_panels(conv); panel++)
    for (int y = 0; y < conv->kernel_h; y++)
      for (int word = 0; word < taps * csn_block; word++)
        for (int out = panel * csn_panel; out < (panel + 1) * csn_panel; out++) {
          const int x = word / 2, channel = word % 2 * 2;
          float pair[2] = {0};
          for (int i = 0; i < 2; i++)
            if (out < conv->out_channels && x < conv->kernel_w && channel + i < conv->in_channels)
              pair[i] = weights[((ptrdiff_t)out * conv->in_channels + channel + i) * area +
                                (ptrdiff_t)y * conv->kernel_w + x];
          const uint32_t bits = csn_pair_of(pair[0], pair[1]);
          memcpy(packed++, &bits, sizeof bits);
        }
}
