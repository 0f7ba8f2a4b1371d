#include "CBridge.h"

// The linker prefers a program's function to a library's. Where OpenBLAS does not ask (another build of it), it starts
// its threads, and openblas_set_num_threads(1) at the first product keeps them out of the work.
int openblas_num_threads_env(void) { return 1; }
