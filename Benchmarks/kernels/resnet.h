// ResNet50 (v1.5) from kernels alone, with weights of its own for every layer: what the single shapes' speeds come to
// in a whole network, where weights come from memory.
#pragma once
#include "csn_conv.h"
#include "csn_pool.h"

/// Runs the network (`bare`: without halos around its tensors) `runs` times and prints the median and least time, and
/// the time by layer.
void bench_resnet(const csn_conv_options *options, csn_pool *pool, int batch, bool bare, int runs);
