#!/usr/bin/env bash
# Prints the body of a requirements.txt for NAME==VERSION…: every dependency with the hashes of its
# wheels for the Pythons that set-up supports. Needs the network; downloads descriptions, no wheels.
#
# MACHINES ("x86_64 aarch64") and GLIBC (2_28) say for what: the minor releases of glibc that wheels
# name, from this one down.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: [MACHINES=…] [GLIBC=2_28] scripts/pin-requirements.sh numpy==VERSION onnx==VERSION onnxruntime==VERSION" >&2; exit 2; }
glibc=${GLIBC:-2_28}
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT

for python in 3.11 3.12 3.13 3.14; do
    for machine in ${MACHINES:-x86_64 aarch64}; do
        # pip does not derive the tags of older releases by itself.
        tags=(--platform "manylinux2014_$machine")
        for ((minor = ${glibc#2_}; minor >= 17; minor--)); do
            tags+=(--platform "manylinux_2_${minor}_$machine")
        done
        python3 -m pip install --quiet --dry-run --ignore-installed --only-binary=:all: \
            --implementation cp --python-version "$python" "${tags[@]}" --target "$found/none" \
            --report "$found/$python-$machine.json" "$@" >&2
    done
done
python3 - "$found"/*.json <<'END'
import json, sys

hashes = {}
for path in sys.argv[1:]:
    for package in json.load(open(path))["install"]:
        name = package["metadata"]["name"].lower().replace("_", "-")
        digest = package["download_info"]["archive_info"]["hashes"]["sha256"]
        hashes.setdefault((name, package["metadata"]["version"]), set()).add(digest)
for (name, version), digests in sorted(hashes.items()):
    print(" \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{d}" for d in sorted(digests))]))
END
