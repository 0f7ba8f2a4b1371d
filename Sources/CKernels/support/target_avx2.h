// Compiles what follows for AVX2 with FMA. Include first in a variant's file, target_end.h last.
#define CSN_VARIANT avx2
#define CSN_TARGET_LANES 8
#define CSN_TARGET_FMA 1
#include "support/variant.h"
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi2"))), apply_to = function)
#include "support/vector.h"
