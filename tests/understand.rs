//! `mynah understand` as a deployer runs it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const COFFEE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/agents/coffee");

fn understand(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mynah"))
        .arg("understand")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mynah starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that reads no input may have ended already.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("mynah ends")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

#[test]
fn the_words_after_the_agent_are_one_text() {
    let output = understand(&[COFFEE, "can", "I have", "a large latte"], b"");
    assert_eq!(output.status.code(), Some(0));
    let shown = stdout(&output);
    assert!(shown.starts_with("can I have a large latte\n  orderDrink"), "{shown}");
    assert!(
        shown.contains("size=\"large\"") && shown.contains("1.00, accepted, may continue"),
        "{shown}"
    );
}

#[test]
fn each_line_of_standard_input_is_a_text_and_each_answer_a_json_line() {
    let output = understand(&[COFFEE, "--json"], "a small mocha\na large\nné\n\n".as_bytes());
    let lines: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object"))
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["intent"], "orderDrink");
    assert_eq!(lines[0]["slots"]["coffeeDrink"]["value"], "mocha");
    assert_eq!(lines[1]["completeness"], "cannot_end");
    assert_eq!(lines[2]["intent"], serde_json::Value::Null);
    assert_eq!(lines[3]["status"], "rejected");
}

#[test]
fn explain_names_the_template_or_the_word_that_fails() {
    let matched = understand(&[COFFEE, "--explain", "a large latte"], b"");
    let shown = stdout(&matched);
    assert!(shown.contains("order.yaml:") && shown.contains("large → size=\"large\""), "{shown}");
    let failed = understand(&[COFFEE, "--explain", "give me a huge latte"], b"");
    let shown = stdout(&failed);
    assert!(shown.contains("`huge` does not fit after \"give me a\""), "{shown}");
    assert!(shown.contains("{size}"), "{shown}");
    let json = understand(&[COFFEE, "--explain", "--json", "a large"], b"");
    let line: serde_json::Value = serde_json::from_str(stdout(&json)).expect("a JSON object");
    assert_eq!(line["explanation"]["closest"]["fits"], "a large");
}

#[test]
fn bad_input_is_one_sentence_and_status_2() {
    let missing = understand(&["no/such/agent", "hello"], b"");
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no/such/agent"));
    let binary = understand(&[COFFEE], b"\xff\xfe\n");
    assert_eq!(binary.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&binary.stderr).contains("not UTF-8"));
}
