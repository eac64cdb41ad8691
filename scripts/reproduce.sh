#!/usr/bin/env bash
# usage: scripts/reproduce.sh [CHAPTER...]
# Trains every full-size preset that has bands (zh and en, by hand and with the library) over three seeds on the real
# data, keeps the results in scripts/results/, from which `scripts/readme.sh --write` writes the READMEs' tables, and
# prints them beside the bands as a markdown table. Exits 1 if a median is outside its band. The deep networks of chapter
# 04 are trained only with `-- --device cuda`.
# Called again, it continues where it stopped: an experiment that has results for this commit is left out, a run that was
# interrupted is resumed. The commit is the last one that changed a program; if there are uncommitted changes,
# everything is trained.
#   D2L_DATA      folder of the real data sets (data)
#   D2L_RUNS      folder for the runs (runs/reproduce); in it, each commit has a folder with its name
#   SEEDS         how many seeds, an odd number, so that the median is one of the runs (3)
#   AGAIN         1 trains again what has results for this commit
#   COMMIT        another name for the state of the code
#   D2L_RESULTS   folder for the results (scripts/results)
# `FEATURES="--features cuda" scripts/reproduce.sh mlp -- --device cuda` passes the words after `--` to every run.
set -euo pipefail
# Output that is compared is English, whatever the caller speaks.
export D2L_LANG=en

absolute() {
  case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$PWD/$1" ;;
  esac
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=$(absolute "${D2L_DATA:-$root/data}")
runs=$(absolute "${D2L_RUNS:-$root/runs/reproduce}")
kept=$(absolute "${D2L_RESULTS:-$root/scripts/results}")
seeds=${SEEDS:-3}
again=${AGAIN:-}
cd "$root"

programs=(crates Cargo.toml Cargo.lock ':!*.md' ':!*.svg' ':!*.webp')
commit=${COMMIT:-$(git log -1 --format=%h -- "${programs[@]}")}
if [ -z "${COMMIT:-}" ] && [ -n "$(git status --porcelain -- "${programs[@]}")" ]; then
  commit+=-changed
  again=1
fi
runs=$runs/$commit

chapters=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  chapters+=("$1")
  shift
done
[ $# -eq 0 ] || shift # the --
if [ ${#chapters[@]} -eq 0 ]; then
  for folder in crates/[0-9]*-*/; do
    name=${folder#crates/[0-9]*-} # packages carry no number
    chapters+=("${name%/}")
  done
fi

results() {
  cargo run --quiet -p readmes --bin results -- --folder "$kept" "$@"
}

# train MODEL IMPLEMENTATION PRESET SEED [FLAG...]: one run, unless it has finished already
train() {
  local model=$1 implementation=$2 preset=$3 seed=$4 name=$1-$2-$3-s$4 start=--overwrite
  shift 4
  local folder=$runs/$chapter/$name
  if [ -z "$again" ] && [ -f "$folder/log.jsonl" ]; then
    case $(tail -n 1 "$folder/log.jsonl") in
      '{"kind":"end","status":"finished"'*) return 0 ;;
    esac
    [ ! -f "$folder/checkpoint.safetensors" ] || start=--resume
  fi
  # FEATURES is a list of words.
  # shellcheck disable=SC2086
  cargo run --quiet ${FEATURES:-} -p "$chapter" -- "$model" --implementation "$implementation" --preset "$preset" \
    --seed "$seed" --data real --data-dir "$data" --runs-dir "$runs" --name "$name" "$start" --quiet "$@" </dev/null >&2
}

there=$(results list --commit "$commit" --seeds "$seeds")
outside=0
logs=()
for chapter in "${chapters[@]}"; do
  # shellcheck disable=SC2086
  list=$(cargo run --quiet ${FEATURES:-} -p "$chapter" -- --list)
  while read -r model implementation preset device; do
    experiment="$model $implementation $preset"
    if [[ $device == gpu && " $* " != *" --device cuda"* ]]; then
      printf '%s: left out, needs a GPU (-- --device cuda)\n' "$experiment" >&2
      continue
    fi
    if [ -z "$again" ] && grep -qxF "$chapter $experiment" <<<"$there"; then
      printf '%s: its results of commit %s are there\n' "$experiment" "$commit" >&2
      continue
    fi
    printf '%s\n' "$experiment" >&2
    status=0
    of_experiment=()
    for ((seed = 0; seed < seeds && status == 0; seed++)); do
      train $experiment "$seed" "$@" || status=$?
      of_experiment+=("$runs/$chapter/$model-$implementation-$preset-s$seed/log.jsonl")
    done
    case $status in
      0) ;;
      1) # the run failed: its message says why
        outside=1
        continue
        ;;
      *) exit "$status" ;;
    esac
    results add --commit "$commit" "${of_experiment[@]}"
    logs+=("${of_experiment[@]}")
  done < <(awk 'NR > 1 && $3 != "quick" && $5 > 0 { print $1, $2, $3, $6 }' <<<"$list")
done

[ ${#logs[@]} -eq 0 ] || cargo run --quiet -p runs -- verify --markdown "${logs[@]}" || outside=1
exit "$outside"
