// Compiles what follows for AMX's tiles of bf16, with AVX-512. Include first in a variant's file, target_end.h last.
#define CSN_VARIANT amx
#define CSN_TARGET_FMA 1
#include <immintrin.h>

#include "support/variant.h"
#pragma clang attribute push(                                                                                       \
    __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16,avx2,fma,bmi2"))), \
    apply_to = function)
#include "support/vector.h"
