#!/bin/sh
# Install the servers that tests start on loopback (PostgreSQL), where that is allowed.
# Without root or apt the tests that need them are skipped and say why.
set -eu
if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null \
    || echo "PostgreSQL could not be installed: its tests will be skipped"
else
  echo "PostgreSQL is not installed and this user may not install it: its tests will be skipped"
fi
