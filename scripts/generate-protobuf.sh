#!/bin/sh
# Makes the C code of Sources/CProtobuf from onnx.proto (Debian: apt install protobuf-c-compiler), and checks the
# schema against the onnx package where the test environment has it.
set -eu
cd "$(dirname "$0")/../Sources/CProtobuf"
protoc-c --c_out=. onnx.proto
mv onnx.pb-c.h include/onnx.pb-c.h
if [ -x ../../.venv/bin/python ]; then ../../.venv/bin/python ../../scripts/check-protobuf.py; fi
