#include "conv/conv.h"

// Which algorithm serves which shape: Strassen's where a shape is large enough for it, else the one of the least cost,
// from measurements on one core of a Zen 4 (AVX-512; see Benchmarks/kernels). The choice is the same on every CPU, but
// for bf16, so that weights packed on one fit all; nor does it depend on the number of threads, so that results don't.

typedef struct {
  csn_conv_algorithm algorithm;
  /// Nanoseconds that transforming one tile of 16 channels takes, in and out.
  double input, output;
  /// Fewest pixels of an image: larger rounding errors must be worth their while.
  int64_t pixels;
} winograd_cost;

static const winograd_cost winograd_costs[] = {
    {CSN_CONV_WINOGRAD2, 23, 20},
    {CSN_CONV_WINOGRAD3, 34, 29},
    {CSN_CONV_WINOGRAD4, 49, 41},
    {CSN_CONV_WINOGRAD6, 113, 103, 256 * 256},
    {CSN_CONV_WINOGRAD2_BF16, 31, 20},
};

static const winograd_cost planar_winograd_costs[] = {
    {CSN_CONV_PLANAR_WINOGRAD4, 155, 60},
    {CSN_CONV_PLANAR_WINOGRAD44, 243, 75},
};

/// Multiply-adds a nanosecond; bytes a nanosecond at which weights come from memory (11 on an Emerald Rapids, 10 to 14
/// on a Zen 3), and at which they come beside the products of a processor that has bf16 but no AMX (Zen 4).
static const double products_rate = 56, weights_rate = 14, bf16_weights_rate = 60;

enum {
  // Fewer channels than this leave most of a block or panel empty, and the transforms' cost unpaid.
  winograd_channels = 16,
  // Fewer input channels than this leave lanes of bf16's pairs empty.
  bf16_channels = 32,
  // Fewer channels than this don't pay for Strassen's sums and larger weights, nor do fewer inputs of an image (Zen 3).
  strassen_in_channels = 512,
  strassen_out_channels = 256,
  strassen_inputs = 512 * 128,
};

static bool pays_for_strassen(const csn_conv *conv, const csn_tensor *out) {
  return csn_conv_serves(CSN_CONV_STRASSEN, conv) && conv->in_channels >= strassen_in_channels &&
         conv->out_channels >= strassen_out_channels &&
         (int64_t)conv->in_channels * out->height * out->width >= strassen_inputs;
}

static double rate_of_weights(bool rounds) { return rounds ? bf16_weights_rate : weights_rate; }

/// Nanoseconds of a direct algorithm, where weights come at `rate`.
static double direct_cost(csn_conv_algorithm algorithm, const csn_conv *conv, const csn_tensor *out, double rate) {
  const double weights = (double)csn_conv_weight_count(algorithm, conv);
  const double pixels = (double)out->images * out->height * out->width;
  return weights * pixels / products_rate + weights * sizeof(float) / rate;
}

static double cost_of(const winograd_cost *cost, const csn_conv *conv, const csn_tensor *out, double rate) {
  const int m = csn_winograd_outputs(cost->algorithm);
  const double weights = (double)csn_conv_weight_count(cost->algorithm, conv);
  const double tiles = (double)out->images * (double)csn_ceil_div(out->height, m) * (double)csn_ceil_div(out->width, m);
  const double in_blocks = (double)csn_winograd_in_blocks(cost->algorithm, conv);
  const double out_blocks = (double)csn_ceil_div(conv->out_channels, csn_block);
  return weights * tiles / products_rate + tiles * (in_blocks * cost->input + out_blocks * cost->output) +
         weights * sizeof(float) / rate;
}

typedef struct {
  csn_conv_algorithm algorithm;
  double cost;
} choice;

#define COUNT(rows) (sizeof rows / sizeof *rows)

/// The one of the least cost, `best` or a row's; rows that round where that is allowed.
static choice least_winograd(const winograd_cost *rows, size_t count, const csn_conv *conv, const csn_tensor *out,
                             const csn_conv_options *options, bool rounds, choice best) {
  for (const winograd_cost *row = rows; row < rows + count; row++) {
    if (csn_winograd_outputs(row->algorithm) > options->winograd_limit ||
        (int64_t)out->height * out->width < row->pixels || (csn_winograd_is_paired(row->algorithm) && !rounds))
      continue;
    const double cost = cost_of(row, conv, out, rate_of_weights(rounds));
    if (cost < best.cost) best = (choice){row->algorithm, cost};
  }
  return best;
}

csn_conv_algorithm csn_conv_select(const csn_conv *conv, const csn_tensor *in, const csn_tensor *out,
                                   const csn_conv_options *options) {
  // Tiles are several times faster than any fp32 algorithm; and paired tensors want them.
  const bool paired = in->layout == CSN_PAIRED || out->layout == CSN_PAIRED;
  const bool tiles = (options->allow_bf16 || paired) && csn_cpu_level_has_amx(options->level);
  if (in->layout == CSN_PLANAR) {
    if (tiles && csn_conv_serves(CSN_CONV_PLANAR_BF16, conv)) return CSN_CONV_PLANAR_BF16;
    const choice direct = {CSN_CONV_PLANAR, direct_cost(CSN_CONV_PLANAR, conv, out, rate_of_weights(false))};
    if (!csn_conv_serves(CSN_CONV_PLANAR_WINOGRAD4, conv)) return direct.algorithm;
    return least_winograd(planar_winograd_costs, COUNT(planar_winograd_costs), conv, out, options, false, direct)
        .algorithm;
  }
  if (tiles && csn_conv_serves(CSN_CONV_BF16, conv) && (paired || conv->in_channels >= bf16_channels))
    return CSN_CONV_BF16;
  if (csn_conv_serves(CSN_CONV_DEPTHWISE, conv)) return CSN_CONV_DEPTHWISE;
  const bool rounds = options->allow_bf16 && csn_cpu_level_has_bf16(options->level) &&
                      csn_conv_serves(CSN_CONV_BF16, conv) && conv->in_channels >= bf16_channels;
  // Direct dot products know no frame but zeros.
  choice best = {rounds && !csn_conv_has_edges(conv) ? CSN_CONV_BF16 : CSN_CONV_DIRECT, 0};
  if (best.algorithm == CSN_CONV_DIRECT && options->winograd_limit > 0 && pays_for_strassen(conv, out))
    return CSN_CONV_STRASSEN;
  if (!csn_conv_serves(CSN_CONV_WINOGRAD2, conv) || conv->in_channels < winograd_channels ||
      conv->out_channels < winograd_channels)
    return best.algorithm;
  best.cost = direct_cost(best.algorithm, conv, out, rate_of_weights(rounds));
  return least_winograd(winograd_costs, COUNT(winograd_costs), conv, out, options, rounds, best).algorithm;
}
