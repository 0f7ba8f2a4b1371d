// The channel-wise kernel of one variant. The including file has set the target.
#include "channelwise/channelwise.h"

static void affine_row(const float *x, const float *scale, const float *shift, float lower, float upper, float *y,
                       int width) {
  const csn_v16 a = csn_load(scale), b = csn_load(shift), low = csn_splat(lower), high = csn_splat(upper);
  for (int i = 0; i < width; i++) {
    const ptrdiff_t place = (ptrdiff_t)i * csn_block;
    csn_store(y + place, csn_min(high, csn_max(low, csn_fma(a, csn_load(x + place), b))));
  }
}

const csn_channel_row CSN_NAME(csn_channel_row) = affine_row;
