"""Writes an .npz archive's arrays as DIR/array_K.pb. Usage: npz_to_tensors.py ARCHIVE DIR"""

import pathlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper

for index, (name, array) in enumerate(np.load(sys.argv[1]).items()):
    onnx.save_tensor(numpy_helper.from_array(array, name), pathlib.Path(sys.argv[2]) / f"array_{index}.pb")
