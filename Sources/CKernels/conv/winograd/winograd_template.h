// The transforms of one variant; see winograd.h. The including file has set the target.
#include "conv/winograd/winograd.h"

typedef float v8_unaligned __attribute__((ext_vector_type(8), aligned(4)));

/// Rows become columns.
CSN_INLINE void transpose(csn_v8 r[8]) {
  csn_v8 pairs[8], quads[8];
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
      csn_v8 rows[8];
      CSN_UNROLL for (int i = 0; i < 8; i++) rows[i] = *(const v8_unaligned *)(in + lanes[half + i]);
      transpose(rows);
      for (int x = 0; x < n; x++) *(v8_unaligned *)(tile + (y * n + x) * csn_block + half) = rows[x];
    }
}

// Transforms keep many values: a register's worth of the 16 channels at a time.
typedef float vector __attribute__((ext_vector_type(CSN_TARGET_LANES)));
typedef float vector_unaligned __attribute__((ext_vector_type(CSN_TARGET_LANES), aligned(4)));

#define load(pointer) ((vector) * (const vector_unaligned *)(pointer))
#define store(pointer, value) (*(vector_unaligned *)(pointer) = (value))
#define splat(scalar) ((vector)(float)(scalar))

#define ONE_BY_ONE _Pragma("clang loop unroll(disable)")
#define EVERY_LANE for (int lane = 0; lane < csn_block; lane += CSN_TARGET_LANES)

// Where the registers hold a tile's lines, or nearly, all of them are computed at once; else one by one, by way of
// memory.
#if CSN_TARGET_LANES == 16
#define EVERY_LINE CSN_UNROLL
#else
#define EVERY_LINE ONE_BY_ONE
#endif

/// Keeps the compiler from working out ahead, and keeping in memory, the distance of every line to all others.
#define AS_IT_IS(pointer) __asm__("" : "+r"(pointer))

/// Results of an input transform at once: those of a tile's width, still in registers.
enum { part_results = 2 };

// One-dimensional transforms, by n; of the input in parts of two results.

CSN_INLINE void input4(const int part, const vector d[4], vector r[2]) {
  r[0] = part == 0 ? d[2] - d[0] : d[2] + d[1];
  r[1] = part == 0 ? d[3] - d[1] : d[2] - d[1];
}

CSN_INLINE void output4(const vector m[4], vector y[2]) {
  y[0] = m[0] + (m[1] + m[2]);
  y[1] = (m[1] - m[2]) + m[3];
}

/// Results at +-point from the even and the odd part. One product and two sums: processors add beside their
/// multipliers.
CSN_INLINE void pair(double point, vector even, vector odd, vector r[2]) {
  odd *= splat(point);
  r[0] = even + odd;
  r[1] = even - odd;
}

/// (x^2 - e) (x - c): the points +-sqrt(e) and c.
CSN_INLINE vector cubic(double e, double c, const vector *d) {
  return csn_fma(splat(c * e), d[0], csn_fma(splat(-e), d[1], csn_fma(splat(-c), d[2], d[3])));
}

CSN_INLINE void input5(const int part, const vector d[5], vector r[2]) {
  const double a2 = CSN_POINTS5_A * CSN_POINTS5_A, b = CSN_POINTS5_B;
  if (part == 0) {
    CSN_UNROLL for (int i = 0; i < 2; i++) r[i] = cubic(a2, b, d + i);
  } else if (part == 1) {
    pair(CSN_POINTS5_A, csn_fma(splat(-b), d[2], d[3]), csn_fma(splat(-b), d[1], d[2]), r);
  } else {
    r[0] = csn_fma(splat(-a2), d[1], d[3]);
  }
}

CSN_INLINE void output5(const vector m[5], vector y[3]) {
  const double a = CSN_POINTS5_A, b = CSN_POINTS5_B;
  vector sum = m[1] + m[2], odd = m[1] - m[2];
  y[0] = m[0] + (sum + m[3]);
  y[1] = csn_fma(splat(b), m[3], splat(a) * odd);
  y[2] = csn_fma(splat(b * b), m[3], csn_fma(splat(a * a), sum, m[4]));
}

