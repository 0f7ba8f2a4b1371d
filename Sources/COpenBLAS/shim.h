// OpenBLAS as Swift sees it: the C interface, and the few LAPACK routines (Fortran names, same library) we call.
#pragma once
#include <cblas.h>

// Singular value decomposition A = U diag(s) VT, divide and conquer (LAPACK xGESDD), column-major.
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
             const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info);
