#!/bin/sh
# npm run renew: brings what is pinned outside package-lock.json up to date: the Node of set-up with its checksums
# (scripts/node/package-lock.json), and the base images of the Dockerfile with their digests. Look at what it changed before
# you commit it, and run the tests.
#
#   sh scripts/renew.sh [node] [images]     @default both
set -eu
cd "$(dirname "$0")/.."

renew_node() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cp scripts/node/package.json "$work/"
  # Without the address of a registry: whoever installs asks his own.
  npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error \
    --prefix "$work" >/dev/null
  cp "$work/package-lock.json" scripts/node/package-lock.json
}

[ $# -gt 0 ] || set -- node images
for what; do
  case $what in
  node) renew_node ;;
  images) sh scripts/node.sh scripts/renew-images.mjs Dockerfile ;;
  *)
    echo "renew: unknown word $what (there are node and images)" >&2
    exit 2
    ;;
  esac
done
