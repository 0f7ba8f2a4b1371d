#include "conv/tile/tile.h"

const ptrdiff_t csn_dense_offsets[csn_tile_max_pixels] = {
    0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208,
};

const csn_tile_kernels *csn_tile_kernels_for(csn_cpu_level level) {
#if defined(__x86_64__)
  if (level == CSN_CPU_AVX512) return &csn_tile_kernels_avx512;
  if (level == CSN_CPU_AVX2) return &csn_tile_kernels_avx2;
#endif
  (void)level;
  return &csn_tile_kernels_portable;
}

csn_fetch csn_fetch_make(const float *weights, const float *end, int tiles, int pixels, ptrdiff_t steps) {
  const ptrdiff_t turns = tiles * steps;
  const ptrdiff_t lines = end > weights ? ((end - weights) / csn_line + turns - 1) / turns : 0;
  // Where so few products meet a weight, memory sets the pace: the processor's own streams keep it best.
  return (csn_fetch){weights, end, lines <= 2 * pixels ? (int)lines : 0};
}
