// Everything Swift sees of the C kernels.
#pragma once
#include "csn_channelwise.h"
#include "csn_conv.h"
#include "csn_cpu.h"
#include "csn_elementwise.h"
#include "csn_lrn.h"
#include "csn_pool.h"
#include "csn_pooling.h"
#include "csn_spatial.h"
#include "csn_step.h"
#include "csn_tensor.h"
