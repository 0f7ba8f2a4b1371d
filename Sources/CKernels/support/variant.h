// Names that differ by variant: CSN_NAME(csn_tile_kernels) is csn_tile_kernels_avx512 in the AVX-512 files.
#pragma once
#define CSN_JOIN_(name, variant) name##_##variant
#define CSN_JOIN(name, variant) CSN_JOIN_(name, variant)
#define CSN_NAME(name) CSN_JOIN(name, CSN_VARIANT)
