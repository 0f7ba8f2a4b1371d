#include "support/target_portable.h"
// A block of 16 channels is four registers of SSE2 or NEON: eight sums, four weights, one input.
#define CSN_TILE_PIXELS 2
#define CSN_TILE_VECTORS 1
#include "conv/tile/tile_template.h"
#include "support/target_end.h"
