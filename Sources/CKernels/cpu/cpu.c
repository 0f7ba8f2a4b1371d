#define _GNU_SOURCE
#include "csn_cpu.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

static const char *const names[] = {"portable", "avx2", "avx512", "amx"};

const char *csn_cpu_name(csn_cpu_level level) {
  return (unsigned)level < sizeof names / sizeof *names ? names[level] : "unknown";
}

#if defined(__x86_64__) && defined(__linux__)

/// Whether processor and system have tiles of bf16, and the system lets this process use them.
static bool asks_for_tiles(void) {
  enum { bf16_bit = 1 << 22, tile_bit = 1 << 24, both_bits = bf16_bit | tile_bit };
  // The state that tiles add to a thread: configuration and data. Data is large: the system wants to be asked for it.
  enum { tile_state = 3 << 17, tile_data = 18, request_permission = 0x1023 };
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (edx & both_bits) != both_bits) return false;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & tile_state) != tile_state) return false;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

// -1 until first asked for. The permission is the whole process's: to ask twice does no harm.
static _Atomic int tiles = -1;

static bool has_tiles(void) {
  int known = atomic_load_explicit(&tiles, memory_order_relaxed);
  if (known >= 0) return known;
  known = __builtin_cpu_supports("avx512bf16") && asks_for_tiles();
  atomic_store_explicit(&tiles, known, memory_order_relaxed);
  return known;
}

#else

static bool has_tiles(void) { return false; }

#endif

csn_cpu_level csn_cpu_detected(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return CSN_CPU_PORTABLE;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return has_tiles() ? CSN_CPU_AMX : CSN_CPU_AVX512;
  return CSN_CPU_AVX2;
#else
  return CSN_CPU_PORTABLE;
#endif
}

// -1 until first asked for.
static _Atomic int current = -1;

static csn_cpu_level initial_level(void) {
  csn_cpu_level detected = csn_cpu_detected();
  const char *wanted = getenv("CSN_CPU");
  for (int level = CSN_CPU_PORTABLE; wanted && level < (int)detected; level++)
    if (strcmp(wanted, names[level]) == 0) return (csn_cpu_level)level;
  return detected;
}

csn_cpu_level csn_cpu_current(void) {
  int level = atomic_load_explicit(&current, memory_order_relaxed);
  if (level >= 0) return (csn_cpu_level)level;
  int first = (int)initial_level();
  // Another thread may have been quicker, or have forced a level: its value stands.
  return atomic_compare_exchange_strong(&current, &level, first) ? (csn_cpu_level)first : (csn_cpu_level)level;
}

csn_cpu_level csn_cpu_force(csn_cpu_level level) {
  csn_cpu_level detected = csn_cpu_detected();
  if ((int)level < 0 || level > detected) level = detected;
  atomic_store(&current, (int)level);
  return level;
}

bool csn_cpu_level_has_bf16(csn_cpu_level level) {
#if defined(__x86_64__)
  return level >= CSN_CPU_AVX512 && csn_cpu_detected() >= CSN_CPU_AVX512 && __builtin_cpu_supports("avx512bf16");
#else
  (void)level;
  return false;
#endif
}

bool csn_cpu_has_bf16(void) { return csn_cpu_level_has_bf16(csn_cpu_current()); }

bool csn_cpu_level_has_amx(csn_cpu_level level) { return level >= CSN_CPU_AMX && csn_cpu_detected() >= CSN_CPU_AMX; }

bool csn_cpu_has_amx(void) { return csn_cpu_level_has_amx(csn_cpu_current()); }

bool csn_cpu_has_vnni(void) {
#if defined(__x86_64__)
  return csn_cpu_current() >= CSN_CPU_AVX512 && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

static int affinity_count(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 && online < 4096 ? (int)online : 1;
}

// -1 until first asked for.
static _Atomic int process_quota = -1;

/// csn_cpu_quota(NULL) as it was when first asked for: reading it opens a dozen files, and plans ask again and again.
static int cached_quota(void) {
  int quota = atomic_load_explicit(&process_quota, memory_order_relaxed);
  if (quota >= 0) return quota;
  quota = csn_cpu_quota(NULL);
  atomic_store_explicit(&process_quota, quota, memory_order_relaxed);
  return quota;
}

int csn_cpu_count(void) {
  int count = affinity_count();
  int quota = cached_quota();
  if (quota > 0 && quota < count) count = quota;
  return count > 0 ? count : 1;
}
