#!/usr/bin/env bash
# Compiles the arithmetic for 64-bit Arm and runs its tests in emulation, once as a processor with
# plain NEON (Raspberry Pi 4) and once as one with every extension. Without a Rust for Arm it says
# so and ends well, except under CI, where it must run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${MYNAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mynah}
debian=$cache/arm-rust

say() { echo "arm: $*" >&2; }
give_up() {
    [ -z "${CI:-}" ] || { say "error: $*"; exit 1; }
    say "not run: $*"
    exit
}

# What scripts/setup.sh had rustup fetch. Links without any other tool: the target brings its C
# library, rustc its linker.
use_rustup() {
    target=aarch64-unknown-linux-musl
    [ -d "$(rustc --print target-libdir --target $target)" ] || return 1
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld
    runner=CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER
}

# Debian's compiler for where rustup reaches no server. Its packages and rustup exclude one another,
# so they are unpacked into the cache instead of being installed.
use_debian() {
    target=aarch64-unknown-linux-gnu
    command -v aarch64-linux-gnu-gcc > /dev/null || return 1
    if ! [ -f "$debian/complete" ]; then
        say "unpacking Debian's Rust into $debian"
        (unpack_debian) || return 1
        touch "$debian/complete"
    fi
    export RUSTC=$debian/usr/bin/rustc LD_LIBRARY_PATH=$debian/usr/lib/x86_64-linux-gnu
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
    runner=CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER
}

unpack_debian() {
    local version llvm package
    rm -rf "$debian"
    mkdir -p "$debian/apt/lists/partial" "$debian/apt/cache/archives/partial"
    # Lists of its own: those of the system know nothing of Arm.
    cat > "$debian/apt/conf" << CONF
APT::Architectures { "amd64"; "arm64"; };
Dir::State::Lists "$debian/apt/lists";
Dir::Cache "$debian/apt/cache";
APT::Sandbox::User "root";
CONF
    export APT_CONFIG=$debian/apt/conf
    cd "$debian/apt"
    apt-get update -qq || return 1
    version=$(apt-cache show --no-all-versions rustc-web | sed -n 's/^Version: \([0-9]*\.[0-9]*\).*/\1/p')
    llvm=$(apt-cache depends "libstd-rust-web-$version" | sed -n 's/.*Depends: \(libllvm.*\)/\1/p')
    apt-get download -qq rustc-web "$llvm" "libstd-rust-web-$version" libstd-rust-web-dev \
        libstd-rust-web-dev:arm64 || return 1
    for package in *.deb; do
        dpkg -x "$package" "$debian" || return 1
    done
    rm -rf "$debian/apt"
}

# $1: what to emulate; $2: the kernels which must be found there.
check() {
    local found
    export "$runner=qemu-aarch64 -cpu $1"
    found=$(cargo run --quiet "${options[@]}")
    [ "$found" = "$2" ] || { say "error: on a $1 these kernels were found: $found; not: $2"; exit 1; }
    say "as a $1, with the kernels $found"
    cargo test "${options[@]}"
}

cd "$here"
if [ "$(uname -m)" != x86_64 ]; then
    say "not run: the emulation is set up on x86_64; on an Arm machine \`cargo test\` tests its kernels"
    exit
fi
use_rustup || use_debian ||
    give_up "there is no Rust for Arm; \`rustup target add aarch64-unknown-linux-musl\` brings it"
options=(--locked --package mynah-arm-tests --target "$target"
    --target-dir "${CARGO_TARGET_DIR:-target}/arm")
check cortex-a72 "scalar neon"
check max "scalar neon neon-dotprod"
