#include "peak.h"

#include "clock.h"
#include "csn_cpu.h"

enum { rounds = 100000 };

#if defined(__x86_64__)
// Twelve independent sums, enough to cover the latency; the assembler text keeps the compiler from folding any.
#define REPEAT(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) step(11)

__attribute__((target("avx512f"))) static void spin_avx512(void) {
#define STEP(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n\t"
  for (int i = 0; i < rounds; i++)
    __asm__ volatile(REPEAT(STEP)::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                     "xmm10", "xmm11");
#undef STEP
}

__attribute__((target("avx2,fma"))) static void spin_avx2(void) {
#define STEP(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n\t"
  for (int i = 0; i < rounds; i++)
    __asm__ volatile(REPEAT(STEP)::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                     "xmm10", "xmm11");
#undef STEP
}
#endif

static void spin(void *context, int chunk, int worker) {
  (void)context, (void)chunk, (void)worker;
#if defined(__x86_64__)
  csn_cpu_detected() == CSN_CPU_AVX512 ? spin_avx512() : spin_avx2();
#endif
}

double measure_peak(csn_pool *pool) {
  const int lanes = csn_cpu_detected() == CSN_CPU_AVX512 ? 16 : 8, chunks = csn_pool_threads(pool);
  double best = 0;
  for (int i = 0; i < 100; i++) {
    double start = seconds();
    csn_pool_run(pool, spin, 0, chunks);
    double rate = 2.0 * 12 * lanes * rounds * chunks / (seconds() - start) / 1e9;
    if (rate > best) best = rate;
  }
  return best;
}
