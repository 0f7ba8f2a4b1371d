// Element-wise arithmetic on contiguous floats, on blocked and planar tensors alike: `count` is all that they share.
#pragma once
#include <stddef.h>

#include "csn_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  CSN_ADD = 0,
  CSN_SUBTRACT = 1,
  CSN_MULTIPLY = 2,
  CSN_DIVIDE = 3,
  CSN_MAXIMUM = 4,
  CSN_MINIMUM = 5,
  /// (a - b)^2.
  CSN_SQUARED_DIFFERENCE = 6,
} csn_binary_op;

typedef enum {
  /// Bounded by `a` below and `b` above.
  CSN_CLAMP = 0,
  /// a * x + b.
  CSN_AFFINE = 1,
  /// x where positive, else a * x.
  CSN_LEAKY_RELU = 2,
  CSN_EXP = 3,
  CSN_SIGMOID = 4,
  CSN_TANH = 5,
  CSN_SQRT = 6,
  CSN_ABS = 7,
  /// max(0, min(1, a * x + b)).
  CSN_HARD_SIGMOID = 8,
} csn_unary_op;

/// out[i] = op(a[i], b[i]). `out` may be `a` or `b`.
void csn_binary(csn_binary_op op, const float *a, const float *b, float *out, size_t count, csn_pool *pool);

/// out[i] = op(a[i], b). `out` may be `a`.
void csn_binary_scalar(csn_binary_op op, const float *a, float b, float *out, size_t count, csn_pool *pool);

/// out[i] = op(x[i]) with the op's parameters. `out` may be `x`. Exponentials are within 2 units in the last place.
void csn_unary(csn_unary_op op, const float *x, float a, float b, float *out, size_t count, csn_pool *pool);

/// Softmax of x [outer][count][inner] over its middle axis. `out` may be `x`.
void csn_softmax(const float *x, float *out, size_t outer, size_t count, size_t inner, csn_pool *pool);

#ifdef __cplusplus
}
#endif
