#if defined(__x86_64__)
#include "support/target_avx512.h"
// 28 sums, two weights, one input: 31 of 32 registers.
#define CSN_TILE_PIXELS 14
#define CSN_TILE_VECTORS 2
#include "conv/tile/tile_template.h"
#include "support/target_end.h"
#endif
