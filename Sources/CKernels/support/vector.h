// Sixteen floats: one pixel of one channel block. The compiler splits them as the target's registers demand, so that
// one source serves every CPU; a variant's file sets the target (support/target_*.h) before it includes this.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CSN_INLINE static inline __attribute__((always_inline))
#define CSN_UNROLL _Pragma("clang loop unroll(full)")
// Loops of one turn, and unoptimised builds, leave nothing to unroll.
#pragma clang diagnostic ignored "-Wpass-failed"
// Functions that take vectors are all inlined: none is called by an ABI that the target changes.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float csn_v16 __attribute__((ext_vector_type(16)));
typedef float csn_v8 __attribute__((ext_vector_type(8)));
typedef float csn_v16_unaligned __attribute__((ext_vector_type(16), aligned(4)));
typedef int32_t csn_i16 __attribute__((ext_vector_type(16)));
typedef uint32_t csn_u16 __attribute__((ext_vector_type(16)));

#define csn_load(pointer) ((csn_v16) * (const csn_v16_unaligned *)(pointer))
#define csn_store(pointer, value) (*(csn_v16_unaligned *)(pointer) = (value))
// Past the caches; the address is 64-byte aligned.
#define csn_stream(pointer, value) __builtin_nontemporal_store((value), (csn_v16 *)(pointer))
#define csn_splat(scalar) ((csn_v16)(float)(scalar))
#define csn_zero() csn_splat(0)

// a * b + c, fused where the target has it; a library call for each lane where it has not would be slow.
#if CSN_TARGET_FMA
#define csn_fma(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#else
#define csn_fma(a, b, c) ((a) * (b) + (c))
#endif

// The larger and the smaller; a NaN in the second operand stays.
#define csn_max(bound, value) ((bound) > (value) ? (bound) : (value))
#define csn_min(bound, value) ((bound) < (value) ? (bound) : (value))
