#!/usr/bin/env bash
# Training steps of this workspace beside PyTorch's: builds our side, installs PyTorch into its own environment
# (target/bench-venv; D2L_BENCH_PYTHON names a Python that has it already) and times both in turn.
#
#   scripts/bench/run.sh [--models ROW,…] [--threads 1,2] [--against eager|compiled|both] [--rounds N] [--json FILE]
#                        [--markdown FILE]
#   scripts/bench/run.sh growth [--help]    how time and memory grow with the sizes
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

python=${D2L_BENCH_PYTHON:-}
if [ -z "$python" ]; then
  environment=$target/bench-venv
  python=$environment/bin/python
  # The copy of the requirements is written last: if it is missing or differs, the installation is incomplete.
  if ! cmp -s "$here/requirements.txt" "$environment/requirements.txt"; then
    echo "installing PyTorch into $environment" >&2
    python3 -m venv --clear "$environment"
    "$python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$environment/requirements.txt"
  fi
elif ! "$python" -c 'import numpy, safetensors, torch' 2>/dev/null; then
  echo "error: D2L_BENCH_PYTHON $python: found no Python with torch, numpy and safetensors there" >&2
  exit 2
fi

cargo build --quiet --manifest-path "$root/Cargo.toml" --package bench >&2
driver=compare.py
if [ "${1:-}" = growth ]; then
  driver=growth.py
  shift
fi
exec "$python" "$here/$driver" --ours "$target/debug/bench" "$@"
