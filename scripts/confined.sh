#!/bin/sh
# Runs tests where less is there than usual; with arguments those tests, else the parts that talk to servers.
#
#   sh scripts/confined.sh ipv6           in a network namespace of its own: beside the loopback there is IPv6 alone, and localhost is ::1
#   sh scripts/confined.sh unprivileged   as nobody, without any capability
#
# Needs root: to make the namespace, or to become another user. What is written goes to a temporary folder.
set -eu
cd "$(dirname "$0")/.."
how=${1:-}
[ $# -eq 0 ] || shift
[ "$(id -u)" -eq 0 ] || {
  echo "confined: this needs root" >&2
  exit 2
}
[ $# -gt 0 ] || set -- test/commands test/haproxy test/sources test/integration
scratch=$(mktemp -d)
# As /tmp is: some tests have another user come in.
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT
# npm's variables would have tests that start node find the folders of root.
HOME=$scratch TMPDIR=$scratch NODE_COMPILE_CACHE=$scratch/compile
export HOME TMPDIR NODE_COMPILE_CACHE
case $how in
ipv6)
  printf '::1 localhost\n' >"$scratch/hosts"
  # HAProxy warns of a name server that it has no way to, which that test takes for wrong.
  set -- --testNamePattern '^(?!the golden folder names is accepted)' "$@"
  unshare --net --mount sh -c '
    set -e
    ip link set lo up
    ip link add host0 type veth peer name wire0
    ip link set host0 up
    ip link set wire0 up
    ip -6 addr add fd00::7/64 dev host0 nodad
    ip -6 route add default dev host0
    mount --bind "$1" /etc/hosts
    shift
    exec sh scripts/node.sh node_modules/vitest/vitest.mjs run --configLoader runner "$@"
  ' sh "$scratch/hosts" "$@"
  ;;
unprivileged)
  chown 65534:65534 "$scratch"
  # Git takes nothing from a folder of another user, unless told to.
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
  # Left out is what needs root by itself. Whole files: engines for containers (also in the cluster, the image and the host of examples/coreos),
  # who is told of another user's files, full disks and mounts, and the examples of --help, which write into the source tree.
  for file in 'announce/docker/**' support/docker.test.ts drills/announce.test.ts cluster/cluster.test.ts container/container.test.ts \
    'examples/{coreos,compose,build}*.test.ts' system/denied.test.ts drills/crash.test.ts commands/help.test.ts; do
    set -- "$@" --exclude "test/$file"
  done
  # Single tests: a second user, a chroot, PID namespaces.
  root='may not be signalled|a master socket of another user|a chroot that is not there|as process 1 '
  setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    sh scripts/node.sh node_modules/vitest/vitest.mjs run --configLoader runner --testNamePattern "^(?!.*($root))" "$@"
  ;;
*)
  echo "confined: expected ipv6 or unprivileged" >&2
  exit 2
  ;;
esac
