#!/usr/bin/env bash
# Runs fuzz targets one after another, on stable Rust: all of them, or those named.
#
#     tests/fuzz/run.sh [SECONDS [TARGET ...]]
#
# A target ends after ten million executions or SECONDS (600), whichever comes first, or with the first input that
# breaks its promise; that input is then in artifacts/. New inputs go to target/corpus/, so the committed corpus stays
# as it is.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-600}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for folder in corpus/*; do
    targets+=("$(basename "$folder")")
  done
fi
# Most readers take a path: temporary files belong in memory.
if [ -d /dev/shm ]; then
  export TMPDIR=/dev/shm
fi
unset RUST_BACKTRACE RUST_LIB_BACKTRACE

for target in "${targets[@]}"; do
  echo "== $target"
  case $target in
    fetch_data) package=fetch_data ;;
    import_*) package=import ;;
    *) package=. ;;
  esac
  mkdir -p "target/corpus/$target"
  nice cargo fuzz run --fuzz-dir $package --sanitizer none "$target" "target/corpus/$target" "corpus/$target" -- \
    -runs=10000000 -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 2>&1 | grep -vE '^#[0-9]+\s+(NEW|REDUCE|RELOAD|pulse)'
done
