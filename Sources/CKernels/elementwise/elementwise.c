#include "elementwise/elementwise.h"

enum { chunk_floats = 1 << 14 };

static const csn_elementwise_kernels *kernels(void) {
#if defined(__x86_64__)
  if (csn_cpu_current() >= CSN_CPU_AVX512) return &csn_elementwise_kernels_avx512;
  if (csn_cpu_current() == CSN_CPU_AVX2) return &csn_elementwise_kernels_avx2;
#endif
  return &csn_elementwise_kernels_portable;
}

typedef enum { job_binary, job_scalar, job_unary } job_kind;

typedef struct {
  const csn_elementwise_kernels *kernels;
  job_kind kind;
  int op;
  const float *x, *y;
  float a, b;
  float *out;
  size_t count, chunk;
} elementwise_job;

static void run_chunk(void *context, int chunk, int worker) {
  (void)worker;
  const elementwise_job *job = context;
  const size_t first = (size_t)chunk * job->chunk, left = job->count - first;
  const size_t count = left < job->chunk ? left : job->chunk;
  switch (job->kind) {
    case job_binary: job->kernels->binary[job->op](job->x + first, job->y + first, job->out + first, count); break;
    case job_scalar: job->kernels->scalar[job->op](job->x + first, job->a, job->out + first, count); break;
    case job_unary: job->kernels->unary[job->op](job->x + first, job->a, job->b, job->out + first, count); break;
  }
}

static void run(elementwise_job *job, csn_pool *pool) {
  // Chunks grow with the buffer where their number would not fit an int.
  job->chunk = chunk_floats;
  while (job->count / job->chunk > 1 << 20) job->chunk *= 2;
  job->kernels = kernels();
  csn_pool_run(pool, run_chunk, job, (int)((job->count + job->chunk - 1) / job->chunk));
}

void csn_binary(csn_binary_op op, const float *a, const float *b, float *out, size_t count, csn_pool *pool) {
  run(&(elementwise_job){.kind = job_binary, .op = (int)op, .x = a, .y = b, .out = out, .count = count}, pool);
}

void csn_binary_scalar(csn_binary_op op, const float *a, float b, float *out, size_t count, csn_pool *pool) {
  run(&(elementwise_job){.kind = job_scalar, .op = (int)op, .x = a, .a = b, .out = out, .count = count}, pool);
}

void csn_unary(csn_unary_op op, const float *x, float a, float b, float *out, size_t count, csn_pool *pool) {
  run(&(elementwise_job){.kind = job_unary, .op = (int)op, .x = x, .a = a, .b = b, .out = out, .count = count}, pool);
}

typedef struct {
  const csn_elementwise_kernels *kernels;
  const float *x;
  float *out;
  size_t outer, count, inner, groups, groups_per_chunk;
} softmax_job;

/// A group is one row, or up to 16 columns where the axis is not the last.
static void run_softmax(void *context, int chunk, int worker) {
  (void)worker;
  const softmax_job *job = context;
  const size_t parts = (job->inner + 15) / 16, first = (size_t)chunk * job->groups_per_chunk;
  const size_t end = first + job->groups_per_chunk < job->groups ? first + job->groups_per_chunk : job->groups;
  for (size_t group = first; group < end; group++) {
    const size_t column = group % parts * 16, start = group / parts * job->count * job->inner + column;
    const size_t columns = job->inner - column < 16 ? job->inner - column : 16;
    if (job->inner == 1)
      job->kernels->softmax_row(job->x + start, job->out + start, job->count);
    else
      job->kernels->softmax_columns(job->x + start, job->out + start, job->count, job->inner, columns);
  }
}

void csn_softmax(const float *x, float *out, size_t outer, size_t count, size_t inner, csn_pool *pool) {
  if (outer == 0 || count == 0 || inner == 0) return;
  softmax_job job = {.kernels = kernels(), .x = x, .out = out, .outer = outer, .count = count, .inner = inner};
  job.groups = outer * ((inner + 15) / 16);
  job.groups_per_chunk = chunk_floats / count + 1;
  while (job.groups / job.groups_per_chunk > 1 << 20) job.groups_per_chunk *= 2;
  csn_pool_run(pool, run_softmax, &job, (int)((job.groups + job.groups_per_chunk - 1) / job.groups_per_chunk));
}
