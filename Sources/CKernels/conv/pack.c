#include <string.h>

#include "conv/amx/amx.h"
#include "conv/bf16/bf16.h"
#include "conv/conv.h"

// Grouped convolution runs as an ordinary one whose panels each read only the input blocks that their groups lie in,
// with zeros between groups. All panels read the same number of blocks, so that the packing stays regular.

/// The input blocks that the groups of panel `panel` touch.
static void panel_range(const csn_conv *conv, int panel, int *first, int *end) {
  const int in_group = conv->in_channels / conv->groups, out_group = conv->out_channels / conv->groups;
  int last_channel = (panel + 1) * csn_panel - 1;
  if (last_channel >= conv->out_channels) last_channel = conv->out_channels - 1;
  *first = panel * csn_panel / out_group * in_group / csn_block;
  *end = ((last_channel / out_group + 1) * in_group - 1) / csn_block + 1;
}

int csn_conv_panel_blocks(const csn_conv *conv) {
  int blocks = 0;
  for (int panel = 0; panel < csn_conv_panels(conv); panel++) {
    int first, end;
    panel_range(conv, panel, &first, &end);
    if (end - first > blocks) blocks = end - first;
  }
  return blocks;
}

int csn_conv_first_block(const csn_conv *conv, int panel_blocks, int panel) {
  if (conv->groups == 1) return 0;
  int first, end;
  panel_range(conv, panel, &first, &end);
  int last_start = (conv->in_channels - 1) / csn_block + 1 - panel_blocks;
  return first < last_start ? first : last_start;
}

size_t csn_conv_weight_count(csn_conv_algorithm algorithm, const csn_conv *conv) {
  if (!csn_conv_is_valid(conv) || !csn_conv_serves(algorithm, conv)) return 0;
  const int64_t taps = (int64_t)conv->kernel_h * conv->kernel_w;
  const int64_t panels = csn_conv_panels(conv), limit = (int64_t)1 << 40;
  int64_t per_panel;
  const int n = csn_winograd_inputs(algorithm);
  if (algorithm == CSN_CONV_DEPTHWISE) {
    int64_t count = csn_ceil_div(conv->in_channels, csn_block) * csn_block * taps;
    return count <= limit ? (size_t)count : 0;
  }
  if (algorithm == CSN_CONV_STRASSEN) {
    // Seven products of a quarter of the weights each.
    int64_t count = 7 * ((int64_t)conv->in_channels * conv->out_channels / 4);
    return count <= limit ? (size_t)count : 0;
  }
  if (algorithm == CSN_CONV_PLANAR)
    per_panel = conv->in_channels * taps;
  else if (csn_winograd_outputs(algorithm))
    per_panel = (int64_t)csn_winograd_product_blocks(algorithm, conv) * csn_block * n * n;
  else if (algorithm == CSN_CONV_BF16)
    per_panel = (int64_t)csn_bf16_blocks(conv) * csn_block * taps;
  else if (algorithm == CSN_CONV_PLANAR_BF16)
    per_panel = (int64_t)csn_amx_planar_taps(conv) * csn_block * conv->kernel_h;
  else
    per_panel = (int64_t)csn_conv_panel_blocks(conv) * csn_block * taps;
  int64_t count;
  if (__builtin_mul_overflow(per_panel, panels * csn_panel, &count) || count > limit) return 0;
  return (size_t)count;
}

/// Where a weight of output channel `out` and input channel `in` (counted from the panel's first block on) lies in the
/// original; -1 where the convolution has none there.
static ptrdiff_t original(const csn_conv *conv, int out, int in, int tap) {
  if (out >= conv->out_channels || in >= conv->in_channels) return -1;
  const int in_group = conv->in_channels / conv->groups, out_group = conv->out_channels / conv->groups;
  const int channel = in - out / out_group * in_group;
  if (channel < 0 || channel >= in_group) return -1;
  return ((ptrdiff_t)out * in_group + channel) * conv->kernel_h * conv->kernel_w + tap;
}