CSN_INLINE void input6(const int part, const vector d[6], vector r[2]) {
  const double a2 = CSN_POINTS6_A * CSN_POINTS6_A, b2 = CSN_POINTS6_B * CSN_POINTS6_B;
  const vector sum = splat(-(a2 + b2)), product = splat(a2 * b2);
  if (part == 0) {
    r[0] = csn_fma(product, d[0], csn_fma(sum, d[2], d[4]));
    r[1] = csn_fma(product, d[1], csn_fma(sum, d[3], d[5]));
  } else if (part == 1) {
    pair(CSN_POINTS6_A, csn_fma(splat(-b2), d[2], d[4]), csn_fma(splat(-b2), d[1], d[3]), r);
  } else {
    pair(CSN_POINTS6_B, csn_fma(splat(-a2), d[2], d[4]), csn_fma(splat(-a2), d[1], d[3]), r);
  }
}

CSN_INLINE void output6(const vector m[6], vector y[4]) {
  const double a = CSN_POINTS6_A, b = CSN_POINTS6_B;
  vector sum_a = m[1] + m[2], odd_a = m[1] - m[2], sum_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + (sum_a + sum_b);
  y[1] = csn_fma(splat(b), odd_b, splat(a) * odd_a);
  y[2] = csn_fma(splat(b * b), sum_b, splat(a * a) * sum_a);
  y[3] = csn_fma(splat(b * b * b), odd_b, csn_fma(splat(a * a * a), odd_a, m[5]));
}

CSN_INLINE void input7(const int part, const vector d[7], vector r[2]) {
  const double a2 = CSN_POINTS7_A * CSN_POINTS7_A, b2 = CSN_POINTS7_B * CSN_POINTS7_B,
               c = CSN_POINTS7_C, sum = a2 + b2, product = a2 * b2;
  if (part == 0) {
    CSN_UNROLL for (int i = 0; i < 2; i++) {
      const vector even = csn_fma(splat(product), d[i + 1], csn_fma(splat(-sum), d[i + 3], d[i + 5]));
      const vector odd = csn_fma(splat(product), d[i], csn_fma(splat(-sum), d[i + 2], d[i + 4]));
      r[i] = csn_fma(splat(-c), odd, even);
    }
  } else if (part == 1) {
    pair(CSN_POINTS7_A, cubic(b2, c, d + 2), cubic(b2, c, d + 1), r);
  } else if (part == 2) {
    pair(CSN_POINTS7_B, cubic(a2, c, d + 2), cubic(a2, c, d + 1), r);
  } else {
    r[0] = csn_fma(splat(product), d[1], csn_fma(splat(-sum), d[3], d[5]));
  }
}

CSN_INLINE void output7(const vector m[7], vector y[4]) {
  const double a = CSN_POINTS7_A, b = CSN_POINTS7_B, c = CSN_POINTS7_C;
  vector sum_a = m[1] + m[2], odd_a = m[1] - m[2], sum_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + (sum_a + (sum_b + m[5]));
  y[1] = csn_fma(splat(c), m[5], csn_fma(splat(b), odd_b, splat(a) * odd_a));
  y[2] = csn_fma(splat(c * c), m[5], csn_fma(splat(b * b), sum_b, splat(a * a) * sum_a));
  y[3] = csn_fma(splat(c * c * c), m[5], csn_fma(splat(b * b * b), odd_b, csn_fma(splat(a * a * a), odd_a, m[6])));
}

/// x^6 - (p + q) x^4 + p q x^2 without its factor x^2 or x: the even or odd part of the points whose squares are not
/// p, q.
CSN_INLINE vector quartic(double p, double q, vector low, vector middle, vector high) {
  return csn_fma(splat(p * q), low, csn_fma(splat(-(p + q)), middle, high));
}

