#include "support/target_portable.h"
#include "lrn/lrn_template.h"
#include "support/target_end.h"
