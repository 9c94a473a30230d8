#!/bin/sh
# npm run release: what a release of the present version consists of, in .cache/release: the package, its bill of materials,
# and the checksums of both. It publishes nothing.
#
# Refused where something is not committed, where CHANGELOG.md has no section of this version, and where a base image of the
# Dockerfile has no digest.
set -eu
cd "$(dirname "$0")/.."
fail() {
  echo "release: $1" >&2
  exit 1
}
version=$(sh scripts/node.sh -p 'require("./package.json").version')
out=.cache/release

[ -z "$(git status --porcelain)" ] || fail 'something is not committed (git status)'
grep -qF "## [$version]" CHANGELOG.md || fail "CHANGELOG.md has no section [$version]"
if grep '^ARG [A-Z]*_IMAGE=' Dockerfile | grep -qv '@sha256:[0-9a-f]\{64\}$'; then
  fail 'a base image of the Dockerfile has no digest: npm run renew'
fi

rm -rf "$out"
mkdir -p "$out"
sh scripts/build.sh
npm pack --silent --pack-destination "$out" >/dev/null
sh scripts/sbom.sh >"$out/pointsman-$version.cdx.json"
(cd "$out" && sha256sum -- *) >.cache/release.sums
mv .cache/release.sums "$out/SHA256SUMS"
echo "release: $out:" >&2
cat "$out/SHA256SUMS"
