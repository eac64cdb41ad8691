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

. "$root/scripts/python-environment.sh"
python_environment "$here/requirements.txt" bench-venv 'numpy, safetensors, torch'

cargo build --quiet --manifest-path "$root/Cargo.toml" --package bench >&2
driver=compare.py
if [ "${1:-}" = growth ]; then
  driver=growth.py
  shift
fi
exec "$python" "$here/$driver" --ours "$target/debug/bench" "$@"
