//! `mynah say` as a person or a program runs it.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mynah::audio::file;
use mynah::tts::VOICE_RATE_HZ;

fn say(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mynah"))
        .arg("say")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn refused(arguments: &[&str], told: &str) {
    let output = say(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(error.contains(told), "{arguments:?}: {error}");
    assert!(output.stdout.is_empty());
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_cannot_be_said_is_refused_in_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let wav = dir.path().join("out.wav");
    for (arguments, told) in [
        (&["", "-o", path(&wav)][..], "the text is empty"),
        (&["-", "-o", path(&wav)], "the text is empty"),
        (&["Hello.", "--pace", "9", "-o", path(&wav)], "pace is 9; it must lie between 0.5 and 2"),
        (&["Hello.", "--pitch", "0", "-o", path(&wav)], "pitch is 0; it must lie between"),
        (&["Hello.", "-o", "/nonexistent/out.wav"], "/nonexistent/out.wav"),
    ] {
        refused(arguments, told);
    }
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "nothing half-written");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_text_without_words_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    refused(&["?!…", "-o", path(&dir.path().join("out.wav"))], "no word that can be spoken");
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn the_file_holds_what_the_report_says_and_repeats() {
    let dir = tempfile::tempdir().unwrap();
    let [once, again] = ["once.wav", "again.wav"].map(|name| dir.path().join(name));
    let text = "Two small teas, please. Thank you!";
    let output = say(&["--json", text, "-o", path(&once)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let clip = file::read(&once).unwrap();
    assert_eq!(clip.rate_hz, VOICE_RATE_HZ);
    assert!((clip.seconds() - report["seconds"].as_f64().unwrap()).abs() < 1e-6);
    assert!((1.0..10.0).contains(&clip.seconds()));
    let clauses = report["clauses"].as_array().unwrap();
    assert!(clauses.len() >= 2 && clauses.iter().all(|c| c["phonemes"].as_str() != Some("")));
    for figure in ["first_audio_ms", "wall_ms", "load_ms", "rtf"] {
        assert!(report[figure].as_f64().unwrap() > 0.0, "{figure}");
    }
    assert!(say(&[text, "-o", path(&again)]).status.success());
    assert_eq!(std::fs::read(once).unwrap(), std::fs::read(again).unwrap());
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_cancelled_command_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let text = "This sentence is said again and again. ".repeat(400);
    let mut child = Command::new(env!("CARGO_BIN_EXE_mynah"))
        .args(["say", &text, "-o", path(&dir.path().join("out.wav"))])
        .spawn()
        .unwrap();
    // The unfinished file is there from the beginning on.
    while dir.path().read_dir().unwrap().count() == 0 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let interrupt = ["-INT", &child.id().to_string()];
    assert!(Command::new("kill").args(interrupt).status().unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(2), "{status}");
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}
