#!/usr/bin/env bash
# Trains a model here and in PyTorch, from the same initial parameters, with the same minibatches and the same dropout,
# and compares the two logs epoch by epoch. Exits with 1 if the losses of the first epoch differ by more than rounding.
#
#   scripts/compare-with-pytorch.sh lenet [--preset zh] [--epochs 2] [the chapter's other flags]
#   scripts/compare-with-pytorch.sh --all [--json FILE] [--markdown FILE]      every model, three short epochs
#
# The runs stay in the runs folder as against-pytorch-MODEL-… and -start, -pytorch, -double. If losses differ by more than
# 1e-6 in the first epoch or 1e-5 in the next two, PyTorch trains once more in f64, to show the effect of rounding alone.
# PyTorch is installed into target/pytorch-venv, unless D2L_BENCH_PYTHON names a Python that has it.
set -euo pipefail
# Output that is compared is English, whatever the caller speaks.
export D2L_LANG=en
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
usage() {
  sed -n '2,7s/^# \?//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
[ $# -gt 0 ] || usage

# All programs find data and runs in the same folders.
export D2L_DATA=${D2L_DATA:-$root/data} D2L_RUNS=${D2L_RUNS:-$root/runs}
. "$root/scripts/python-environment.sh"
python_environment 'numpy, pandas, PIL, safetensors, torch'

chapter() { cargo run --quiet --manifest-path "$root/Cargo.toml" --package "$1" -- "${@:2}"; }

runs=()
# train PACKAGE MODEL NAME EPOCHS FLAG…: a run of this workspace, and its initial parameters.
train() {
  local package=$1 model=$2 name=$3 epochs=$4
  shift 4
  chapter "$package" "$model" --name "$name-start" --epochs 0 --overwrite --quiet "$@" >/dev/null
  chapter "$package" "$model" --name "$name" --epochs "$epochs" --overwrite --quiet "$@" >/dev/null
  rm -rf "$D2L_RUNS/$package/$name-pytorch" "$D2L_RUNS/$package/$name-double"
  runs+=("$D2L_RUNS/$package/$name")
}

# How many examples or words a model learns from under --all: seconds of each, some tens of steps.
examples() {
  case $1 in
    digits-expanded | digits-dropout) echo --examples 240 ;;
    digits-*) echo --examples 1200 ;;
    softmax-regression | mlp | dropout) echo --examples 10000 ;;
    lenet | batchnorm-lenet) echo --examples 2560 ;;
    word-lm) echo --max-tokens 30000 ;;
    gpt | vit) echo --examples 1280 ;;
    resnet18 | googlenet | vgg) echo --examples 320 ;;
    alexnet | nin | densenet | regnet) echo --examples 640 ;;
  esac
}

report=()
if [ "$1" = --all ]; then
  report=("${@:2}")
  twins=$(cd "$root/scripts/pytorch" && "$python" -c 'from twins import TWINS; print(*TWINS)')
  for package in $(awk '!seen[$2]++ { print $2 }' "$root/crates/models.txt"); do
    while read -r model implementation; do
      case " $twins " in
        *" $model "*) echo "training $model $implementation" >&2 ;;
        *) echo "$model has no twin in scripts/pytorch/twins.py" >&2 && continue ;;
      esac
      # shellcheck disable=SC2046
      train "$package" "$model" "against-pytorch-$model-$implementation" 3 --implementation "$implementation" \
        $(examples "$model") </dev/null
    done < <(chapter "$package" --list | awk '$3 == "quick" { print $1, $2 }')
  done
else
  model=$1 epochs=3 flags=()
  package=$(awk -v model="$model" '$1 == model { print $2 }' "$root/crates/models.txt")
  if [ -z "$package" ]; then
    echo "error: found no model $model; crates/models.txt lists them" >&2
    exit 2
  fi
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --epochs) epochs=${2:?--epochs needs a number} && shift 2 ;;
      --json | --markdown) report+=("$1" "${2:?$1 needs a file}") && shift 2 ;;
      *) flags+=("$1") && shift ;;
    esac
  done
  name=against-pytorch-$model$(printf '%s' "${flags[*]+-${flags[*]}}" | tr -cs '[:alnum:].-' - | sed 's/--*/-/g')
  train "$package" "$model" "$name" "$epochs" ${flags[@]+"${flags[@]}"}
fi

"$python" "$root/scripts/pytorch/twin.py" --quiet "${runs[@]}"
apart=$("$python" "$root/scripts/pytorch/agreement.py" --apart "${runs[@]}")
if [ -n "$apart" ]; then
  # shellcheck disable=SC2086
  "$python" "$root/scripts/pytorch/twin.py" --quiet --double $apart
fi
exec "$python" "$root/scripts/pytorch/agreement.py" ${report[@]+"${report[@]}"} "${runs[@]}"
