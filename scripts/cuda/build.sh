#!/usr/bin/env bash
# usage: scripts/cuda/build.sh [ARCHIVE]
# Builds all chapters for a machine with an NVIDIA GPU, on one that needs neither a GPU nor a CUDA toolkit, and packs
# them with the data that they read and scripts/gpu-check.sh into ARCHIVE (target/d2l-gpu.tar.xz, below 50 MB). There:
#
#   tar xf d2l-gpu.tar.xz && d2l-gpu/gpu-check.sh
#
#   DEVICE              cuda, or cpu for a build that rehearses the check on a machine without a GPU (cuda)
#   CUDA_COMPUTE_CAP    the oldest GPU to compile for; later ones run the kernels too (80, Ampere)
#   D2L_DATA            folder of the real data sets (data); those that are missing are left out
#   CUDA_TOOLKIT        folder for the toolkit, which is fetched once (target/cuda-toolkit)
#   CARGO_TARGET_DIR    folder of the build (target/cuda; target for DEVICE=cpu)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly most_bytes=50000000
# In this order as long as there is room; the presets for a GPU read the first.
readonly sets=(fashion-mnist time-machine fra-eng house-prices airfoil diabetes titanic names wikitext-2 mnist)
device=${DEVICE:-cuda}
archive=$(realpath -m "${1:-$root/target/d2l-gpu.tar.xz}")
data=$(realpath -m "${D2L_DATA:-$root/data}")
cd "$root"

mapfile -t chapters < <(awk '!seen[$2]++ { print $2 }' crates/models.txt)
features=()
case $device in
  cuda)
    toolkit=$(realpath -m "${CUDA_TOOLKIT:-$root/target/cuda-toolkit}")
    [ -x "$toolkit/cuda/bin/nvcc" ] || scripts/cuda/toolkit.sh "$toolkit" >&2
    export CUDA_HOME=$toolkit/cuda PATH=$toolkit/cuda/bin:$PATH NVCC=$root/scripts/cuda/nvcc-light
    export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80} CUDAFORGE_THREADS=${CUDAFORGE_THREADS:-2}
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/cuda}
    features=(--features cuda)
    ;;
  cpu) ;;
  *)
    echo "error: DEVICE=$device: wanted cuda or cpu" >&2
    exit 2
    ;;
esac
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packed=$work/d2l-gpu
mkdir -p "$packed/bin" "$packed/data"

# The profile for every day is as fast as --release. All in one call and with the packages of `cargo test`: otherwise cargo
# would choose other features and build candle again. `runs` does without candle.
operations=$(cargo build --quiet --bins --test on_device ${features[@]+"${features[@]}"} \
  --message-format json-render-diagnostics | python3 -c '
import json, sys
built = (json.loads(line) for line in sys.stdin)
print(*(one["executable"] for one in built if one.get("target", {}).get("name") == "on_device"))')
cargo build --quiet --package runs >&2
for program in "${chapters[@]}" runs; do
  strip -o "$packed/bin/$program" "$target/debug/$program"
done
strip -o "$packed/bin/operations" "$operations"

cp scripts/gpu-check.sh crates/models.txt "$packed/"
cp -r scripts/pytorch "$packed/pytorch"
rm -rf "$packed/pytorch/__pycache__"
for program in "${chapters[@]}"; do
  "$packed/bin/$program" --list --device cpu >"$packed/list-$program.txt"
done
git rev-parse HEAD >"$packed/commit.txt"

# A dictionary that holds several programs: most of their code is the same.
pack() { tar -C "$1" --sort=name --owner=0 --group=0 -cf - "$2" | xz -T1 --lzma2=preset=6,dict=128MiB; }
bytes=$(pack "$work" d2l-gpu | wc -c)
for set in "${sets[@]}"; do
  if [ ! -d "$data/$set" ]; then
    echo "without $set: it is not in $data" >&2
    continue
  fi
  more=$(pack "$data" "$set" | wc -c)
  if [ $((bytes + more)) -ge "$most_bytes" ]; then
    echo "without $set: no room for its $more bytes in an archive below $most_bytes" >&2
    continue
  fi
  cp -r "$data/$set" "$packed/data/$set"
  bytes=$((bytes + more))
done
mkdir -p "$(dirname "$archive")"
pack "$work" d2l-gpu >"$archive"
printf '%s: %d bytes, with %s\n' "$archive" "$(stat -c %s "$archive")" "$(ls "$packed/data" | paste -sd ' ')"
