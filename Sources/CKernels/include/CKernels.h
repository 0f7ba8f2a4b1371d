// Everything Swift sees of the C kernels.
#pragma once
#include "csn_conv.h"
#include "csn_cpu.h"
#include "csn_pool.h"
#include "csn_step.h"
#include "csn_tensor.h"
