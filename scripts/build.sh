#!/bin/sh
# Builds dist/ from src/. With --if-changed only where something that goes into it changed since the last time.
#
# The new dist takes the place of the old one only when it is whole, so a failed or interrupted build leaves
# the old one, and a removed source leaves nothing behind.
set -eu
cd "$(dirname "$0")/.."
mark=.cache/dist.built-from
mkdir -p .cache

now=$(sh scripts/digest.sh src tsconfig.json tsconfig.build.json package-lock.json)
if [ "${1:-}" = --if-changed ]; then
  if [ -f dist/main.js ] && [ "$(cat "$mark" 2>/dev/null)" = "$now" ]; then exit 0; fi
  echo 'setup: building dist/' >&2
fi

rm -rf .cache/dist.new
sh scripts/node.sh node_modules/typescript/bin/tsc -p tsconfig.build.json --outDir .cache/dist.new
sh scripts/copy-page.sh .cache/dist.new
[ ! -f .cache/dist.new/main.js ] || chmod +x .cache/dist.new/main.js
rm -rf "$mark" dist
mv .cache/dist.new dist
echo "$now" >"$mark"
