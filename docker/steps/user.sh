#!/bin/sh
# A user without rights, a password or a shell, and the one folder that it may write to.
set -eu
groupadd --gid 10001 lamo
useradd --uid 10001 --gid lamo --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin lamo
install --directory --owner lamo --group lamo --mode 0700 /var/lib/lamo