CSN_INLINE void input8(const int part, const vector d[8], vector r[2]) {
  const double a2 = CSN_POINTS8_A * CSN_POINTS8_A, b2 = CSN_POINTS8_B * CSN_POINTS8_B,
               c2 = CSN_POINTS8_C * CSN_POINTS8_C;
  const vector s1 = splat(-(a2 + b2 + c2)), s2 = splat(a2 * b2 + b2 * c2 + a2 * c2), s3 = splat(-a2 * b2 * c2);
  if (part == 0) {
    r[0] = csn_fma(s3, d[0], csn_fma(s2, d[2], csn_fma(s1, d[4], d[6])));
    r[1] = csn_fma(s3, d[1], csn_fma(s2, d[3], csn_fma(s1, d[5], d[7])));
  } else if (part == 1) {
    pair(CSN_POINTS8_A, quartic(b2, c2, d[2], d[4], d[6]), quartic(b2, c2, d[1], d[3], d[5]), r);
  } else if (part == 2) {
    pair(CSN_POINTS8_B, quartic(a2, c2, d[2], d[4], d[6]), quartic(a2, c2, d[1], d[3], d[5]), r);
  } else {
    pair(CSN_POINTS8_C, quartic(a2, b2, d[2], d[4], d[6]), quartic(a2, b2, d[1], d[3], d[5]), r);
  }
}

CSN_INLINE void output8(const vector m[8], vector y[6]) {
  const double a = CSN_POINTS8_A, b = CSN_POINTS8_B, c = CSN_POINTS8_C;
  vector sum_a = m[1] + m[2], odd_a = m[1] - m[2], sum_b = m[3] + m[4], odd_b = m[3] - m[4], sum_c = m[5] + m[6],
         odd_c = m[5] - m[6];
  y[0] = m[0] + (sum_a + sum_b + sum_c);
#define EVEN(x, y, z) csn_fma(splat(z), sum_c, csn_fma(splat(y), sum_b, splat(x) * sum_a))
#define ODD(x, y, z) csn_fma(splat(z), odd_c, csn_fma(splat(y), odd_b, splat(x) * odd_a))
  y[1] = ODD(a, b, c);
  y[2] = EVEN(a * a, b * b, c * c);
  y[3] = ODD(a * a * a, b * b * b, c * c * c);
  y[4] = EVEN(a * a * a * a, b * b * b * b, c * c * c * c);
  y[5] = ODD(a * a * a * a * a, b * b * b * b * b, c * c * c * c * c) + m[7];
#undef EVEN
#undef ODD
}

/// Part `part` of a line's transform, into r: of the first part the first and the last result, of the others a pair or,
/// where one is left, that.
CSN_INLINE void input_part(const int n, const int part, const vector *d, vector *r) {
  switch (n) {
    case 4: input4(part, d, r); break;
    case 5: input5(part, d, r); break;
    case 6: input6(part, d, r); break;
    case 7: input7(part, d, r); break;
    default: input8(part, d, r); break;
  }
}

/// Results of the part.
CSN_INLINE int results_of(const int n, const int part) { return 2 * part < n - 1 ? part_results : 1; }

/// Which result of the line the part's first or second one is.
CSN_INLINE int result_at(const int n, const int part, int i) { return part > 0 ? 2 * part - 1 + i : i * (n - 1); }

CSN_INLINE void output_line(const int n, const vector *m, vector *y) {
  switch (n) {
    case 4: output4(m, y); break;
    case 5: output5(m, y); break;
    case 6: output6(m, y); break;
    case 7: output7(m, y); break;
    default: output8(m, y); break;
  }
}

CSN_INLINE void transform_input(const int n, const float *in, ptrdiff_t row_stride, float *out, ptrdiff_t stride) {
  const int parts = (n + 1) / part_results;
  ONE_BY_ONE EVERY_LANE {
    CSN_UNROLL for (int part = 0; part < parts; part++) {
      vector rows[part_results][8];
      CSN_UNROLL for (int x = 0; x < n; x++) {
        vector line[8], result[part_results];
        CSN_UNROLL for (int y = 0; y < n; y++) line[y] = load(in + lane + y * row_stride + x * csn_block);
        input_part(n, part, line, result);
        CSN_UNROLL for (int i = 0; i < results_of(n, part); i++) rows[i][x] = result[i];
      }
      CSN_UNROLL for (int i = 0; i < results_of(n, part); i++) {
        float *row = out + lane + result_at(n, part, i) * n * stride;
        AS_IT_IS(row);
        CSN_UNROLL for (int across = 0; across < parts; across++) {
          vector result[part_results];
          input_part(n, across, rows[i], result);
          CSN_UNROLL for (int k = 0; k < results_of(n, across); k++)
              store(row + result_at(n, across, k) * stride, result[k]);
        }
      }
    }
  }
}

