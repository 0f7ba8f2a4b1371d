// A full tile's products on AVX2, 3 pixels times 32 output channels: twelve sums, three inputs and one weight are all
// sixteen registers, of which compilers need more. Seven loads serve twelve multiply-adds; 6 pixels times 16 channels
// take eight, and lose half as much again where another thread of the core is at work.
#pragma once
#include "conv/tile/tile.h"

// A channel's, at byte offsets into the inputs and the weights; each of ymm0...11 holds the sums of one pixel and 8
// outputs.
#define CSN_WEIGHT(at, first, second, third)                                                                        \
  "vmovups " #at "(%[weights]), %%ymm12\n\t"                                                                        \
  "vfmadd231ps %%ymm12, %%ymm13, %[" #first "]\n\t"                                                                 \
  "vfmadd231ps %%ymm12, %%ymm14, %[" #second "]\n\t"                                                                \
  "vfmadd231ps %%ymm12, %%ymm15, %[" #third "]\n\t"
#define CSN_CHANNEL(in, weights)                                                                                    \
  "vmovups " #weights "(%[weights]), %%ymm12\n\t"                                                                   \
  "vbroadcastss " #in "(%[in0]), %%ymm13\n\t"                                                                       \
  "vfmadd231ps %%ymm12, %%ymm13, %[a0]\n\t"                                                                         \
  "vbroadcastss " #in "(%[in1]), %%ymm14\n\t"                                                                       \
  "vfmadd231ps %%ymm12, %%ymm14, %[b0]\n\t"                                                                         \
  "vbroadcastss " #in "(%[in2]), %%ymm15\n\t"                                                                       \
  "vfmadd231ps %%ymm12, %%ymm15, %[c0]\n\t"                                                                         \
  CSN_WEIGHT(32 + weights, a1, b1, c1) CSN_WEIGHT(64 + weights, a2, b2, c2) CSN_WEIGHT(96 + weights, a3, b3, c3)

#define CSN_ADD(text)                                                                                               \
  csn_v8 a0 = sum[0][0].lo, a1 = sum[0][0].hi, a2 = sum[1][0].lo, a3 = sum[1][0].hi;                                \
  csn_v8 b0 = sum[0][1].lo, b1 = sum[0][1].hi, b2 = sum[1][1].lo, b3 = sum[1][1].hi;                                \
  csn_v8 c0 = sum[0][2].lo, c1 = sum[0][2].hi, c2 = sum[1][2].lo, c3 = sum[1][2].hi;                                \
  __asm__(text                                                                                                      \
          : [a0] "+x"(a0), [a1] "+x"(a1), [a2] "+x"(a2), [a3] "+x"(a3), [b0] "+x"(b0), [b1] "+x"(b1),               \
            [b2] "+x"(b2), [b3] "+x"(b3), [c0] "+x"(c0), [c1] "+x"(c1), [c2] "+x"(c2), [c3] "+x"(c3)                \
          : [in0] "r"(in[0]), [in1] "r"(in[1]), [in2] "r"(in[2]), [weights] "r"(weights)                            \
          : "xmm12", "xmm13", "xmm14", "xmm15", "memory");                                                          \
  sum[0][0].lo = a0, sum[0][0].hi = a1, sum[1][0].lo = a2, sum[1][0].hi = a3;                                       \
  sum[0][1].lo = b0, sum[0][1].hi = b1, sum[1][1].lo = b2, sum[1][1].hi = b3;                                       \
  sum[0][2].lo = c0, sum[0][2].hi = c1, sum[1][2].lo = c2, sum[1][2].hi = c3

/// Adds one input channel's products.
CSN_INLINE void csn_add_channel(const float *const in[3], const float *weights, csn_v16 sum[2][6]) {
  CSN_ADD(CSN_CHANNEL(0, 0));
}

/// Adds the products of 16 input channels, which lie next to each other.
CSN_INLINE void csn_add_block(const float *const in[3], const float *weights, csn_v16 sum[2][6]) {
  CSN_ADD(CSN_CHANNEL(0, 0) CSN_CHANNEL(4, 128) CSN_CHANNEL(8, 256) CSN_CHANNEL(12, 384) CSN_CHANNEL(16, 512)
              CSN_CHANNEL(20, 640) CSN_CHANNEL(24, 768) CSN_CHANNEL(28, 896) CSN_CHANNEL(32, 1024)
                  CSN_CHANNEL(36, 1152) CSN_CHANNEL(40, 1280) CSN_CHANNEL(44, 1408) CSN_CHANNEL(48, 1536)
                      CSN_CHANNEL(52, 1664) CSN_CHANNEL(56, 1792) CSN_CHANNEL(60, 1920));
}
