#pragma once
#include <stddef.h>

/// Large-page aligned floats in -0.5..<0.5; ends the program where there is no memory.
float *random_floats(size_t count);
