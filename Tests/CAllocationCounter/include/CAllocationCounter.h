// Counts allocations, for tests that there are none.
#pragma once
#include <stdbool.h>
#include <stdint.h>

/// Whether allocations are counted: with glibc, and without a sanitizer, which brings an allocator of its own.
bool csn_counts_allocations(void);

/// How often this thread has asked the C library for memory; Swift's objects come from there too.
int64_t csn_allocation_count(void);
