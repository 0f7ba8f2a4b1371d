#include "conv/conv.h"

// Which algorithm serves which shape: the first row that fits. Filled by measurement (Benchmarks/kernels, AVX-512 on Zen 4).
typedef struct {
  csn_cpu_level level;
  /// The least output width and height, and the least of input and output channels.
  int extent, channels;
  csn_conv_algorithm algorithm;
} winograd_row;

static const winograd_row winograd_rows[] = {
    {CSN_CPU_PORTABLE, 12, 16, CSN_CONV_WINOGRAD4},
    {CSN_CPU_PORTABLE, 6, 64, CSN_CONV_WINOGRAD2},
};

// Fewer input channels than this leave lanes of the pairs empty.
enum { bf16_channels = 32 };

csn_conv_algorithm csn_conv_select(const csn_conv *conv, const csn_tensor *in, const csn_tensor *out,
                                   const csn_conv_options *options) {
  if (in->layout == CSN_PLANAR) return CSN_CONV_PLANAR;
  if (csn_conv_serves(CSN_CONV_DEPTHWISE, conv)) return CSN_CONV_DEPTHWISE;
  const bool bf16 = options->allow_bf16 && csn_cpu_level_has_bf16(options->level) && conv->groups == 1 &&
                    conv->in_channels >= bf16_channels;
  const csn_conv_algorithm direct = bf16 ? CSN_CONV_BF16 : CSN_CONV_DIRECT;
  if (!csn_conv_serves(CSN_CONV_WINOGRAD2, conv)) return direct;
  const int extent = out->width < out->height ? out->width : out->height;
  const int channels = conv->in_channels < conv->out_channels ? conv->in_channels : conv->out_channels;
  for (size_t i = 0; i < sizeof winograd_rows / sizeof *winograd_rows; i++) {
    const winograd_row *row = &winograd_rows[i];
    if (options->level >= row->level && extent >= row->extent && channels >= row->channels &&
        csn_winograd_outputs(row->algorithm) <= options->winograd_limit) {
      // bf16 products are twice as fast as fp32's: about what F(2,3) saves, with an eighth of the weights.
      return bf16 && row->algorithm == CSN_CONV_WINOGRAD2 ? direct : row->algorithm;
    }
  }
  return direct;
}
