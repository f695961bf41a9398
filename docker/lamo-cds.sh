#!/bin/sh
# The command with the settings that lie in files, however a shell in the container came to be.
exec /bin/sh /usr/local/lib/lamo/with-secrets.sh /opt/lamo/bin/lamo-cds "$@"
