// The element-wise kernels of one variant. The including file has set the target.
#include <math.h>
#include <string.h>

#include "elementwise/elementwise.h"
#include "support/exponential.h"

enum { lanes = 16 };

CSN_INLINE csn_v16 apply_binary(const int op, csn_v16 a, csn_v16 b) {
  switch (op) {
    case CSN_ADD: return a + b;
    case CSN_SUBTRACT: return a - b;
    case CSN_MULTIPLY: return a * b;
    case CSN_DIVIDE: return a / b;
    // A NaN on either side stays.
    case CSN_MAXIMUM: return a != a ? a : csn_max(a, b);
    case CSN_MINIMUM: return a != a ? a : csn_min(a, b);
    default: return (a - b) * (a - b);
  }
}

CSN_INLINE csn_v16 hyperbolic_tangent(csn_v16 x) {
  // Near zero 1 - 2 / (e^2x + 1) cancels: its odd series instead.
  csn_v16 square = x * x;
  csn_v16 series = csn_splat(62.0f / 2835);
  series = csn_fma(series, square, csn_splat(-17.0f / 315));
  series = csn_fma(series, square, csn_splat(2.0f / 15));
  series = csn_fma(series, square, csn_splat(-1.0f / 3));
  series = csn_fma(series * square, x, x);
  csn_v16 far = csn_splat(1.0f) - csn_splat(2.0f) / (csn_exp(x + x) + csn_splat(1.0f));
  return square < csn_splat(0.04f) ? series : far;
}

CSN_INLINE csn_v16 apply_unary(const int op, csn_v16 x, csn_v16 a, csn_v16 b) {
  switch (op) {
    case CSN_CLAMP: return csn_min(b, csn_max(a, x));
    case CSN_AFFINE: return csn_fma(a, x, b);
    case CSN_LEAKY_RELU: return x > csn_zero() ? x : a * x;
    case CSN_EXP: return csn_exp(x);
    case CSN_SIGMOID: return csn_splat(1.0f) / (csn_splat(1.0f) + csn_exp(-x));
    case CSN_TANH: return hyperbolic_tangent(x);
    case CSN_SQRT: return __builtin_elementwise_sqrt(x);
    case CSN_ABS: return __builtin_elementwise_abs(x);
    default: return csn_min(csn_splat(1.0f), csn_max(csn_zero(), csn_fma(a, x, b)));
  }
}

/// The last, incomplete vector of a buffer.
CSN_INLINE csn_v16 load_part(const float *x, size_t count) {
  float part[lanes] = {0};
  memcpy(part, x, count * sizeof(float));
  return csn_load(part);
}

CSN_INLINE void store_part(float *out, csn_v16 value, size_t count) {
  float part[lanes];
  csn_store(part, value);
  memcpy(out, part, count * sizeof(float));
}

CSN_INLINE void run_binary(const int op, const float *a, const float *b, float *out, size_t count) {
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) csn_store(out + i, apply_binary(op, csn_load(a + i), csn_load(b + i)));
  if (i < count)
    store_part(out + i, apply_binary(op, load_part(a + i, count - i), load_part(b + i, count - i)), count - i);
}

CSN_INLINE void run_scalar(const int op, const float *a, float b, float *out, size_t count) {
  const csn_v16 scalar = csn_splat(b);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) csn_store(out + i, apply_binary(op, csn_load(a + i), scalar));
  if (i < count) store_part(out + i, apply_binary(op, load_part(a + i, count - i), scalar), count - i);
}

CSN_INLINE void run_unary(const int op, const float *x, float a, float b, float *out, size_t count) {
  const csn_v16 first = csn_splat(a), second = csn_splat(b);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) csn_store(out + i, apply_unary(op, csn_load(x + i), first, second));
  if (i < count) store_part(out + i, apply_unary(op, load_part(x + i, count - i), first, second), count - i);
}

#define BINARY(name, op)                                                                                            \
  static void binary_##name(const float *a, const float *b, float *out, size_t count) {                             \
    run_binary(op, a, b, out, count);                                                                               \
  }                                                                                                                 \
  static void scalar_##name(const float *a, float b, float *out, size_t count) { run_scalar(op, a, b, out, count); }
#define UNARY(name, op)                                                                                             \
  static void unary_##name(const float *x, float a, float b, float *out, size_t count) {                            \
    run_unary(op, x, a, b, out, count);                                                                             \
  }
BINARY(add, CSN_ADD)
BINARY(subtract, CSN_SUBTRACT)
BINARY(multiply, CSN_MULTIPLY)
BINARY(divide, CSN_DIVIDE)
BINARY(maximum, CSN_MAXIMUM)
BINARY(minimum, CSN_MINIMUM)
BINARY(squared_difference, CSN_SQUARED_DIFFERENCE)
UNARY(clamp, CSN_CLAMP)
UNARY(affine, CSN_AFFINE)
UNARY(leaky_relu, CSN_LEAKY_RELU)
UNARY(exp, CSN_EXP)
UNARY(sigmoid, CSN_SIGMOID)
UNARY(tanh, CSN_TANH)
UNARY(sqrt, CSN_SQRT)
UNARY(abs, CSN_ABS)
UNARY(hard_sigmoid, CSN_HARD_SIGMOID)

static void softmax_row(const float *x, float *out, size_t count) {
  csn_v16 largest = csn_splat(-INFINITY), sum = csn_zero();
  float most = -INFINITY, total = 0;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) largest = csn_max(largest, csn_load(x + i));
  for (int lane = 0; lane < lanes; lane++) most = largest[lane] > most ? largest[lane] : most;
  for (size_t k = i; k < count; k++) most = x[k] > most ? x[k] : most;
  for (i = 0; i + lanes <= count; i += lanes) {
    csn_v16 e = csn_exp(csn_load(x + i) - csn_splat(most));
    csn_store(out + i, e);
    sum += e;
  }
  if (i < count) store_part(out + i, csn_exp(load_part(x + i, count - i) - csn_splat(most)), count - i);
  for (int lane = 0; lane < lanes; lane++) total += sum[lane];
  for (size_t k = i; k < count; k++) total += out[k];
  run_scalar(CSN_DIVIDE, out, total, out, count);
}

static void softmax_columns(const float *x, float *out, size_t count, size_t inner, size_t columns) {
  csn_v16 most = csn_splat(-INFINITY), total = csn_zero();
  for (size_t i = 0; i < count; i++) most = csn_max(most, load_part(x + i * inner, columns));
  for (size_t i = 0; i < count; i++) {
    csn_v16 e = csn_exp(load_part(x + i * inner, columns) - most);
    store_part(out + i * inner, e, columns);
    total += e;
  }
  for (size_t i = 0; i < count; i++)
    store_part(out + i * inner, load_part(out + i * inner, columns) / total, columns);
}

const csn_elementwise_kernels CSN_NAME(csn_elementwise_kernels) = {
    .binary = {binary_add, binary_subtract, binary_multiply, binary_divide, binary_maximum, binary_minimum,
               binary_squared_difference},
    .scalar = {scalar_add, scalar_subtract, scalar_multiply, scalar_divide, scalar_maximum, scalar_minimum,
               scalar_squared_difference},
    .unary = {unary_clamp, unary_affine, unary_leaky_relu, unary_exp, unary_sigmoid, unary_tanh, unary_sqrt, unary_abs,
              unary_hard_sigmoid},
    .softmax_row = softmax_row,
    .softmax_columns = softmax_columns,
};
