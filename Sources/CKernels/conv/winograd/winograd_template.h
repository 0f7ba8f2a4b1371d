// The transforms of one variant; see winograd.h. The including file has set the target.
#include "conv/winograd/winograd.h"

// One-dimensional transforms. Inputs and results are arrays of vectors that the compiler keeps in registers.

CSN_INLINE void input2(const csn_v16 d[4], csn_v16 r[4]) {
  r[0] = d[2] - d[0];
  r[1] = d[2] + d[1];
  r[2] = d[2] - d[1];
  r[3] = d[3] - d[1];
}

CSN_INLINE void output2(const csn_v16 m[4], csn_v16 y[2]) {
  y[0] = m[0] + (m[1] + m[2]);
  y[1] = (m[1] - m[2]) + m[3];
}

/// Results at +-point from the even and the odd part.
CSN_INLINE void pair(double point, csn_v16 even, csn_v16 odd, csn_v16 r[2]) {
  r[0] = csn_fma(csn_splat(point), odd, even);
  r[1] = csn_fma(csn_splat(-point), odd, even);
}

CSN_INLINE void input4(const csn_v16 d[6], csn_v16 r[6]) {
  const double a2 = CSN_WINOGRAD4_A * CSN_WINOGRAD4_A, b2 = CSN_WINOGRAD4_B * CSN_WINOGRAD4_B;
  const csn_v16 sum = csn_splat(-(a2 + b2)), product = csn_splat(a2 * b2);
  r[0] = csn_fma(product, d[0], csn_fma(sum, d[2], d[4]));
  pair(CSN_WINOGRAD4_A, csn_fma(csn_splat(-b2), d[2], d[4]), csn_fma(csn_splat(-b2), d[1], d[3]), r + 1);
  pair(CSN_WINOGRAD4_B, csn_fma(csn_splat(-a2), d[2], d[4]), csn_fma(csn_splat(-a2), d[1], d[3]), r + 3);
  r[5] = csn_fma(product, d[1], csn_fma(sum, d[3], d[5]));
}

CSN_INLINE void output4(const csn_v16 m[6], csn_v16 y[4]) {
  const double a = CSN_WINOGRAD4_A, b = CSN_WINOGRAD4_B;
  csn_v16 sum_a = m[1] + m[2], odd_a = m[1] - m[2], sum_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + (sum_a + sum_b);
  y[1] = csn_fma(csn_splat(b), odd_b, csn_splat(a) * odd_a);
  y[2] = csn_fma(csn_splat(b * b), sum_b, csn_splat(a * a) * sum_a);
  y[3] = csn_fma(csn_splat(b * b * b), odd_b, csn_fma(csn_splat(a * a * a), odd_a, m[5]));
}

CSN_INLINE void input6(const csn_v16 d[8], csn_v16 r[8]) {
  const double a2 = CSN_WINOGRAD6_A * CSN_WINOGRAD6_A, b2 = CSN_WINOGRAD6_B * CSN_WINOGRAD6_B,
               c2 = CSN_WINOGRAD6_C * CSN_WINOGRAD6_C;
  const csn_v16 s1 = csn_splat(-(a2 + b2 + c2)), s2 = csn_splat(a2 * b2 + b2 * c2 + a2 * c2), s3 = csn_splat(-a2 * b2 * c2);
  r[0] = csn_fma(s3, d[0], csn_fma(s2, d[2], csn_fma(s1, d[4], d[6])));
  r[7] = csn_fma(s3, d[1], csn_fma(s2, d[3], csn_fma(s1, d[5], d[7])));
#define PAIR(point, first, second, at)                                                                              \
  pair(point, csn_fma(csn_splat((first) * (second)), d[2], csn_fma(csn_splat(-((first) + (second))), d[4], d[6])),  \
       csn_fma(csn_splat((first) * (second)), d[1], csn_fma(csn_splat(-((first) + (second))), d[3], d[5])), r + at)
  PAIR(CSN_WINOGRAD6_A, b2, c2, 1);
  PAIR(CSN_WINOGRAD6_B, a2, c2, 3);
  PAIR(CSN_WINOGRAD6_C, a2, b2, 5);
#undef PAIR
}

