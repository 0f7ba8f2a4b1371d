#!/usr/bin/env bash
# Fuses the sample pairs with the model that the repository ships, and names the pictures it made.
#   demo.sh FOLDER-OF-PROGRAMS
set -euo pipefail
programs=$1
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root/demo"

"$programs/csn-convert" "$root/Models/analytic-fusion.onnx" -o "$root/demo/analytic-fusion.graph"

fuse() {
  local result="$root/demo/$1-fused.png"
  "$programs/csn-run" "$root/demo/analytic-fusion.graph" "$root/Models/samples/$1-$2.png" "$root/Models/samples/$1-$3.png" -o "$result"
  made+=("$result")
}
made=()
fuse flower near far
fuse street infrared visible

echo
echo "Look at:"
for picture in "${made[@]}"; do echo "  $picture"; done
