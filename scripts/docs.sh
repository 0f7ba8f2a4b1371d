#!/usr/bin/env bash
# Builds the symbol graphs of the public libraries and, where docc is at hand, their documentation.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
graphs=.build/symbol-graphs
command -v docc >/dev/null || echo "docs: docc is not here; only the symbol graphs are built" >&2
rm -rf "$graphs" && mkdir -p "$graphs"
for library in ONNXParse GraphRuntime CSNGraphs; do
  swift build --target "$library" -Xswiftc -emit-symbol-graph -Xswiftc -emit-symbol-graph-dir -Xswiftc "$graphs"
  if command -v docc >/dev/null; then
    docc convert --additional-symbol-graph-dir "$graphs" --fallback-display-name "$library" \
      --fallback-bundle-identifier "org.csn.$library" --output-path ".build/docs/$library"
    echo "docs: .build/docs/$library"
  fi
done
