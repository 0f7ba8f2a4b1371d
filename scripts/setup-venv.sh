#!/usr/bin/env bash
# Makes .venv, the Python environment whose ONNX Runtime, NumPy and onnx.checker the tests compare with.
# Without a network the tests run all the same and skip those comparisons, saying so.
set -euo pipefail
cd "$(dirname "$0")/.."

rm -rf .venv
if python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check -r scripts/requirements.txt; then
  touch .venv
else
  rm -rf .venv
  echo "No Python environment: tests that compare with ONNX Runtime and NumPy will be skipped." >&2
fi
