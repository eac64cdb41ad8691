#!/usr/bin/env bash
# usage: scripts/readme.sh --check|--write [--all|--tables] [README...]
# Runs the commands in the READMEs and compares what stands beside them, or writes it. The commands take under ten seconds
# each, with --all up to two minutes. With --tables none is run: only the tables from scripts/results are looked at.
# Commands on the real data are run if D2L_DATA names their folder.
# tests/readmes/src/lib.rs explains the comments by which a README says what belongs together.
set -euo pipefail
# Output that is compared is English, whatever the caller speaks.
export D2L_LANG=en
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec cargo run --quiet --manifest-path "$root/Cargo.toml" -p readmes --bin readme -- "$@"
