#!/usr/bin/env bash
# Prints the body of models/convert/requirements.txt for NAME==VERSION…: every dependency with the
# hashes of its wheels for the Pythons and machines that set-up supports. Needs the network.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: scripts/pin-requirements.sh numpy==VERSION onnx==VERSION onnxruntime==VERSION" >&2; exit 2; }
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT

for python in 3.11 3.12 3.13 3.14; do
    for machine in x86_64 aarch64; do
        # glibc 2.28 and everything older; pip does not derive the older tags by itself.
        tags=()
        for glibc in 2_28 2_27 2_26 2_17 2014; do
            tags+=(--platform "manylinux${glibc/#2_/_2_}_$machine")
        done
        python3 -m pip download --quiet --no-cache-dir --only-binary=:all: --implementation cp \
            --python-version "$python" "${tags[@]}" --dest "$wheels" "$@" >&2
    done
done
cd "$wheels"
for wheel in *.whl; do
    IFS=- read -r name version _ <<< "$wheel"
    echo "${name//_/-}==$version $(sha256sum "$wheel" | cut -d ' ' -f 1)"
done | sort | awk '
    $1 != last { if (last) print ""; printf "%s", $1; last = $1 }
    { printf " \\\n    --hash=sha256:%s", $2 }
    END { print "" }
'
