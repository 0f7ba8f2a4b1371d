// Rounding by AVX512-BF16. Include after support/vector.h, inside a target that has it.
#pragma once
#include <immintrin.h>

/// Rounds two vectors to pairs: the nearest bf16, ties to even; NaN stays NaN, what is below normal becomes zero.
CSN_INLINE csn_u16 csn_pairs_of(csn_v16 low, csn_v16 high) {
  // The instruction puts the second vector's values after the first's; pairs want them alternating.
  const __m512i alternate = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                             6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return (csn_u16)_mm512_permutexvar_epi16(alternate, (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low));
}
