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
  setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    sh scripts/node.sh node_modules/vitest/vitest.mjs run --configLoader runner "$@"
  ;;
*)
  echo "confined: expected ipv6 or unprivileged" >&2
  exit 2
  ;;
esac
