#include "conv/depthwise/depthwise.h"

enum { chunks_per_thread = 8 };

static csn_depthwise_function kernel_for(csn_cpu_level level) {
#if defined(__x86_64__)
  if (level >= CSN_CPU_AVX512) return csn_depthwise_kernel_avx512;
  if (level == CSN_CPU_AVX2) return csn_depthwise_kernel_avx2;
#endif
  (void)level;
  return csn_depthwise_kernel_portable;
}

void csn_depthwise_plan(csn_conv_plan *plan) {
  const csn_conv *conv = &plan->conv;
  const csn_tensor *in = &plan->in;
  if (csn_conv_has_edges(conv)) {
    plan->staged = true;
    plan->source = csn_tensor_make(in->layout, in->images, in->channels, in->height, in->width, conv->pad_top,
                                   conv->pad_left, conv->pad_bottom, conv->pad_right);
    plan->scratch_bytes = plan->staged_bytes = csn_tensor_count(&plan->source) * sizeof(float);
    if (plan->staged_bytes == 0 || !csn_edge_fits(plan)) return;
  }
  // A tile is a row here.
  int64_t rows = (int64_t)plan->out.images * csn_tensor_blocks(&plan->out) * plan->out.height;
  if (rows > INT32_MAX) return;
  plan->tiles = (int32_t)rows;
  plan->tile_chunks = (int32_t)csn_min64(rows, (int64_t)plan->threads * chunks_per_thread);
}

typedef struct {
  const csn_conv_plan *plan;
  // What is read, and how far its padding reaches: none where the input was staged, framed by it.
  csn_tensor source;
  int pad_top, pad_left;
  const float *in, *weights, *bias, *residual;
  float *out;
} depthwise_job;

static void run_row(const depthwise_job *job, csn_depthwise_function kernel, int index) {
  const csn_conv_plan *plan = job->plan;
  const csn_conv *conv = &plan->conv;
  const csn_tensor *in = &job->source, *out = &plan->out, *residual = &plan->residual;
  const int y = index % out->height, plane = index / out->height;
  const int block = plane % csn_tensor_blocks(out), image = plane / csn_tensor_blocks(out);
  const int top = y * conv->stride_h - job->pad_top;
  csn_depthwise_row row = {
      .in = job->in + image * in->image_stride + block * in->block_stride + top * in->row_stride -
            (ptrdiff_t)job->pad_left * csn_block,
      .in_row = in->row_stride, .end_y = conv->kernel_h, .left = -job->pad_left, .in_width = in->width,
      .kernel_w = conv->kernel_w, .stride = conv->stride_w,
      .dilation_h = conv->dilation_h, .dilation_w = conv->dilation_w,
      .weights = job->weights + (ptrdiff_t)block * conv->kernel_h * conv->kernel_w * csn_block,
      .bias = job->bias ? job->bias + block * csn_block : NULL,
      .out = job->out + image * out->image_stride + block * out->block_stride + y * out->row_stride,
      .width = out->width, .lower = conv->lower, .upper = conv->upper,
  };
  while (row.first_y < row.end_y && top + row.first_y * conv->dilation_h < 0) row.first_y++;
  while (row.end_y > row.first_y && top + (row.end_y - 1) * conv->dilation_h >= in->height) row.end_y--;
  if (plan->has_residual)
    row.residual = job->residual + image * residual->image_stride + block * residual->block_stride +
                   y * residual->row_stride;
  kernel(&row);
}

static void run_chunk(void *context, int chunk, int worker) {
  (void)worker;
  const depthwise_job *job = context;
  const csn_conv_plan *plan = job->plan;
  csn_depthwise_function kernel = kernel_for(plan->level);
  const int first = (int)((int64_t)plan->tiles * chunk / plan->tile_chunks);
  const int end = (int)((int64_t)plan->tiles * (chunk + 1) / plan->tile_chunks);
  for (int index = first; index < end; index++) run_row(job, kernel, index);
}

void csn_depthwise_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                       const float *residual, float *out, void *scratch, csn_pool *pool) {
  depthwise_job job = {
      .plan = plan, .source = plan->in, .pad_top = plan->conv.pad_top, .pad_left = plan->conv.pad_left,
      .in = in, .weights = weights, .bias = bias, .residual = residual, .out = out,
  };
  if (plan->staged) {
    csn_edge_stage(plan, in, scratch, pool);
    job.source = csn_edge_framed(&plan->source);
    job.pad_top = job.pad_left = 0;
    job.in = scratch;
  }
  csn_pool_run(pool, run_chunk, &job, plan->tile_chunks);
}
