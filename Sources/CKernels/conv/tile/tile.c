#include "conv/tile/tile.h"

const ptrdiff_t csn_adjacent[csn_tile_max_pixels] = {
    0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208,
};

const csn_tile_kernels *csn_tile_kernels_for(csn_cpu_level level) {
#if defined(__x86_64__)
  if (level >= CSN_CPU_AVX512) return &csn_tile_kernels_avx512;
  if (level == CSN_CPU_AVX2) return &csn_tile_kernels_avx2;
#endif
  (void)level;
  return &csn_tile_kernels_portable;
}

csn_fetch csn_fetch_make(const csn_tile_kernels *kernels, const float *weights, const float *end, int tiles, int pixels,
                         ptrdiff_t steps) {
  const ptrdiff_t turns = tiles * steps, lines = ((end - weights) / csn_line + turns - 1) / turns;
  // Where so few products meet a weight, memory sets the pace: the processor's own streams keep it best.
  return (csn_fetch){weights, end, lines <= pixels * kernels->registers ? (int)lines : 0};
}

void csn_row_run(const csn_tile_kernels *kernels, int out_blocks, const csn_row *row, csn_tile *tile,
                 csn_fetch *fetch) {
  const csn_tile_function *run = kernels->run[csn_tile_dense][out_blocks - 1];
  if (row->longer > 0) {
    tile->count = row->longer;
    csn_fetch_with(fetch, tile);
    run[row->shorter_pixels](tile);
    const ptrdiff_t floats = (ptrdiff_t)row->longer * (row->shorter_pixels + 1) * csn_line;
    tile->in += floats;
    tile->out += floats;
    if (tile->sums) tile->sums += floats;
  }
  tile->count = row->shorter;
  csn_fetch_with(fetch, tile);
  run[row->shorter_pixels - 1](tile);
}
