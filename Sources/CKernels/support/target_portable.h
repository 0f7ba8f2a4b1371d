// Compiles what follows for any processor of the architecture. Include first in a variant's file, target_end.h last.
#define CSN_VARIANT portable
#define CSN_TARGET_LANES 4
#define CSN_TARGET_FMA 0
#include "support/variant.h"
#pragma clang attribute push(__attribute__((annotate("portable"))), apply_to = function)
#include "support/vector.h"
