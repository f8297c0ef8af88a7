#!/usr/bin/env bash
# Runs cargo-deny on deny.toml, one exact version of it, built once into the cache folder.
set -euo pipefail

version=0.20.2
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=${MYNAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mynah}/tools
deny=$tools/bin/cargo-deny

if [ "$("$deny" --version 2> /dev/null)" != "cargo-deny $version" ]; then
    echo "lint: building cargo-deny $version into $tools (once, about 3 minutes on 2 cores)" >&2
    cargo install --quiet --locked --root "$tools" "cargo-deny@$version"
fi
# Only the machines deny.toml names are looked at; cargo still needs every crate's manifest, and
# fetches those it has never built.
exec "$deny" --locked check licenses bans sources
