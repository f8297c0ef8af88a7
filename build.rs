//! Stamps version and commit, checks the board profiles and embeds them, and tells the tests what
//! this checkout has. Downloads nothing and works without git.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[path = "src/config/board/profile.rs"]
#[expect(dead_code, reason = "the build only checks profiles; the program also reads the result")]
mod profile;

/// Names the profile that is used where `--board` is not given.
const BOARD_ENV: &str = "MYNAH_BOARD";
const DEFAULT_BOARD: &str = "x86-kiosk";
/// Names the commit where there is no git, as in a source package.
const COMMIT_ENV: &str = "MYNAH_COMMIT";

fn main() -> ExitCode {
    stamp_version();
    tell_tests_what_is_here();
    match embed_boards() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

/// `MYNAH_VERSION`: "0.1.0 (1a2b3c4d5e6f)", or "0.1.0 (unknown)" outside a git checkout.
fn stamp_version() {
    println!("cargo::rerun-if-env-changed={COMMIT_ENV}");
    let commit = std::env::var(COMMIT_ENV).ok().or_else(commit_of_checkout);
    let commit = commit.as_deref().unwrap_or("unknown");
    println!("cargo::rustc-env=MYNAH_VERSION={} ({commit})", env!("CARGO_PKG_VERSION"));
}

fn commit_of_checkout() -> Option<String> {
    // A source package unpacked inside another project must not be stamped with that one's commit.
    let root = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    let here = std::env::var_os("CARGO_MANIFEST_DIR")?;
    if root.canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    // The log of HEAD grows with every commit and checkout. Where a repository keeps none, a
    // missing path would make every build run again, so the stamp may then lag behind.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).is_file() {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// `cfg(have_models)`, `cfg(have_pulseaudio)` and `cfg(have_strace)`: a test that needs more than the checkout is
/// ignored with a reason where that is missing, and so is listed by a plain `cargo test`.
fn tell_tests_what_is_here() {
    println!("cargo::rustc-check-cfg=cfg(have_models)");
    println!("cargo::rustc-check-cfg=cfg(have_pulseaudio)");
    println!("cargo::rustc-check-cfg=cfg(have_strace)");
    // A watched file that is not there would make every build start anew, so its folder is watched.
    let index = "models/built/index.json";
    let have_models = Path::new(index).is_file();
    println!("cargo::rerun-if-changed={}", if have_models { index } else { "models" });
    if have_models {
        println!("cargo::rustc-cfg=have_models");
    }
    // Programs that scripts/setup.sh installs: it touches this file when it did.
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    let on_path = |program: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
    };
    // The virtual sound card is made with all of these.
    if ["pulseaudio", "paplay", "parec"].into_iter().all(on_path) {
        println!("cargo::rustc-cfg=have_pulseaudio");
    }
    // It shows which system calls the program makes, and that none opens a network socket.
    if on_path("strace") {
        println!("cargo::rustc-cfg=have_strace");
    }
}

/// Checks every profile of `boards/` and writes them, with the chosen default, as Rust constants.
fn embed_boards() -> Result<(), String> {
    println!("cargo::rerun-if-changed=boards");
    println!("cargo::rerun-if-env-changed={BOARD_ENV}");
    let default = std::env::var(BOARD_ENV).unwrap_or_else(|_| DEFAULT_BOARD.to_owned());
    let folder = Path::new("boards");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .map_err(|error| format!("boards: {error}"))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut names = Vec::new();
    let mut table = String::new();
    for path in &paths {
        let board = profile::Board::read(path).map_err(|error| error.to_string())?;
        let whole = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
        let _ = writeln!(table, "    ({:?}, include_str!({:?})),", board.name, whole);
        names.push(board.name);
    }
    if !names.contains(&default) {
        return Err(format!(
            "{BOARD_ENV} is {default}, and boards/ has no such profile: it has {}",
            names.join(", ")
        ));
    }
    let code = format!(
        "const DEFAULT_BOARD: &str = {default:?};\n\
         const BOARDS: &[(&str, &str)] = &[\n{table}];\n"
    );
    let out = std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    std::fs::write(Path::new(&out).join("boards.rs"), code)
        .map_err(|error| format!("writing boards.rs: {error}"))
}
