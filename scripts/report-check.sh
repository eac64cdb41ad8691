#!/usr/bin/env bash
# Opens a report in a headless browser and tests it: no console errors, no requests, sort, filter, hide, zoom, smoothing,
# seeds, themes, a phone's width, the keyboard. Leaves screenshots.
#
#   scripts/report-check.sh runs/report.html FOLDER-FOR-SCREENSHOTS
#
# Needs Chromium (Debian: chromium), node 20 and npm, which fetches puppeteer-core into a temporary folder. CI doesn't run it.
set -euo pipefail
# Output that is compared is English, whatever the caller speaks.
export D2L_LANG=en
if [[ $# -ne 2 ]]; then
  sed -n '2,7s/^# \{0,1\}//p' "$0"
  exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
report=$(realpath "$1")
mkdir -p "$2"
screenshots=$(realpath "$2")

modules=$(mktemp -d)
trap 'rm -rf "$modules"' EXIT
npm install --silent --no-save --prefix "$modules" puppeteer-core@25
cp "$here/report-check.mjs" "$modules/"
node "$modules/report-check.mjs" "$report" "$screenshots" "${CHROMIUM:-$(command -v chromium)}"
