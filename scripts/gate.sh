#!/bin/sh
# The one gate, the same by hand and in CI. Two minutes of the soak run beside the tests; with arguments (which tests)
# there is no soak.
set -eu
cd "$(dirname "$0")/.."
# What was compiled long ago may be of folders that are gone (see node.sh).
find .cache/compile -type f -mtime +7 -delete 2> /dev/null || :
vitest() {
  sh scripts/node.sh node_modules/vitest/vitest.mjs run "$@"
}
if [ $# -gt 0 ]; then
  sh scripts/check.sh
  vitest "$@"
  exit
fi
said=$(mktemp)
# It must not take from the tests, some of which look at times; nothing in the soak does.
nice -n 5 sh scripts/node.sh test/soak/main.ts --seed 49 --minutes 2 > "$said" 2>&1 &
soak=$!
trap 'kill "$soak" 2> /dev/null || :; rm -f "$said"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
sh scripts/check.sh
vitest
if wait "$soak"; then
  grep -e '^requests' -e '^every promise' "$said"
else
  cat "$said"
  echo 'the soak failed; again: npm run soak -- --seed 49 --minutes 2' >&2
  exit 1
fi
