//! `mynah bench --requests`: a line asks, a line answers.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn bench(arguments: &[&str], requests: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mynah"))
        .arg("bench")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments may be gone before it reads.
    let _ = child.stdin.take().unwrap().write_all(requests.as_bytes());
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn every_request_has_one_answer() {
    let output = bench(
        &["--requests", "--threads", "1"],
        "load detector\n\njudge 1s\nunderstand can I get a latte please\n",
    );
    assert!(output.status.success(), "{output:?}");
    let [loaded, judged, understood] = lines(&output).try_into().unwrap();
    assert!(loaded["before_mb"].as_f64() < loaded["resident_mb"].as_f64(), "{loaded}");
    assert!(loaded["kernel"].is_string(), "{loaded}");
    assert_eq!(judged["count"], 31);
    assert_eq!(understood["text"], "orderDrink");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_request_that_cannot_be_met_is_answered_and_the_next_is_met() {
    let output = bench(&["--requests"], "sing\nrecognise nowhere.wav\nquiet 1s\n");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let [sing, nowhere, quiet] = lines(&output).try_into().unwrap();
    assert!(sing["error"].as_str().unwrap().contains("`sing` is no request"), "{sing}");
    assert!(nowhere["error"].as_str().unwrap().contains("nowhere.wav"), "{nowhere}");
    assert_eq!(quiet["seconds"], 1.0);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "mynah: 2 of 3 requests could not be met\n");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    for (arguments, named) in [
        (&["--threads", "5000"][..], "--threads is 5000; this process may run on"),
        (&["--repeat", "0"], "0 is not in 1..=10000"),
        (&["--agent", "nowhere", "--models", "nowhere"], "nowhere"),
    ] {
        let output = bench(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}
