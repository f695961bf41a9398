#!/bin/sh
# Write docker/locks anew from setup.cfg and constraints.txt: every file of every package by its hash.
#
#     make lock     # with PIP_EXTRA_INDEX_URL on an index that has the CPU builds of torch
set -eu
sh scripts/tools.sh
locks=docker/locks

lock() {
  out=$1
  shift
  build/tools/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-annotate \
    --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
    --constraint constraints.txt --output-file "$locks/$out.txt" "$@"
  sed -i '/^#/d' "$locks/$out.txt"
}

inputs=$(mktemp --directory)
trap 'rm -rf "$inputs"' EXIT
sed -n 's/^requires = \["\(.*\)"\]$/\1/p' pyproject.toml >"$inputs/build.in"
printf 'build\ncyclonedx-bom\npip-tools\nsetuptools\n' >"$inputs/tools.in"
lock build "$inputs/build.in"
lock tools "$inputs/tools.in"
lock web --extra postgresql --extra traces setup.cfg
lock scorer --extra model setup.cfg
