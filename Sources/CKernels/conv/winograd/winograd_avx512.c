#if defined(__x86_64__)
#include "support/target_avx512.h"
#include "conv/winograd/winograd_template.h"
#include "support/target_end.h"
#endif
