#!/bin/sh
# Makes the file system of a host with systemd, Docker and etcd, out of Debian's archive, for the tests.
#
#   sh test/support/systemd-host.sh FILE.tar     nothing where it is there already
set -eu
file=$1
packages=systemd,systemd-sysv,dbus,iproute2,procps,docker.io,iptables,etcd-server,etcd-client
mkdir -p "$(dirname "$file")"
exec 9>"$file.lock"
flock 9
if [ "$(cat "$file.of" 2>/dev/null)" = "$packages" ] && [ -s "$file" ]; then exit 0; fi

cd "$(dirname "$0")/../.."
mirror=$(sh scripts/debian-mirror.sh)
case $mirror in https:*) packages_too=,ca-certificates ;; *) packages_too= ;; esac
mmdebstrap --quiet --format=tar --variant=minbase --include="$packages$packages_too" --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$file.new" "deb $mirror bookworm main" 9>&-
mv "$file.new" "$file"
echo "$packages" >"$file.of"
