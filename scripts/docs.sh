#!/usr/bin/env bash
# Builds the symbol graphs of the public libraries and, where docc is at hand, their documentation.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
# In a folder of its own: what is built already leaves no symbol graphs.
build=.build-docs
graphs=$build/symbol-graphs
command -v docc >/dev/null || echo "docs: docc is not here; only the symbol graphs are built" >&2
rm -rf "$build" && mkdir -p "$graphs" .build/docs
for library in ONNXParse GraphRuntime CSNGraphs; do
  swift build --scratch-path "$build" --target "$library" -Xswiftc -emit-symbol-graph -Xswiftc -emit-symbol-graph-dir -Xswiftc "$graphs"
  if command -v docc >/dev/null; then
    docc convert --additional-symbol-graph-dir "$graphs" --fallback-display-name "$library" \
      --fallback-bundle-identifier "org.csn.$library" --output-path ".build/docs/$library"
    echo "docs: .build/docs/$library"
  fi
done
