#!/usr/bin/env bash
# usage: scripts/storm.sh [--short|--long]
# Tries to lose or to corrupt runs: kills them at random instants and at each system call that changes a file, starts two
# processes on one run, makes writes fail, damages files, calls all programs with bad arguments, changes the environment.
# Every run that was stopped is resumed and must end like an undisturbed one, bit for bit; every error must be one line,
# with an exit code from 0 to 2 or 130. Prints a table of what was tried, how often, and how often something was wrong;
# exits with 1 in that case. On two cores, --short takes six minutes, no flag an hour or more, --long many hours.
#   SEED   decides the random instants and places (1)
set -euo pipefail
# Output that is compared is English, whatever the caller speaks.
export D2L_LANG=en
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-} in
  --short) times=1 ;;
  --long) times=100 ;;
  '') times=8 ;;
  *)
    printf 'usage: scripts/storm.sh [--short|--long]\n' >&2
    exit 2
    ;;
esac
RANDOM=${SEED:-1}
unset D2L_DATA D2L_RUNS RUST_BACKTRACE

cargo build --quiet --bins
cargo build --quiet --package runs
programs=${CARGO_TARGET_DIR:-target}/debug
desk=$(mktemp -d)
trap 'rm -rf "$desk"' EXIT
# The shell's own notes on killed processes are of no interest.
exec 3>&2 2>/dev/null
trap 'printf "storm.sh: line %s failed\n" "$LINENO" >&3' ERR
problems=$desk/problems
: >"$problems"

# The kinds of runs: name, program, flags. Short, but with several checkpoints.
kinds=(
  'mlp mlp mlp --epochs 4 --examples 20000 --momentum 0.9'
  'folds mlp house-price --epochs 40 --patience 30'
  'lenet convolutional batchnorm-lenet --epochs 3 --examples 3000'
  'lstm recurrent lstm --epochs 30 --max-tokens 5000 --num-hiddens 64'
  'seq2seq attention seq2seq --epochs 25'
)

# call_of KIND NAME FLAG...: the command in the array `call`
call_of() {
  local name=$2 words
  read -r -a words <<<"$1"
  shift 2
  call=("$programs/${words[1]}" "${words[@]:2}" --data builtin --quiet --runs-dir "$desk/runs"
    --name "${words[0]}-$name" --checkpoint-every 15steps "$@")
}

# run KIND NAME FLAG...: trains; the errors go to $desk/errors
run() {
  call_of "$@"
  "${call[@]}" >/dev/null 2>"$desk/errors"
}

# start KIND NAME FLAG...: the same in the background, as process $pid
start() {
  call_of "$@"
  "${call[@]}" >/dev/null 2>"$desk/errors" &
  pid=$!
}

# start_until FILE KIND NAME: the same, and waits until the run has that file
start_until() {
  local file
  start "$2" "$3"
  file=$(folder "$2" "$3")/$1
  while [ ! -s "$file" ] && kill -0 "$pid"; do sleep 0.005; done
}

folder() { # KIND NAME
  local words
  read -r -a words <<<"$1"
  printf '%s' "$desk/runs/${words[1]}/${words[0]}-$2"
}

# What may differ between two equal runs is cut out of the log: times, speeds, memory.
digest() { # FOLDER
  {
    sed -E 's/"(started|seconds|examples_per_second|peak_memory_bytes|threads)":("[^"]*"|[0-9.eE+-]+),?//g' "$1/log.jsonl"
    cat "$1"/model*.safetensors
  } | cksum
}

problem() {
  printf '%s\n' "$*" | tee -a "$problems" >&3
}

# Whether a program ended as it may: not by a panic or a signal, and with one line of error at most.
ended_well() { # CODE WHAT
  case $1 in
    0 | 1 | 2 | 130) ;;
    *) problem "$2: exit code $1: $(head -c 300 "$desk/errors")" ;;
  esac
  if [ "$(wc -l <"$desk/errors")" -gt 1 ]; then
    problem "$2: more than one line: $(head -c 300 "$desk/errors")"
  fi
}

tried=0
section=$SECONDS
rows=()
# row WHAT: closes a part of the table
row() {
  local wrong
  wrong=$(wc -l <"$problems")
  rows+=("$(printf '| %-58s | %6d | %5d | %7d |' "$1" "$tried" "$wrong" $((SECONDS - section)))")
  cat "$problems" >>"$desk/all-problems"
  : >"$problems"
  tried=0
  section=$SECONDS
}

