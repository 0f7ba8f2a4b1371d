// One step of a frozen plan: a function, and arguments that live as long as the plan.
#pragma once
#include "csn_pool.h"

/// Runs a step: `slots` are this run's buffers, indexed as the arguments say.
typedef void (*csn_step_function)(const void *arguments, void *const *slots, csn_pool *pool);

typedef struct {
  csn_step_function function;
  const void *arguments;
} csn_step;
