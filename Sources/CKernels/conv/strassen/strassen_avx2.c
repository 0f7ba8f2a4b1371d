#if defined(__x86_64__)
#include "support/target_avx2.h"
#include "conv/strassen/strassen_template.h"
#include "support/target_end.h"
#endif