/// A move of weights between the original order and a packed one, in either direction.
typedef struct {
  const float *from;
  float *to;
  bool unpack;
} transfer;

static void move(const transfer *transfer, ptrdiff_t packed, ptrdiff_t plain) {
  if (!transfer->unpack)
    transfer->to[packed] = plain < 0 ? 0 : transfer->from[plain];
  else if (plain >= 0)
    transfer->to[plain] = transfer->from[packed];
}

static void transfer_depthwise(const csn_conv *conv, const transfer *transfer) {
  const int taps = conv->kernel_h * conv->kernel_w;
  ptrdiff_t packed = 0;
  for (int block = 0; block < csn_ceil_div(conv->in_channels, csn_block); block++)
    for (int tap = 0; tap < taps; tap++)
      for (int lane = 0; lane < csn_block; lane++) {
        int channel = block * csn_block + lane;
        move(transfer, packed++, channel < conv->in_channels ? (ptrdiff_t)channel * taps + tap : -1);
      }
}

static void transfer_planar(const csn_conv *conv, const transfer *transfer) {
  const int taps = conv->kernel_h * conv->kernel_w;
  ptrdiff_t packed = 0;
  for (int panel = 0; panel < csn_conv_panels(conv); panel++)
    for (int in = 0; in < conv->in_channels; in++)
      for (int tap = 0; tap < taps; tap++)
        for (int lane = 0; lane < csn_panel; lane++)
          move(transfer, packed++, original(conv, panel * csn_panel + lane, in, tap));
}

static void transfer_direct(const csn_conv *conv, const transfer *transfer) {
  const int taps = conv->kernel_h * conv->kernel_w, blocks = csn_conv_panel_blocks(conv);
  ptrdiff_t packed = 0;
  for (int panel = 0; panel < csn_conv_panels(conv); panel++) {
    const int first = csn_conv_first_block(conv, blocks, panel) * csn_block;
    for (int block = 0; block < blocks; block++)
      for (int tap = 0; tap < taps; tap++)
        for (int in = first + block * csn_block; in < first + (block + 1) * csn_block; in++)
          for (int lane = 0; lane < csn_panel; lane++)
            move(transfer, packed++, original(conv, panel * csn_panel + lane, in, tap));
  }
}

static csn_status transfer_weights(csn_conv_algorithm algorithm, const csn_conv *conv, const transfer *transfer) {
  if (csn_conv_weight_count(algorithm, conv) == 0) return CSN_UNSUPPORTED;
  switch (algorithm) {
    case CSN_CONV_DIRECT: transfer_direct(conv, transfer); return CSN_OK;
    case CSN_CONV_PLANAR: transfer_planar(conv, transfer); return CSN_OK;
    case CSN_CONV_DEPTHWISE: transfer_depthwise(conv, transfer); return CSN_OK;
    default: return CSN_UNSUPPORTED;
  }
}

csn_status csn_conv_pack(csn_conv_algorithm algorithm, const csn_conv *conv, const float *weights, float *packed) {
  if (csn_conv_weight_count(algorithm, conv) == 0) return CSN_UNSUPPORTED;
  if (csn_winograd_outputs(algorithm))
    csn_winograd_pack(algorithm, conv, weights, packed);
  else if (algorithm == CSN_CONV_BF16)
    csn_bf16_pack(conv, weights, packed);
  else if (algorithm == CSN_CONV_PLANAR_BF16)
    csn_amx_pack_planar(conv, weights, packed);
  else if (algorithm == CSN_CONV_STRASSEN)
    csn_strassen_pack(conv, weights, packed);
  else
    return transfer_weights(algorithm, conv, &(transfer){weights, packed, false});
  return CSN_OK;
}

csn_status csn_conv_unpack(csn_conv_algorithm algorithm, const csn_conv *conv, const float *packed, float *weights) {
  return transfer_weights(algorithm, conv, &(transfer){packed, weights, true});
}
