// The thread pool that all kernels share.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef struct csn_pool csn_pool;

/// Work on one chunk: `chunk` in 0..<chunks, `worker` in 0..<threads (for scratch memory of its own).
typedef void (*csn_task)(void *context, int chunk, int worker);

/// A pool of `threads` threads, the caller of csn_pool_run among them; NULL when threads can't be made.
csn_pool *csn_pool_create(int threads);
void csn_pool_destroy(csn_pool *pool);

/// The pool's threads; 1 for NULL.
int csn_pool_threads(const csn_pool *pool);

/// Runs `task` for every chunk and returns when all are done; a NULL pool runs them here, in order.
/// How chunks fall to workers varies; what a chunk computes must not depend on it.
void csn_pool_run(csn_pool *pool, csn_task task, void *context, int chunks);

#ifdef __cplusplus
}
#endif
