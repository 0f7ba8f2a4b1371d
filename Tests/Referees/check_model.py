"""Checks a model with onnx.checker, shapes inferred. Usage: check_model.py MODEL"""

import sys

import onnx

onnx.checker.check_model(sys.argv[1], full_check=True)
