#if defined(__x86_64__)
#include "support/target_avx2.h"
// Twelve registers of sums: 3 pixels of two blocks, or 6 of one.
#define CSN_TILE_PIXELS 3
#define CSN_TILE_VECTORS 2
#define CSN_TILE_SINGLES 2
#define CSN_TILE_BY_HAND 1
#include "conv/tile/channels_avx2.h"
#include "conv/tile/tile_template.h"
#include "support/target_end.h"
#endif
