#!/bin/sh
# Copies what the browser gets, which is not compiled, into a built program: sh scripts/copy-page.sh DIST
set -eu
from=$(dirname "$0")/../src/page/browser
[ -d "$from" ] || exit 0
mkdir -p "$1/page/browser"
cp "$from"/*.html "$from"/*.css "$from"/*.js "$1/page/browser/"
