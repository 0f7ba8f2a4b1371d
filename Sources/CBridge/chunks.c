#include <stdint.h>

#include "csn_pool.h"

/// The function of a Swift closure (Int, Int) -> Void; the context comes in a register of its own.
typedef __attribute__((swiftcall)) void (*chunk_function)(intptr_t chunk, intptr_t worker,
                                                          __attribute__((swift_context)) void *context);

typedef struct {
  chunk_function function;
  void *context;
  intptr_t first;
} chunk_closure;

static void run_chunk(void *context, int chunk, int worker) {
  const chunk_closure *closure = context;
  closure->function(closure->first + chunk, worker, closure->context);
}

/// In Swift: `func csn_run_chunks(_ pool: OpaquePointer?, _ count: Int, _ body: (Int, Int) -> Void)`. Not in the header:
/// Swift's importer knows no function with this convention, StepMemory.parallel declares it.
__attribute__((swiftcall)) void csn_run_chunks(csn_pool *pool, intptr_t count, chunk_function function,
                                               void *context) {
  for (intptr_t first = 0; first < count; first += INT32_MAX) {
    chunk_closure closure = {function, context, first};
    const intptr_t rest = count - first;
    csn_pool_run(pool, run_chunk, &closure, rest < INT32_MAX ? (int)rest : INT32_MAX);
  }
}
