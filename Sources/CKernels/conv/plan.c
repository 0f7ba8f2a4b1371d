#include <string.h>

#include "conv/amx/amx.h"
#include "conv/bf16/bf16.h"
#include "conv/conv.h"

enum { max_attribute = 1 << 20, max_threads = 256, max_planar_bf16_kernel_w = 32, max_planar_bf16_stride = 8 };

csn_conv csn_conv_make(int32_t in_channels, int32_t out_channels, int32_t kernel_h, int32_t kernel_w) {
  return (csn_conv){
      .in_channels = in_channels, .out_channels = out_channels, .groups = 1,
      .kernel_h = kernel_h, .kernel_w = kernel_w, .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1,
      .lower = -INFINITY, .upper = INFINITY,
  };
}

csn_conv_options csn_conv_default_options(void) {
  return (csn_conv_options){
      .algorithm = CSN_CONV_AUTO, .winograd_limit = 6, .level = csn_cpu_current(), .threads = csn_cpu_count()};
}

const char *csn_conv_algorithm_name(csn_conv_algorithm algorithm) {
  static const char *const names[] = {
      [CSN_CONV_AUTO] = "auto",
      [CSN_CONV_DIRECT] = "direct",
      [CSN_CONV_PLANAR] = "planar",
      [CSN_CONV_DEPTHWISE] = "depthwise",
      [CSN_CONV_WINOGRAD2] = "winograd2",
      [CSN_CONV_WINOGRAD3] = "winograd3",
      [CSN_CONV_WINOGRAD4] = "winograd4",
      [CSN_CONV_WINOGRAD6] = "winograd6",
      [CSN_CONV_BF16] = "bf16",
      [CSN_CONV_PLANAR_WINOGRAD4] = "planar-winograd4",
      [CSN_CONV_PLANAR_WINOGRAD44] = "planar-winograd44",
      [CSN_CONV_STRASSEN] = "strassen",
      [CSN_CONV_PLANAR_BF16] = "planar-bf16",
      [CSN_CONV_WINOGRAD2_BF16] = "winograd2-bf16",
  };
  return (unsigned)algorithm < sizeof names / sizeof *names && names[algorithm] ? names[algorithm] : "unknown";
}

int csn_winograd_outputs(csn_conv_algorithm algorithm) {
  switch (algorithm) {
    case CSN_CONV_WINOGRAD2:
    case CSN_CONV_WINOGRAD2_BF16: return 2;
    case CSN_CONV_WINOGRAD3: return 3;
    case CSN_CONV_WINOGRAD4:
    case CSN_CONV_PLANAR_WINOGRAD4:
    case CSN_CONV_PLANAR_WINOGRAD44: return 4;
    case CSN_CONV_WINOGRAD6: return 6;
    default: return 0;
  }
}

int csn_winograd_taps(csn_conv_algorithm algorithm) { return algorithm == CSN_CONV_PLANAR_WINOGRAD44 ? 4 : 3; }

bool csn_conv_is_valid(const csn_conv *conv) {
  const int32_t positive[] = {conv->in_channels, conv->out_channels, conv->groups,     conv->kernel_h,  conv->kernel_w,
                              conv->stride_h,    conv->stride_w,     conv->dilation_h, conv->dilation_w};
  for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
    if (positive[i] < 1 || positive[i] > max_attribute) return false;
  const int32_t pads[] = {conv->pad_top, conv->pad_left, conv->pad_bottom, conv->pad_right};
  for (int i = 0; i < 4; i++)
    if (pads[i] < 0 || pads[i] > max_attribute) return false;
  if (conv->padding != CSN_PAD_CONSTANT && conv->padding != CSN_PAD_EDGE) return false;
  return conv->in_channels % conv->groups == 0 && conv->out_channels % conv->groups == 0 &&
         !(conv->lower > conv->upper);
}

