#!/bin/sh
# Makes a fresh clone ready: Node where the machine's is too old, dependencies, the built program, HAProxy.
#
#   sh scripts/setup.sh           for using the program
#   sh scripts/setup.sh --start   the same for `npm start`: says nothing unless it does something, and HAProxy
#                                 is a must
#   sh scripts/setup.sh --test    the same with everything that the tests need
#   --quiet                       says nothing unless it does something
#
# Each step looks whether its work is done and leaves its own mark last, so that set-up may be interrupted
# anywhere, and costs next to nothing when there is nothing to do.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"

purpose=use quiet=no
for arg; do
  case $arg in
  --start) purpose=start quiet=yes ;;
  --test) purpose='test' ;;
  --quiet) quiet=yes ;;
  *)
    echo "setup: unknown option $arg (there are --start, --test and --quiet)" >&2
    exit 2
    ;;
  esac
done

say() { echo "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

main() {
  mkdir -p .cache
  wait_for_other_setup
  choose_node
  if [ "$purpose" = test ]; then
    install_test_tools
    # Beside the packages of npm: both wait for the network, and unpack on one processor.
    fetch_servers &
    servers=$!
  fi
  install_dependencies
  sh scripts/build.sh --if-changed
  if [ "$purpose" = test ]; then
    wait "$servers"
  else
    sh scripts/apt-install.sh HAProxy haproxy=haproxy 9>&- || [ "$purpose" = use ]
  fi
  [ "$quiet" = yes ] || say 'all is in place. Next: npm start, npm test, or npm run --silent pointsman -- --help'
}

# Two set-ups at once would tear down each other's node_modules. The kernel frees the lock however we end.
wait_for_other_setup() {
  have flock || return 0
  exec 9>.cache/setup.lock
  flock -n 9 && return 0
  say 'waiting for another set-up of this folder to end'
  flock 9
}

# A fetched Node that works is used; a broken one (the folder was copied, the fetching interrupted) is not.
choose_node() {
  if ! node_fits .cache/node/bin/node; then
    rm -rf .cache/node
    node_fits node && return 0
    fetch_node
  fi
  PATH="$PWD/.cache/node/bin:$PATH"
}

# The range of package.json's "engines".
node_fits() {
  case $("$1" -v 2>/dev/null) in
  v22.2[2-9].* | v22.[3-9][0-9].* | v24.* | v2[6-9].* | v[3-9][0-9].*) return 0 ;;
  *) return 1 ;;
  esac
}

fetch_node() {
  have npm || {
    say 'no npm here: install Node 24 with its npm, then run this again'
    exit 1
  }
  system=$(uname -s | tr '[:upper:]' '[:lower:]')
  case $(uname -m) in
  x86_64 | amd64) package=node-$system-x64 ;;
  aarch64 | arm64) package=node-$system-arm64 ;;
  *) package=none ;;
  esac
  grep -q "\"node_modules/$package\"" scripts/node/package-lock.json || {
    say "there is no ready Node 24 for $system on $(uname -m): install Node 24 by hand, then run this again"
    exit 1
  }
  say "fetching Node 24 into .cache/node (this machine's $(node -v 2>/dev/null || echo 'Node is missing') does not fit $package@24)"
  rm -rf .cache/node .cache/node-24
  mkdir -p .cache/node-24
  # The lock file has its checksum; of the packages for all systems npm takes the one for this one.
  cp scripts/node/package.json scripts/node/package-lock.json .cache/node-24/
  NODE_NO_WARNINGS=1 npm ci --no-audit --no-fund --loglevel=error --prefix "$PWD/.cache/node-24" >/dev/null
  [ -x ".cache/node-24/node_modules/$package/bin/node" ] || {
    say "npm gave no $package that is what scripts/node/package-lock.json says: install Node 24 by hand, then run this again"
    exit 1
  }
  mkdir -p .cache/node/bin
  ln -s "../../node-24/node_modules/$package/bin/node" .cache/node/bin/node
  node_fits .cache/node/bin/node || {
    say 'the fetched Node does not run on this machine: install Node 24 by hand, then run this again'
    exit 1
  }
}

# npm removes node_modules first, and with it the mark.
install_dependencies() {
  wanted=$(sh scripts/digest.sh package-lock.json)
  [ "$(cat node_modules/.pointsman-lock 2>/dev/null)" != "$wanted" ] || return 0
  say 'installing the packages of package-lock.json (npm ci)'
  NODE_NO_WARNINGS=1 npm ci --no-audit --no-fund --loglevel=error >/dev/null
  echo "$wanted" >node_modules/.pointsman-lock
}

# What is not in npm. Each word: the program that must be there = the Debian package that brings it. apt may start
# what outlives us, so it does not get the lock (9).
install_test_tools() {
  sh scripts/apt-install.sh 'HAProxy, etcd and what the tests need' haproxy=haproxy etcd=etcd-server \
    systemd-analyze=systemd openssl=openssl buildah=buildah podman=podman runc=runc mmdebstrap=mmdebstrap \
    dockerd=docker.io containerd=containerd iptables=iptables ip=iproute2 busybox=busybox-static \
    chromium=chromium docker-compose=docker-compose etcdctl=etcd-client docker-registry=docker-registry \
    fish=fish zsh=zsh 9>&-
}

fetch_servers() {
  # shellcheck disable=SC2046  # a list
  sh scripts/server-versions.sh --missing \
    $(other_than "$(haproxy -v)" haproxy 2.6 3.0 3.2 3.4) $(other_than "$(etcd --version)" etcd 3.4 3.5) promtool=2.42
}

# What is to be fetched of the branches that tests run on: other_than 'BANNER of the machine's own' PROGRAM BRANCH...
other_than() {
  own=$(echo "$1" | sed -n 's/.*[Vv]ersion:* \([0-9]*\.[0-9]*\)\..*/\1/p' | head -n 1)
  program=$2
  shift 2
  for branch; do
    [ "$branch" = "$own" ] || printf ' %s=%s' "$program" "$branch"
  done
}

main
