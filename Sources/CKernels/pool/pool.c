#define _GNU_SOURCE
#include "csn_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "csn_cpu.h"
#include "pool/wait.h"

enum {
  max_threads = 256,
  cache_line = 128,
  // How long an idle worker looks out for the next run: the gaps between the steps of a plan are far shorter.
  spin_nanoseconds = 200 * 1000,
  // How long the caller looks out for the last chunks in flight.
  spin_caller_nanoseconds = 50 * 1000,
  field_bits = 21,
};

static const uint64_t field_mask = (1ull << field_bits) - 1;
// A run has at most so many claims; more chunks than that are claimed several at a time.
static const int max_claims = 1 << 20;

struct csn_pool {
  // claims | taken at the front | taken at the back, each of field_bits: a run in one word. All three are read and one
  // of the last two raised by the same fetch-add, so a thread late for one run either finds nothing or helps the next.
  _Alignas(cache_line) _Atomic uint64_t word;
  // Claims done in this run; also what the caller sleeps on.
  _Alignas(cache_line) _Atomic uint32_t done;
  _Atomic uint32_t caller_sleeps;
  // What workers sleep on; raised to wake them.
  _Alignas(cache_line) _Atomic uint32_t signal;
  _Atomic int sleepers;
  _Atomic bool stop;
  // Held by the caller that has the workers.
  _Alignas(cache_line) atomic_flag busy;
  // The run in progress: written before the word, read only by holders of a claim.
  _Alignas(cache_line) csn_task task;
  void *context;
  int chunks, chunks_per_claim;

  int threads;
  bool spins;
  pthread_t workers[];
};

typedef struct {
  csn_pool *pool;
  int worker;
} worker_argument;

// Whose task this thread is in, so that runs inside a task don't wait for its own pool.
static _Thread_local csn_pool *own_pool;
static _Thread_local int own_worker;

static bool exhausted(uint64_t word) {
  uint64_t claims = word >> (2 * field_bits);
  return ((word >> field_bits) & field_mask) + (word & field_mask) >= claims;
}

// Odd workers take chunks from the back.
static bool is_from_back(int worker) { return worker & 1; }

int csn_pool_likely_next(int chunk, int worker, int threads) {
  return is_from_back(worker) ? chunk - threads / 2 : chunk + (threads + 1) / 2;
}

static void run_chunks(csn_task task, void *context, int first, int end, int worker) {
  for (int chunk = first; chunk < end; chunk++) task(context, chunk, worker);
}

/// Claims work and does it; false when there is none.
static bool take(csn_pool *pool, int worker) {
  if (exhausted(atomic_load(&pool->word))) return false;
  bool from_back = is_from_back(worker);
  uint64_t word = atomic_fetch_add(&pool->word, from_back ? 1ull : 1ull << field_bits);
  if (exhausted(word)) return false;
  int claims = (int)(word >> (2 * field_bits));
  int claim = from_back ? claims - 1 - (int)(word & field_mask) : (int)((word >> field_bits) & field_mask);
  int first = claim * pool->chunks_per_claim;
  int end = first + pool->chunks_per_claim;
  run_chunks(pool->task, pool->context, first, end < pool->chunks ? end : pool->chunks, worker);
  if (atomic_fetch_add(&pool->done, 1) + 1 == (uint32_t)claims && atomic_load(&pool->caller_sleeps))
    csn_wake(&pool->done, 1);
  return true;
}

static int64_t nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/// Sleeps until the next run, unless one has begun or the pool is ending.
static void sleep_worker(csn_pool *pool) {
  uint32_t seen = atomic_load(&pool->signal);
  atomic_fetch_add(&pool->sleepers, 1);
  if (exhausted(atomic_load(&pool->word)) && !atomic_load(&pool->stop)) csn_wait(&pool->signal, seen);
  atomic_fetch_sub(&pool->sleepers, 1);
}