/// Finishes and stores one row of an output tile, from channel `lane` on.
CSN_INLINE void store_row(const int m, const csn_winograd_target *target, int y, int lane, vector *row) {
  float *out = target->out + y * target->out_row + lane;
  const vector bias = target->bias ? load(target->bias + lane) : splat(0);
  CSN_UNROLL for (int x = 0; x < m; x++) row[x] += bias;
  if (target->flags & csn_tile_residual) {
    const float *residual = target->residual + y * target->residual_row + lane;
    // Columns that don't exist may lie outside the residual's memory.
    CSN_UNROLL for (int x = 0; x < m; x++) {
      if (x < target->width) row[x] += load(residual + x * csn_block);
    }
  }
  if (target->flags & csn_tile_lower) {
    CSN_UNROLL for (int x = 0; x < m; x++) row[x] = csn_max(splat(target->lower), row[x]);
  }
  if (target->flags & csn_tile_upper) {
    CSN_UNROLL for (int x = 0; x < m; x++) row[x] = csn_min(splat(target->upper), row[x]);
  }
  if (target->flags & csn_tile_stream) {
    CSN_UNROLL for (int x = 0; x < m; x++) {
      if (x < target->width) __builtin_nontemporal_store(row[x], (vector *)(out + x * csn_block));
    }
  } else if (target->width == m) {
    CSN_UNROLL for (int x = 0; x < m; x++) store(out + x * csn_block, row[x]);
  } else {
    CSN_UNROLL for (int x = 0; x < m; x++) {
      if (x < target->width) store(out + x * csn_block, row[x]);
    }
  }
}

/// A tile's rows of outputs, transformed in one dimension, by lanes of a block.
typedef vector row_lines[csn_block / CSN_TARGET_LANES][6][8];

CSN_INLINE void transform_column(const int m, const int n, const float *in, ptrdiff_t stride, int lane, int x,
                                 row_lines rows) {
  vector line[8], result[6];
  CSN_UNROLL for (int y = 0; y < n; y++) line[y] = load(in + lane + (y * n + x) * stride);
  output_line(n, line, result);
  CSN_UNROLL for (int y = 0; y < m; y++) rows[lane / CSN_TARGET_LANES][y][x] = result[y];
}

CSN_INLINE void transform_row(const int m, const int n, const csn_winograd_target *target, int y, int lane,
                              row_lines rows) {
  vector row[6];
  output_line(n, rows[lane / CSN_TARGET_LANES][y], row);
  store_row(m, target, y, lane, row);
}

// The way back takes lanes and lines as `every` says. Rows are stored with all their lanes, one after another: memory
// lines are whole when they are streamed.
#define TRANSFORMS(m, n, every)                                                                                     \
  static void input_##n(const float *in, ptrdiff_t row_stride, float *out, ptrdiff_t stride) {                      \
    transform_input(n, in, row_stride, out, stride);                                                                \
  }                                                                                                                 \
  static void output_##n(const float *in, ptrdiff_t stride, const csn_winograd_target *target) {                    \
    row_lines rows;                                                                                                 \
    every EVERY_LANE {                                                                                              \
      every for (int x = 0; x < n; x++) transform_column(m, n, in, stride, lane, x, rows);                          \
    }                                                                                                               \
    every for (int y = 0; y < m; y++) {                                                                             \
      if (y >= target->height) break;                                                                               \
      every EVERY_LANE transform_row(m, n, target, y, lane, rows);                                                  \
    }                                                                                                               \
  }

// Any registers hold the lines of the smallest tiles.
TRANSFORMS(2, 4, CSN_UNROLL)
TRANSFORMS(3, 5, EVERY_LINE)
TRANSFORMS(4, 6, EVERY_LINE)
TRANSFORMS(4, 7, EVERY_LINE)
TRANSFORMS(6, 8, EVERY_LINE)

const csn_winograd_kernels CSN_NAME(csn_winograd_kernels) = {
    .gather_lanes = gather_lanes,
    .input = {[4] = input_4, [5] = input_5, [6] = input_6, [7] = input_7, [8] = input_8},
    .output = {[4] = output_4, [5] = output_5, [6] = output_6, [7] = output_7, [8] = output_8},
};
