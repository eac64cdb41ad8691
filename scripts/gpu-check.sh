#!/usr/bin/env bash
# usage: gpu-check.sh [STAGE...]
# Tries the chapters on a GPU, from the folder that scripts/cuda/build.sh packed. All stages together take at most eight
# minutes; however they end, gpu-check.tar.gz holds the logs so far (below 16 MB). Exits with 1 if a stage failed.
#
#   self         what this machine has, and whether the programs start
#   operations   every operation's values and gradients beside the CPU's
#   models       every model, two epochs on both devices from one seed, logs compared
#   speed        examples per second, beside PyTorch's if it is installed
#   presets      the presets that need a GPU, longest last
#
#   DEVICE   cuda, or cpu to rehearse all of it without a GPU: the CPU then stands in for it (cuda)
#   SHORT    1 for few examples in each stage, if the CPU would take too long
#   PATIENCE factor for the time limits, for a rehearsal on a slow machine (1)
#   OUT      folder for the logs; the archive lies beside it (gpu-check, in the current folder)
set -uo pipefail
# Output that is compared is English, whatever the caller speaks.
export D2L_LANG=en

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
device=${DEVICE:-cuda}
short=${SHORT:-}
patience=${PATIENCE:-1}
out=$(realpath -m "${OUT:-gpu-check}")
readonly largest_archive=16000000
readonly -A limits=([self]=20 [operations]=40 [models]=150 [speed]=50 [presets]=200) # in seconds
running=
stages=("$@")
[ $# -gt 0 ] || stages=(self operations models speed presets)
for stage in "${stages[@]}"; do
  if [ -z "${limits[$stage]:-}" ]; then
    sed -n '2,18s/^# \?//p' "${BASH_SOURCE[0]}" >&2
    exit 2
  fi
done
export D2L_DATA=${D2L_DATA:-$here/data} D2L_RUNS=$out/runs
mkdir -p "$out"

# PyTorch for CUDA 13 brings the libraries that the programs open.
python=${PYTHON:-python3}
brought=$("$python" -c '
import glob, site, sys
folders = site.getsitepackages() + [site.getusersitepackages()]
print(*(found for folder in folders for found in glob.glob(folder + "/nvidia/*/lib")), sep=":")' 2>/dev/null)
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}${brought:+:$brought}

# Everything but parameters, which are large and say no more than the logs.
pack() {
  tar -C "$(dirname "$out")" --exclude '*.safetensors' --exclude figures --exclude .lock \
    -czf "$out.new" "$(basename "$out")" && mv "$out.new" "$out.tar.gz"
  local bytes
  bytes=$(stat -c %s "$out.tar.gz")
  [ "$bytes" -lt "$largest_archive" ] || say "the archive has $bytes bytes, wanted less than $largest_archive"
}
say() { printf '%s\n' "$*" | tee -a "$out/summary.txt"; }
trap pack EXIT
trap 'say "stopped"; kill "$running"; exit 130' INT TERM HUP

# limited COMMAND...: within the stage's time; a program that is stopped closes its log first.
limited() {
  local left=$((deadline - EPOCHSECONDS))
  [ "$left" -gt 0 ] || return 124
  timeout --kill-after 5 "$left" "$@"
}

# chapter MODEL: the program that has the model.
chapter() { awk -v model="$1" '$1 == model { print $2 }' "$here/models.txt"; }

# The words of --examples for a model: some tens of steps.
few() {
  case $1 in
    gpt | vit | names-*) echo --examples $((short ? 64 : 1280)) ;;
    alexnet | vgg | nin | googlenet | resnet18 | densenet | regnet) echo --examples $((short ? 32 : 320)) ;;
    digits-*) echo --examples $((short ? 120 : 1200)) ;;
    word-lm) echo --max-tokens $((short ? 6000 : 30000)) ;;
    softmax-regression | mlp | dropout | lenet | batchnorm-lenet) echo --examples $((short ? 640 : 2560)) ;;
  esac
}

