// Runs every distinct convolution of ResNet50, GoogLeNet and IFCNN by itself and prints its speed as a share of the
// machine's measured peak, and what was picked.
//   kernels [THREADS] [all|NETWORK|whole] [batch N] [algorithm NAME] [winograd M] [bf16] [bare] [cold] [json]
// `whole` runs ResNet50 from end to end.
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "clock.h"
#include "csn_conv.h"
#include "csn_cpu.h"
#include "peak.h"
#include "resnet.h"
#include "shapes.h"

/// Several times the largest cache.
static const size_t cold_bytes = 256u << 20;

typedef struct {
  int threads, batch, json, winograd_limit;
  bool bf16, bare, cold;
  const char *network;
  csn_conv_algorithm algorithm;
} options;

float *random_floats(size_t count) {
  size_t bytes = (count * sizeof(float) + (2u << 20)) & ~(size_t)((2u << 20) - 1);
  float *memory = aligned_alloc(2u << 20, bytes);
  if (!memory) exit(1);
  // As the runtime asks for its tensors and its weights.
  madvise(memory, bytes, MADV_HUGEPAGE);
  for (size_t i = 0; i < count; i++) memory[i] = (float)((i * 2654435761u >> 8) & 0xffff) / 65536.f - 0.5f;
  return memory;
}

static float *tensor_memory(const csn_tensor *tensor) {
  float *memory = random_floats(csn_tensor_count(tensor) + 1);
  csn_clear_halo(tensor, memory + csn_tensor_origin(tensor), NULL);
  return memory;
}

/// What rounds of a run, each beside bare multiply-adds of the same count, have shown.
typedef struct {
  /// Seconds of the best run, and of the best bare multiply-adds.
  double best, best_bare;
  /// What bare multiply-adds take of a run's time in the median of the rounds.
  double median_share;
} result;

