#if defined(__x86_64__)
#include "support/target_bf16.h"
#define CSN_TILE_PIXELS 14
#define CSN_TILE_VECTORS 2
#define CSN_TILE_BLOCKED_ONLY 1
#define CSN_TILE_MULTIPLY_ADD(x, w, sum) \
  ((csn_v16)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(csn_v16)(x), (__m512bh)(csn_v16)(w)))
#include "conv/bf16/bf16.h"
#include "conv/tile/tile_template.h"

void csn_bf16_pair(const float *low, const float *high, ptrdiff_t step, float *out, int pixels) {
  // Rounding two vectors puts the second's values after the first's; pairs want them alternating.
  const __m512i alternate = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                             6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  for (int i = 0; i < pixels; i++) {
    __m512 first = _mm512_loadu_ps(low + i * step);
    __m512 second = high ? _mm512_loadu_ps(high + i * step) : _mm512_setzero_ps();
    __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(second, first);
    _mm512_storeu_si512(out + i * csn_block, _mm512_permutexvar_epi16(alternate, rounded));
  }
}
#include "support/target_end.h"
#endif
