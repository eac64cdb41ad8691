#!/usr/bin/env bash
# What CI runs after `cargo test`: formatting, lints, documentation, a short storm, arithmetic checks, the CUDA build's
# types; lints, documentation and tests of the crates that are no default members; the READMEs' short commands.
# Prints one line per step with its time. If a step fails, prints its output and stops.
set -euo pipefail
# Output that is compared is English, whatever the caller speaks.
export D2L_LANG=en
cd "$(dirname "${BASH_SOURCE[0]}")/.."

output=$(mktemp)
trap 'rm -f "$output"' EXIT

# step NAME COMMAND...
step() {
  local name=$1 began=$SECONDS
  shift
  printf '%-40s' "$name"
  if "$@" >"$output" 2>&1; then
    printf '%5d s\n' $((SECONDS - began))
  else
    printf ' failed: %s\n' "$*"
    cat "$output"
    exit 1
  fi
}

step 'formatting' cargo fmt --all --check
step 'lints' cargo clippy --all-targets -- -D warnings
step 'documentation' env RUSTDOCFLAGS='-D warnings' cargo doc --no-deps

# Kills, two writers, failing writes, damaged files, bad arguments, environments.
step 'storm' scripts/storm.sh --short

# The profile turns overflow checks and debug assertions off, in candle and in our crates. Here they are on in our
# crates that count and index, and candle stays as `cargo test` built it. d2l is in the selection for that reason too:
# without it cargo would choose fewer features of shared dependencies and rebuild candle.
packages=() settings=()
for package in d2l-random d2l-kernels d2l-nn d2l-data d2l-log d2l; do
  packages+=(-p "$package")
  for check in overflow-checks debug-assertions; do
    settings+=(--config "profile.dev.package.$package.$check=true")
  done
done
step 'tests with arithmetic checks' cargo test --lib --tests "${packages[@]}" "${settings[@]}"

# Types only: the stand-in compiler writes empty kernels, which must not reach a real build's target folder.
step 'CUDA types' env CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cuda-check" \
  CUDARC_CUDA_VERSION=13000 CUDA_COMPUTE_CAP=90 NVCC="$PWD/scripts/cuda/nvcc-check" \
  cargo check --all-targets --features cuda

# What stands in for CUDA's libraries in a build that is packed.
[ "$(uname -sm)" != 'Linux x86_64' ] || step 'CUDA libraries, opened late' scripts/cuda/lazy-check.sh

# No default members, because what they bring along changes features of crates that candle shares.
for package in runs log-schema readmes; do
  step "$package: lints" cargo clippy -p "$package" --all-targets -- -D warnings
  step "$package: documentation" env RUSTDOCFLAGS='-D warnings' cargo doc -p "$package" --no-deps
  step "$package: tests" cargo test -p "$package"
done

# The commands in the READMEs that take under ten seconds each give what stands beside them.
step 'READMEs' scripts/readme.sh --check

# fetch-data comes last, because nothing waits for it; it is no default member. Its tests, and its feature
# candle-datasets, build candle and some other crates a second time, with the features that candle-datasets needs. Both
# builds share one target folder, so crates with the same features are built once. In a separate folder all of them would
# be built again.
hub=(-p fetch-data --features candle-datasets)
step 'fetch-data: lints' cargo clippy -p fetch-data --all-targets -- -D warnings
step 'fetch-data with the Hub: lints' cargo clippy "${hub[@]}" --all-targets -- -D warnings
step 'fetch-data: documentation' env RUSTDOCFLAGS='-D warnings' cargo doc "${hub[@]}" --no-deps
step 'fetch-data: tests' cargo test -p fetch-data
step 'fetch-data with the Hub: tests' cargo test "${hub[@]}"
