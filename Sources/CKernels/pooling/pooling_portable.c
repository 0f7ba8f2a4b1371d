#include "support/target_portable.h"
#include "pooling/pooling_template.h"
#include "support/target_end.h"
