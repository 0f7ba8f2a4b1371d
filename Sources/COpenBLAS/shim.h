// OpenBLAS as Swift sees it: the types of its C interface and the functions that we call, to be had from
// csn_openblas_load. Nothing links with the library: CBridge/openblas.c loads it when something needs it.
#pragma once
#include <cblas.h>

/// The functions that we call. LAPACK routines have Fortran names in the same library.
typedef struct {
  __typeof__(cblas_sgemm) *sgemm;
  __typeof__(cblas_sgemv) *sgemv;
  __typeof__(cblas_dgemm) *dgemm;
  /// Singular value decomposition A = U diag(s) VT, divide and conquer (LAPACK xGESDD), column-major.
  void (*dgesdd)(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
                 const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info);
  /// How many processors the library knows of; it starts a thread for each but one.
  int (*get_num_procs)(void);
  void (*set_num_threads)(int);
} csn_openblas;

/// The library's functions, which run on the calling thread alone; loads the library when first called, and is quick from
/// then on. NULL where it is not installed or lacks one of them.
const csn_openblas *csn_openblas_load(void);
