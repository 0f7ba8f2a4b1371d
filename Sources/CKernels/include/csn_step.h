// One step of a frozen plan: a function, and arguments that live as long as the plan.
#pragma once
#include "csn_pool.h"

/// Runs a step: `slots` are this run's buffers, indexed as the arguments say.
typedef void (*csn_step_function)(const void *arguments, void *const *slots, csn_pool *pool);

typedef struct {
  csn_step_function function;
  const void *arguments;
} csn_step;

// Steps return nothing; data they can't compute with is reported here, apart for every thread.

/// Keeps a copy of `text` (its first 511 bytes) unless an earlier report stands.
void csn_step_fail(const char *text);

/// The report that stands, which is then forgotten; NULL for none. Valid until the thread's next report.
const char *csn_step_take_failure(void);
