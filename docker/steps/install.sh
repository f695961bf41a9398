#!/bin/sh
# Install what one lock file lists, each file by its hash, and this package, into /opt/lamo.
#
#     install.sh SOURCE web|scorer
set -eu
source_folder=$1 part=$2 to=${LAMO_PREFIX:-/opt/lamo}
locks="$source_folder/docker/locks"
build=$(mktemp --directory)
trap 'rm -rf "$build"' EXIT
quietly="--quiet --no-cache-dir --disable-pip-version-check"
python3 -m venv "$build/venv"
# shellcheck disable=SC2086  # a list of options
"$build/venv/bin/pip" install $quietly --require-hashes --requirement "$locks/build.txt"
# shellcheck disable=SC2086
"$build/venv/bin/pip" wheel $quietly --no-deps --no-build-isolation --wheel-dir "$build" \
  "$source_folder"
python3 -m venv "$to"
# shellcheck disable=SC2086
"$to/bin/pip" install $quietly --require-hashes --requirement "$locks/$part.txt"
# shellcheck disable=SC2086
"$to/bin/pip" install $quietly --no-deps "$build"/*.whl
"$to/bin/pip" check
