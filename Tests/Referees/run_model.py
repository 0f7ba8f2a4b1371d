"""Runs MODEL in ONNX Runtime on DIR/input_K.pb and writes DIR/output_K.pb. Usage: run_model.py MODEL DIR"""

import pathlib
import sys

import onnx
import onnxruntime
from onnx import numpy_helper

model, folder = sys.argv[1], pathlib.Path(sys.argv[2])
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
session = onnxruntime.InferenceSession(model, options)
inputs = {}
for path in sorted(folder.glob("input_*.pb")):
    tensor = onnx.load_tensor(path)
    inputs[tensor.name] = numpy_helper.to_array(tensor)
for index, (info, array) in enumerate(zip(session.get_outputs(), session.run(None, inputs))):
    onnx.save_tensor(numpy_helper.from_array(array, info.name), folder / f"output_{index}.pb")
