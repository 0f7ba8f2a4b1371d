#pragma once
#include "csn_cpu.h"
#include "csn_spatial.h"

/// One output row from the two input rows that it lies between.
typedef void (*csn_resize_row)(const float *above, const float *below, float weight, const csn_resize_tap *columns,
                               float *out, int width);

typedef struct {
  csn_resize_row blocked_row, planar_row;
} csn_resize_kernels;

extern const csn_resize_kernels csn_resize_kernels_portable, csn_resize_kernels_avx2, csn_resize_kernels_avx512;
