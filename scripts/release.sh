#!/bin/sh
# Build what a release is made of into dist: sdist, the wheel that is built from it, a bill of
# materials for each image (CycloneDX), and the hashes of all. The same commit gives the same files.
set -eu
sh scripts/tools.sh
tools=build/tools/bin
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
rm -rf dist
$tools/python -m build --no-isolation --outdir dist . >build/build.log 2>&1 || {
  cat build/build.log >&2
  exit 1
}
version=$(sed -n 's/^version = //p' setup.cfg)
for part in web scorer; do
  {
    echo "lamo-cds==$version --hash=sha256:$(sha256sum dist/*.whl | cut -d ' ' -f 1)"
    cat docker/locks/$part.txt
  } >build/$part.txt
  $tools/cyclonedx-py requirements --output-reproducible --output-format JSON \
    --output-file dist/lamo-cds-$part.cdx.json build/$part.txt
done
cd dist
sha256sum -- * >../build/SHA256SUMS
mv ../build/SHA256SUMS .
cat SHA256SUMS
