// The machine's fp32 multiply-add peak, measured.
#pragma once
#include "csn_pool.h"

/// Seconds, by `clock`, of about `count` multiply-adds that do nothing else, spread over the pool's threads.
double time_multiply_adds(csn_pool *pool, double count, double (*clock)(void));
