#include "conv/bf16/bf16.h"

#include <string.h>

#include "support/pairs.h"

static uint32_t weight(const csn_conv *conv, const float *weights, int out, int in, int tap) {
  if (out >= conv->out_channels || in >= conv->in_channels) return 0;
  const ptrdiff_t taps = (ptrdiff_t)conv->kernel_h * conv->kernel_w;
  return csn_to_bf16(weights[((ptrdiff_t)out * conv->in_channels + in) * taps + tap]);
}

void csn_bf16_store_half(float *pair, int half, float value) {
  uint32_t word;
  memcpy(&word, pair, sizeof word);
  word = half ? (word & 0xffff) | csn_to_bf16(value) << 16 : (word & 0xffff0000) | csn_to_bf16(value);
  memcpy(pair, &word, sizeof word);
}

void csn_bf16_pack(const csn_conv *conv, const float *weights, float *packed) {
  const int taps = conv->kernel_h * conv->kernel_w, blocks = csn_bf16_blocks(conv);
  for (int panel = 0; panel < csn_conv_panels(conv); panel++)
    for (int block = 0; block < blocks; block++)
      for (int tap = 0; tap < taps; tap++)
        for (int lane = 0; lane < csn_block; lane++)
          for (int out = panel * csn_panel; out < (panel + 1) * csn_panel; out++) {
            const int in = block * 2 * csn_block + lane;
            uint32_t pair = weight(conv, weights, out, in, tap) | weight(conv, weights, out, in + csn_block, tap) << 16;
            memcpy(packed++, &pair, sizeof pair);
          }
}

#if defined(__x86_64__)

typedef struct {
  const csn_conv_plan *plan;
  const float *in;
  float *source;
} stage_job;

static void stage_row(void *context, int index, int worker) {
  (void)worker;
  const stage_job *job = context;
  const csn_tensor *in = &job->plan->in, *source = &job->plan->source;
  const int y = index % in->height, image = index / in->height, blocks = csn_tensor_blocks(in);
  const float *row = job->in + image * in->image_stride + y * in->row_stride;
  // Planes that the plan made one row have their pixels side by side.
  const ptrdiff_t row_stride = source->height < in->height ? (ptrdiff_t)in->width * csn_block : source->row_stride;
  float *out = job->source + image * source->image_stride + y * row_stride;
  for (int block = 0; block < blocks; block += 2, out += source->block_stride) {
    const float *low = row + block * in->block_stride;
    csn_bf16_pair(low, block + 1 < blocks ? low + in->block_stride : NULL, csn_block, out, in->width);
  }
}

void csn_bf16_stage(const csn_conv_plan *plan, const float *in, float *source, csn_pool *pool) {
  stage_job job = {plan, in, source};
  csn_pool_run(pool, stage_row, &job, plan->in.images * plan->in.height);
}

#endif
