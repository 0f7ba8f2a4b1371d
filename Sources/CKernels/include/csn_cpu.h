// What the processor can do, and how much of it is ours.
#pragma once
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The variants in which every kernel exists; the last is the one before, but for bf16 convolutions.
typedef enum {
  CSN_CPU_PORTABLE = 0,
  /// AVX2 and FMA.
  CSN_CPU_AVX2 = 1,
  /// AVX-512 F, BW, CD, DQ and VL.
  CSN_CPU_AVX512 = 2,
  /// AVX-512 with bf16, and AMX's tiles of bf16; fp32 as on AVX-512.
  CSN_CPU_AMX = 3,
} csn_cpu_level;

/// The highest level that processor and operating system support. Linux gives tiles to a process that asks: the first
/// call does, for all threads.
csn_cpu_level csn_cpu_detected(void);

/// The level that kernels use: the detected one, or a lower one asked for by csn_cpu_force or, at first use, by the
/// environment variable CSN_CPU (portable, avx2, avx512 or amx).
csn_cpu_level csn_cpu_current(void);

/// Makes kernels use `level`, or the detected one where that is lower; returns the level in force. Plans made before
/// keep the level that they were made with.
csn_cpu_level csn_cpu_force(csn_cpu_level level);

/// "portable", "avx2", "avx512" or "amx".
const char *csn_cpu_name(csn_cpu_level level);

/// Whether bf16 dot products (AVX512-BF16) are there and the current level allows them.
bool csn_cpu_has_bf16(void);

/// Whether kernels of `level` may use bf16 dot products on this processor.
bool csn_cpu_level_has_bf16(csn_cpu_level level);

/// Whether tiles of bf16 (AMX-BF16) are there and the current level allows them.
bool csn_cpu_has_amx(void);

/// Whether kernels of `level` may use tiles of bf16 on this processor.
bool csn_cpu_level_has_amx(csn_cpu_level level);

/// Whether int8 dot products (AVX512-VNNI) are there and the current level allows them.
bool csn_cpu_has_vnni(void);

/// The threads worth running: processors in the affinity mask, at most the cgroup's CPU quota (as it was when first
/// asked for) rounded up; at least 1.
int csn_cpu_count(void);

/// The CPU quota of this process's cgroup and its ancestors (v1 and v2) in processors, the fraction rounded up;
/// 0 where there is none. `root` is the directory that stands for "/" (for tests); NULL for the real one.
int csn_cpu_quota(const char *root);

#ifdef __cplusplus
}
#endif
