#!/bin/sh
set -eu
cd "$(dirname "$0")/.."
[ -d node_modules ] || npm ci
npm run --silent build