bool csn_conv_serves(csn_conv_algorithm algorithm, const csn_conv *conv) {
  switch (algorithm) {
    case CSN_CONV_DIRECT: return true;
    case CSN_CONV_PLANAR: return conv->groups == 1;
    case CSN_CONV_BF16: return conv->groups == 1;
    case CSN_CONV_DEPTHWISE: return conv->groups == conv->in_channels && conv->groups == conv->out_channels;
    case CSN_CONV_WINOGRAD2:
    case CSN_CONV_WINOGRAD2_BF16:
    case CSN_CONV_WINOGRAD3:
    case CSN_CONV_WINOGRAD4:
    case CSN_CONV_WINOGRAD6:
    case CSN_CONV_PLANAR_WINOGRAD4:
    case CSN_CONV_PLANAR_WINOGRAD44:
      return csn_winograd_serves(algorithm, conv);
    case CSN_CONV_STRASSEN:
      return csn_conv_is_pointwise(conv) && conv->groups == 1 && conv->in_channels % (2 * csn_block) == 0 &&
             conv->out_channels % (2 * csn_panel) == 0;
    case CSN_CONV_PLANAR_BF16:
      return conv->groups == 1 && conv->in_channels <= csn_amx_planar_channels &&
             conv->dilation_h == 1 && conv->dilation_w == 1 && conv->kernel_w <= max_planar_bf16_kernel_w &&
             conv->stride_h <= max_planar_bf16_stride && conv->stride_w <= max_planar_bf16_stride;
    default: return false;
  }
}

/// Whether AMX's tiles compute it, on a processor that has them.
static bool runs_on_tiles(csn_conv_algorithm algorithm, csn_cpu_level level) {
  return (algorithm == CSN_CONV_BF16 || algorithm == CSN_CONV_PLANAR_BF16) && csn_cpu_level_has_amx(level);
}

int32_t csn_conv_strip_depth(const csn_tile_kernels *kernels, int blocks, int64_t block_weights) {
  // Over half of a first-level cache of 32 KiB. Passes are cut evenly and rounded up: those of large 3x3 kernels take
  // two blocks, 36 KiB, which is faster than twice the passes.
  const int64_t strip_bytes = 20 << 10;
  // Tiles of many pixels spend enough time on a weight for it to come from further away.
  const int many_pixels = 8;
  if (kernels->pixels >= many_pixels) return blocks;
  const int64_t bytes = blocks * block_weights * kernels->vectors * (int64_t)sizeof(float);
  return (int32_t)csn_ceil_div(blocks, csn_ceil_div(bytes, strip_bytes));
}

unsigned csn_conv_flags(const csn_conv_plan *plan, const float *out) {
  // Twice what a last-level cache can be expected to hold of it.
  const int64_t streamed_floats = (64 << 20) / 4;
  const csn_tensor *tensor = &plan->out;
  unsigned flags = 0;
  if (plan->has_residual) flags |= csn_tile_residual;
  if (plan->conv.lower > -INFINITY) flags |= csn_tile_lower;
  if (plan->conv.upper < INFINITY) flags |= csn_tile_upper;
  const uintptr_t alignment = (uintptr_t)out | (uintptr_t)(tensor->row_stride * 4) |
                              (uintptr_t)(tensor->block_stride * 4) | (uintptr_t)(tensor->image_stride * 4);
  const int64_t floats = (int64_t)csn_tensor_blocks(tensor) * csn_block * tensor->height * tensor->width;
  if (alignment % 64 == 0 && floats * tensor->images >= streamed_floats) flags |= csn_tile_stream;
  return flags;
}

/// Whether padded input and kernel make `out` places at the given stride.
static bool spans(int64_t in, int64_t pads, int64_t kernel, int64_t dilation, int64_t stride, int64_t out) {
  int64_t reach = in + pads - ((kernel - 1) * dilation + 1);
  return reach >= 0 && reach / stride + 1 == out;
}

static bool shapes_fit(const csn_conv *conv, const csn_tensor *in, const csn_tensor *out, const csn_tensor *residual) {
  if (!csn_tensor_is_valid(in) || !csn_tensor_is_valid(out) || out->layout == CSN_PLANAR) return false;
  if (in->channels != conv->in_channels || out->channels != conv->out_channels || in->images != out->images)
    return false;
  if (!spans(in->height, (int64_t)conv->pad_top + conv->pad_bottom, conv->kernel_h, conv->dilation_h, conv->stride_h,
             out->height) ||
      !spans(in->width, (int64_t)conv->pad_left + conv->pad_right, conv->kernel_w, conv->dilation_w, conv->stride_w,
             out->width))
    return false;
  if (!residual) return true;
  return csn_tensor_is_valid(residual) && residual->layout != CSN_PLANAR && residual->images == out->images &&
         residual->channels == out->channels && residual->height == out->height && residual->width == out->width;
}

