"""Writes ResNet50 (v1.5), GoogLeNet and IFCNN (max, two images) as ONNX with seeded random weights, for measuring speed: the
topology is the real one.

    models.py FOLDER [BATCH...]
"""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """Collects the nodes and weights of one network."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers = [], []

    def weight(self, name, values):
        self.initializers.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def weight_ints(self, name, values):
        self.initializers.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def node(self, op, inputs, **attributes):
        output = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x, channels_in, channels_out, kernel, stride=1, bias=False):
        index = len(self.nodes)
        fan_in = channels_in * kernel * kernel
        shape = (channels_out, channels_in, kernel, kernel)
        inputs = [x, self.weight(f"w{index}", self.random.standard_normal(shape) * np.sqrt(2 / fan_in))]
        if bias:
            inputs.append(self.weight(f"b{index}", 0.1 * self.random.standard_normal(channels_out)))
        return self.node("Conv", inputs, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4)

    def batch_norm(self, x, channels, scale=1.0):
        index, noise = len(self.nodes), lambda: self.random.standard_normal(channels)
        parameters = dict(gamma=scale * (1 + 0.1 * noise()), beta=0.1 * noise(), mean=0.1 * noise(), var=1 + 0.1 * abs(noise()))
        return self.node("BatchNormalization", [x] + [self.weight(f"{k}{index}", v) for k, v in parameters.items()])

    def classifier(self, x, channels, classes=1000):
        x = self.node("Flatten", [self.node("GlobalAveragePool", [x])])
        weight = self.weight("fc_w", self.random.standard_normal((classes, channels)) / np.sqrt(channels))
        bias = self.weight("fc_b", 0.1 * self.random.standard_normal(classes))
        return self.node("Gemm", [x, weight, bias], transB=1)

    def model(self, name, batch, output):
        graph = helper.make_graph(
            self.nodes, name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, 224, 224])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [batch, 1000])],
            self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def resnet50(batch):
    """ResNet50 v1.5: the stride of a stage sits on its first 3x3."""
    b = Builder(seed=50)
    x = b.node("Relu", [b.batch_norm(b.conv("input", 3, 64, 7, stride=2), 64)])
    x = b.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for stage, (blocks, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512))):
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 0 else 1
            shortcut = x
            if block == 0:
                shortcut = b.batch_norm(b.conv(x, channels, 4 * width, 1, stride), 4 * width)
            y = b.node("Relu", [b.batch_norm(b.conv(x, channels, width, 1), width)])
            y = b.node("Relu", [b.batch_norm(b.conv(y, width, width, 3, stride), width)])
            # A small last scale keeps the activations of random weights of order one.
            y = b.batch_norm(b.conv(y, width, 4 * width, 1), 4 * width, scale=0.3)
            x = b.node("Relu", [b.node("Add", [y, shortcut])])
            channels = 4 * width
    return b.model("resnet50", batch, b.classifier(x, channels))


# Sides of the pictures that IFCNN is measured on.
IMAGE_SIZES = (256, 512, 1024)

INCEPTIONS = {  # 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(batch):
    """GoogLeNet (Inception v1) without its auxiliary classifiers."""
    b = Builder(seed=22)

    def conv(x, channels_in, channels_out, kernel, stride=1):
        return b.node("Relu", [b.conv(x, channels_in, channels_out, kernel, stride, bias=True)])

    def pool(x, stride):
        # Stride 2 rounds up, as Caffe does: one row more at the far edge.
        pads = [0, 0, 1, 1] if stride == 2 else [1] * 4
        return b.node("MaxPool", [x], kernel_shape=[3, 3], strides=[stride] * 2, pads=pads)

    def lrn(x):
        return b.node("LRN", [x], size=5, alpha=1e-4, beta=0.75, bias=1.0)

    x = lrn(pool(conv("input", 3, 64, 7, 2), 2))
    x = pool(lrn(conv(conv(x, 64, 64, 1), 64, 192, 3)), 2)
    channels = 192
    for name, (n1, r3, n3, r5, n5, projection) in INCEPTIONS.items():
        if name in ("4a", "5a"):
            x = pool(x, 2)
        branches = [
            conv(x, channels, n1, 1),
            conv(conv(x, channels, r3, 1), r3, n3, 3),
            conv(conv(x, channels, r5, 1), r5, n5, 5),
            conv(pool(x, 1), channels, projection, 1),
        ]
        x = b.node("Concat", branches, axis=1)
        channels = n1 + n3 + n5 + projection
    return b.model("googlenet", batch, b.classifier(x, channels))


def ifcnn(size):
    """IFCNN: both images through the same two convolutions, the larger of each feature, and two convolutions back."""
    b = Builder(seed=5)
    pads = {width: b.weight_ints(f"pads{width}", [0, 0, width, width] * 2) for width in (1, 3)}

    def padded(x, width):
        return b.node("Pad", [x, pads[width]], mode="edge")

    def scaled(shape):
        return b.random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))

    first = b.weight("conv1", scaled((64, 3, 7, 7)))
    blocks = {}

    def block(x, name):
        if name not in blocks:
            noise = lambda: b.random.standard_normal(64)
            parameters = dict(gamma=1 + 0.1 * noise(), beta=0.1 * noise(), mean=0.1 * noise(), var=1 + 0.1 * abs(noise()))
            weights = [b.weight(f"{name}.w", scaled((64, 64, 3, 3)))]
            blocks[name] = weights, [b.weight(f"{name}.{k}", v) for k, v in parameters.items()]
        weights, parameters = blocks[name]
        convolved = b.node("Conv", [padded(x, 1)] + weights, kernel_shape=[3, 3])
        return b.node("Relu", [b.node("BatchNormalization", [convolved] + parameters)])

    features = [block(b.node("Conv", [padded(x, 3), first], kernel_shape=[7, 7]), "conv2") for x in ("input1", "input2")]
    fused = block(b.node("Max", features), "conv3")
    last = [b.weight("conv4", scaled((3, 64, 1, 1))), b.weight("conv4.bias", np.zeros(3))]
    output = b.node("Conv", [fused] + last, kernel_shape=[1, 1])
    shape = [1, 3, size, size]
    graph = helper.make_graph(
        b.nodes, "ifcnn", [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("input1", "input2")],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)], b.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main(folder, batches):
    os.makedirs(folder, exist_ok=True)
    for make in (resnet50, googlenet):
        for batch in batches:
            onnx.save(make(batch), os.path.join(folder, f"{make.__name__}_b{batch}.onnx"))
    for size in IMAGE_SIZES:
        onnx.save(ifcnn(size), os.path.join(folder, f"ifcnn_{size}.onnx"))


if __name__ == "__main__":
    main(sys.argv[1], [int(b) for b in sys.argv[2:]] or [1, 8])
