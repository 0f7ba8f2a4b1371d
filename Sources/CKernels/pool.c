#include "csn_pool.h"

#include <stdlib.h>

struct csn_pool {
  int threads;
};

csn_pool *csn_pool_create(int threads) {
  csn_pool *pool = malloc(sizeof *pool);
  if (pool) pool->threads = threads;
  return pool;
}

void csn_pool_destroy(csn_pool *pool) { free(pool); }

int csn_pool_threads(const csn_pool *pool) { return pool ? pool->threads : 1; }

void csn_pool_run(csn_pool *pool, csn_task task, void *context, int chunks) {
  (void)pool;
  for (int chunk = 0; chunk < chunks; chunk++) task(context, chunk, 0);
}
