// Padding by the nearest pixels, where the algorithm reads a framed copy of the input.
#include "conv/conv.h"

bool csn_conv_has_edges(const csn_conv *conv) {
  return conv->padding == CSN_PAD_EDGE && (conv->pad_top | conv->pad_left | conv->pad_bottom | conv->pad_right);
}

csn_tensor csn_edge_framed(const csn_tensor *source) {
  csn_tensor framed = *source;
  framed.height += source->halo_top + source->halo_bottom;
  framed.width += source->halo_left + source->halo_right;
  framed.halo_top = framed.halo_left = framed.halo_bottom = framed.halo_right = 0;
  return framed;
}

static csn_pad padding_of(const csn_conv_plan *plan) {
  return (csn_pad){.mode = CSN_PAD_EDGE, .top = plan->source.halo_top, .left = plan->source.halo_left};
}

bool csn_edge_fits(const csn_conv_plan *plan) {
  if (!csn_conv_has_edges(&plan->conv)) return true;
  const csn_pad pad = padding_of(plan);
  const csn_tensor framed = csn_edge_framed(&plan->source);
  return csn_pad_check(&pad, &plan->in, &framed) == CSN_OK;
}

void csn_edge_stage(const csn_conv_plan *plan, const float *in, void *scratch, csn_pool *pool) {
  const csn_pad pad = padding_of(plan);
  const csn_tensor framed = csn_edge_framed(&plan->source);
  csn_pad_run(&pad, &plan->in, in, &framed, scratch, pool);
}
