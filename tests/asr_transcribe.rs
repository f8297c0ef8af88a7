//! `mynah transcribe` from the outside: what it prints, and what it says about bad files.

use std::path::Path;
use std::process::{Command, Output};

use mynah::audio::file::write_wav;
use mynah::models::ModelStore;
use serde_json::Value;

fn transcribe(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mynah")).arg("transcribe").args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The reference sentence of the converter, 16 kHz.
fn sentence() -> Vec<f32> {
    let bytes = ModelStore::open(None).unwrap().bytes("golden/asr/sentence.audio.f32").unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_owned()
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_recording_becomes_text_and_json() {
    let dir = tempfile::tempdir().unwrap();
    let speech = sentence();
    let mut long = speech.clone();
    long.resize(long.len() + 16_000 * 4, 0.0);
    long.extend_from_slice(&speech);
    let file = path(dir.path(), "twice.wav");
    write_wav(&file, 16_000, &long).unwrap();

    let text = transcribe(&[&file]);
    assert!(text.status.success(), "{}", stderr(&text));
    assert_eq!(stdout(&text).matches("the best of times").count(), 2, "{}", stdout(&text));

    let json = transcribe(&["--json", &file]);
    let json: Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(json["path"], file.as_str());
    assert_eq!(json["duration_s"], 14.8);
    let segments = json["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 2, "{json}");
    assert!(segments[0]["end_s"].as_f64().unwrap() < 6.0, "{json}");
    assert!(segments[1]["start_s"].as_f64().unwrap() > 9.0, "{json}");
    assert!(json["confidence"].as_f64().unwrap() > 0.5 && json["rtf"].as_f64().unwrap() > 0.0);
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn silence_is_no_words() {
    let dir = tempfile::tempdir().unwrap();
    let file = path(dir.path(), "silence.wav");
    write_wav(&file, 16_000, &[0.0; 32_000]).unwrap();
    let output = transcribe(&[&file]);
    assert!(output.status.success());
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("no speech heard"), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&stdout(&transcribe(&["--json", &file]))).unwrap();
    assert_eq!((&json["text"], &json["confidence"]), (&Value::from(""), &Value::from(0.0)));
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn bad_files_are_one_sentence_each_and_exit_2() {
    let dir = tempfile::tempdir().unwrap();
    let empty = path(dir.path(), "empty.wav");
    write_wav(&empty, 16_000, &[]).unwrap();
    let text = path(dir.path(), "notes.txt");
    std::fs::write(&text, "not sound").unwrap();
    let missing = path(dir.path(), "missing.wav");
    for (file, why) in
        [(&empty, "no samples"), (&text, "not a sound file"), (&missing, "No such file")]
    {
        let output = transcribe(&[file]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(file.as_str()) && said.contains(why), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(said.matches(why).count(), 1, "{said}");
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_bad_file_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (good, missing) = (path(dir.path(), "good.wav"), path(dir.path(), "missing.wav"));
    write_wav(&good, 16_000, &sentence()).unwrap();
    let output = transcribe(&["--json", &missing, &good]);
    assert_eq!(output.status.code(), Some(2));
    let lines: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["error"].as_str().unwrap().contains("missing.wav"), "{lines:?}");
    assert!(lines[1]["text"].as_str().unwrap().contains("best of times"), "{lines:?}");
}

#[test]
fn missing_models_are_said_before_any_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let models = dir.path().to_str().unwrap();
    let output = transcribe(&["--models", models, "any.wav"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("make models"), "{}", stderr(&output));
}

#[test]
fn without_a_file_the_usage_is_shown() {
    let output = transcribe(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("<FILE>"), "{}", stderr(&output));
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn an_impossible_kernel_is_refused_by_name() {
    let output = Command::new(env!("CARGO_BIN_EXE_mynah"))
        .args(["transcribe", "any.wav"])
        .env("MYNAH_KERNEL", "fastest")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("MYNAH_KERNEL is `fastest`"), "{}", stderr(&output));
}

const COFFEE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/agents/coffee");

/// An order in the agent's own voice.
fn order(dir: &Path, text: &str) -> String {
    let file = path(dir, "order.wav");
    let said = Command::new(env!("CARGO_BIN_EXE_mynah"))
        .args(["say", "--seed", "3", "-o", &file, text])
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", stderr(&said));
    file
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn what_an_agent_makes_of_a_recording() {
    let dir = tempfile::tempdir().unwrap();
    let file = order(dir.path(), "can I have a large latte with soy milk");
    let state = path(dir.path(), "state");
    let asked = ["--agent", COFFEE, "--state-dir", &state];

    let shown = stdout(&transcribe(&[&asked[..], &[&file]].concat()));
    let mut lines = shown.lines();
    assert!(lines.next().unwrap().to_lowercase().contains("large latte"), "{shown}");
    let meant = lines.next().unwrap();
    assert!(meant.starts_with("  orderDrink") && meant.contains("size=\"large\""), "{shown}");

    let json = transcribe(&[&asked[..], &["--json", &file]].concat());
    let json: Value = serde_json::from_str(&stdout(&json)).unwrap();
    let segment = &json["segments"][0];
    assert_eq!(json["text"], segment["text"]);
    assert_eq!(segment["meant"]["intent"], "orderDrink", "{json}");
    assert_eq!(segment["meant"]["slots"]["coffeeDrink"]["value"], "latte", "{json}");
    assert_eq!(segment["meant"]["status"], "accepted", "{json}");
    assert!(segment["meant"]["confidence"].as_f64().unwrap() > 0.5, "{json}");
    assert!(segment["fit"].as_f64().unwrap() > -1.0, "{json}");
    assert!(segment["free_text"].as_str().unwrap().to_lowercase().contains("latte"), "{json}");

    // Without the agent nothing of it is printed.
    let plain: Value = serde_json::from_str(&stdout(&transcribe(&["--json", &file]))).unwrap();
    let keys: Vec<&String> = plain["segments"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["end_s", "start_s", "text"]);
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn an_agent_that_is_none_is_said_before_any_file_is_read() {
    let output = transcribe(&["--agent", "no/such/agent", "any.wav"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("no/such/agent") && said.lines().count() == 1, "{said}");
    let early = transcribe(&["--now", "2026-03-05T14:30", "any.wav"]);
    assert_eq!(early.status.code(), Some(2));
    assert!(stderr(&early).contains("--agent"), "{}", stderr(&early));
}
