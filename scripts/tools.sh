#!/bin/sh
# Install what releases are made with into build/tools, each file by its hash, unless it is there.
set -eu
tools=build/tools
if [ ! -e $tools/.ready ] || [ docker/locks/tools.txt -nt $tools/.ready ]; then
  "${PYTHON:-python3}" -m venv --clear $tools
  $tools/bin/pip install --quiet --disable-pip-version-check --require-hashes \
    --requirement docker/locks/tools.txt
  touch $tools/.ready
fi
