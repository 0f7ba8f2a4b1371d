// Pooling on the blocked and the paired layout.
//
// What is prepared is a csn_pooling; csn_pooling_check says whether it fits its tensors. A run allocates nothing,
// needs no scratch and no halo, and its bits don't depend on the number of threads.
#pragma once
#include "csn_tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { CSN_POOLING_MAX = 0, CSN_POOLING_AVERAGE = 1 } csn_pooling_kind;

/// ONNX MaxPool and AveragePool. Places outside the input don't take part; with `count_padding`, an average counts
/// those inside the padding as zeros.
typedef struct {
  csn_pooling_kind kind;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, pad_bottom, pad_right;
  bool count_padding;
} csn_pooling;

/// CSN_OK where every output of `out` has a window that meets the input. Both tensors are blocked, or both paired
/// (maxima are then exact, averages rounded from fp32); the output may have the extents of either rounding (ONNX
/// ceil_mode).
csn_status csn_pooling_check(const csn_pooling *pooling, const csn_tensor *in, const csn_tensor *out);

/// Runs a pooling that was checked.
void csn_pooling_run(const csn_pooling *pooling, const csn_tensor *in, const float *x, const csn_tensor *out, float *y,
                     csn_pool *pool);

/// Means over the planes (ONNX GlobalAveragePool): blocked or paired [N, C, H, W] to [N][C], C floats an image
/// `row_stride` apart.
void csn_global_average(const csn_tensor *in, const float *x, float *y, ptrdiff_t row_stride, csn_pool *pool);

/// Maxima over the planes (ONNX GlobalMaxPool), likewise.
void csn_global_max(const csn_tensor *in, const float *x, float *y, ptrdiff_t row_stride, csn_pool *pool);

#ifdef __cplusplus
}
#endif
