// What Swift can't say in its own words; see README.md.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// The threads that OpenBLAS makes when it is loaded: stands in the place of its own function of that name, which
/// reads the environment.
int openblas_num_threads_env(void);

#ifdef __cplusplus
}
#endif
