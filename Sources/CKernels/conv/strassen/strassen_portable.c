#include "support/target_portable.h"
#include "conv/strassen/strassen_template.h"
#include "support/target_end.h"
