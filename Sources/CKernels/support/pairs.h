// Numbers rounded to bf16, two to a word.
#pragma once
#include <stdint.h>
#include <string.h>

/// The nearest bf16, ties to even; NaN stays NaN.
static inline uint32_t csn_to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : nearest;
}

/// The number whose upper half `bits` has.
static inline float csn_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline float csn_low_of(uint32_t pair) { return csn_from_bits(pair << 16); }
static inline float csn_high_of(uint32_t pair) { return csn_from_bits(pair & 0xffff0000); }
static inline uint32_t csn_pair_of(float low, float high) { return csn_to_bf16(low) | csn_to_bf16(high) << 16; }
