#!/usr/bin/env bash
# Prints the name of the first Python that the pinned packages of models/convert exist for.
set -euo pipefail

for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2> /dev/null; then
        echo "$candidate"
        exit
    fi
done
if found=$(python3 --version 2> /dev/null); then
    found="$found is not one of them"
else
    found="none is installed"
fi
echo "set-up: error: converting the models needs Python 3.11 to 3.14, and $found (the running program needs no Python)" >&2
exit 1
