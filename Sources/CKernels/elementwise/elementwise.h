#pragma once
#include "csn_cpu.h"
#include "csn_elementwise.h"

enum { csn_binary_ops = CSN_SQUARED_DIFFERENCE + 1, csn_unary_ops = CSN_HARD_SIGMOID + 1 };

typedef struct {
  void (*binary[csn_binary_ops])(const float *a, const float *b, float *out, size_t count);
  void (*scalar[csn_binary_ops])(const float *a, float b, float *out, size_t count);
  void (*unary[csn_unary_ops])(const float *x, float a, float b, float *out, size_t count);
  /// Softmax of [count][inner] over `count`; `columns` of the inner axis at once, at most 16.
  void (*softmax_row)(const float *x, float *out, size_t count);
  void (*softmax_columns)(const float *x, float *out, size_t count, size_t inner, size_t columns);
} csn_elementwise_kernels;

extern const csn_elementwise_kernels csn_elementwise_kernels_portable, csn_elementwise_kernels_avx2,
    csn_elementwise_kernels_avx512;
