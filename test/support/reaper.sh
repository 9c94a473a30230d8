#!/bin/sh
# Waits until the other end of its stdin is gone, then kills every process that has $1 (NAME=VALUE) in its environment.
tag=$1
trap '' INT TERM HUP
cat > /dev/null
sleep 0.2 # Those that end by themselves.
found=0
for round in 1 2 3 4 5 6 7 8 9 10; do
  living=0
  for file in $(grep -lsxzF "$tag" /proc/[0-9]*/environ); do
    pid=${file#/proc/}
    pid=${pid%/environ}
    # What is read before the kill is for people only.
    name=$(tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null | cut -c 1-100) || name=
    kill -9 "$pid" 2> /dev/null || continue
    living=1
    found=1
    echo "left over by the tests, killed: $pid $name" >&2
  done
  # Something may have been about to start something else.
  [ "$living" = 0 ] && break
  sleep 0.1
done
exit "$found"
