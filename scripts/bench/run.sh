#!/usr/bin/env bash
# Times training steps of this workspace beside PyTorch's: builds our side, installs PyTorch into its own environment
# (target/pytorch-venv; D2L_BENCH_PYTHON names a Python that has it already) and times both in turn.
#
#   scripts/bench/run.sh [--models ROW,…] [--threads 1,2] [--against eager|compiled|both] [--rounds N] [--json FILE]
#                        [--markdown FILE]
#   scripts/bench/run.sh growth [--help]    how time and memory grow with the sizes
#   scripts/bench/run.sh loops [--help]     examples per second of whole training loops
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

. "$root/scripts/python-environment.sh"
python_environment 'numpy, safetensors, torch'

packages=(bench)
driver=compare.py
case ${1:-} in
  growth) driver=growth.py && shift ;;
  loops) driver=loops.py packages+=(mlp convolutional recurrent transformer) && shift ;;
esac
cargo build --quiet --manifest-path "$root/Cargo.toml" "${packages[@]/#/--package=}" >&2
exec "$python" "$here/$driver" --ours "$target/debug/bench" "$@"
