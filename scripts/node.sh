#!/bin/sh
# Runs the project's Node: the one that set-up fetched where the machine's own is too old, else the machine's.
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
if [ -x "$here/.cache/node/bin/node" ]; then
  PATH="$here/.cache/node/bin:$PATH"
  export PATH
fi
exec node "$@"
