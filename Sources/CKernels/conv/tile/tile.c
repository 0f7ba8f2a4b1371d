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
