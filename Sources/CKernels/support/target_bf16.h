// Compiles what follows for AVX-512 with bf16 dot products. Include first in a variant's file, target_end.h last.
#define CSN_VARIANT bf16
#define CSN_TARGET_LANES 16
#define CSN_TARGET_FMA 1
#include <immintrin.h>

#include "support/variant.h"
#pragma clang attribute push(                                                                                       \
    __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16,avx2,fma,bmi2"))),                \
    apply_to = function)
#include "support/vector.h"
