#!/usr/bin/env bash
# Brings this machine to where `make WHAT` can work, then the models: setup.sh WHAT [option of
# models/convert]. Changes the system only as root, under CI, or after a yes at a terminal.
set -euo pipefail

what=${1:?usage: scripts/setup.sh demo|test|models|lint|bench|instructions}
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { echo "set-up: $*" >&2; }
stop() { say "error: $*"; exit 1; }
have() { command -v "$1" > /dev/null 2>&1; }

# Debian's names of the packages that are missing for what is asked.
missing=()
need() { missing+=("$@"); }

check_rust() {
    local wanted pinned found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml")
    pinned=$(sed -n 's/^channel = "\(.*\)"/\1/p' "$here/rust-toolchain.toml")
    have cargo || stop "Rust is not installed: this needs cargo and rustc $wanted or newer, see https://rustup.rs"
    # From inside the tree, since rustup chooses by rust-toolchain.toml, and may fetch it now.
    if ! found=$(cd "$here" && rustc --version); then
        stop "rustc does not run (its words stand above); with rustup, \`rustup toolchain install $pinned\` brings the pinned one"
    fi
    found=$(sed 's/^rustc \([0-9.]*\).*/\1/' <<< "$found")
    at_least "$found" "$wanted" ||
        stop "Rust $found is too old: this needs $wanted or newer; \`rustup update\` or https://rustup.rs brings it"
}

# Is the dotted version $1 at least $2?
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

look_for_packages() {
    have cc || need build-essential
    if [ "$what" != models ]; then
        have pkg-config || need pkg-config
        # Without pkg-config nobody can tell whether the headers are there; installing twice is harmless.
        pkg-config --exists alsa 2> /dev/null || need libasound2-dev
    fi
    if [ "$what" = test ]; then
        # The virtual sound card of the tests.
        have pulseaudio || need pulseaudio
        have paplay && have parec || need pulseaudio-utils
        have aplay || need alsa-utils
        [ -n "$(find /usr/lib /usr/lib64 -name libasound_module_pcm_pulse.so -print -quit 2> /dev/null)" ] ||
            need libasound2-plugins
        # The proof that no network socket is opened.
        have strace || need strace
        # Arm's arithmetic, compiled and emulated by scripts/arm.sh.
        if [ "$(uname -m)" = x86_64 ]; then
            have qemu-aarch64 || need qemu-user
            rust_for_arm || have aarch64-linux-gnu-gcc || need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
        fi
    fi
    if [ "$what" = instructions ]; then
        have valgrind || need valgrind
    fi
    if [ "$what" != lint ]; then
        "$python" -c 'import ensurepip, venv' 2> /dev/null || need python3-venv
    fi
}

# Has rustc a standard library for Arm, or can rustup fetch it? If not, Debian's compiler does, which
# needs Debian's linker.
rust_for_arm() (
    target=aarch64-unknown-linux-musl
    cd "$here"
    [ ! -d "$(rustc --print target-libdir --target $target)" ] || exit 0
    have rustup || exit 1
    say "fetching Rust's standard library for $target (30 MB)"
    rustup --quiet target add $target
)

install_packages() {
    [ ${#missing[@]} -gt 0 ] || return 0
    local line="apt-get install -y --no-install-recommends ${missing[*]}" sudo=""
    have apt-get || stop "missing on this system: what Debian calls ${missing[*]}; install these with your package manager"
    if [ "$(id -u)" != 0 ]; then
        have sudo || stop "missing system packages; as root, run: $line"
        sudo=sudo
        if [ -n "${CI:-}" ]; then
            sudo="sudo -n"
        elif [ -t 0 ] && [ -t 2 ]; then
            local answer
            read -r -p "set-up: run \`sudo $line\`? [y/N] " answer
            [[ $answer == [yY]* ]] || stop "nothing was changed; run this yourself, then the same command again: sudo $line"
        else
            stop "missing system packages; run this, then the same command again: sudo $line"
        fi
    fi
    say "installing ${missing[*]} (about a minute)"
    if lists_are_stale; then
        $sudo apt-get update -qq || say "apt-get update failed; going on with the lists that are here"
    fi
    # The answers to package questions are the defaults: nobody may be there to answer.
    $sudo env DEBIAN_FRONTEND=noninteractive $line -qq > /dev/null ||
        stop "installing failed (apt's words stand above); once that is mended, run: $line"
    # The build script looks for some of these programs, and cargo cannot know that they came.
    touch "$here/build.rs"
}

# None at all, or the newest more than a week old.
lists_are_stale() {
    [ -z "$(find "${APT_LISTS:-/var/lib/apt/lists}" -maxdepth 1 -name '*_Packages*' -mtime -7 -print -quit 2> /dev/null)" ]
}

case $what in demo | test | models | lint | bench | instructions) ;; *) stop "unknown target $what" ;; esac
[ "$(uname -s)" = Linux ] || stop "this works on Linux; here is $(uname -s)"
[ "$what" = models ] || check_rust
[ "$what" = lint ] || python=$("$here/scripts/python.sh")
look_for_packages
install_packages
[ "$what" = lint ] || exec "$python" "$here/models/convert" "$@"
