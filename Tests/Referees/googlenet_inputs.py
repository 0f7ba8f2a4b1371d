"""Decodes the labelled pictures as GoogLeNet takes them and writes what is expected of it. Usage: googlenet_inputs.py LABELLED DIR

Writes DIR/input_K.pb, [1, 3, 224, 224], named after the picture, and DIR/output_K.pb: the top five classes over their
probabilities, [2, 5].
"""

import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image

labelled, folder = map(pathlib.Path, sys.argv[1:3])
expected = json.loads((labelled / "expected.json").read_text())["images"]
for index, (name, entry) in enumerate(sorted(expected.items())):
    image = Image.open(labelled / name).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([max(256, round(side * scale)) for side in image.size], Image.BILINEAR)
    left, top = [(side - 224) // 2 for side in image.size]
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
    pixels = pixels[:, :, ::-1] - np.array([104, 117, 123], np.float32)
    array = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
    onnx.save_tensor(numpy_helper.from_array(array, name), folder / f"input_{index}.pb")
    top = [[guess["class"] for guess in entry["googlenet"]], [guess["probability"] for guess in entry["googlenet"]]]
    onnx.save_tensor(numpy_helper.from_array(np.array(top), name), folder / f"output_{index}.pb")
