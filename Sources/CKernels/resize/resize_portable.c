#include "support/target_portable.h"
#include "resize/resize_template.h"
#include "support/target_end.h"
