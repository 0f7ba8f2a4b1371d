#include "csn_tensor.h"

#include <string.h>

enum { max_extent = 1 << 28 };
// Floats of the largest tensor: offsets stay far from overflow.
static const int64_t max_count = (int64_t)1 << 48;

static int32_t pixel_floats(const csn_tensor *tensor) { return tensor->layout == CSN_PLANAR ? 1 : csn_block; }

/// Channels that a block has.
static int32_t block_channels(const csn_tensor *tensor) {
  switch (tensor->layout) {
    case CSN_BLOCKED: return csn_block;
    case CSN_PAIRED: return 2 * csn_block;
    default: return 1;
  }
}

int32_t csn_tensor_blocks(const csn_tensor *tensor) {
  return (tensor->channels - 1) / block_channels(tensor) + 1;
}

/// Block strides of 64 lines or a multiple put the same pixel of all blocks into one set of the first-level cache.
static ptrdiff_t spread(ptrdiff_t stride) {
  const ptrdiff_t line = 16, sets = 64, spacing = 16;
  if (stride < 512 * line) return stride;
  ptrdiff_t lines = stride / line;
  return (lines + ((spacing - lines) % sets + sets) % sets) * line;
}

csn_tensor csn_tensor_make(csn_layout layout, int32_t images, int32_t channels, int32_t height, int32_t width,
                           int32_t halo_top, int32_t halo_left, int32_t halo_bottom, int32_t halo_right) {
  csn_tensor tensor = {
      .layout = layout, .images = images, .channels = channels, .height = height, .width = width,
      .halo_top = halo_top, .halo_left = halo_left, .halo_bottom = halo_bottom, .halo_right = halo_right,
  };
  tensor.row_stride = ((ptrdiff_t)halo_left + width + halo_right) * pixel_floats(&tensor);
  tensor.block_stride = ((ptrdiff_t)halo_top + height + halo_bottom) * tensor.row_stride;
  if (layout != CSN_PLANAR) tensor.block_stride = spread(tensor.block_stride);
  int64_t image_stride = 0;
  if (channels < 1 || __builtin_mul_overflow((int64_t)tensor.block_stride, csn_tensor_blocks(&tensor), &image_stride))
    image_stride = 0;
  tensor.image_stride = image_stride;
  return tensor;
}

bool csn_tensor_is_valid(const csn_tensor *tensor) {
  const int32_t extents[] = {tensor->images, tensor->channels, tensor->height, tensor->width};
  for (int i = 0; i < 4; i++)
    if (extents[i] < 1 || extents[i] > max_extent) return false;
  const int32_t halos[] = {tensor->halo_top, tensor->halo_left, tensor->halo_bottom, tensor->halo_right};
  for (int i = 0; i < 4; i++)
    if (halos[i] < 0 || halos[i] > max_extent) return false;
  if ((unsigned)tensor->layout > CSN_PAIRED) return false;
  const ptrdiff_t strides[] = {tensor->row_stride, tensor->block_stride, tensor->image_stride};
  const ptrdiff_t counts[] = {tensor->height, csn_tensor_blocks(tensor), tensor->images};
  for (int i = 0; i < 3; i++) {
    int64_t reach;
    if (strides[i] < 0 || __builtin_mul_overflow((int64_t)strides[i], (int64_t)counts[i], &reach) || reach > max_count)
      return false;
    if (counts[i] > 1 && strides[i] < 1) return false;
  }
  return tensor->height == 1 || tensor->row_stride >= (ptrdiff_t)tensor->width * pixel_floats(tensor);
}

size_t csn_tensor_count(const csn_tensor *tensor) {
  if (!csn_tensor_is_valid(tensor) || tensor->image_stride < 1) return 0;
  return (size_t)tensor->image_stride * (size_t)tensor->images;
}

size_t csn_tensor_origin(const csn_tensor *tensor) {
  return (size_t)(tensor->halo_top * tensor->row_stride + (ptrdiff_t)tensor->halo_left * pixel_floats(tensor));
}

csn_tensor csn_tensor_channels(const csn_tensor *tensor, int32_t count) {
  csn_tensor view = *tensor;
  view.channels = count;
  return view;
}

ptrdiff_t csn_tensor_channel_offset(const csn_tensor *tensor, int32_t first) {
  return first / block_channels(tensor) * tensor->block_stride;
}

typedef struct {
  const csn_tensor *tensor;
  float *data;
} halo_job;

static void clear_plane_halo(void *context, int plane, int worker) {
  (void)worker;
  const halo_job *job = context;
  const csn_tensor *tensor = job->tensor;
  const ptrdiff_t pixel = pixel_floats(tensor);
  const int blocks = csn_tensor_blocks(tensor);
  float *data = job->data + plane / blocks * tensor->image_stride + plane % blocks * tensor->block_stride;
  const ptrdiff_t left = tensor->halo_left * pixel, width = tensor->width * pixel, right = tensor->halo_right * pixel;
  for (int y = -tensor->halo_top; y < tensor->height + tensor->halo_bottom; y++) {
    float *row = data + y * tensor->row_stride;
    if (y < 0 || y >= tensor->height) {
      memset(row - left, 0, (size_t)(left + width + right) * sizeof(float));
    } else {
      memset(row - left, 0, (size_t)left * sizeof(float));
      memset(row + width, 0, (size_t)right * sizeof(float));
    }
  }
}

void csn_clear_halo(const csn_tensor *tensor, float *data, csn_pool *pool) {
  if (!(tensor->halo_top | tensor->halo_left | tensor->halo_bottom | tensor->halo_right)) return;
  halo_job job = {tensor, data};
  csn_pool_run(pool, clear_plane_halo, &job, tensor->images * csn_tensor_blocks(tensor));
}

/// Writes `count` copies of the pixel at `from`.
static void repeat(const float *from, ptrdiff_t pixel, int count, float *to) {
  for (int i = 0; i < count; i++, to += pixel) memcpy(to, from, (size_t)pixel * sizeof(float));
}

static void extend_plane(void *context, int plane, int worker) {
  (void)worker;
  const halo_job *job = context;
  const csn_tensor *tensor = job->tensor;
  const ptrdiff_t pixel = pixel_floats(tensor), left = tensor->halo_left * pixel, width = tensor->width * pixel;
  const size_t row_bytes = (size_t)(left + width + tensor->halo_right * pixel) * sizeof(float);
  const int blocks = csn_tensor_blocks(tensor);
  float *data = job->data + plane / blocks * tensor->image_stride + plane % blocks * tensor->block_stride;
  for (int y = 0; y < tensor->height; y++) {
    float *row = data + y * tensor->row_stride;
    repeat(row, pixel, tensor->halo_left, row - left);
    repeat(row + width - pixel, pixel, tensor->halo_right, row + width);
  }
  float *top = data - left, *bottom = top + (tensor->height - 1) * tensor->row_stride;
  for (int y = 1; y <= tensor->halo_top; y++) memcpy(top - y * tensor->row_stride, top, row_bytes);
  for (int y = 1; y <= tensor->halo_bottom; y++) memcpy(bottom + y * tensor->row_stride, bottom, row_bytes);
}

void csn_extend_edges(const csn_tensor *tensor, float *data, csn_pool *pool) {
  halo_job job = {tensor, data};
  csn_pool_run(pool, extend_plane, &job, tensor->images * csn_tensor_blocks(tensor));
}
