#!/usr/bin/env bash
# Measures csn-run beside its rivals on this machine and writes docs/performance.md.
#   bench.sh FOLDER-OF-PROGRAMS
set -euo pipefail
programs=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/.build/benchmarks
mkdir -p "$work"

if [ ! -x "$work/venv/bin/python" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/Benchmarks/requirements.txt"
fi
python=$work/venv/bin/python
[ -f "$work/models/googlenet-b8.onnx" ] || "$python" "$root/Benchmarks/models.py" "$work/models" 1 8

"$python" "$root/Benchmarks/report.py" "$programs" "$work" "$root/docs"
