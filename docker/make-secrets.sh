#!/bin/sh
# Make the secrets of compose.yaml that are not there yet, and a certificate to try it with.
#
#     sh docker/make-secrets.sh NAME     # the name that clients call, as cds.example.org
#
# The folder is its owner's alone. Its files have to be readable by the users in the containers,
# which are others than on this machine.
set -eu
name=${1:?the name that clients call}
folder=${SECRETS:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
umask 022
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
for secret in POSTGRES_PASSWORD LAMO_SCORER_KEY LAMO_OPERATOR_KEY; do
  [ -e "$folder/$secret" ] || random >"$folder/$secret"
done
[ -e "$folder/LAMO_DATABASE_URL" ] || printf 'postgresql+psycopg://lamo:%s@database/lamo' \
  "$(cat "$folder/POSTGRES_PASSWORD")" >"$folder/LAMO_DATABASE_URL"
if [ ! -e "$folder/tls.key" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
    -keyout "$folder/tls.key" -out "$folder/tls.crt"
fi
chmod 0444 "$folder"/*
echo "ok: secrets are in $folder; put your authority's tls.crt and tls.key in place of the trial ones"
