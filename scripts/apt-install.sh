#!/bin/sh
# Installs what is missing of a list of programs through apt, in one go, without starting any service.
#
#   sh scripts/apt-install.sh WHAT PROGRAM=PACKAGE...
#
# Says in one line what it installs. Where it cannot (not root, no apt), says in one line what to do by hand and
# fails.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
what=$1
shift

missing=
for pair; do
  command -v "${pair%%=*}" >/dev/null 2>&1 || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0

by_hand() {
  echo "setup: $what: $1" >&2
  exit 1
}
command -v apt-get >/dev/null 2>&1 || by_hand "missing, and this is no Debian: install by hand:$missing"
[ "$(id -u)" = 0 ] || by_hand "missing, and only root can install: sudo apt-get install --no-install-recommends$missing"

echo "setup: installing$missing through apt ($what)" >&2
log=$(mktemp)
policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
ours='# Set by scripts/apt-install.sh while it installs: no service is started.'
tidy() {
  rm -f "$log"
  if grep -qsxF "$ours" "$policy"; then rm -f "$policy"; fi
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The tests start what they need by themselves. A policy that the machine has already is left alone.
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\n%s\nexit 101\n' "$ours" >"$policy"
  chmod 755 "$policy"
fi

# Runs apt-get; waits while somebody else's apt or dpkg holds a lock (its own waiting covers not all of them), and
# finishes what an interrupted dpkg left half done.
apt() {
  tries=0
  until DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null >"$log" 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || return 1
    if grep -q 'dpkg was interrupted' "$log"; then
      DEBIAN_FRONTEND=noninteractive dpkg --configure -a </dev/null >"$log" 2>&1 || return 1
    elif grep -q -e 'Could not get lock' -e 'Unable to lock' "$log"; then
      sleep 5
    else
      return 1
    fi
  done
}
# shellcheck disable=SC2086  # a list of names
install() { apt install -y --no-install-recommends $missing; }

{ apt update && install; } || {
  cat "$log" >&2
  by_hand "apt-get failed (above); once it works again: apt-get install --no-install-recommends$missing"
}

# Nor is a service to come up at the next boot.
if command -v systemctl >/dev/null 2>&1; then
  for package in $missing; do
    dpkg -L "$package" | sed -n 's,^.*/systemd/system/\([^/@]*\.\(service\|socket\|timer\)\)$,\1,p'
  done | xargs -r systemctl disable --quiet >/dev/null 2>&1 || true
fi
