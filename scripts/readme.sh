#!/usr/bin/env bash
# usage: scripts/readme.sh --check|--write [--all|--tables] [README...]
# Runs the commands in the READMEs and compares the numbers beside them, or writes these. The commands take under ten
# seconds each; with --all, up to two minutes. With --tables, none is run: only the tables from scripts/results are used.
# Commands on the real data are run if D2L_DATA names their folder.
# tests/readmes/src/lib.rs explains the comments in a README that say which numbers belong to which command.
set -euo pipefail
# Output that is compared is English, whatever the caller speaks.
export D2L_LANG=en
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec cargo run --quiet --manifest-path "$root/Cargo.toml" -p readmes --bin readme -- "$@"
