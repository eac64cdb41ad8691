#!/usr/bin/env bash
# usage: scripts/reproduce.sh [CHAPTER...]
# Trains every full-size preset that has bands (zh and en, by hand and with the library) over three seeds on the real
# data, and prints what they reach beside the bands as a markdown table. Exits 1 if a median is outside its band. The deep
# networks of chapter 04 are trained only where `-- --device cuda` says so.
#   D2L_DATA   folder of the real data sets (data)
#   D2L_RUNS   where the runs go (runs/reproduce); a run that is there is replaced
#   SEEDS      how many seeds, an odd number, so that the median is one of the runs (3)
# `FEATURES="--features cuda" scripts/reproduce.sh mlp -- --device cuda` passes what follows `--` on to every run.
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
[ ${#chapters[@]} -gt 0 ] || chapters=(linear-regression softmax-regression mlp convolutional recurrent)

# rows MODEL IMPLEMENTATION PRESET LOG...: the table's rows of one experiment, from the last lines of its logs.
rows() {
  local model=$1 implementation=$2 preset=$3
  shift 3
  awk -v experiment="$model | $implementation | $preset" '
    # The value of a key in a piece of JSON without nesting; "" where it has none.
    function field(text, key) {
      if (!match(text, "\"" key "\":")) return ""
      text = substr(text, RSTART + RLENGTH)
      sub(/[,}\]].*/, "", text)
      gsub(/"/, "", text)
      return text
    }
    /"kind":"end"/ {
      runs++
      seconds += field($0, "seconds")
      start = index($0, "\"bands\":[")
      count = split(start ? substr($0, start + 9) : "", band, "{")
      bands = count - 1
      for (i = 1; i <= bands; i++) {
        metric[i] = field(band[i + 1], "metric")
        range[i] = sprintf("%.4g .. %.4g | %s, %d runs", field(band[i + 1], "low"), field(band[i + 1], "high"), \
          field(band[i + 1], "source"), field(band[i + 1], "runs"))
        value[i, runs] = field(band[i + 1], "value")
        within[i, runs] = field(band[i + 1], "within")
      }
    }
    END {
      for (i = 1; i <= bands; i++) {
        all = ""
        for (r = 1; r <= runs; r++) {
          missing = value[i, r] == "" || value[i, r] == "null"
          all = all (r > 1 ? ", " : "") (missing ? "none" : sprintf("%.4g", value[i, r]))
          below = 0; ties = 0
          for (s = 1; s <= runs; s++) {
            if (value[i, s] + 0 < value[i, r] + 0) below++
            if (s < r && value[i, s] + 0 == value[i, r] + 0) ties++
          }
          if (below + ties == int(runs / 2)) median = r
        }
        printf "| %s | %s | %s | %.4g | %s | %s | %.1f |\n", experiment, metric[i], all, value[i, median], range[i], \
          within[i, median] == "true" ? "yes" : "**no**", seconds / runs
      }
    }' "$@"
}

# Presets with pictures of 96 x 96 and more take hours on a CPU.
wants_gpu=' alexnet vgg nin googlenet resnet18 '

stamp=$(mktemp)
trap 'rm -f "$stamp"' EXIT
outside=0
table=''
for chapter in "${chapters[@]}"; do
  # FEATURES is a list of words.
  # shellcheck disable=SC2086
  list=$(cargo run --quiet ${FEATURES:-} -p "$chapter" -- --list)
  while read -r model implementation preset; do
    if [[ $wants_gpu == *" $model "* && " $* " != *" --device cuda"* ]]; then
      printf '%s %s %s: left out, wants a GPU (-- --device cuda)\n' "$model" "$implementation" "$preset" >&2
      continue
    fi
    printf '%s %s %s\n' "$model" "$implementation" "$preset" >&2
    touch "$stamp"
    status=0
    # shellcheck disable=SC2086
    cargo run --quiet ${FEATURES:-} -p "$chapter" -- --model "$model" --implementation "$implementation" \
      --preset "$preset" --seeds "$seeds" --verify --data real --data-dir "$data" --runs-dir "$runs" --overwrite \
      --quiet "$@" </dev/null >&2 || status=$?
    case $status in
      0) ;;
      1) outside=1 ;; # outside a band, or the run failed: its message says which
      *) exit "$status" ;;
    esac
    logs=()
    while IFS= read -r log; do
      logs+=("$log")
    done < <(find "$runs/$chapter" -path "*/$model-$implementation-$preset-*/log.jsonl" -newer "$stamp" | sort)
    if [ ${#logs[@]} -eq 0 ]; then
      echo "$runs/$chapter has no new log of $model $implementation $preset; see the message above" >&2
      exit 1
    fi
    table+=$(rows "$model" "$implementation" "$preset" "${logs[@]}")$'\n'
  done < <(awk 'NR > 1 && $3 != "quick" && $5 > 0 { print $1, $2, $3 }' <<<"$list")
done

echo '| model | implementation | preset | metric | by seed | median | band | source | within | seconds a run |'
echo '|---|---|---|---|---|---|---|---|---|---|'
printf '%s' "$table"
exit "$outside"