static int compare(const void *a, const void *b) {
  const double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

/// Runs with everything in the caches that fits, or with weights from memory.
static result measure(const csn_conv_plan *plan, csn_pool *pool, bool cold) {
  const csn_conv *conv = &plan->conv;
  // Cold: as many copies in turn as no cache holds.
  const size_t copies = cold ? cold_bytes / (plan->weight_count * sizeof(float)) + 1 : 1;
  size_t plain_count = (size_t)conv->out_channels * conv->in_channels * conv->kernel_h * conv->kernel_w;
  float *plain = random_floats(plain_count), *packed = random_floats(plan->weight_count * copies);
  float *bias = random_floats(plan->bias_count);
  for (size_t i = 0; i < copies; i++)
    csn_conv_pack(plan->algorithm, conv, plain, packed + i * plan->weight_count);
  float *in = tensor_memory(&plan->in), *out = tensor_memory(&plan->out);
  float *residual = plan->has_residual ? tensor_memory(&plan->residual) : NULL;
  float *scratch = random_floats(plan->scratch_bytes / sizeof(float) + 1);
  double (*clock)(void) = plan->threads > 1 ? seconds : thread_seconds;
  enum { most_rounds = 400 };
  double shares[most_rounds], best = 1e9, best_bare = 1e9;
  const double begin = seconds();
  int rounds = 0;
  for (; rounds < most_rounds && (rounds < 5 || seconds() - begin < 0.4); rounds++) {
    const double bare = time_multiply_adds(pool, (double)plan->macs, clock);
    double start = clock();
    csn_conv_run(plan, in + csn_tensor_origin(&plan->in),
                 packed + (size_t)rounds % copies * plan->weight_count, bias,
                 residual ? residual + csn_tensor_origin(&plan->residual) : NULL,
                 out + csn_tensor_origin(&plan->out), scratch, pool);
    double time = clock() - start;
    if (time < best) best = time;
    if (bare < best_bare) best_bare = bare;
    shares[rounds] = bare / time;
  }
  qsort(shares, (size_t)rounds, sizeof *shares, compare);
  free(plain), free(packed), free(bias), free(in), free(out), free(residual), free(scratch);
  return (result){best, best_bare, shares[rounds / 2]};
}

static void run_shape(const shape *shape, const options *options, csn_pool *pool) {
  csn_conv conv = csn_conv_make(shape->in_channels, shape->out_channels, shape->kernel, shape->kernel);
  conv.stride_h = conv.stride_w = shape->stride;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = shape->pad;
  conv.lower = 0;
  const int size = (shape->in_size + 2 * shape->pad - shape->kernel) / shape->stride + 1;
  const bool rounds = options->algorithm == CSN_CONV_AUTO ? options->bf16 : options->algorithm == CSN_CONV_BF16;
  csn_layout inner = rounds && csn_cpu_has_amx() ? CSN_PAIRED : CSN_BLOCKED;
  csn_layout layout = shape->in_channels <= 4 ? CSN_PLANAR : inner;
  const int pad = shape->pad;
  csn_tensor in = csn_tensor_make(layout, options->batch, shape->in_channels, shape->in_size, shape->in_size, pad, pad,
                                  pad, pad);
  csn_tensor out = csn_tensor_make(inner, options->batch, shape->out_channels, size, size, 0, 0, 0, 0);
  csn_conv_options conv_options = csn_conv_default_options();
  conv_options.threads = options->threads;
  conv_options.algorithm = options->algorithm;
  conv_options.winograd_limit = options->winograd_limit;
  conv_options.allow_bf16 = options->bf16;
  csn_conv_plan plan;
  if (csn_conv_plan_make(&plan, &conv, &in, &out, shape->residual ? &out : NULL, &conv_options) != CSN_OK) return;
  const result result = measure(&plan, pool, options->cold);
  const char *format =
      options->json ? "{\"network\":\"%s\",\"in\":%d,\"out\":%d,\"kernel\":%d,\"stride\":%d,\"size\":%d,"
                      "\"algorithm\":\"%s\",\"tile_chunks\":%d,\"panel_chunks\":%d,\"ms\":%.4f,\"bare_ms\":%.4f,"
                      "\"gflops\":%.1f,\"share\":%.3f,\"median_share\":%.3f}\n"
                    : "%-9s %4d -> %4d  %dx /%d  %4d px  %-16s %3d x %-3d %8.3f ms (bare %7.3f)  %7.1f GFLOP/s  "
                      "%5.3f of peak (median %5.3f)\n";
  printf(format, shape->network, shape->in_channels, shape->out_channels, shape->kernel, shape->stride, shape->in_size,
         csn_conv_algorithm_name(plan.algorithm), plan.tile_chunks, plan.panel_chunks, result.best * 1e3,
         result.best_bare * 1e3, 2.0 * (double)plan.macs / result.best / 1e9, result.best_bare / result.best,
         result.median_share);
  fflush(stdout);
}

int main(int count, char **arguments) {
  options options = {.threads = csn_cpu_count(), .batch = 1, .winograd_limit = csn_conv_default_options().winograd_limit};
  for (int i = 1; i < count; i++) {
    const char *next = i + 1 < count ? arguments[i + 1] : "";
    if (atoi(arguments[i]) > 0) {
      options.threads = atoi(arguments[i]);
    } else if (strcmp(arguments[i], "json") == 0) {
      options.json = 1;
    } else if (strcmp(arguments[i], "batch") == 0) {
      options.batch = atoi(next);
      i++;
    } else if (strcmp(arguments[i], "bare") == 0) {
      options.bare = true;
    } else if (strcmp(arguments[i], "cold") == 0) {
      options.cold = true;
    } else if (strcmp(arguments[i], "bf16") == 0) {
      options.bf16 = true;
    } else if (strcmp(arguments[i], "winograd") == 0) {
      options.winograd_limit = atoi(next);
      i++;
    } else if (strcmp(arguments[i], "algorithm") == 0) {
      for (int a = CSN_CONV_DIRECT; a <= CSN_CONV_LAST; a++)
        if (strcmp(csn_conv_algorithm_name((csn_conv_algorithm)a), next) == 0)
          options.algorithm = (csn_conv_algorithm)a;
      i++;
    } else if (strcmp(arguments[i], "all") != 0) {
      options.network = arguments[i];
    }
  }
  csn_pool *pool = csn_pool_create(options.threads);
  if (!options.json) {
    const double count = 1e8;
    double best = 1e9;
    for (int i = 0; i < 100; i++) best = fmin(best, time_multiply_adds(pool, count, seconds));
    printf("%d threads, %s, fp32 peak %.1f GFLOP/s\n", options.threads, csn_cpu_name(csn_cpu_current()),
           2 * count / best / 1e9);
  }
  if (options.network && strcmp(options.network, "whole") == 0) {
    csn_conv_options conv_options = csn_conv_default_options();
    conv_options.threads = options.threads;
    conv_options.winograd_limit = options.winograd_limit;
    conv_options.allow_bf16 = options.bf16;
    bench_resnet(&conv_options, pool, options.batch, options.bare, options.batch > 1 ? 10 : 40);
  }
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    if (!options.network || strcmp(options.network, shapes[i].network) == 0)
      run_shape(&shapes[i], &options, pool);
  csn_pool_destroy(pool);
  return 0;
}
