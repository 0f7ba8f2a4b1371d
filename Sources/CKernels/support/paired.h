// Sixteen pairs of bf16: one pixel of one block of a paired tensor. Include after support/vector.h, inside a target.
#pragma once

CSN_INLINE csn_u16 csn_load_pairs(const float *pairs) { return __builtin_bit_cast(csn_u16, csn_load(pairs)); }

/// Channels 0 to 15, and 16 to 31.
CSN_INLINE csn_v16 csn_low_halves(csn_u16 pairs) { return __builtin_bit_cast(csn_v16, pairs << 16); }
CSN_INLINE csn_v16 csn_high_halves(csn_u16 pairs) { return __builtin_bit_cast(csn_v16, pairs & 0xffff0000); }

/// The nearest bf16 in the low halves, ties to even; NaN stays NaN.
CSN_INLINE csn_u16 csn_round_halves(csn_v16 values) {
  const csn_u16 bits = __builtin_bit_cast(csn_u16, values);
  const csn_u16 nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return values == values ? nearest : bits >> 16 | 0x40;
}

CSN_INLINE void csn_store_pairs(float *pairs, csn_v16 low, csn_v16 high) {
  csn_store(pairs, __builtin_bit_cast(csn_v16, csn_round_halves(low) | csn_round_halves(high) << 16));
}
