#!/bin/sh
# Gather in build/wheelhouse what an installation without internet needs: every package by the hash
# that docker/locks has, and this package's own wheel out of dist (`make release`).
set -eu
house=build/wheelhouse
rm -rf $house
mkdir -p $house
for part in build web scorer; do
  "${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --require-hashes \
    --only-binary :all: --dest $house --requirement docker/locks/$part.txt
done
cp dist/*.whl $house
cp -r docker/locks $house/locks
(cd $house && sha256sum ./*.whl locks/*.txt >SHA256SUMS)
echo "ok: $(du -sh $house | cut -f 1) are in $house; SHA256SUMS names every file"
