#!/usr/bin/env bash
# Measures csn-run and its kernels beside its rivals on this machine and writes docs/performance.md.
#   bench.sh FOLDER-OF-PROGRAMS
set -euo pipefail
programs=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/.build/benchmarks
mkdir -p "$work/models"

if [ ! -e "$work/venv/complete" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/Benchmarks/requirements.txt"
  touch "$work/venv/complete"
fi
python=$work/venv/bin/python
"$python" "$root/Benchmarks/models.py" "$work/models" 1 8
make --silent -C "$root/Benchmarks/kernels"

"$python" "$root/Benchmarks/report.py" "$programs" "$work" "$root/docs" "$root/Benchmarks/kernels/build/kernels"