stage_self() {
  cat "$here/commit.txt"
  uname -srm
  nproc
  if [ "$device" = cuda ]; then
    nvidia-smi || return 1
    for library in libcuda.so.1 libcublas.so.13 libcublasLt.so.13 libcurand.so.10 libnvrtc.so.13; do
      "$python" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$library" 2>/dev/null &&
        echo "found $library" || echo "not found: $library"
    done
  fi
  local program missing=0
  for program in "$here"/bin/*; do
    ldd "$program" | grep 'not found' | sed "s|^|$(basename "$program"): |" && missing=1
  done
  limited "$here/bin/softmax-regression" --device "$device" --data builtin --epochs 1 --overwrite --name starts &&
    [ "$missing" = 0 ]
}

stage_operations() {
  D2L_TEST_DEVICE=$device limited "$here/bin/operations" --nocapture
}

# both MODEL IMPLEMENTATION: trains it on both devices and compares. The CPU that stands in for a GPU computes as one does,
# by the operations' definitions.
both() {
  local model=$1 implementation=$2 name=$1-$2 stand_in=() flags folder status=0
  folder=$D2L_RUNS/$(chapter "$model")
  [ "$device" != cpu ] || stand_in=(env D2L_COMPOSED=1)
  read -ra flags <<<"$(few "$model")"
  flags+=(--implementation "$implementation" --epochs 2 --overwrite --quiet)
  {
    limited "$here/bin/$(chapter "$model")" "$model" "${flags[@]}" --device cpu --name "$name-on-cpu" &&
      limited ${stand_in[@]+"${stand_in[@]}"} "$here/bin/$(chapter "$model")" "$model" "${flags[@]}" \
        --device "$device" --name "$name" &&
      limited "$here/bin/runs" compare "$folder/$name-on-cpu" "$folder/$name" --tolerance "$(tolerance "$model")"
  } >"$out/models/$name.txt" 2>&1 || status=$?
  case $status in
    0) verdict=same ;;
    124) verdict='no time left' ;;
    *) verdict="DIFFERENT, or failed: models/$name.txt" ;;
  esac
  printf '%-42s %s\n' "$name" "$verdict"
  return $status
}

# The gap that two epochs may show in any metric. Rounding differs between the devices, and it grows with the depth of
# the network and with the learning rate; an accuracy moves by whole examples.
tolerance() {
  case $1 in
    alexnet | vgg | nin | googlenet | resnet18 | densenet | regnet | batchnorm-lenet) echo 0.2 ;;
    *) echo 0.01 ;;
  esac
}

stage_models() {
  mkdir -p "$out/models"
  export -f both chapter few limited tolerance
  export here device short out deadline
  # A process waits much of its time, so several share the GPU.
  awk '$3 == "quick" { print $1, $2 }' "$here"/list-*.txt |
    xargs -P "$(($(nproc) / 4 + 1))" -L 1 bash -c 'both "$@"' _
}

stage_speed() {
  local runs=() model flags
  for model in lenet resnet18 vit gpt; do
    flags=(--epochs 2 --examples $((short ? 64 : 6400)) --overwrite --quiet --name "speed-$model")
    limited "$here/bin/$(chapter "$model")" "$model" "${flags[@]}" --device "$device" >/dev/null || return
    runs+=("$D2L_RUNS/$(chapter "$model")/speed-$model")
  done
  limited "$here/bin/runs" list
  if "$python" -c 'import numpy, PIL, safetensors, torch' 2>/dev/null; then
    limited "$python" "$here/pytorch/throughput.py" "${runs[@]}" --device "$device" --seconds $((short ? 1 : 2))
  else
    echo "without PyTorch: $python has no numpy, PIL, safetensors and torch"
  fi
}

stage_presets() {
  local model preset failed=0 flags
  for model in resnet18 regnet googlenet densenet nin vit alexnet vgg; do
    preset=$(awk -v model="$model" '$1 == model && ($3 == "zh" || $3 == "en") { print $3; exit }' "$here"/list-*.txt)
    flags=(--preset "$preset" --epochs 1 --overwrite --name "preset-$model")
    [ -z "$short" ] || flags+=(--examples 16 --batch-size 8)
    echo "$model $preset"
    limited "$here/bin/$(chapter "$model")" "$model" "${flags[@]}" --device "$device" || failed=1
    pack
  done
  return $failed
}

failed=0
for stage in "${stages[@]}"; do
  began=$EPOCHSECONDS
  deadline=$((began + ${limits[$stage]} * patience))
  "stage_$stage" >"$out/$stage.txt" 2>&1 &
  running=$!
  status=0
  wait "$running" || status=$?
  case $status in
    0) verdict=passed ;;
    124 | 130) verdict="stopped by its time limit" ;;
    *) verdict="FAILED ($status): $stage.txt" ;;
  esac
  [ $status = 0 ] || failed=1
  say "$(printf '%-12s %4d s  %s' "$stage" $((EPOCHSECONDS - began)) "$verdict")"
  pack
done
exit $failed
