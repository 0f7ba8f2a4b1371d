#if defined(__x86_64__)
#include "support/target_bf16.h"
#define CSN_TILE_PIXELS 14
#define CSN_TILE_VECTORS 2
#define CSN_TILE_BLOCKED_ONLY 1
#define CSN_TILE_MULTIPLY_ADD(x, w, sum) \
  ((csn_v16)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(csn_v16)(x), (__m512bh)(csn_v16)(w)))
#include "conv/bf16/bf16.h"
#include "conv/bf16/round.h"
#include "conv/tile/tile_template.h"

void csn_bf16_pair(const float *low, const float *high, ptrdiff_t step, float *out, int pixels) {
  for (int i = 0; i < pixels; i++) {
    const csn_v16 first = csn_load(low + i * step), second = high ? csn_load(high + i * step) : csn_zero();
    csn_store(out + i * csn_block, (csn_v16)csn_pairs_of(first, second));
  }
}
#include "support/target_end.h"
#endif
