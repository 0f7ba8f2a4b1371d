// Padding and resizing of the spatial axes, on the blocked and the planar layout.
#pragma once
#include "csn_tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/// ONNX Pad's modes.
typedef enum { CSN_PAD_CONSTANT = 0, CSN_PAD_EDGE = 1, CSN_PAD_REFLECT = 2, CSN_PAD_WRAP = 3 } csn_pad_mode;

/// What lies `top` rows and `left` columns before the input's first pixel becomes the output's first pixel; negative
/// numbers crop. The bottom and right follow from the extents.
typedef struct {
  csn_pad_mode mode;
  int32_t top, left;
  float value;
} csn_pad;

/// CSN_OK where layouts, images and channels are equal, and (reflect) no pad is as large as the input.
csn_status csn_pad_check(const csn_pad *pad, const csn_tensor *in, const csn_tensor *out);

/// Runs a padding that was checked.
void csn_pad_run(const csn_pad *pad, const csn_tensor *in, const float *x, const csn_tensor *out, float *y,
                 csn_pool *pool);

/// ONNX Resize's coordinate_transformation_mode.
typedef enum {
  CSN_RESIZE_HALF_PIXEL = 0,
  CSN_RESIZE_HALF_PIXEL_SYMMETRIC = 1,
  CSN_RESIZE_PYTORCH_HALF_PIXEL = 2,
  CSN_RESIZE_ALIGN_CORNERS = 3,
  CSN_RESIZE_ASYMMETRIC = 4,
} csn_resize_coordinates;

typedef enum {
  CSN_RESIZE_LINEAR = 0,
  /// ONNX nearest_mode.
  CSN_RESIZE_NEAREST_FLOOR = 1,
  CSN_RESIZE_NEAREST_CEIL = 2,
  CSN_RESIZE_NEAREST_PREFER_FLOOR = 3,
  CSN_RESIZE_NEAREST_PREFER_CEIL = 4,
} csn_resize_method;

/// An output place along an axis: (1 - weight) times input `first` plus weight times input `second`.
typedef struct {
  int32_t first, second;
  float weight;
} csn_resize_tap;

/// Fills the taps of an axis (`out` of them). `scale` is output over input, as the model states it (its extents may
/// be rounded).
void csn_resize_taps(csn_resize_method method, csn_resize_coordinates coordinates, double scale, int32_t in,
                     int32_t out, csn_resize_tap *taps);

/// Resizes by taps made for both axes; layouts, images and channels are equal.
void csn_resize_run(const csn_resize_tap *rows, const csn_resize_tap *columns, const csn_tensor *in, const float *x,
                    const csn_tensor *out, float *y, csn_pool *pool);

#ifdef __cplusplus
}
#endif
