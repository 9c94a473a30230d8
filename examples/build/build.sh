#!/bin/sh
# Builds a branch of a service: tests it, names the image service:git-COMMIT, pushes it, and writes its name into the definitions
# that `pointsman units` makes units of.
#
#   REGISTRY=registry.example.com DEFINITIONS=ssh://git@git.example.com/definitions.git \
#     sh build.sh SERVICE REPOSITORY BRANCH [ENVIRONMENT]
#
#   FILE=services.yaml     the file in DEFINITIONS
#   TEST_COMMAND='sh test.sh'      what is run in a fresh clone; where it fails, nothing is built
#   CHECK_COMMAND=                 what is run in the definitions before they are pushed, such as `pointsman units services.yaml >/dev/null`
#
# Without ENVIRONMENT the image of services.SERVICE is set, with it that of environments.ENVIRONMENT.services.SERVICE.
# It needs git and docker, and whatever logs these in.
set -eu
[ $# = 3 ] || [ $# = 4 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
service=$1 repository=$2 branch=$3 environment=${4:-}
file=${FILE:-services.yaml}
: "${REGISTRY:?where images are pushed to}" "${DEFINITIONS:?the git repository of the definitions}"
export GIT_AUTHOR_NAME="${GIT_AUTHOR_NAME:-build}" GIT_AUTHOR_EMAIL="${GIT_AUTHOR_EMAIL:-build@localhost}"
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"

fail() {
  echo "build: $*" >&2
  exit 1
}

main() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  git clone --quiet --branch "$branch" -- "$repository" "$work/source"
  commit=$(git -C "$work/source" rev-parse HEAD)
  image=$REGISTRY/$service:git-$(echo "$commit" | cut -c 1-12)

  if is_pushed; then
    [ "$(revision_of "$image")" = "$commit" ] || fail "$image is in the registry with other content: not of commit $commit"
    echo "build: $image was built before" >&2
  else
    test_and_push
  fi
  define
  echo "$image"
}

test_and_push() {
  (cd "$work/source" && eval "${TEST_COMMAND:-sh test.sh}") >&2 || fail "$branch of $service fails its tests: nothing is pushed"
  mine=build-$service-$$:git-$commit
  docker build --quiet --label "org.opencontainers.image.revision=$commit" --tag "$mine" "$work/source" >/dev/null
  # Somebody else may have built the same commit meanwhile. A tag is pushed once: hosts that have it never ask for it again.
  if is_pushed; then
    [ "$(id_of "$image")" = "$(id_of "$mine")" ] || fail "$image came into the registry meanwhile, with other content"
  else
    docker tag "$mine" "$image"
    docker push --quiet "$image" >/dev/null
  fi
  docker rmi "$mine" >/dev/null
}

# Whether the registry has the tag; it is here then, as the registry has it.
is_pushed() {
  said=$(docker pull --quiet "$image" 2>&1) && return 0
  case $said in
  *'manifest unknown'* | *'name unknown'* | *'not found'*) return 1 ;;
  *) fail "asking the registry for $image: $said" ;;
  esac
}

revision_of() { docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.revision"}}' "$1"; }
id_of() { docker image inspect --format '{{.Id}}' "$1"; }

# Another build may push its own change at the same time: then this one is made anew on top of it.
define() {
  key=${environment:+environments/$environment/}services/$service/image
  for try in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$work/definitions"
    git clone --quiet -- "$DEFINITIONS" "$work/definitions"
    present=$(value) || fail "there is no image at $key in $file of $DEFINITIONS: write that line once by hand"
    [ "$present" != "$image" ] || return 0
    if is_older; then
      echo "build: the definitions have $present, which is newer than $image: it stays" >&2
      return 0
    fi
    value "$image" >"$work/new"
    cat "$work/new" >"$work/definitions/$file"
    (cd "$work/definitions" && eval "${CHECK_COMMAND:-:}") >&2 || fail "the definitions are refused with $image: they stay as they are"
    git -C "$work/definitions" commit --quiet --all --message "$service${environment:+ in $environment}: $image ($branch)"
    git -C "$work/definitions" push --quiet origin HEAD 2>"$work/said" && return 0
    grep -q -e rejected -e 'failed to update ref' -e 'cannot lock ref' "$work/said" ||
      fail "pushing the definitions: $(cat "$work/said")"
    sleep "$try"
  done
  fail "the definitions changed with each of ten tries: run it again"
}

# Whether what is defined was built of a commit that comes after ours: a build that took longer does not take it back.
is_older() {
  case $present in "$REGISTRY/$service:git-"*) ;; *) return 1 ;; esac
  git -C "$work/source" merge-base --is-ancestor "$commit" "${present##*:git-}" 2>/dev/null
}

# The value at $key of the file, or the file with another one: value [NEW]. Fails where the file has no such line.
value() {
  awk -v wanted="$key" -v new="${1:-}" '
    /^ *[A-Za-z0-9_.-]+:/ {
      match($0, /^ */); indent = RLENGTH
      while (depth > 0 && indents[depth] >= indent) depth--
      name = substr($0, indent + 1); sub(/:.*/, "", name)
      depth++; indents[depth] = indent; names[depth] = (depth > 1 ? names[depth - 1] "/" : "") name
      if (names[depth] == wanted) {
        found = 1; old = $0; sub(/^[^:]*: */, "", old); rest = old
        sub(/ .*/, "", old); rest = substr(rest, length(old) + 1)
        if (new == "") print old
        else { print substr($0, 1, indent) name ": " new rest; next }
      }
    }
    new != "" { print }
    END { exit !found }' "$work/definitions/$file"
}

main