declare -A whole
for kind in "${kinds[@]}"; do
  run "$kind" whole || problem "$kind: $(cat "$desk/errors")"
  whole[$kind]=$(digest "$(folder "$kind" whole)")
done

# resume KIND NAME: to the end, and compares
resume() {
  local code=0
  run "$1" "$2" --resume || code=$?
  if [ $code -ne 0 ] && grep -q 'no checkpoint yet\|to resume: wanted' "$desk/errors"; then
    code=0
    run "$1" "$2" --overwrite || code=$?
  fi
  if [ $code -ne 0 ]; then
    problem "$1: not resumed: $(cat "$desk/errors")"
  elif [ "$(digest "$(folder "$1" "$2")")" != "${whole[$1]}" ]; then
    problem "$1: resumed, but another result than undisturbed"
  fi
  rm -rf "$(folder "$1" "$2")"
}

# Kills at random instants, two of three after a resume.
for kind in "${kinds[@]}"; do
  for _ in $(seq $((3 * times))); do
    more=()
    for _ in 1 2 3; do
      signal=KILL
      [ $((RANDOM % 4)) -ne 0 ] || signal=INT
      start "$kind" killed "${more[@]}"
      sleep "0.$(printf '%03d' $((RANDOM % 900)))"
      kill -"$signal" "$pid" || true # it may be done
      wait "$pid" || true
      tried=$((tried + 1))
      if [ -e "$(folder "$kind" killed)/checkpoint.safetensors" ]; then more=(--resume); else more=(--overwrite); fi
    done
    resume "$kind" killed
  done
done
row 'kills at random instants (KILL, INT), then resumed'

# Kills at the calls that change a file, one after the other: mkdir, open, write (half done by then), ftruncate, rename,
# unlink. A program that ends by itself made fewer calls.
if [ "$(uname)" = Linux ] && cc -shared -fPIC -O1 -o "$desk/kill_at.so" scripts/storm/kill_at.c -ldl 2>"$desk/errors"; then
  every=1
  [ "$times" -gt 8 ] || every=7
  [ "$times" -gt 1 ] || every=31
  for kind in "${kinds[@]}"; do
    at=1
    while
      code=0
      (
        export KILL_AT=$at LD_PRELOAD=$desk/kill_at.so
        run "$kind" struck
      ) || code=$?
      [ "$code" -ne 0 ]
    do
      tried=$((tried + 1))
      [ "$code" -eq 137 ] || problem "$kind, call $at: exit code $code: $(cat "$desk/errors")"
      resume "$kind" struck
      at=$((at + every))
    done
    rm -rf "$(folder "$kind" struck)"
  done
else
  printf 'storm.sh: no kills at each call: wanted Linux with a C compiler\n' >&3
fi
row 'kills at each call that changes a file, then resumed'

# Two processes: the first stands still while others try to write its run.
for kind in "${kinds[@]}"; do
  start_until log.jsonl "$kind" shared
  kill -STOP "$pid" || problem "$kind: ended before others could disturb it"
  for flags in --resume --overwrite --debug; do
    code=0
    run "$kind" shared "$flags" || code=$?
    tried=$((tried + 1))
    ended_well "$code" "$kind $flags beside another process"
    [ "$code" -eq 1 ] || problem "$kind $flags: exit code $code beside a process that holds the run"
  done
  kill -CONT "$pid" || true
  wait "$pid" || problem "$kind: disturbed by others: $(cat "$desk/errors")"
  [ "$(digest "$(folder "$kind" shared)")" = "${whole[$kind]}" ] || problem "$kind: another result beside others"
  rm -rf "$(folder "$kind" shared)"
done
row 'two processes on one run'

# A file may not grow beyond some blocks of 1,024 bytes: writes fail, as on a full disk.
for kind in "${kinds[@]}"; do
  for _ in $(seq $((3 * times))); do
    blocks=$((RANDOM % 400 + 1))
    code=0
    (
      trap '' XFSZ
      ulimit -f "$blocks"
      run "$kind" full
    ) || code=$?
    tried=$((tried + 1))
    ended_well "$code" "$kind with files of $blocks blocks at most"
    if [ -e "$(folder "$kind" full)/log.jsonl" ]; then
      resume "$kind" full
    fi
    rm -rf "$(folder "$kind" full)"
  done
done
row 'writes that fail at random lengths, then resumed'

