#include "support/target_portable.h"
#include "conv/depthwise/depthwise_template.h"
#include "support/target_end.h"
