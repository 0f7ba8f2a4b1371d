#include "peak.h"

#include <stdint.h>

#include "clock.h"
#include "csn_cpu.h"

#if defined(__x86_64__)
// Twelve independent sums, enough to cover the latency; the assembler text keeps the compiler from folding any.
#define REPEAT(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) step(11)

__attribute__((target("avx512f"))) static void spin_avx512(int64_t rounds) {
#define STEP(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n\t"
  for (int64_t i = 0; i < rounds; i++)
    __asm__ volatile(REPEAT(STEP)::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                     "xmm10", "xmm11");
#undef STEP
}

__attribute__((target("avx2,fma"))) static void spin_avx2(int64_t rounds) {
#define STEP(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n\t"
  for (int64_t i = 0; i < rounds; i++)
    __asm__ volatile(REPEAT(STEP)::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                     "xmm10", "xmm11");
#undef STEP
}
#endif

static int lanes(void) { return csn_cpu_detected() >= CSN_CPU_AVX512 ? 16 : 8; }

static void spin(void *context, int chunk, int worker) {
  (void)chunk, (void)worker;
  const int64_t rounds = *(const int64_t *)context;
#if defined(__x86_64__)
  csn_cpu_detected() >= CSN_CPU_AVX512 ? spin_avx512(rounds) : spin_avx2(rounds);
#endif
}

double time_multiply_adds(csn_pool *pool, double count, double (*clock)(void)) {
  const int threads = csn_pool_threads(pool);
  int64_t rounds = (int64_t)(count / (12 * lanes() * threads)) + 1;
  const double start = clock();
  csn_pool_run(pool, spin, &rounds, threads);
  return (clock() - start) * count / (12.0 * lanes() * threads * (double)rounds);
}
