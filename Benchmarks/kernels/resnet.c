#include "resnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "clock.h"
#include "csn_pooling.h"

enum { max_layers = 64 };

typedef struct {
  csn_tensor shape;
  float *memory, *first;
} activation;

typedef struct {
  csn_conv_plan plan;
  float *weights, *bias;
  const activation *in, *out, *residual;
  /// The least time of a run.
  double seconds;
} layer;

typedef struct {
  layer layers[max_layers];
  int count;
  activation input, stem, pooled, last;
  csn_pooling pooling;
  size_t scratch_bytes;
  int batch;
  /// Tensors without halos: padded convolutions copy their inputs.
  bool bare;
} network;

static activation *make(network *net, csn_layout layout, int channels, int size, int halo, activation *into) {
  if (!into) into = calloc(1, sizeof *into);
  if (net->bare) halo = 0;
  into->shape = csn_tensor_make(layout, net->batch, channels, size, size, halo, halo, halo, halo);
  into->memory = random_floats(csn_tensor_count(&into->shape));
  into->first = into->memory + csn_tensor_origin(&into->shape);
  csn_clear_halo(&into->shape, into->first, NULL);
  return into;
}

static const activation *add(network *net, const csn_conv_options *options, const activation *in, csn_layout layout,
                             int channels, int kernel, int stride, int halo, bool relu, const activation *residual) {
  layer *layer = &net->layers[net->count++];
  csn_conv conv = csn_conv_make(in->shape.channels, channels, kernel, kernel);
  conv.stride_h = conv.stride_w = stride;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = kernel / 2;
  if (relu) conv.lower = 0;
  activation *out = make(net, layout, channels, (in->shape.height - 1) / stride + 1, halo, NULL);
  layer->in = in, layer->out = out, layer->residual = residual;
  if (csn_conv_plan_make(&layer->plan, &conv, &in->shape, &out->shape, residual ? &residual->shape : NULL, options))
    exit(1);
  size_t count = (size_t)conv.out_channels * conv.in_channels * conv.kernel_h * conv.kernel_w;
  float *plain = random_floats(count);
  // Variance that keeps activations of the order of one through the layers.
  for (size_t i = 0; i < count; i++) plain[i] *= 3.0f / (float)(conv.in_channels * kernel);
  layer->weights = random_floats(layer->plan.weight_count);
  layer->bias = random_floats(layer->plan.bias_count);
  csn_conv_pack(layer->plan.algorithm, &conv, plain, layer->weights);
  free(plain);
  if (layer->plan.scratch_bytes > net->scratch_bytes) net->scratch_bytes = layer->plan.scratch_bytes;
  return out;
}

static network *build(const csn_conv_options *options, int batch, bool bare) {
  network *net = calloc(1, sizeof *net);
  net->batch = batch;
  net->bare = bare;
  const csn_layout layout = options->allow_bf16 && csn_cpu_level_has_amx(options->level) ? CSN_PAIRED : CSN_BLOCKED;
  make(net, CSN_PLANAR, 3, 224, 3, &net->input);
  const activation *x = add(net, options, &net->input, layout, 64, 7, 2, 0, true, NULL);
  net->stem = *x;
  net->pooling = (csn_pooling){.kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .dilation_h = 1,
                               .dilation_w = 1, .pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
  x = make(net, layout, 64, 56, 0, &net->pooled);
  static const int blocks[] = {3, 4, 6, 3};
  for (int stage = 0; stage < 4; stage++)
    for (int block = 0; block < blocks[stage]; block++) {
      const int width = 64 << stage, stride = block == 0 && stage > 0 ? 2 : 1;
      const activation *shortcut =
          block == 0 ? add(net, options, x, layout, 4 * width, 1, stride, 0, false, NULL) : x;
      const activation *narrow = add(net, options, x, layout, width, 1, 1, 1, true, NULL);
      narrow = add(net, options, narrow, layout, width, 3, stride, 0, true, NULL);
      x = add(net, options, narrow, layout, 4 * width, 1, 1, 0, true, shortcut);
    }
  net->last = *x;
  activation *pooled = make(net, CSN_BLOCKED, 2048, 1, 0, NULL);
  add(net, options, pooled, CSN_BLOCKED, 1000, 1, 1, 0, false, NULL);
  return net;
}

static void run_layer(layer *layer, void *scratch, csn_pool *pool) {
  csn_conv_run(&layer->plan, layer->in->first, layer->weights, layer->bias,
               layer->residual ? layer->residual->first : NULL, layer->out->first, scratch, pool);
}

static void run(network *net, void *scratch, csn_pool *pool, double (*now)(void)) {
  for (int i = 0; i < net->count; i++) {
    if (i == 1)
      csn_pooling_run(&net->pooling, &net->stem.shape, net->stem.first, &net->pooled.shape, net->pooled.first, pool);
    if (i == net->count - 1)
      csn_global_average(&net->last.shape, net->last.first, net->layers[i].in->first, 2048, pool);
    double start = now ? now() : 0;
    run_layer(&net->layers[i], scratch, pool);
    if (!now) continue;
    const double time = now() - start;
    if (net->layers[i].seconds == 0 || time < net->layers[i].seconds) net->layers[i].seconds = time;
  }
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static bool same(const csn_conv_plan *a, const csn_conv_plan *b) {
  return memcmp(&a->conv, &b->conv, sizeof a->conv) == 0 && a->in.height == b->in.height;
}

static void print_layers(network *net) {
  bool done[max_layers] = {false};
  double sum = 0;
  for (int i = 0; i < net->count; i++) {
    if (done[i]) continue;
    const csn_conv_plan *plan = &net->layers[i].plan;
    int times = 0;
    double total = 0;
    for (int k = i; k < net->count; k++)
      if (same(plan, &net->layers[k].plan)) done[k] = true, times++, total += net->layers[k].seconds;
    sum += total;
    printf("%4d -> %4d  %dx /%d %4d px  %-9s %2d x %7.3f ms  %6.1f GFLOP/s\n", plan->conv.in_channels,
           plan->conv.out_channels, plan->conv.kernel_h, plan->conv.stride_h, plan->in.height,
           csn_conv_algorithm_name(plan->algorithm), times, total / times * 1e3,
           2.0 * times * (double)plan->macs / total / 1e9);
  }
  printf("least times of the convolutions: %.2f ms\n", sum * 1e3);
}

void bench_resnet(const csn_conv_options *options, csn_pool *pool, int batch, bool bare, int runs) {
  double (*now)(void) = options->threads > 1 ? seconds : thread_seconds;
  network *net = build(options, batch, bare);
  void *scratch = random_floats(net->scratch_bytes / sizeof(float) + 1);
  double *times = calloc((size_t)runs, sizeof *times);
  for (int i = 0; i < 3; i++) run(net, scratch, pool, NULL);
  for (int i = 0; i < runs; i++) {
    double start = now();
    run(net, scratch, pool, NULL);
    times[i] = now() - start;
  }
  qsort(times, (size_t)runs, sizeof *times, ascending);
  printf("resnet50, batch %d: median %.2f ms, least %.2f ms\n", batch, times[runs / 2] * 1e3, times[0] * 1e3);
  for (int i = 0; i < runs; i++) run(net, scratch, pool, now);
  print_layers(net);
}
