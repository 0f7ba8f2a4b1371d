// How a tensor [N, C, H, W] of floats lies in memory.
//
// Kernels work on the blocked layout (NCHW16c): channels in blocks of 16, [N][C/16][H][W][16], the last block filled
// up. Lanes past the last channel hold any finite values: weights there are zero, and kernels that look across
// channels leave them out. Between bf16 convolutions tensors are paired: half as large, blocks of 32 channels rounded
// to bf16, in words of two. A pointer to a tensor points at its first element, so what a descriptor adds is strides: a
// view of some channel blocks, a plane with a frame of zeros around it (a halo, which lets a padded convolution read
// in place), a part of a larger tensor are all the same to a kernel.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "csn_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  /// [N][C/16][H][W][16].
  CSN_BLOCKED = 0,
  /// [N][C][H][W], as ONNX has it.
  CSN_PLANAR = 1,
  /// [N][C/32][H][W][16], words of two bf16: word i of a block has channel i in its low half and channel 16 + i in its
  /// high half.
  CSN_PAIRED = 2,
} csn_layout;

/// What a function that prepares a computation answers.
typedef enum {
  CSN_OK = 0,
  /// Extents, strides or attributes that contradict each other or overflow.
  CSN_INVALID = 1,
  /// A combination that no kernel serves.
  CSN_UNSUPPORTED = 2,
} csn_status;

/// Extents and strides; strides count floats (paired: words of the same size).
typedef struct {
  csn_layout layout;
  int32_t images, channels, height, width;
  /// From image to image, from block to block (planar: channel to channel), from row to row.
  ptrdiff_t image_stride, block_stride, row_stride;
  /// Zeros that lie around every plane, in pixels; whoever writes the tensor provides them (csn_clear_halo).
  int32_t halo_top, halo_left, halo_bottom, halo_right;
} csn_tensor;

enum { csn_block = 16 };

/// Blocks of a blocked (16 channels each) or paired (32) tensor, channels of a planar one.
int32_t csn_tensor_blocks(const csn_tensor *tensor);

/// A tensor in memory of its own, with a halo of the given widths.
csn_tensor csn_tensor_make(csn_layout layout, int32_t images, int32_t channels, int32_t height, int32_t width,
                           int32_t halo_top, int32_t halo_left, int32_t halo_bottom, int32_t halo_right);

/// Floats of the memory that csn_tensor_make's tensor takes, halo included; 0 where extents are not positive or too
/// large.
size_t csn_tensor_count(const csn_tensor *tensor);

/// Where in that memory the first element is, in floats; a multiple of 16 but for a planar tensor.
size_t csn_tensor_origin(const csn_tensor *tensor);

/// `count` channels of a tensor. Those from `first` on (a multiple of 16 where the tensor is blocked, of 32
/// where it is paired) begin csn_tensor_channel_offset floats after its first element.
csn_tensor csn_tensor_channels(const csn_tensor *tensor, int32_t count);
ptrdiff_t csn_tensor_channel_offset(const csn_tensor *tensor, int32_t first);

/// Whether extents are positive and small enough, and strides consistent with extents and layout.
bool csn_tensor_is_valid(const csn_tensor *tensor);

/// Writes zeros to the halo.
void csn_clear_halo(const csn_tensor *tensor, float *data, csn_pool *pool);

/// Writes the nearest pixels to the halo.
void csn_extend_edges(const csn_tensor *tensor, float *data, csn_pool *pool);

/// Copies between tensors of the same extents in any two layouts; lanes past the last channel become zero or stay what
/// they are. To pairs it rounds to the nearest, ties to even; NaN stays NaN. Neither halo is read or written.
void csn_reorder(const csn_tensor *from, const float *in, const csn_tensor *to, float *out, csn_pool *pool);

#ifdef __cplusplus
}
#endif
