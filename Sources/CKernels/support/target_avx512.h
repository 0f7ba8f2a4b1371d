// Compiles what follows for AVX-512. Include first in a variant's file, target_end.h last.
#define CSN_VARIANT avx512
#define CSN_TARGET_LANES 16
#define CSN_TARGET_FMA 1
#include "support/variant.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi2"))), \
                             apply_to = function)
#include "support/vector.h"
