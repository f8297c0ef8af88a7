//! Tells the tests what this checkout has: converted models, a sound daemon.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(have_models)");
    println!("cargo::rustc-check-cfg=cfg(have_pulseaudio)");
    println!("cargo::rerun-if-changed=models/built/index.json");
    println!("cargo::rerun-if-env-changed=PATH");
    if Path::new("models/built/index.json").is_file() {
        println!("cargo::rustc-cfg=have_models");
    }
    let on_path = |program: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
    };
    if on_path("pulseaudio") {
        println!("cargo::rustc-cfg=have_pulseaudio");
    }
}
