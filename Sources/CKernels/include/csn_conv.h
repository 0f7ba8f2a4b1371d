// Convolution: prepared once for a shape, run any number of times.
//
//     csn_conv conv = csn_conv_make(in_channels, out_channels, kernel_h, kernel_w);
//     conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
//     conv.lower = 0;                                               // ReLU
//     csn_tensor in = csn_tensor_make(CSN_BLOCKED, 1, in_channels, h, w, 1, 1, 1, 1);
//     csn_tensor out = csn_tensor_make(CSN_BLOCKED, 1, out_channels, h, w, 0, 0, 0, 0);
//     csn_conv_plan plan;
//     csn_status status = csn_conv_plan_make(&plan, &conv, &in, &out, NULL, NULL);
//     float *packed = aligned_alloc(64, plan.weight_count * sizeof(float));
//     csn_conv_pack(plan.algorithm, &conv, weights_oihw, packed);    // once, or ahead of time
//     float *bias = ...plan.bias_count floats, zero past out_channels...
//     void *scratch = aligned_alloc(64, plan.scratch_bytes);         // of the run alone; contents don't matter
//     csn_conv_run(&plan, x, packed, bias, NULL, y, scratch, pool);
//
// - A plan is a value without pointers. It may be copied, and run by several threads at once, each with its own
//   scratch.
// - The input is blocked, or planar for the CSN_CONV_PLANARs (few input channels: a network's first layer). The output
//   and the residual are blocked. At CSN_CPU_AMX, CSN_CONV_BF16 and CSN_CONV_PLANAR_BF16 take input (but a planar one),
//   output and residual paired or blocked, each as it likes; none else takes pairs.
// - Where the input's halo covers the padding, the direct algorithm reads the input in place, and so does bf16 a paired
//   one; else they copy it to scratch first. Winograd and depthwise convolution need no halo; planar Winograd and
//   planar bf16 always copy.
// - Padding by the nearest pixels costs blocked Winograd nothing but at the border; the others copy the input to
//   scratch, framed by them. CSN_CONV_BF16 serves it at CSN_CPU_AMX.
// - The output's halo is not written; csn_clear_halo does that, once for a buffer that serves one tensor alone.
// - Output may be the same memory as the residual, in the same layout. It may not overlap the input.
// - NaN and infinity pass through sums as in IEEE arithmetic, but differences turn infinities into NaN: Winograd's
//   in a whole tile, Strassen's in a pixel and its neighbour, and so do zeros among the weights: those between groups
//   that lie in one panel, and those that fill a row of planar bf16's taps up to eight pixels.
// - The result's bits depend on plan, input and CPU level, not on the number of threads.
#pragma once
#include "csn_cpu.h"
#include "csn_spatial.h"
#include "csn_tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A convolution's attributes (ONNX Conv). Output: clamp(conv(x) + bias + residual, lower, upper).
typedef struct {
  int32_t in_channels, out_channels, groups;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, pad_bottom, pad_right;
  /// What the padding holds: zeros (CSN_PAD_CONSTANT) or the nearest pixel (CSN_PAD_EDGE).
  csn_pad_mode padding;
  /// Bounds of the output; -INFINITY and INFINITY for none. ReLU is 0 and INFINITY.
  float lower, upper;
} csn_conv;

typedef enum {
  /// Not an algorithm: let csn_conv_select choose.
  CSN_CONV_AUTO = 0,
  /// Blocked input; any kernel, stride, dilation and groups.
  CSN_CONV_DIRECT = 1,
  /// Planar input, one group.
  CSN_CONV_PLANAR = 2,
  /// Blocked input, as many groups as input and output channels.
  CSN_CONV_DEPTHWISE = 3,
  /// Blocked input, Winograd's F(m x m, 3 x 3): kernels of 3x3 to 9x9 with stride and dilation 1, one group. Larger
  /// kernels than 3x3 are cut into pieces of 3x3, each a set of input channels of its own.
  CSN_CONV_WINOGRAD2 = 4,
  CSN_CONV_WINOGRAD3 = 11,
  CSN_CONV_WINOGRAD4 = 5,
  CSN_CONV_WINOGRAD6 = 6,
  /// Direct, one group, with products of values rounded to bf16 and fp32 sums; where csn_cpu_has_bf16(). Tensors are
  /// blocked or, at CSN_CPU_AMX, paired.
  CSN_CONV_BF16 = 7,
  /// Planar input of at most four channels, F(4 x 4, 3 x 3): any kernel up to 12x12 and stride up to 4, cut into pieces
  /// of 3x3 by the stride's phases; one group, dilation 1.
  CSN_CONV_PLANAR_WINOGRAD4 = 8,
  /// The same by F(4 x 4, 4 x 4), in pieces of 4x4: of 7x7 kernels there are fewer, at two to
  /// three times the rounding error.
  CSN_CONV_PLANAR_WINOGRAD44 = 12,
  /// Blocked input, Strassen's seven products of half the size in place of eight: 1x1 kernels without padding, one
  /// group, multiples of 32 input and 64 output channels. Rounding errors are those of a pixel and its neighbour.
  CSN_CONV_STRASSEN = 9,
  /// Planar input of at most four channels, rounded to bf16, and fp32 sums; where csn_cpu_has_amx(). Kernels up to 32
  /// wide, stride up to 8, one group, dilation 1.
  CSN_CONV_PLANAR_BF16 = 10,
  /// CSN_CONV_WINOGRAD2 with transformed inputs and weights rounded to bf16, and fp32 sums; where csn_cpu_has_bf16().
  CSN_CONV_WINOGRAD2_BF16 = 13,
  /// The largest value.
  CSN_CONV_LAST = CSN_CONV_WINOGRAD2_BF16,
} csn_conv_algorithm;

