#include "support/target_portable.h"
#include "elementwise/elementwise_template.h"
#include "support/target_end.h"
