// exp of 16 floats. Include after support/vector.h, inside a target.
#pragma once

/// e^x within 2 units in the last place; 0 below -104, infinity above 89, NaN for NaN.
CSN_INLINE csn_v16 csn_exp(csn_v16 x) {
  // x = n ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts, so that r is exact. e^r by its Taylor polynomial of degree 7.
  const csn_v16 low = csn_splat(-104.0f), high = csn_splat(89.0f);
  csn_v16 bounded = csn_max(low, x);
  bounded = csn_min(high, bounded);
  // Adding and subtracting 1.5 * 2^23 rounds to the nearest whole number.
  const csn_v16 magic = csn_splat(12582912.0f);
  csn_v16 n = csn_fma(bounded, csn_splat(1.44269504088896341f), magic) - magic;
  csn_v16 r = csn_fma(n, csn_splat(-0.693359375f), bounded);
  r = csn_fma(n, csn_splat(2.12194440e-4f), r);
  csn_v16 p = csn_splat(1.0f / 5040);
  p = csn_fma(p, r, csn_splat(1.0f / 720));
  p = csn_fma(p, r, csn_splat(1.0f / 120));
  p = csn_fma(p, r, csn_splat(1.0f / 24));
  p = csn_fma(p, r, csn_splat(1.0f / 6));
  p = csn_fma(p, r, csn_splat(0.5f));
  p = csn_fma(p, r * r, r) + csn_splat(1.0f);
  // 2^n in two factors: n reaches below the smallest exponent and above the largest. A NaN has no exponent: clear it
  // for the conversion.
  csn_v16 finite = bounded == bounded ? n : csn_zero();
  csn_i16 exponent = __builtin_convertvector(finite, csn_i16), half = exponent >> 1;
  csn_v16 first = __builtin_bit_cast(csn_v16, (half + 127) << 23);
  csn_v16 second = __builtin_bit_cast(csn_v16, (exponent - half + 127) << 23);
  return p * first * second;
}