# Flipped bits and cut ends in every file that a resumed run reads.
for kind in "${kinds[@]}"; do
  start_until checkpoint.safetensors "$kind" stopped
  kill -KILL "$pid" || true
  wait "$pid" || true
  place=$(folder "$kind" stopped)
  cp -r "$place" "$desk/saved"
  for _ in $(seq $((6 * times))); do
    file=$place/checkpoint.safetensors
    size=$(wc -c <"$file")
    offset=$(((RANDOM * 32768 + RANDOM) % size))
    if [ $((RANDOM % 4)) -eq 0 ]; then
      truncate -s "$offset" "$file"
    else
      byte=$(od -An -tu1 -j "$offset" -N 1 "$file")
      printf "\\x$(printf '%02x' $((byte ^ (1 << RANDOM % 8))))" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
    fi
    code=0
    run "$kind" stopped --resume || code=$?
    tried=$((tried + 1))
    ended_well "$code" "$kind with a damaged checkpoint"
    if [ $code -eq 0 ] && [ "$(digest "$place")" != "${whole[$kind]}" ]; then
      problem "$kind: a damaged checkpoint (byte $offset) was trained on"
    elif [ $code -ne 0 ] && ! cmp -s "$place/log.jsonl" "$desk/saved/log.jsonl"; then
      problem "$kind: a refused checkpoint has changed the log"
    fi
    rm -rf "$place"
    cp -r "$desk/saved" "$place"
  done
  resume "$kind" stopped
  rm -rf "$desk/saved"
done
row 'damaged checkpoints: flipped bits, cut ends'

# Every flag of every program and model with values that it can't take, or hardly. Nothing is trained.
values=('' -1 0 nan inf 1e400 99999999999999999999 x ../x $'\e[2J' 'ü')
[ "$times" -gt 1 ] || values=(-1 99999999999999999999)
for program in linear-regression softmax-regression mlp convolutional recurrent attention transformer runs; do
  models=('')
  if [ "$program" != runs ]; then
    mapfile -t models < <("$programs/$program" --list | sed 1d | cut -d' ' -f1 | sort -u)
    [ "$times" -gt 1 ] || models=("${models[0]}")
  fi
  for model in "${models[@]}"; do
    first=("$model")
    [ "$program" != runs ] || first=(list)
    mapfile -t flags < <("$programs/$program" "${first[@]}" --help | grep -oE '^ +(-., )?--[a-z0-9-]+ [<[]' | grep -oE -- '--[a-z0-9-]+')
    for flag in "${flags[@]}"; do
      for value in "${values[@]}"; do
        case $flag in --runs-dir | --data-dir | --name) continue ;; esac
        more=(--summary --data builtin --examples 20)
        [ "$program" != runs ] || more=()
        [ "$flag" != --data ] && [ "$flag" != --examples ] || more=(--summary)
        code=0
        (cd "$desk" && timeout 60 "$OLDPWD/$programs/$program" "${first[@]}" "${more[@]}" "$flag=$value") \
          >/dev/null 2>"$desk/errors" || code=$?
        tried=$((tried + 1))
        ended_well "$code" "$program ${first[*]} $flag=$value"
      done
    done
  done
done
row 'bad values of every flag'

# The environment: nothing in it changes a result.
kind=${kinds[0]}
environments=(RAYON_NUM_THREADS=1 RAYON_NUM_THREADS=3 RAYON_NUM_THREADS=0 RAYON_NUM_THREADS=99999999 CANDLE_NUM_THREADS=4
  LC_ALL=C LC_ALL=tr_TR.UTF-8 LANG=de_DE TZ=Pacific/Apia HOME=/nowhere TERM=dumb NO_COLOR=1 COLUMNS=20 RUST_BACKTRACE=full
  RUST_LOG=trace MIMALLOC_PURGE_DELAY=0 OMP_NUM_THREADS=7)
for environment in "${environments[@]}"; do
  (
    export "${environment?}"
    run "$kind" elsewhere
  ) || problem "$environment: $(cat "$desk/errors")"
  tried=$((tried + 1))
  [ "$(digest "$(folder "$kind" elsewhere)")" = "${whole[$kind]}" ] || problem "$environment: another result"
  rm -rf "$(folder "$kind" elsewhere)"
done
row 'environments'

printf '| %-58s | %6s | %5s | %7s |\n|---|---:|---:|---:|\n' 'tried' 'times' 'wrong' 'seconds'
printf '%s\n' "${rows[@]}"
if [ -s "$desk/all-problems" ]; then
  exit 1
fi
