#!/bin/sh
# Puts Debian 13's HAProxy 3.0 into a folder, beside whatever HAProxy the machine has, for the tests.
#
#   sh scripts/haproxy-3.0.sh [FOLDER]      default: .cache/haproxy-3.0; the binary is FOLDER/bin/haproxy
#
# It needs no root and touches nothing of the machine: a private apt configuration, with the mirrors that the
# machine's own sources name, downloads the packages; they are unpacked, and the binary is told to use its own
# loader and libraries. (Starting it through the loader would not do: the master of `-W` re-executes itself.)
set -eu

target=${1:-$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/.cache/haproxy-3.0}
packages='haproxy patchelf libc6 libcrypt1 libjemalloc2 liblua5.4-0 libopentracing1
  libopentracing-c-wrapper0t64 libpcre2-8-0 libssl3t64 libstdc++6 libgcc-s1 zlib1g libzstd1'

fail() {
  echo "HAProxy 3.0 for the tests: $1" >&2
  exit 1
}

{ command -v apt-get && command -v dpkg; } >/dev/null 2>&1 ||
  fail "this is no Debian machine; put a HAProxy 3.0 at $target/bin/haproxy by hand"

mkdir -p "$target"
target=$(CDPATH='' cd -- "$target" && pwd)
new=$target.new
rm -rf "$new"
mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial" "$new/tree" "$new/bin"
: >"$new/apt/status"

scripts=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
main=$(sh "$scripts/debian-mirror.sh")
security=$(sh "$scripts/debian-mirror.sh" security)
[ -n "$main" ] ||
  fail "the machine's apt sources name no Debian mirror; put a HAProxy 3.0 at $target/bin/haproxy by hand"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
{
  echo "deb [signed-by=$keyring] $main trixie main"
  [ -z "$security" ] || echo "deb [signed-by=$keyring] $security trixie-security main"
} >"$new/apt/sources.list"
cat >"$new/apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$new/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
Dir::State "$new/apt";
Dir::State::lists "$new/apt/lists";
Dir::State::status "$new/apt/status";
Dir::Cache "$new/apt";
Dir::Cache::archives "$new/apt/archives";
APT::Sandbox::User "root";
APT::Default-Release "";
APT::Update::Post-Invoke-Success {};
Acquire::Languages "none";
Acquire::Retries "3";
CONF
export APT_CONFIG="$new/apt/apt.conf"

cd "$new/apt/archives"
# The answers of apt are of interest only when it fails.
# shellcheck disable=SC2086  # a list of names
{ apt-get -qq update && apt-get -qq download $packages; } >"$new/log" 2>&1 || {
  cat "$new/log" >&2
  fail 'could not be downloaded from the mirrors that the machine uses'
}
for deb in ./*.deb; do
  dpkg -x "$deb" "$new/tree"
done

# Debian 13 has its libraries in usr/lib/<triplet>; the loader is found by its name there.
loader=$(find "$new/tree/usr/lib" -name 'ld-linux-*.so.*' | head -n 1)
[ -n "$loader" ] || fail 'the downloaded libc6 holds no loader'
libs=$(dirname "$loader")
final=$target/tree/${libs#"$new/tree/"}
cp "$new/tree/usr/sbin/haproxy" "$new/bin/haproxy"
"$loader" --library-path "$libs" "$new/tree/usr/bin/patchelf" \
  --set-interpreter "$final/$(basename "$loader")" --force-rpath --set-rpath "$final" "$new/bin/haproxy"

rm -rf "$new/apt" "$new/log" "$new/tree/usr/share" "$new/tree/etc"
rm -rf "$target"
mv "$new" "$target"
"$target/bin/haproxy" -v >/dev/null || fail "$target/bin/haproxy does not start"
