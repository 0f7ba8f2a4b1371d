#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "../COpenBLAS/shim.h"

static csn_openblas functions;
static bool is_complete;

static bool find(void *library, const char *name, void *function) {
  *(void **)function = dlsym(library, name);
  return *(void **)function != NULL;
}

/// Loads the library on a thread that may use one processor.
///
/// OpenBLAS starts a thread for every processor but one while it is loaded, and each spins for a while. It counts the
/// processors that the loading thread may use: one, and it starts none. Its environment variable would do the same, but
/// setting one while other threads of the process read theirs is not safe.
static void *load(void *unused) {
  (void)unused;
  cpu_set_t one;
  CPU_ZERO(&one);
  const int processor = sched_getcpu();
  if (processor >= 0 && processor < CPU_SETSIZE) {
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) return NULL;
  is_complete = find(library, "cblas_sgemm", &functions.sgemm) && find(library, "cblas_sgemv", &functions.sgemv) &&
                find(library, "cblas_dgemm", &functions.dgemm) && find(library, "dgesdd_", &functions.dgesdd) &&
                find(library, "openblas_get_num_procs", &functions.get_num_procs) &&
                find(library, "openblas_set_num_threads", &functions.set_num_threads);
  // For a library that somebody else has loaded before: parallelism is our pool's.
  if (is_complete) functions.set_num_threads(1);
  return NULL;
}

static void load_apart(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, load, NULL) == 0) pthread_join(thread, NULL);
}

const csn_openblas *csn_openblas_load(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load_apart);
  return is_complete ? &functions : NULL;
}
