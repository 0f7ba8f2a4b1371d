// The transforms of one variant; see winograd.h. The including file has set the target.
#include "conv/winograd/winograd.h"

typedef float v8 __attribute__((ext_vector_type(8)));
typedef float v8_unaligned __attribute__((ext_vector_type(8), aligned(4)));

/// Rows become columns.
CSN_INLINE void transpose(v8 r[8]) {
  v8 pairs[8], quads[8];
  CSN_UNROLL for (int i = 0; i < 8; i += 2) {
    pairs[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  CSN_UNROLL for (int i = 0; i < 8; i += 4) {
    CSN_UNROLL for (int j = 0; j < 2; j++) {
      quads[i + 2 * j] = __builtin_shufflevector(pairs[i + j], pairs[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      quads[i + 2 * j + 1] = __builtin_shufflevector(pairs[i + j], pairs[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  CSN_UNROLL for (int i = 0; i < 4; i++) {
    r[i] = __builtin_shufflevector(quads[i], quads[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    r[i + 4] = __builtin_shufflevector(quads[i], quads[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

static void gather_lanes(const float *in, const ptrdiff_t lanes[16], ptrdiff_t row_stride, int n, float *tile) {
  for (int y = 0; y < n; y++, in += row_stride)
    for (int half = 0; half < csn_block; half += 8) {
      v8 rows[8];
      CSN_UNROLL for (int i = 0; i < 8; i++) rows[i] = *(const v8_unaligned *)(in + lanes[half + i]);
      transpose(rows);
      for (int x = 0; x < n; x++) *(v8_unaligned *)(tile + (y * n + x) * csn_block + half) = rows[x];
    }
}

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

/// Results at +-point from the even and the odd part. One product and two sums: processors add beside their
/// multipliers.
CSN_INLINE void pair(double point, csn_v16 even, csn_v16 odd, csn_v16 r[2]) {
  odd *= csn_splat(point);
  r[0] = even + odd;
  r[1] = even - odd;
}

// The larger input transforms come in parts of their results, few enough for a whole tile's to stay in registers.

CSN_INLINE void input4(const int part, const csn_v16 d[6], csn_v16 r[3]) {
  const double a2 = CSN_WINOGRAD4_A * CSN_WINOGRAD4_A, b2 = CSN_WINOGRAD4_B * CSN_WINOGRAD4_B;
  const csn_v16 sum = csn_splat(-(a2 + b2)), product = csn_splat(a2 * b2);
  if (part == 0) {
    r[0] = csn_fma(product, d[0], csn_fma(sum, d[2], d[4]));
    pair(CSN_WINOGRAD4_A, csn_fma(csn_splat(-b2), d[2], d[4]), csn_fma(csn_splat(-b2), d[1], d[3]), r + 1);
  } else {
    pair(CSN_WINOGRAD4_B, csn_fma(csn_splat(-a2), d[2], d[4]), csn_fma(csn_splat(-a2), d[1], d[3]), r);
    r[2] = csn_fma(product, d[1], csn_fma(sum, d[3], d[5]));
  }
}

CSN_INLINE void output4(const csn_v16 m[6], csn_v16 y[4]) {
  const double a = CSN_WINOGRAD4_A, b = CSN_WINOGRAD4_B;
  csn_v16 sum_a = m[1] + m[2], odd_a = m[1] - m[2], sum_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + (sum_a + sum_b);
  y[1] = csn_fma(csn_splat(b), odd_b, csn_splat(a) * odd_a);
  y[2] = csn_fma(csn_splat(b * b), sum_b, csn_splat(a * a) * sum_a);
  y[3] = csn_fma(csn_splat(b * b * b), odd_b, csn_fma(csn_splat(a * a * a), odd_a, m[5]));
}

/// x^6 - (p + q) x^4 + p q x^2 without its factor x^2 or x: the even or odd part of the points whose squares are not
/// p, q.
CSN_INLINE csn_v16 quartic(double p, double q, csn_v16 low, csn_v16 middle, csn_v16 high) {
  return csn_fma(csn_splat(p * q), low, csn_fma(csn_splat(-(p + q)), middle, high));
}

CSN_INLINE void input6(const int part, const csn_v16 d[8], csn_v16 r[3]) {
  const double a2 = CSN_WINOGRAD6_A * CSN_WINOGRAD6_A, b2 = CSN_WINOGRAD6_B * CSN_WINOGRAD6_B,
               c2 = CSN_WINOGRAD6_C * CSN_WINOGRAD6_C;
  const csn_v16 s1 = csn_splat(-(a2 + b2 + c2)), s2 = csn_splat(a2 * b2 + b2 * c2 + a2 * c2),
                s3 = csn_splat(-a2 * b2 * c2);
  if (part == 0) {
    r[0] = csn_fma(s3, d[0], csn_fma(s2, d[2], csn_fma(s1, d[4], d[6])));
    pair(CSN_WINOGRAD6_A, quartic(b2, c2, d[2], d[4], d[6]), quartic(b2, c2, d[1], d[3], d[5]), r + 1);
  } else if (part == 1) {
    pair(CSN_WINOGRAD6_B, quartic(a2, c2, d[2], d[4], d[6]), quartic(a2, c2, d[1], d[3], d[5]), r);
  } else {
    pair(CSN_WINOGRAD6_C, quartic(a2, b2, d[2], d[4], d[6]), quartic(a2, b2, d[1], d[3], d[5]), r);
    r[2] = csn_fma(s3, d[1], csn_fma(s2, d[3], csn_fma(s1, d[5], d[7])));
  }
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

/// Part `part` of a line's transform, into r.
CSN_INLINE void input_part(const int n, const int part, const csn_v16 *d, csn_v16 *r) {
  n == 4 ? input2(d, r) : n == 6 ? input4(part, d, r) : input6(part, d, r);
}

/// The first result of a part; of the part after the last, n.
CSN_INLINE int part_start(const int n, const int part) {
  return n == 4 ? 4 * part : n == 6 ? 3 * part : (const int[]){0, 3, 5, 8}[part];
}

CSN_INLINE void output_line(const int n, const csn_v16 *m, csn_v16 *y) {
  n == 4 ? output2(m, y) : n == 6 ? output4(m, y) : output6(m, y);
}

CSN_INLINE void transform_input(const int n, const float *in, ptrdiff_t row_stride, float *out, ptrdiff_t stride) {
  const int parts = n / 2 - 1;
  CSN_UNROLL for (int part = 0; part < parts; part++) {
    const int first = part_start(n, part), rows = part_start(n, part + 1) - first;
    csn_v16 columns[4][8];
    CSN_UNROLL for (int x = 0; x < n; x++) {
      csn_v16 line[8], result[4];
      CSN_UNROLL for (int y = 0; y < n; y++) line[y] = csn_load(in + y * row_stride + x * csn_block);
      input_part(n, part, line, result);
      CSN_UNROLL for (int y = 0; y < rows; y++) columns[y][x] = result[y];
    }
    CSN_UNROLL for (int y = 0; y < rows; y++) {
      csn_v16 result[8];
      CSN_UNROLL for (int across = 0; across < parts; across++)
          input_part(n, across, columns[y], result + part_start(n, across));
      CSN_UNROLL for (int x = 0; x < n; x++) csn_store(out + ((first + y) * n + x) * stride, result[x]);
    }
  }
}

/// Finishes and stores one row of an output tile.
CSN_INLINE void store_row(const int m, const csn_winograd_target *target, int y, csn_v16 bias, csn_v16 *row) {
  const csn_v16 lower = csn_splat(target->lower), upper = csn_splat(target->upper);
  float *out = target->out + y * target->out_row;
  CSN_UNROLL for (int x = 0; x < m; x++) row[x] += bias;
  if (target->flags & csn_tile_residual) {
    const float *residual = target->residual + y * target->residual_row;
    // Columns that don't exist may lie outside the residual's memory.
    CSN_UNROLL for (int x = 0; x < m; x++) {
      if (x < target->width) row[x] += csn_load(residual + x * csn_block);
    }
  }
  if (target->flags & csn_tile_lower) {
    CSN_UNROLL for (int x = 0; x < m; x++) row[x] = csn_max(lower, row[x]);
  }
  if (target->flags & csn_tile_upper) {
    CSN_UNROLL for (int x = 0; x < m; x++) row[x] = csn_min(upper, row[x]);
  }
  if (target->flags & csn_tile_stream) {
    CSN_UNROLL for (int x = 0; x < m; x++) {
      if (x < target->width) csn_stream(out + x * csn_block, row[x]);
    }
  } else if (target->width == m) {
    CSN_UNROLL for (int x = 0; x < m; x++) csn_store(out + x * csn_block, row[x]);
  } else {
    CSN_UNROLL for (int x = 0; x < m; x++) {
      if (x < target->width) csn_store(out + x * csn_block, row[x]);
    }
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
    .gather_lanes = gather_lanes,
    .input = {input_2, input_4, input_6},
    .output = {output_2, output_4, output_6},
};
