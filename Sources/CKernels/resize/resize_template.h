// The resizing kernels of one variant. The including file has set the target.
#include "resize/resize.h"

// Between a and b: the weights are applied to the values, not to their difference, so that either end comes out exact.
#define BETWEEN(a, b, weight) ((a) * (1.0f - (weight)) + (b) * (weight))

static void blocked_row(const float *above, const float *below, float weight, const csn_resize_tap *columns, float *out,
                        int width) {
  for (int x = 0; x < width; x++) {
    const ptrdiff_t first = (ptrdiff_t)columns[x].first * csn_block, second = (ptrdiff_t)columns[x].second * csn_block;
    const float across = columns[x].weight;
    csn_v16 top = BETWEEN(csn_load(above + first), csn_load(above + second), across);
    csn_v16 bottom = BETWEEN(csn_load(below + first), csn_load(below + second), across);
    csn_store(out + (ptrdiff_t)x * csn_block, BETWEEN(top, bottom, weight));
  }
}

static void planar_row(const float *above, const float *below, float weight, const csn_resize_tap *columns, float *out,
                       int width) {
  for (int x = 0; x < width; x++) {
    const csn_resize_tap tap = columns[x];
    float top = BETWEEN(above[tap.first], above[tap.second], tap.weight);
    float bottom = BETWEEN(below[tap.first], below[tap.second], tap.weight);
    out[x] = BETWEEN(top, bottom, weight);
  }
}

const csn_resize_kernels CSN_NAME(csn_resize_kernels) = {.blocked_row = blocked_row, .planar_row = planar_row};