/// How to make a plan; NULL stands for the defaults.
typedef struct {
  /// CSN_CONV_AUTO, or the algorithm to use.
  csn_conv_algorithm algorithm;
  /// The largest m of F(m x m, r x r) that AUTO may choose: 6 (default), for large images alone, at four times the
  /// rounding error of 4 (itself about ten times that of the direct algorithm); 4, 3, 2; 0 for none. 0 rules out
  /// Strassen's algorithm too.
  int32_t winograd_limit;
  /// Whether AUTO may round to bf16 where that is faster (and the CPU has it). Default: false. It does where input or
  /// output are paired.
  bool allow_bf16;
  csn_cpu_level level;
  /// Threads of the pool that will run it; the scratch serves so many.
  int32_t threads;
} csn_conv_options;

/// A prepared convolution. Callers read the first part; the rest belongs to the kernels.
typedef struct {
  csn_conv conv;
  csn_tensor in, out, residual;
  bool has_residual;
  csn_conv_algorithm algorithm;
  csn_cpu_level level;
  int32_t threads;
  /// Bytes of scratch memory that a run needs, 64-byte aligned.
  size_t scratch_bytes;
  /// Floats of the packed weights, and of the bias (output channels rounded up to whole panels of 32).
  size_t weight_count, bias_count;
  /// Multiply-adds of the direct algorithm.
  int64_t macs;

  // Private. The input as the tiles see it (in scratch where `staged`); output and residual likewise.
  csn_tensor source, target, addend;
  bool staged, thinned, scattered, gathered;
  // Whether AMX's tiles compute it: then `tiles` are pairs of spans of so many pixels, and tiles_per_row are the spans
  // of a line. Pixels from one output row to the next, where a whole plane makes a line; else 0.
  bool amx;
  int32_t span, pitch;
  // The stride at which tiles read the source.
  int32_t step_h, step_w;
  // Panels of output channels, and input blocks that each reads; Strassen's are of 64, and of half of the blocks.
  int32_t tiles, tiles_per_row, panels, panel_blocks;
  int32_t tile_chunks, panel_chunks;
  // Input blocks that one pass over a chunk's tiles takes.
  int32_t depth;
  // Scratch: the staged input, then each worker's own.
  size_t staged_bytes, worker_scratch;
  // Winograd: tiles across and down, tiles a round, whether by frequency in three phases.
  int32_t tiles_x, tiles_y, round_tiles;
  bool by_frequency;
} csn_conv_plan;

/// A convolution with one group, stride 1, dilation 1, no padding (zeros, where it gets some), no bounds.
csn_conv csn_conv_make(int32_t in_channels, int32_t out_channels, int32_t kernel_h, int32_t kernel_w);

/// Defaults for the current CPU level and csn_cpu_count() threads.
csn_conv_options csn_conv_default_options(void);

/// The algorithm for a shape, from the table of measurements in conv/select.c: the same on every CPU (but for bf16,
/// where it is allowed) and for any number of threads.
csn_conv_algorithm csn_conv_select(const csn_conv *conv, const csn_tensor *in, const csn_tensor *out,
                                   const csn_conv_options *options);

/// "direct", "winograd4"...
const char *csn_conv_algorithm_name(csn_conv_algorithm algorithm);

/// Prepares a convolution. `residual` may be NULL. CSN_INVALID where extents don't fit each other.
csn_status csn_conv_plan_make(csn_conv_plan *plan, const csn_conv *conv, const csn_tensor *in, const csn_tensor *out,
                              const csn_tensor *residual, const csn_conv_options *options);

/// Floats of the packed weights; 0 where the algorithm does not serve the convolution.
size_t csn_conv_weight_count(csn_conv_algorithm algorithm, const csn_conv *conv);

/// Packs weights [out_channels][in_channels / groups][kernel_h][kernel_w] for an algorithm: the same bytes on every
/// CPU. Direct: [out/32][in/16][kernel_h][kernel_w][16][32]; Winograd: [frequency][out/32][piece][in/16][16][32],
/// of planar input [frequency][out/32][(piece, in)/16][16][32], with bf16 products
/// [frequency][out/32][(piece, in/16)/2][16][32], words as bf16's; bf16:
/// [out/32][in/32][kernel_h][kernel_w][16][32], each word channels i and 16 + i of a block of 32; planar
/// bf16: [out/32][kernel_h][kernel_w/8][16][32], each word channels 0 and 1 or 2 and 3 of a tap; Strassen:
/// [product][out/64][in/32][16][32].
csn_status csn_conv_pack(csn_conv_algorithm algorithm, const csn_conv *conv, const float *weights, float *packed);

/// The reverse of csn_conv_pack, exact, for all but the Winograd, bf16 and Strassen algorithms.
csn_status csn_conv_unpack(csn_conv_algorithm algorithm, const csn_conv *conv, const float *packed, float *weights);

/// Runs a plan. `bias` may be NULL; `residual` is there if the plan has one.
void csn_conv_run(const csn_conv_plan *plan, const float *in, const float *weights, const float *bias,
                  const float *residual, float *out, void *scratch, csn_pool *pool);

#ifdef __cplusplus
}
#endif
