#include "support/target_portable.h"
#include "conv/winograd/winograd_template.h"
#include "support/target_end.h"
