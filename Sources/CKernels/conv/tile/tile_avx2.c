#if defined(__x86_64__)
#include "support/target_avx2.h"
// A block of 16 channels is two registers: 12 sums, two weights, one input: 15 of 16.
#define CSN_TILE_PIXELS 6
#define CSN_TILE_VECTORS 1
#include "conv/tile/tile_template.h"
#include "support/target_end.h"
#endif
