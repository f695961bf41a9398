#!/bin/sh
# Run a command with the settings that lie in files, one a file, named as the setting is named:
# secrets of compose and Kubernetes, and credentials of systemd.
set -eu
folder=${CREDENTIALS_DIRECTORY:-/run/secrets}
for file in "$folder"/LAMO_*; do
  if [ -f "$file" ]; then
    export "$(basename "$file")=$(cat "$file")"
  fi
done
exec "$@"
