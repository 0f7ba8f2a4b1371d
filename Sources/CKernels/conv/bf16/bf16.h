// Direct convolution with bf16 products, two channels at a time, and fp32 sums. Activations are fp32 in memory: a
// chunk's inputs are rounded to pairs on the way in.
//
// A pair block holds 32 channels of a pixel in 16 words: lane i has channel i in its low half and channel 16 + i in
// its high half. To the tile kernels this is a blocked tensor with half as many blocks.
#pragma once
#include "conv/conv.h"

/// Pair blocks of an input.
static inline int csn_bf16_blocks(const csn_conv *conv) { return (conv->in_channels - 1) / (2 * csn_block) + 1; }

/// Rounds `pixels` pixels of two channel blocks to one pair block; `high` may be NULL for none. Pixels lie `step`
/// floats apart.
void csn_bf16_pair(const float *low, const float *high, ptrdiff_t step, float *out, int pixels);

/// Rounds a value to a half of a pair, 0 for the low one; the other one stays.
void csn_bf16_store_half(float *pair, int half, float value);

extern const csn_tile_kernels csn_tile_kernels_bf16;

/// Packs weights in pairs, rounded to bf16: [out/32][in/32][kernel_h][kernel_w][16][32].
void csn_bf16_pack(const csn_conv *conv, const float *weights, float *packed);

/// Rounds the whole input to pairs, into the plan's source; its halo is not written.
void csn_bf16_stage(const csn_conv_plan *plan, const float *in, float *source, csn_pool *pool);
