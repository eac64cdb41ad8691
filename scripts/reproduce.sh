#!/usr/bin/env bash
# usage: scripts/reproduce.sh [CHAPTER...]
# Trains every full-size preset that has bands (zh and en, by hand and with the library) over three seeds on the real
# data, and prints their results beside the bands as a markdown table. Exits 1 if a median is outside its band. The deep
# networks of chapter 04 are trained only with `-- --device cuda`.
#   D2L_DATA   folder of the real data sets (data)
#   D2L_RUNS   folder for the runs (runs/reproduce); existing runs in it are replaced
#   SEEDS      how many seeds, an odd number, so that the median is one of the runs (3)
# `FEATURES="--features cuda" scripts/reproduce.sh mlp -- --device cuda` passes the words after `--` to every run.
set -euo pipefail

absolute() {
  case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$PWD/$1" ;;
  esac
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=$(absolute "${D2L_DATA:-$root/data}")
runs=$(absolute "${D2L_RUNS:-$root/runs/reproduce}")
seeds=${SEEDS:-3}
cd "$root"

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

stamp=$(mktemp)
trap 'rm -f "$stamp"' EXIT
outside=0
logs=()
for chapter in "${chapters[@]}"; do
  # FEATURES is a list of words.
  # shellcheck disable=SC2086
  list=$(cargo run --quiet ${FEATURES:-} -p "$chapter" -- --list)
  while read -r model implementation preset device; do
    if [[ $device == gpu && " $* " != *" --device cuda"* ]]; then
      printf '%s %s %s: left out, needs a GPU (-- --device cuda)\n' "$model" "$implementation" "$preset" >&2
      continue
    fi
    printf '%s %s %s\n' "$model" "$implementation" "$preset" >&2
    touch "$stamp"
    status=0
    # shellcheck disable=SC2086
    cargo run --quiet ${FEATURES:-} -p "$chapter" -- "$model" --implementation "$implementation" \
      --preset "$preset" --seeds "$seeds" --verify --data real --data-dir "$data" --runs-dir "$runs" --overwrite \
      --quiet "$@" </dev/null >&2 || status=$?
    case $status in
      0) ;;
      1) outside=1 ;; # outside a band, or the run failed: its message says which
      *) exit "$status" ;;
    esac
    before=${#logs[@]}
    while IFS= read -r log; do
      logs+=("$log")
    done < <(find "$runs/$chapter" -path "*/$model-$implementation-$preset-*/log.jsonl" -newer "$stamp" | sort)
    if [ ${#logs[@]} -eq "$before" ]; then
      echo "$runs/$chapter has no new log of $model $implementation $preset; see the message above" >&2
      exit 1
    fi
  done < <(awk 'NR > 1 && $3 != "quick" && $5 > 0 { print $1, $2, $3, $6 }' <<<"$list")
done

[ ${#logs[@]} -eq 0 ] || cargo run --quiet -p runs -- verify --markdown "${logs[@]}" || outside=1
exit "$outside"
