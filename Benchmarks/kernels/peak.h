// The machine's fp32 multiply-add peak, measured.
#pragma once
#include "csn_pool.h"

/// GFLOP/s of `pool`'s threads together, at the widest vectors there are.
double measure_peak(csn_pool *pool);
