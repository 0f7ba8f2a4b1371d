"""Writes models in old opset spellings with inputs and right outputs. Usage: old_opsets.py DIR

Each case is a folder: model.onnx, input_K.pb, output_K.pb. Outputs come from NumPy where it is stated here, else from
ONNX Runtime.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

folder = pathlib.Path(sys.argv[1])
generator = np.random.default_rng(7)


def random(*shape):
    return generator.standard_normal(shape).astype(np.float32)


def case(name, opset, op, inputs, attributes=None, outputs=1, constants=(), expected=None, ranks_known=True,
         reads=None):
    """One node of `op`; inputs maps names to arrays, those named in `constants` become initializers.

    The node reads the first `reads` of them, an empty name is an input left out.
    """
    attributes = attributes or {}
    names = [f"y{index}" for index in range(outputs)]
    kind = {key: helper.np_dtype_to_tensor_dtype(array.dtype) for key, array in inputs.items()}
    node = helper.make_node(op, list(inputs)[:reads], names, **attributes)
    graph = helper.make_graph(
        [node],
        name,
        [
            helper.make_tensor_value_info(key, kind[key], array.shape if ranks_known else None)
            for key, array in inputs.items()
            if key and key not in constants
        ],
        [onnx.ValueInfoProto(name=output) for output in names],
        [numpy_helper.from_array(inputs[key], key) for key in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    fed = {key: array for key, array in inputs.items() if key and key not in constants}
    if expected is None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        expected = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, fed)
    target = folder / f"{name}-{opset}"
    target.mkdir(parents=True)
    onnx.save(model, target / "model.onnx")
    for index, (key, array) in enumerate(fed.items()):
        onnx.save_tensor(numpy_helper.from_array(array, key), target / f"input_{index}.pb")
    for index, array in enumerate(expected):
        onnx.save_tensor(numpy_helper.from_array(np.asarray(array), names[index]), target / f"output_{index}.pb")


def softmax(x, axis):
    flat = x.reshape(int(np.prod(x.shape[:axis])), -1)
    e = np.exp(flat - flat.max(1, keepdims=True))
    return (e / e.sum(1, keepdims=True)).reshape(x.shape)


x = random(2, 3, 4, 5)
b = random(3)
positive = np.abs(x) + 1

# Broadcasting by an axis; the second operand constant, given, and of unknown rank.
case("add-constant", 6, "Add", {"x": x, "b": b}, {"broadcast": 1, "axis": 1}, constants=["b"],
     expected=[x + b.reshape(3, 1, 1)])
case("mul-given", 6, "Mul", {"x": x, "b": b}, {"broadcast": 1, "axis": 1}, expected=[x * b.reshape(3, 1, 1)])
case("sub-unranked", 6, "Sub", {"x": x, "b": b}, {"broadcast": 1, "axis": 1}, ranks_known=False,
     expected=[x - b.reshape(3, 1, 1)])
case("div-suffix", 6, "Div", {"x": x, "b": random(4, 5)}, {"broadcast": 1}, constants=["b"])if False else None
suffix = random(4, 5)
case("div-suffix", 6, "Div", {"x": x, "b": suffix}, {"broadcast": 1}, expected=[x / suffix])
case("pow", 1, "Pow", {"x": positive, "b": b}, {"broadcast": 1, "axis": 1, },
     expected=[positive ** b.reshape(3, 1, 1)])
case("greater", 1, "Greater", {"x": x, "b": b}, {"broadcast": 1, "axis": -3}, expected=[x > b.reshape(3, 1, 1)])
case("prelu", 6, "PRelu", {"x": x, "b": b}, constants=["b"], expected=[np.where(x < 0, x * b.reshape(3, 1, 1), x)])
case("prelu-one", 6, "PRelu", {"x": x, "b": b[:1]}, constants=["b"], expected=[np.where(x < 0, x * b[0], x)])
a, c = random(4, 3), random(3, 5)
case("gemm", 6, "Gemm", {"a": a, "b": c, "c": b[:1]}, {"broadcast": 1, "alpha": 2.0}, expected=[2 * a @ c + b[0]])

# Softmax over trailing axes.
for axis in (0, 1, 2, 3):
    case(f"softmax-axis{axis}", 11, "Softmax", {"x": x}, {"axis": axis}, expected=[softmax(x, axis)])
case("softmax-default", 9, "Softmax", {"x": x}, expected=[softmax(x, 1)])
case("softmax-unranked", 9, "Softmax", {"x": x}, ranks_known=False, expected=[softmax(x, 1)])
case("logsoftmax", 11, "LogSoftmax", {"x": x}, {"axis": 2})
case("hardmax", 11, "Hardmax", {"x": x}, {"axis": 2})

# Attributes that became inputs.
for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2", "ReduceLogSumExp"):
    case(f"{op.lower()}", 11, op, {"x": x}, {"axes": [1, -1], "keepdims": 0})
case("reduceprod-all", 11, "ReduceProd", {"x": x}, {"keepdims": 1})
case("squeeze", 11, "Squeeze", {"x": random(1, 3, 1, 2)}, {"axes": [2]})
case("squeeze-all", 11, "Squeeze", {"x": random(1, 3, 1, 2)})
case("unsqueeze", 11, "Unsqueeze", {"x": random(3, 2)}, {"axes": [0, 3]})
case("slice", 9, "Slice", {"x": x}, {"starts": [0, 1, -3], "ends": [9, 3, -1], "axes": [0, 1, 3]})
case("slice-noaxes", 9, "Slice", {"x": x}, {"starts": [1, 1], "ends": [2, 1000]})
case("split", 11, "Split", {"x": x}, {"axis": 2, "split": [1, 3]}, outputs=2)
case("split-even", 11, "Split", {"x": x}, {"axis": 2}, outputs=2)
case("split-even", 13, "Split", {"x": x}, {"axis": -2}, outputs=2)
case("topk", 9, "TopK", {"x": x}, {"k": 2, "axis": 3}, outputs=2)
case("clip", 6, "Clip", {"x": x}, {"min": -0.5, "max": 0.25}, expected=[np.clip(x, -0.5, 0.25)])
case("clip-max", 10, "Clip", {"x": x.astype(np.float64)}, {"max": 0.25}, expected=[np.minimum(x.astype(np.float64), 0.25)])
case("pad", 10, "Pad", {"x": x}, {"pads": [0, 0, 1, 2, 0, 1, 0, 1], "value": 1.5})
case("pad-reflect", 2, "Pad", {"x": x}, {"pads": [0, 0, 1, 2, 0, 0, 1, 1], "mode": "reflect"})
case("pad", 1, "Pad", {"x": x}, {"paddings": [0, 0, 1, 2, 0, 1, 0, 1]},
     expected=[np.pad(x, ((0, 0), (0, 1), (1, 0), (2, 1)))])
case("reshape", 1, "Reshape", {"x": x}, {"shape": [0, -1]}, expected=[x.reshape(2, -1)])
case("tile", 1, "Tile", {"x": x, "t": np.array([2], np.float32), "a": np.array([2], np.float32)},
     expected=[np.tile(x, (1, 1, 2, 1))])
case("concat", 1, "Concat", {"x": x, "z": x}, expected=[np.concatenate([x, x], 1)])
case("cast", 1, "Cast", {"x": 3 * x}, {"to": "INT32"}, expected=[(3 * x).astype(np.int32)])
case("dft", 17, "DFT", {"x": random(2, 8, 1)}, {"axis": 1, "onesided": 1})

# Normalisation.
stats = {"s": random(3), "o": random(3), "m": random(3), "v": np.abs(random(3)) + 0.5}
column = {key: array.reshape(3, 1, 1) for key, array in stats.items()}
case("batchnorm", 6, "BatchNormalization", {"x": x, **stats}, {"is_test": 1, "epsilon": 1e-3}, constants=list(stats),
     expected=[(x - column["m"]) / np.sqrt(column["v"] + 1e-3) * column["s"] + column["o"]])
case("batchnorm", 8, "BatchNormalization", {"x": x, **stats}, {"spatial": 1}, constants=list(stats))
each = {"s": random(3, 4, 5), "o": random(3, 4, 5), "m": random(3, 4, 5), "v": np.abs(random(3, 4, 5)) + 0.5}
case("batchnorm-element", 7, "BatchNormalization", {"x": x, **each}, {"spatial": 0}, constants=list(each),
     expected=[(x - each["m"]) / np.sqrt(each["v"] + 1e-5) * each["s"] + each["o"]])
case("dropout", 6, "Dropout", {"x": x}, {"is_test": 1, "ratio": 0.3}, expected=[x])
case("dropout-mask", 7, "Dropout", {"x": x}, {"ratio": 0.3}, outputs=2, expected=[x, np.ones_like(x)])
case("dropout", 10, "Dropout", {"x": x}, {"ratio": 0.3})
groups = random(2, 6, 4)
scale, bias = random(3), random(3)
grouped = groups.reshape(2, 3, -1)
grouped = (grouped - grouped.mean(2, keepdims=True)) / np.sqrt(grouped.var(2, keepdims=True) + 1e-5)
case("groupnorm", 18, "GroupNormalization", {"x": groups, "s": scale, "b": bias}, {"num_groups": 3},
     expected=[grouped.reshape(2, 6, 4) * np.repeat(scale, 2).reshape(6, 1) + np.repeat(bias, 2).reshape(6, 1)])
centred = x - x.mean((0, 2, 3), keepdims=True)
case("mvn", 1, "MeanVarianceNormalization", {"x": x}, {"across_channels": 0, "normalize_variance": 0},
     expected=[centred])

# Upsampling.
image = random(1, 2, 3, 4)
case("upsample", 1, "Upsample", {"x": image}, {"height_scale": 2.0, "width_scale": 3.0, "mode": "nearest"},
     expected=[image.repeat(2, 2).repeat(3, 3)])
case("upsample", 7, "Upsample", {"x": image}, {"scales": [1.0, 1.0, 2.0, 1.5], "mode": "nearest"})
case("upsample-linear", 7, "Upsample", {"x": image}, {"scales": [1.0, 1.0, 2.0, 2.5], "mode": "linear"})
scales = {"s": np.array([1, 1, 2, 2], np.float32)}
case("upsample", 9, "Upsample", {"x": image, **scales}, {"mode": "linear"}, constants=["s"])
for label, values in {"up": [1, 1, 2.5, 2], "down": [1, 1, 0.6, 0.4], "both": [1, 1, 0.6, 2]}.items():
    scales = {"s": np.array(values, np.float32)}
    case(f"resize-{label}", 10, "Resize", {"x": image, **scales}, {"mode": "nearest"}, constants=["s"])
    case(f"resize-linear-{label}", 10, "Resize", {"x": image, **scales}, {"mode": "linear"}, constants=["s"])
case("resize-given", 10, "Resize", {"x": image, **scales}, {"mode": "nearest"})
grid = generator.uniform(-1, 1, (1, 3, 3, 2)).astype(np.float32)
case("gridsample", 16, "GridSample", {"x": image, "g": grid}, {"mode": "bicubic"})

# Recurrent, pooling and indexing operators.
sequence = random(5, 1, 3)
case("gru", 7, "GRU", {"x": sequence, "w": random(1, 12, 3), "r": random(1, 12, 4)}, {"hidden_size": 4}, outputs=2,
     constants=["w", "r"])
case("lppool", 1, "GlobalLpPool", {"x": x}, {"p": 2.0}, expected=[np.sqrt((x * x).sum((2, 3), keepdims=True))])
case("averagepool", 7, "AveragePool", {"x": x}, {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]})
case("maxpool", 1, "MaxPool", {"x": x}, {"kernel_shape": [2, 2], "strides": [2, 2]})
case("selu", 1, "Selu", {"x": x}, expected=[1.0507 * np.where(x > 0, x, 1.6732 * (np.exp(x) - 1))])
rois = np.array([[0, 0, 2, 2], [1, 0, 3, 2]], np.float32)
case("roialign", 10, "RoiAlign", {"x": image, "r": rois, "i": np.zeros(2, np.int64)},
     {"output_height": 2, "output_width": 2})
indices = generator.integers(0, 2, (1, 3, 4, 5))
case("scatter", 9, "Scatter", {"x": x, "i": indices, "u": random(1, 3, 4, 5)}, {"axis": 0})

# A batch of sequences; the body reads a value from outside it.
state, steps = random(2, 3), random(2, 4, 3)
scan_body = helper.make_graph(
    [helper.make_node("Add", ["s", "e"], ["t"]), helper.make_node("Add", ["t", "x"], ["o"])],
    "body",
    [helper.make_tensor_value_info(key, TensorProto.FLOAT, [3]) for key in ("s", "e")],
    [helper.make_tensor_value_info(key, TensorProto.FLOAT, [3]) for key in ("t", "o")],
)
outside = random(3)
sums = np.cumsum(steps, 1) + state[:, None]
case("scan", 8, "Scan", {"": np.zeros(0, np.int64), "a": state, "b": steps, "x": outside},
     {"body": scan_body, "num_scan_inputs": 1}, outputs=2, expected=[sums[:, -1], sums + outside], reads=3)

# On trial once, and taken back.
case("affine", 1, "Affine", {"x": x}, {"alpha": 2.0, "beta": 3.0}, expected=[2 * x + 3])
case("imagescaler", 1, "ImageScaler", {"x": x}, {"scale": 2.0, "bias": [1.0, 2.0, 3.0]},
     expected=[2 * x + np.array([1, 2, 3], np.float32).reshape(3, 1, 1)])
case("scaledtanh", 1, "ScaledTanh", {"x": x}, {"alpha": 2.0, "beta": 0.5}, expected=[2 * np.tanh(0.5 * x)])
case("softplus", 1, "ParametricSoftplus", {"x": x}, {"alpha": 2.0, "beta": 0.5},
     expected=[2 * np.log1p(np.exp(0.5 * x))])
case("crop", 1, "Crop", {"x": x}, {"border": [1, 0, 2, 1]}, expected=[x[:, :, 0:3, 1:3]])
case("crop-scale", 1, "Crop", {"x": x}, {"border": [1, 2, 0, 0], "scale": [2, 3]}, expected=[x[:, :, 2:4, 1:4]])
case("constantfill", 1, "ConstantFill", {"x": np.array([2, 3], np.int64)},
     {"input_as_shape": 1, "value": 0.5, "dtype": 1, "extra_shape": [4]},
     expected=[np.full((2, 3, 4), 0.5, np.float32)])
case("dynamicslice", 1, "DynamicSlice",
     {"x": x, "s": np.array([1], np.int64), "e": np.array([3], np.int64), "a": np.array([3], np.int64)},
     constants=["s", "e", "a"], expected=[x[:, :, :, 1:3]])
