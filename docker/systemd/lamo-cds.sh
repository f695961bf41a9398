#!/bin/sh
# The command line beside the units: run by root, it works as the service does, with its user,
# settings, keys and every secret that there is, the owner's of the tables too.
#
#     install -m 0755 lamo-cds.sh /usr/local/sbin/lamo-cds
set -eu
set -- /bin/sh /opt/lamo/lib/with-secrets.sh /opt/lamo/bin/lamo-cds "$@"
for secret in /etc/lamo-cds/secrets/LAMO_*; do
  set -- "--property=LoadCredential=${secret##*/}:$secret" "$@"
done
exec systemd-run --quiet --collect --wait --pty --pipe --uid=lamo --gid=lamo \
  --property=EnvironmentFile=/etc/lamo-cds/service.env --setenv=VAR_DIR=/var/lib/lamo-cds \
  --property=StateDirectory=lamo-cds --property=StateDirectoryMode=0700 --property=UMask=0077 \
  --property=WorkingDirectory=/var/lib/lamo-cds "$@"
