#!/bin/sh
# The one gate, the same by hand and in CI.
set -eu
cd "$(dirname "$0")/.."
sh scripts/check.sh
exec sh scripts/node.sh node_modules/vitest/vitest.mjs run "$@"
