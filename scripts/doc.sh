#!/usr/bin/env bash
# Opens the documentation of the code in a browser: d2l first, which leads to the chapters.
#
# rustdoc links to another crate if that crate's folder is there, and cargo documents crates side by side. So the folders
# are made first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

documentation=${CARGO_TARGET_DIR:-target}/doc
sed -n '/^\[package\]/,/^$/s/^name = "\(.*\)"$/\1/p' crates/{[0-9]*,d2l*}/Cargo.toml | tr - _ | while read -r crate; do
  mkdir -p "$documentation/$crate"
done
cargo doc --no-deps
cargo doc --no-deps --package d2l --open
