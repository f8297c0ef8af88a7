//! `mynah train` as a deployer runs it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const COFFEE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/agents/coffee");
const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/agents/home");

fn train(arguments: &[&str]) -> Output {
    let mynah = env!("CARGO_BIN_EXE_mynah");
    Command::new(mynah).arg("train").args(arguments).output().expect("mynah starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn report(agent: &str, state: &Path, more: &[&str]) -> (Value, String) {
    let state = state.to_str().expect("a plain name");
    let output = train(&[&[agent, "--json", "--state-dir", state], more].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    (serde_json::from_slice(&output.stdout).expect("one object"), stderr(&output))
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (arguments, message) in [
        (&[COFFEE, "--sentences", "9"][..], "--speech"),
        (&[COFFEE, "--speech", "--sentences", "0"], "1..=100000"),
        (&[COFFEE, HOME, "--state-dir", "x"], "train them one by one"),
    ] {
        let output = train(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(message), "{} lacks {message}", stderr(&output));
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn what_was_learned_from_speech_stays_until_the_sentences_change() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let (first, _) = report(COFFEE, state.path(), &[]);
    assert_eq!((&first["trained"], &first["search"]), (&Value::Bool(true), &Value::Null));
    let (spoken, _) = report(COFFEE, state.path(), &["--speech", "--sentences", "8"]);
    assert_eq!(spoken["trained"], true);
    let examples = spoken["search"]["examples"].as_u64().expect("a number");
    assert!((4..=8).contains(&examples), "{spoken}");
    assert_eq!(spoken["sound"], first["sound"], "the text was not learned again");
    let (again, _) = report(COFFEE, state.path(), &["--speech", "--sentences", "8"]);
    assert_eq!((&again["trained"], &again["search"]), (&Value::Bool(false), &spoken["search"]));
    let (forced, _) = report(COFFEE, state.path(), &["--force"]);
    assert_eq!((&forced["trained"], &forced["search"]), (&Value::Bool(true), &spoken["search"]));
    let (other, told) = report(HOME, state.path(), &[]);
    assert_eq!(other["search"], Value::Null);
    assert!(told.contains("of other sentences"), "{told}");
}
