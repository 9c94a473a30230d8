#!/bin/sh
# Everything that needs no server: format, lint, types.
set -eu
cd "$(dirname "$0")/.."
sh scripts/node.sh node_modules/@biomejs/biome/bin/biome check --error-on-warnings .
sh scripts/node.sh node_modules/typescript/bin/tsc -p tsconfig.json
sh scripts/node.sh node_modules/typescript/bin/tsc -p src/page/browser/tsconfig.json
sh scripts/node.sh node_modules/typescript/bin/tsc -p test/browser/tsconfig.json
