#pragma once
#include "csn_channelwise.h"
#include "csn_cpu.h"

/// One row of one channel block; `scale` and `shift` are 16 values each.
typedef void (*csn_channel_row)(const float *x, const float *scale, const float *shift, float lower, float upper,
                                float *y, int width);

extern const csn_channel_row csn_channel_row_portable, csn_channel_row_avx2, csn_channel_row_avx512;
