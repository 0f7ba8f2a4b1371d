// Local response normalisation (ONNX LRN) on the blocked layout.
#pragma once
#include "csn_tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/// y = x / (bias + alpha / size * sum of squares of the `size` channels around)^beta.
typedef struct {
  int32_t size;
  float alpha, beta, bias;
} csn_lrn;

/// CSN_OK where the tensors are blocked and of equal extents and `size` is 1...32.
csn_status csn_lrn_check(const csn_lrn *lrn, const csn_tensor *in, const csn_tensor *out);

/// Runs a normalisation that was checked. Lanes past the last channel become zero.
void csn_lrn_run(const csn_lrn *lrn, const csn_tensor *in, const float *x, const csn_tensor *out, float *y,
                 csn_pool *pool);

#ifdef __cplusplus
}
#endif
