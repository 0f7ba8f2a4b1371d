// Arithmetic with one number a channel, on the blocked layout: batch normalisation that could not be folded into a
// convolution, and scaling by channel (squeeze and excitation).
#pragma once
#include "csn_tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/// y = min(upper, max(lower, scale * x + shift)), `scale` and `shift` by channel; -INFINITY and INFINITY for no bounds.
///
/// `scale` and `shift` hold the channels rounded up to a multiple of 16 (lanes past the last want finite numbers);
/// either may be NULL, for one and zero. Those of successive images lie `image_stride` floats apart; 0 where all
/// share them. Both tensors are blocked and of equal extents; `y` may be `x`.
void csn_channel_affine(const csn_tensor *in, const float *x, const float *scale, const float *shift,
                        ptrdiff_t image_stride, float lower, float upper, const csn_tensor *out, float *y,
                        csn_pool *pool);

#ifdef __cplusplus
}
#endif
