#!/bin/sh
# Install what tests start on loopback (PostgreSQL, Chromium with its driver), where that is allowed.
# Without root or apt the tests that need them are skipped and say why.
set -eu
missing=""
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v chromedriver >/dev/null 2>&1 || missing="$missing chromium-driver"
if [ -z "$missing" ]; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  # shellcheck disable=SC2086  # a list of names
  apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null \
    || echo "Not installed:$missing. The tests that need them will be skipped"
else
  echo "Missing, and this user may not install:$missing. The tests that need them will be skipped"
fi
