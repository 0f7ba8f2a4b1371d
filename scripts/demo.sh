#!/usr/bin/env bash
# Fuses the sample pairs with the model that the repository ships, and names the pictures it made.
#   demo.sh FOLDER-OF-PROGRAMS
set -euo pipefail
programs=$1
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root/demo"

"$programs/csn-convert" "$root/Models/analytic-fusion.onnx" -o "$root/demo/analytic-fusion.graph"

made=()
for first in "$root"/Models/samples/*-a.png; do
  pair=$(basename "${first%-a.png}")
  result="$root/demo/$pair-fused.png"
  "$programs/csn-run" "$root/demo/analytic-fusion.graph" "$first" "${first%-a.png}-b.png" -o "$result"
  made+=("$result")
done

echo
echo "Look at:"
for picture in "${made[@]}"; do echo "  $picture"; done