csn_status csn_conv_plan_make(csn_conv_plan *plan, const csn_conv *conv, const csn_tensor *in, const csn_tensor *out,
                              const csn_tensor *residual, const csn_conv_options *options) {
  memset(plan, 0, sizeof *plan);
  csn_conv_options defaults;
  if (!options) {
    defaults = csn_conv_default_options();
    options = &defaults;
  }
  if (!csn_conv_is_valid(conv) || !shapes_fit(conv, in, out, residual)) return CSN_INVALID;
  if (options->threads < 1 || options->threads > max_threads || options->level > csn_cpu_detected()) return CSN_INVALID;
  csn_conv_algorithm algorithm = options->algorithm;
  if (algorithm == CSN_CONV_AUTO) algorithm = csn_conv_select(conv, in, out, options);
  if (!csn_conv_serves(algorithm, conv) || csn_conv_is_planar(algorithm) != (in->layout == CSN_PLANAR))
    return CSN_UNSUPPORTED;
  const bool has_pairs = algorithm == CSN_CONV_BF16 || csn_winograd_is_paired(algorithm);
  if (has_pairs && !csn_cpu_level_has_bf16(options->level)) return CSN_UNSUPPORTED;
  plan->amx = runs_on_tiles(algorithm, options->level);
  if (algorithm == CSN_CONV_PLANAR_BF16 && !plan->amx) return CSN_UNSUPPORTED;
  // Dot products know no frame but zeros.
  if (algorithm == CSN_CONV_BF16 && !plan->amx && csn_conv_has_edges(conv)) return CSN_UNSUPPORTED;
  const bool paired = in->layout == CSN_PAIRED || out->layout == CSN_PAIRED ||
                      (residual && residual->layout == CSN_PAIRED);
  if (paired && !plan->amx) return CSN_UNSUPPORTED;
  plan->conv = *conv;
  plan->in = *in;
  plan->out = *out;
  plan->has_residual = residual != NULL;
  if (residual) plan->residual = *residual;
  plan->algorithm = algorithm;
  plan->level = options->level;
  plan->threads = options->threads;
  plan->weight_count = csn_conv_weight_count(algorithm, conv);
  if (plan->weight_count == 0) return CSN_INVALID;
  plan->panels = csn_conv_panels(conv);
  plan->panel_blocks = algorithm == CSN_CONV_PLANAR ? conv->in_channels
                       : algorithm == CSN_CONV_PLANAR_BF16 ? 1
                       : algorithm == CSN_CONV_BF16 ? csn_bf16_blocks(conv)
                                                    : csn_conv_panel_blocks(conv);
  plan->bias_count = (size_t)plan->panels * csn_panel;
  int64_t outputs = (int64_t)out->images * out->height * out->width;
  int64_t products = (int64_t)(conv->in_channels / conv->groups) * conv->kernel_h * conv->kernel_w;
  if (__builtin_mul_overflow(outputs * conv->out_channels, products, &plan->macs)) return CSN_INVALID;
  if (plan->amx)
    csn_amx_plan(plan);
  else if (csn_winograd_outputs(algorithm))
    csn_winograd_plan(plan);
  else if (algorithm == CSN_CONV_DEPTHWISE)
    csn_depthwise_plan(plan);
  else if (algorithm == CSN_CONV_STRASSEN)
    csn_strassen_plan(plan);
  else
    csn_direct_plan(plan);
  return plan->tiles > 0 ? CSN_OK : CSN_INVALID;
}

void csn_conv_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                  const float *residual, float *out, void *scratch, csn_pool *pool) {
#if defined(__x86_64__)
  if (plan->amx) {
    csn_amx_conv_run(plan, in, weights, bias, residual, out, scratch, pool);
    return;
  }
#endif
  if (csn_winograd_outputs(plan->algorithm))
    csn_winograd_run(plan, in, weights, bias, residual, out, scratch, pool);
  else if (plan->algorithm == CSN_CONV_DEPTHWISE)
    csn_depthwise_run(plan, in, weights, bias, residual, out, scratch, pool);
  else if (plan->algorithm == CSN_CONV_STRASSEN)
    csn_strassen_run(plan, in, weights, bias, residual, out, scratch, pool);
  else
    csn_direct_run(plan, in, weights, bias, residual, out, scratch, pool);
}
