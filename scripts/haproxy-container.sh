#!/bin/sh
# The HAProxy container of the image: waits for the first configuration that Pointsman publishes, then becomes
# HAProxy's master process, whose socket Pointsman reloads it by.
#
#   haproxy-container [CONFIGURATION [MASTER-SOCKET]]
set -eu
config=${1:-/etc/haproxy/haproxy.cfg}
socket=${2:-/run/haproxy/master.sock}

if [ ! -s "$config" ]; then
  echo "haproxy-container: waiting for $config" >&2
  trap 'exit 0' TERM INT USR1
  until [ -s "$config" ]; do
    sleep 0.2 &
    wait $!
  done
  trap - TERM INT USR1
fi

# The group, also where this runs as root for the sake of ports under 1024: Pointsman does not.
exec haproxy -W -S "$socket,mode,660,group,haproxy" -f "$config"
