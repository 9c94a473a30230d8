#!/bin/sh
# Prints the mirror that this machine's own apt sources name for its release, or nothing.
#
#   sh scripts/debian-mirror.sh             the release itself
#   sh scripts/debian-mirror.sh security    its security suite
#
# It asks apt what it would fetch, which needs neither root nor package lists. Of several (others offer packages for
# a release under its name, too) the one is taken whose path is that of Debian's archive.
set -eu
# shellcheck disable=SC1091
. /etc/os-release
[ "$ID" = debian ] || exit 0
suite=${VERSION_CODENAME:?}
folder=debian
if [ "${1:-}" = security ]; then suite=$suite-security folder=debian-security; fi

found=$(apt-get update --print-uris 2>/dev/null |
  sed -n "s,^'\([^']*/\)dists/$suite/main/binary-[^/]*/Packages.*,\1,p")
{
  echo "$found" | grep "/$folder/\$" || echo "$found"
} | head -n 1