CSN_INLINE void output6(const csn_v16 m[8], csn_v16 y[6]) {
  const double a = CSN_WINOGRAD6_A, b = CSN_WINOGRAD6_B, c = CSN_WINOGRAD6_C;
  csn_v16 sum_a = m[1] + m[2], odd_a = m[1] - m[2], sum_b = m[3] + m[4], odd_b = m[3] - m[4], sum_c = m[5] + m[6],
          odd_c = m[5] - m[6];
  y[0] = m[0] + (sum_a + sum_b + sum_c);
#define EVEN(x, y, z) csn_fma(csn_splat(z), sum_c, csn_fma(csn_splat(y), sum_b, csn_splat(x) * sum_a))
#define ODD(x, y, z) csn_fma(csn_splat(z), odd_c, csn_fma(csn_splat(y), odd_b, csn_splat(x) * odd_a))
  y[1] = ODD(a, b, c);
  y[2] = EVEN(a * a, b * b, c * c);
  y[3] = ODD(a * a * a, b * b * b, c * c * c);
  y[4] = EVEN(a * a * a * a, b * b * b * b, c * c * c * c);
  y[5] = ODD(a * a * a * a * a, b * b * b * b * b, c * c * c * c * c) + m[7];
#undef EVEN
#undef ODD
}

CSN_INLINE void input_line(const int n, const csn_v16 *d, csn_v16 *r) {
  n == 4 ? input2(d, r) : n == 6 ? input4(d, r) : input6(d, r);
}

CSN_INLINE void output_line(const int n, const csn_v16 *m, csn_v16 *y) {
  n == 4 ? output2(m, y) : n == 6 ? output4(m, y) : output6(m, y);
}

CSN_INLINE void transform_input(const int n, const float *in, ptrdiff_t row_stride, float *out, ptrdiff_t stride) {
  csn_v16 columns[8][8];
  CSN_UNROLL for (int x = 0; x < n; x++) {
    csn_v16 line[8], result[8];
    CSN_UNROLL for (int y = 0; y < n; y++) line[y] = csn_load(in + y * row_stride + x * csn_block);
    input_line(n, line, result);
    CSN_UNROLL for (int y = 0; y < n; y++) columns[y][x] = result[y];
  }
  CSN_UNROLL for (int y = 0; y < n; y++) {
    csn_v16 result[8];
    input_line(n, columns[y], result);
    CSN_UNROLL for (int x = 0; x < n; x++) csn_store(out + (y * n + x) * stride, result[x]);
  }
}

/// Finishes and stores one row of an output tile.
CSN_INLINE void store_row(const int m, const csn_winograd_target *target, int y, csn_v16 bias, csn_v16 *row) {
  const csn_v16 lower = csn_splat(target->lower), upper = csn_splat(target->upper);
  float *out = target->out + y * target->out_row;
  const float *residual = target->residual ? target->residual + y * target->residual_row : NULL;
  CSN_UNROLL for (int x = 0; x < m; x++) {
    if (x >= target->width) break;
    csn_v16 value = row[x] + bias;
    if (residual) value += csn_load(residual + x * csn_block);
    csn_store(out + x * csn_block, csn_min(upper, csn_max(lower, value)));
  }
}

CSN_INLINE void transform_output(const int n, const float *in, ptrdiff_t stride, const csn_winograd_target *target) {
  const int m = n - 2;
  csn_v16 columns[6][8];
  CSN_UNROLL for (int x = 0; x < n; x++) {
    csn_v16 line[8], result[6];
    CSN_UNROLL for (int y = 0; y < n; y++) line[y] = csn_load(in + (y * n + x) * stride);
    output_line(n, line, result);
    CSN_UNROLL for (int y = 0; y < m; y++) columns[y][x] = result[y];
  }
  const csn_v16 bias = target->bias ? csn_load(target->bias) : csn_zero();
  CSN_UNROLL for (int y = 0; y < m; y++) {
    if (y >= target->height) break;
    csn_v16 row[6];
    output_line(n, columns[y], row);
    store_row(m, target, y, bias, row);
  }
}

#define TRANSFORMS(m)                                                                                               \
  static void input_##m(const float *in, ptrdiff_t row_stride, float *out, ptrdiff_t stride) {                      \
    transform_input(m + 2, in, row_stride, out, stride);                                                            \
  }                                                                                                                 \
  static void output_##m(const float *in, ptrdiff_t stride, const csn_winograd_target *target) {                    \
    transform_output(m + 2, in, stride, target);                                                                    \
  }

TRANSFORMS(2)
TRANSFORMS(4)
TRANSFORMS(6)

const csn_winograd_kernels CSN_NAME(csn_winograd_kernels) = {
    .input = {input_2, input_4, input_6},
    .output = {output_2, output_4, output_6},
};
