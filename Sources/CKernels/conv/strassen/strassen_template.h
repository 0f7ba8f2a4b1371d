// What comes before and after the products, in one variant; see strassen.h. The including file has set the target.
#include "conv/strassen/strassen.h"

static void combine(const float *a, ptrdiff_t step_a, const float *b, ptrdiff_t step_b, float sign, float *out,
                    int pixels) {
  for (int i = 0; i < pixels; i++, a += step_a, b += step_b, out += csn_block)
    csn_store(out, csn_fma(csn_splat(sign), csn_load(b), csn_load(a)));
}

/// Finishes and stores pixel `i` of a half of the pixels and of the channels.
CSN_INLINE void finish(const csn_strassen_output *output, int i, const int half, const int channels, csn_v16 bias,
                       csn_v16 sum) {
  sum += bias;
  if (output->flags & csn_tile_residual) sum += csn_load(output->residual[half][channels] + 2 * i * csn_block);
  if (output->flags & csn_tile_lower) sum = csn_max(csn_splat(output->lower), sum);
  if (output->flags & csn_tile_upper) sum = csn_min(csn_splat(output->upper), sum);
  float *out = output->out[half][channels] + 2 * i * csn_block;
  if (output->flags & csn_tile_stream)
    csn_stream(out, sum);
  else
    csn_store(out, sum);
}

static void join(const csn_strassen_output *output) {
  const csn_v16 low = output->bias[0] ? csn_load(output->bias[0]) : csn_zero();
  const csn_v16 high = output->bias[1] ? csn_load(output->bias[1]) : csn_zero();
  const float *products = output->products;
  for (int i = 0; i < output->pixels; i++, products += csn_block) {
    csn_v16 product[csn_strassen_products];
    CSN_UNROLL for (int p = 0; p < csn_strassen_products; p++) product[p] = csn_load(products + p * output->stride);
    const csn_v16 both = product[0] + product[2];
    finish(output, i, 0, 0, low, product[5] + (product[3] - both));
    finish(output, i, 0, 1, high, product[3]);
    if (!output->has_second) continue;
    finish(output, i, 1, 0, low, product[1]);
    finish(output, i, 1, 1, high, product[6] + (product[1] - both));
  }
}

const csn_strassen_kernels CSN_NAME(csn_strassen_kernels) = {combine, join};