static void *worker_main(void *argument) {
  worker_argument self = *(worker_argument *)argument;
  free(argument);
  csn_pool *pool = self.pool;
  own_pool = pool;
  own_worker = self.worker;
  int64_t idle_since = 0;
  while (!atomic_load_explicit(&pool->stop, memory_order_relaxed)) {
    if (take(pool, self.worker)) {
      idle_since = 0;
      continue;
    }
    if (pool->spins) {
      for (int i = 0; i < 32 && exhausted(atomic_load_explicit(&pool->word, memory_order_relaxed)); i++) csn_pause();
      int64_t time = nanoseconds();
      if (idle_since == 0) idle_since = time;
      if (time - idle_since < spin_nanoseconds) continue;
    }
    sleep_worker(pool);
    idle_since = 0;
  }
  return NULL;
}

static bool start_worker(csn_pool *pool, int worker) {
  worker_argument *argument = malloc(sizeof *argument);
  if (!argument) return false;
  *argument = (worker_argument){pool, worker};
  if (pthread_create(&pool->workers[worker - 1], NULL, worker_main, argument) == 0) return true;
  free(argument);
  return false;
}

csn_pool *csn_pool_create(int threads) {
  if (threads < 1 || threads > max_threads) return NULL;
  size_t size = sizeof(csn_pool) + sizeof(pthread_t) * (size_t)threads;
  csn_pool *pool = aligned_alloc(cache_line, (size + cache_line - 1) / cache_line * cache_line);
  if (!pool) return NULL;
  *pool = (csn_pool){.threads = 1};
  atomic_flag_clear(&pool->busy);
  // More threads than processors: a spinning one would keep a working one waiting.
  pool->spins = threads <= csn_cpu_count();
  for (; pool->threads < threads; pool->threads++) {
    if (start_worker(pool, pool->threads)) continue;
    csn_pool_destroy(pool);
    return NULL;
  }
  return pool;
}

void csn_pool_destroy(csn_pool *pool) {
  if (!pool) return;
  atomic_store(&pool->stop, true);
  atomic_fetch_add(&pool->signal, 1);
  csn_wake(&pool->signal, max_threads);
  for (int worker = 1; worker < pool->threads; worker++) pthread_join(pool->workers[worker - 1], NULL);
  free(pool);
}

int csn_pool_threads(const csn_pool *pool) { return pool ? pool->threads : 1; }

/// Waits until `claims` claims are done.
static void wait_done(csn_pool *pool, uint32_t claims) {
  int64_t since = 0;
  for (;;) {
    uint32_t done = 0;
    for (int i = 0; i < 32; i++) {
      if ((done = atomic_load(&pool->done)) == claims) return;
      if (pool->spins) csn_pause();
    }
    int64_t time = nanoseconds();
    if (since == 0) since = time;
    if (pool->spins && time - since < spin_caller_nanoseconds) continue;
    // A worker is off its processor, or its chunk is long: let others have this one.
    atomic_store(&pool->caller_sleeps, 1);
    if ((done = atomic_load(&pool->done)) != claims) csn_wait(&pool->done, done);
    atomic_store(&pool->caller_sleeps, 0);
  }
}

static void run_shared(csn_pool *pool, csn_task task, void *context, int chunks) {
  pool->task = task;
  pool->context = context;
  pool->chunks = chunks;
  pool->chunks_per_claim = (chunks - 1) / max_claims + 1;
  uint64_t claims = (uint64_t)((chunks - 1) / pool->chunks_per_claim + 1);
  atomic_store(&pool->done, 0);
  atomic_store(&pool->word, claims << (2 * field_bits));
  if (atomic_load(&pool->sleepers) > 0) {
    atomic_fetch_add(&pool->signal, 1);
    csn_wake(&pool->signal, claims < max_threads ? (int)claims : max_threads);
  }
  csn_pool *outer_pool = own_pool;
  int outer_worker = own_worker;
  own_pool = pool;
  own_worker = 0;
  while (take(pool, 0)) {}
  own_pool = outer_pool;
  own_worker = outer_worker;
  wait_done(pool, (uint32_t)claims);
}

void csn_pool_run(csn_pool *pool, csn_task task, void *context, int chunks) {
  if (chunks <= 0) return;
  if (pool && own_pool == pool) {
    run_chunks(task, context, 0, chunks, own_worker);
  } else if (!pool || pool->threads == 1 || chunks == 1 || atomic_flag_test_and_set(&pool->busy)) {
    run_chunks(task, context, 0, chunks, 0);
  } else {
    run_shared(pool, task, context, chunks);
    atomic_flag_clear(&pool->busy);
  }
}
