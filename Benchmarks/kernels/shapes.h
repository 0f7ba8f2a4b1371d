// The distinct convolutions of the networks that we measure.
#pragma once

typedef struct {
  const char *network;
  int in_channels, out_channels, kernel, stride, pad, in_size;
  int residual;
} shape;

static const shape shapes[] = {
    {"resnet50", 3, 64, 7, 2, 3, 224, 0},
    {"resnet50", 64, 64, 1, 1, 0, 56, 0},
    {"resnet50", 64, 64, 3, 1, 1, 56, 0},
    {"resnet50", 64, 256, 1, 1, 0, 56, 1},
    {"resnet50", 256, 64, 1, 1, 0, 56, 0},
    {"resnet50", 256, 128, 1, 1, 0, 56, 0},
    {"resnet50", 128, 128, 3, 2, 1, 56, 0},
    {"resnet50", 256, 512, 1, 2, 0, 56, 0},
    {"resnet50", 128, 512, 1, 1, 0, 28, 1},
    {"resnet50", 512, 128, 1, 1, 0, 28, 0},
    {"resnet50", 128, 128, 3, 1, 1, 28, 0},
    {"resnet50", 512, 256, 1, 1, 0, 28, 0},
    {"resnet50", 256, 256, 3, 2, 1, 28, 0},
    {"resnet50", 512, 1024, 1, 2, 0, 28, 0},
    {"resnet50", 256, 1024, 1, 1, 0, 14, 1},
    {"resnet50", 1024, 256, 1, 1, 0, 14, 0},
    {"resnet50", 256, 256, 3, 1, 1, 14, 0},
    {"resnet50", 1024, 512, 1, 1, 0, 14, 0},
    {"resnet50", 512, 512, 3, 2, 1, 14, 0},
    {"resnet50", 1024, 2048, 1, 2, 0, 14, 0},
    {"resnet50", 512, 2048, 1, 1, 0, 7, 1},
    {"resnet50", 2048, 512, 1, 1, 0, 7, 0},
    {"resnet50", 512, 512, 3, 1, 1, 7, 0},
    {"googlenet", 64, 192, 3, 1, 1, 56, 0},
    {"googlenet", 192, 176, 1, 1, 0, 28, 0},
    {"googlenet", 96, 128, 3, 1, 1, 28, 0},
    {"googlenet", 16, 32, 5, 1, 2, 28, 0},
    {"googlenet", 192, 32, 1, 1, 0, 28, 0},
    {"googlenet", 256, 288, 1, 1, 0, 28, 0},
    {"googlenet", 128, 192, 3, 1, 1, 28, 0},
    {"googlenet", 32, 96, 5, 1, 2, 28, 0},
    {"googlenet", 480, 304, 1, 1, 0, 14, 0},
    {"googlenet", 96, 208, 3, 1, 1, 14, 0},
    {"googlenet", 16, 48, 5, 1, 2, 14, 0},
    {"googlenet", 512, 296, 1, 1, 0, 14, 0},
    {"googlenet", 112, 224, 3, 1, 1, 14, 0},
    {"googlenet", 24, 64, 5, 1, 2, 14, 0},
    {"googlenet", 144, 288, 3, 1, 1, 14, 0},
    {"googlenet", 160, 320, 3, 1, 1, 14, 0},
    {"googlenet", 32, 128, 5, 1, 2, 14, 0},
    {"googlenet", 832, 448, 1, 1, 0, 7, 0},
    {"googlenet", 160, 320, 3, 1, 1, 7, 0},
    {"googlenet", 192, 384, 3, 1, 1, 7, 0},
    {"googlenet", 48, 128, 5, 1, 2, 7, 0},
    {"ifcnn", 3, 64, 7, 1, 3, 1024, 0},
    {"ifcnn", 64, 64, 3, 1, 1, 1024, 0},
    {"ifcnn", 64, 3, 1, 1, 0, 1024, 0},
};
