#!/usr/bin/env bash
# Records every operation that the chapters' models compute in the way of a GPU, compares them with those of candle's CUDA
# backend, and prints the number of launches of a step of each preset as a table. See crates/d2l-nn/CUDA.md.
#
# Builds candle and everything above it a second time, with a candle-core that records its operations.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

folder=${CARGO_TARGET_DIR:-target}/recorded
python3 scripts/cuda/recorded_candle.py "$folder/candle-core"

# Cargo would write the copy into the lock file.
lock=$(mktemp)
cp Cargo.lock "$lock"
trap 'cp "$lock" Cargo.lock; rm -f "$lock"' EXIT
# Nothing here has to be fast but the build.
chapters=(linear-regression softmax-regression mlp convolutional recurrent attention transformer)
packages=() settings=()
for package in "${chapters[@]}"; do
  packages+=(-p "$package")
done
for package in "${chapters[@]}" d2l d2l-command d2l-data d2l-log d2l-nn d2l-plot; do
  settings+=(--config "profile.dev.package.$package.opt-level=0")
done
cargo build "${packages[@]}" --bins --target-dir "$folder" "${settings[@]}" \
  --config "patch.crates-io.candle-core.path='$folder/candle-core'" >&2

python3 scripts/cuda/operations.py "$folder/debug"
