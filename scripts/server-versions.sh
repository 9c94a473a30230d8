#!/bin/sh
# Puts other versions of the servers that the tests need beside the machine's own, and promtool, out of whichever suite of
# Debian has them.
#
#   sh scripts/server-versions.sh haproxy=3.0 etcd=3.5 promtool=2.42     into .cache/haproxy-3.0/bin/haproxy and so on
#   --missing      only those that are not there, or do not start
#
# A branch that no suite has is said by its name, and the script fails. It needs no root and touches nothing of the
# machine: a private apt configuration, with the mirrors that the machine's own sources name, downloads a package with
# what it depends on; they are unpacked, and the binary is told to use its own loader and libraries. (Starting it through
# the loader would not do: the master of `haproxy -W` re-executes itself.)
set -eu

scripts=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=$(dirname "$scripts")/.cache
suites='bookworm bookworm-security trixie trixie-security forky sid experimental'

fail() {
  echo "servers for the tests: $1" >&2
  exit 1
}

main() {
  wanted=
  only_missing=no
  for arg; do
    case $arg in
    --missing) only_missing=yes ;;
    haproxy=* | etcd=* | promtool=*) wanted="$wanted $arg" ;;
    *) fail "unknown argument $arg (haproxy=BRANCH, etcd=BRANCH or promtool=BRANCH)" ;;
    esac
  done
  [ "$only_missing" = no ] || wanted=$(missing_of "$wanted")
  [ -n "$wanted" ] || exit 0
  echo "setup: fetching$(for one in $wanted; do printf ' %s %s,' "${one%%=*}" "${one#*=}"; done | sed 's/,$//') out of Debian's suites into .cache, for the tests" >&2

  { command -v apt-get && command -v dpkg; } >/dev/null 2>&1 ||
    fail "this is no Debian machine; put by hand:$(for one in $wanted; do printf ' %s' "$(binary_of "$one")"; done)"
  work=$cache/server-versions
  rm -rf "$work"
  mkdir -p "$work"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  configure_apt
  for one in $wanted; do fetch "${one%%=*}" "${one#*=}"; done
}

# download PROGRAM PACKAGE=VERSION SUITE: the package with what it needs, and what tells a binary its libraries.
download() {
  # A server's page of its own, and whoever starts it, is nothing that its tool needs.
  if [ "$1" = promtool ]; then
    (cd "$work/archives" && apt-get -qq -y -t "$3" download "$2" patchelf libc6 libgcc-s1 libstdc++6)
  else
    apt-get -qq -y --download-only -t "$3" install "$2" patchelf libc6
  fi
}

binary_of() { echo "$cache/${1%%=*}-${1#*=}/bin/${1%%=*}"; }

# haproxy -v, etcd --version and promtool --version end with 0.
missing_of() {
  for one in $1; do
    binary=$(binary_of "$one")
    case $one in haproxy=*) flag=-v ;; *) flag=--version ;; esac
    "$binary" "$flag" >/dev/null 2>&1 || printf ' %s' "$one"
  done
}

configure_apt() {
  main=$(sh "$scripts/debian-mirror.sh")
  security=$(sh "$scripts/debian-mirror.sh" security)
  [ -n "$main" ] || fail "the machine's apt sources name no Debian mirror; put by hand: $wanted"
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  : >"$work/status"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  for suite in $suites; do
    case $suite in
    *-security) [ -z "$security" ] || echo "deb [signed-by=$keyring] $security $suite main" ;;
    *) echo "deb [signed-by=$keyring] $main $suite main" ;;
    esac
  done >"$work/sources.list"
  cat >"$work/apt.conf" <<CONF
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work";
Dir::Cache::archives "$work/archives";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Update::Post-Invoke-Success {};
Acquire::Languages "none";
Acquire::Retries "3";
CONF
  export APT_CONFIG="$work/apt.conf"
  quietly 'the package lists could not be had from the mirrors that the machine uses' apt-get -qq update
}

# The answers of apt are of interest only when it fails.
quietly() {
  what=$1
  shift
  "$@" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail "$what"
  }
}

# fetch PROGRAM BRANCH
fetch() {
  case $1 in etcd) package=etcd-server ;; promtool) package=prometheus ;; *) package=$1 ;; esac
  # "haproxy | 3.2.26-1 | MIRROR sid/main amd64 Packages": the newest of the branch, of the most settled suite.
  found=$(apt-cache madison "$package" | awk -F' *[|] *' -v branch="$2" '
    { version = $2; sub(/^[0-9]+:/, "", version) }
    $3 ~ / Packages/ && index(version, branch ".") == 1 { split($3, words, " "); sub(/\/.*/, "", words[2]); print $2, words[2] }')
  [ -n "$found" ] || fail "no suite of Debian ($suites) has $1 $2"
  version=${found%% *}
  suite=$(echo "$found" | awk -v version="${found%% *}" '$1 == version { last = $2 } END { print last }')
  # Experimental is no whole suite: what it needs comes from sid.
  case $suite in experimental) suite=sid ;; *) suite=${suite%-security} ;; esac

  new=$work/$1-$2
  rm -rf "$work"/archives/*.deb
  mkdir -p "$new/bin" "$new/tree" "$work/archives/partial"
  quietly "$package $version could not be downloaded" download "$1" "$package=$version" "$suite"
  for deb in "$work"/archives/*.deb; do
    dpkg -x "$deb" "$new/tree"
  done

  # Libraries lie in lib/<triplet> and usr/lib/<triplet>, with the loader among them.
  mkdir "$new/lib"
  find "$new/tree" -path '*/lib/*-linux-gnu*/*.so*' -exec cp -P {} "$new/lib/" \;
  loader=$(find "$new/lib" -name 'ld-linux-*.so.*' | head -n 1)
  [ -n "$loader" ] || fail 'the downloaded libc6 holds no loader'
  folder=$cache/$1-$2
  find "$new/tree" -path "*bin/$1" -exec cp {} "$new/bin/$1" \;
  patchelf() { "$loader" --library-path "$new/lib" "$new/tree/usr/bin/patchelf" "$@"; }
  # A static binary (etcd) has no interpreter, and runs as it is.
  if patchelf --print-interpreter "$new/bin/$1" >/dev/null 2>&1; then
    patchelf --set-interpreter "$folder/lib/$(basename "$loader")" --force-rpath --set-rpath "$folder/lib" "$new/bin/$1"
  else
    rm -rf "$new/lib"
  fi
  rm -rf "$new/tree" "$folder"
  mv "$new" "$folder"
  [ -z "$(missing_of " $1=$2")" ] || fail "$(binary_of "$1=$2") does not start"
}

main "$@"
