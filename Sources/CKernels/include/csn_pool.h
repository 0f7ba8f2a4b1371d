// The thread pool that all kernels share.
//
// A run hands out numbered chunks. Every claim is one fetch-add on one word, from the front of the range by some
// threads and from its back by the others, so that a thread meets the same part of the data in the next run. A worker
// that the system does not schedule takes no chunk and holds up nobody; the caller waits only for chunks in flight.
// Idle workers spin for a fraction of a millisecond, then sleep.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef struct csn_pool csn_pool;

/// Work on one chunk: `chunk` in 0..<chunks, `worker` in 0..<threads (for scratch memory of its own).
typedef void (*csn_task)(void *context, int chunk, int worker);

/// A pool of `threads` threads (1...256), the caller of csn_pool_run among them; NULL when threads can't be made.
/// csn_cpu_count() says how many are worth having.
csn_pool *csn_pool_create(int threads);

/// Ends the threads. No run may be in progress. NULL is let pass.
void csn_pool_destroy(csn_pool *pool);

/// The pool's threads; 1 for NULL.
int csn_pool_threads(const csn_pool *pool);

/// Runs `task` for every chunk and returns when all are done; a NULL pool runs them here, in order.
/// How chunks fall to workers varies; what a chunk computes must not depend on it.
///
/// Several threads may run on one pool at once: one gets the workers, the others do their chunks themselves, as
/// worker 0 of their own run. A run from inside a task does its chunks where it stands, under the task's worker number.
void csn_pool_run(csn_pool *pool, csn_task task, void *context, int chunks);

/// The chunk that `worker` of `threads` is likely to get after `chunk`, to fetch data for, where all threads take part;
/// it may lie outside the range.
int csn_pool_likely_next(int chunk, int worker, int threads);

#ifdef __cplusplus
}
#endif
