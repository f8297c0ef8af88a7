//! `mynah check`, `test` and `chat` as a deployer runs them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const COFFEE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/agents/coffee");
const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/agents/home");

/// `kept` is where the agents' programs keep what they are told.
fn mynah(arguments: &[&str], input: &str, kept: &Path) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mynah"))
        .args(arguments)
        .env("MYNAH_ORDERS", kept)
        .env("MYNAH_BOOKINGS", kept)
        .env("MYNAH_HOME", kept)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mynah starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that reads no input may have ended already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("mynah ends")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A copy of the coffee agent with `from` replaced by `to` in one file.
fn changed(file: &str, from: &str, to: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for folder in ["", "intents", "tests"] {
        std::fs::create_dir_all(dir.path().join(folder)).expect("a folder");
        for entry in std::fs::read_dir(Path::new(COFFEE).join(folder)).expect("the agent") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name");
                std::fs::copy(&path, dir.path().join(folder).join(name)).expect("copied");
            }
        }
    }
    let path = dir.path().join(file);
    let text = std::fs::read_to_string(&path).expect("the file");
    assert!(text.contains(from), "{file} has no {from:?}");
    std::fs::write(&path, text.replacen(from, to, 1)).expect("written");
    dir
}

/// A check that runs nothing must not look like one that passed.
#[test]
fn an_agent_without_tests_is_told_how_to_add_them() {
    let dir = changed("agent.toml", "name", "name");
    std::fs::remove_dir_all(dir.path().join("tests")).expect("removed");
    let folder = dir.path().to_str().expect("UTF-8");
    let output = mynah(&["test", folder], "", Path::new("/dev/null"));
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    let told = stderr(&output);
    assert!(told.contains("no test conversation") && told.contains("tests/NAME.yaml"), "{told}");
}

#[test]
fn check_says_that_the_coffee_agent_is_good() {
    let output = mynah(&["check", COFFEE], "", Path::new("/dev/null"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("coffee: no mistakes."));
}

#[test]
fn check_lists_mistakes_and_exits_with_2() {
    let dir = changed("dialogue.yaml", "slots.size, slots.roast", "slots.sise, slots.roast");
    let folder = dir.path().to_str().expect("UTF-8");
    let output = mynah(&["check", folder], "", Path::new("/dev/null"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    let shown = stderr(&output);
    for part in ["dialogue.yaml:", "`slots.sise`", "^^^^^^^^^^", "did you mean `slots.size`?"] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }

    let output = mynah(&["check", folder, "--json"], "", Path::new("/dev/null"));
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("one object");
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["problems"][0]["help"], "did you mean `slots.size`?");
}

#[test]
fn a_folder_that_is_no_agent_is_refused_by_every_command() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for command in ["check", "test", "chat"] {
        let folder = dir.path().to_str().expect("UTF-8");
        let output = mynah(&[command, folder], "", Path::new("/dev/null"));
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(stderr(&output).contains("agent.toml: the file is missing"));
    }
}

#[test]
fn test_shows_what_differs_and_exits_with_1() {
    let dir = changed("tests/orders.yaml", "reply: You are welcome.", "reply: Whatever.");
    let folder = dir.path().to_str().expect("UTF-8");
    let output = mynah(&["test", folder], "", Path::new("/dev/null"));
    assert_eq!(output.status.code(), Some(1));
    let shown = stdout(&output);
    for part in ["reply expected: Whatever.", "found:    You are welcome.", ", 1 failed"] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }

    let output = mynah(&["test", folder, "--json"], "", Path::new("/dev/null"));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("one object");
    assert_eq!(report["failed"], 1);
    assert_eq!(report["failures"][0]["differences"][0]["field"], "reply");
}

#[test]
fn chat_takes_an_order_from_a_pipe_and_runs_its_program() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let orders = dir.path().join("orders.jsonl");
    let lines = "can i get a latte\nlarge\nno, make it a small one\nyes\nthank you\n";
    let output = mynah(&["chat", COFFEE], lines, &orders);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        "Hello! What can I get you?\n\
         What size would you like?\n\
         A large latte, is that right?\n\
         So that is a small latte, is that right?\n\
         [order] coffeeDrink=latte, size=small\n\
         Thank you, a small latte coming up. It will be ready in about three minutes.\n\
         You are welcome.\n"
    );
    let written = std::fs::read_to_string(&orders).expect("the order was written");
    assert_eq!(written, "{\"coffeeDrink\":\"latte\",\"size\":\"small\"}\n");
}

#[test]
fn chat_prints_events_that_are_the_same_every_time() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let orders = dir.path().join("orders.jsonl");
    let talk = || {
        let lines = "hello\na large mocha\nyes\nbye\n";
        stdout(&mynah(&["chat", COFFEE, "--json"], lines, &orders))
    };
    let events = talk();
    assert_eq!(events, talk());
    let kinds: Vec<String> = events
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
            event["event"].as_str().expect("a kind").to_owned()
        })
        .collect();
    for kind in ["transcript", "intent", "dialogue", "say", "action"] {
        assert!(kinds.iter().any(|k| k == kind), "{kind} is missing in {kinds:?}");
    }
}

#[test]
fn the_home_agent_is_good_and_its_talks_go_as_written() {
    for command in ["check", "test"] {
        let output = mynah(&[command, HOME], "", Path::new("/dev/null"));
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    }
}

#[test]
fn the_home_agent_keeps_lists_timers_and_temperatures() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (said, answered) in [
        ("what's on the list", "The list is empty."),
        ("add two pints of milk to the list", "Two pints of milk is on the list."),
        ("we need bread", "Bread is on the list."),
        ("what's on my shopping list", "You need two pints of milk, bread."),
        ("take bread off the list", "Bread is off the list."),
        ("take bread off the list", "I found no bread on the list."),
        ("read the list", "You need two pints of milk."),
        ("how warm is the kitchen", "Nobody has set a temperature in the kitchen yet."),
        ("set the kitchen to 20.5 degrees", "Kitchen set to 20.5 degrees."),
        ("how warm is the kitchen", "The kitchen is set to 20.5 degrees."),
        ("how long is left", "No timer is running."),
        ("set a pasta timer for two and a half hours", "Pasta timer for two and a half hours"),
        ("set a timer for an hour and a half", "Timer for an hour and a half, starting now."),
        ("how long is left on the pasta timer", "2 hours 30 minutes left."),
        ("how long is left", "1 hour 30 minutes left."),
        ("cancel the pasta timer", "Pasta timer stopped."),
        ("cancel the egg timer", "No such timer is running."),
        ("turn on the kitchen light", "Kitchen light on."),
    ] {
        let output = mynah(&["chat", HOME], &format!("{said}\n"), dir.path());
        let shown = stdout(&output);
        let last = shown.lines().last().unwrap_or_default();
        assert!(last.starts_with(answered), "{said}: {shown}{}", stderr(&output));
    }
    let lights = std::fs::read_to_string(dir.path().join("lights.jsonl")).expect("noted");
    assert_eq!(lights, "switch_light {\"light\":\"kitchen light\",\"state\":\"on\"}\n");
}

#[test]
fn a_new_agent_passes_check_and_test_and_can_be_talked_to() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let kept = dir.path().join("bookings.jsonl");
    let folder = dir.path().join("Café am Eck");
    let folder = folder.to_str().expect("UTF-8");
    let output = mynah(&["new", folder], "", &kept);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown = stdout(&output);
    for command in ["check", "test", "chat"] {
        assert!(shown.contains(&format!("mynah {command:<5} '{folder}'")), "{shown}");
        let talk = "a table for two tomorrow\nyes\n";
        let output = mynah(&[command, folder], talk, &kept);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", stderr(&output));
    }
    let written = std::fs::read_to_string(&kept).expect("the booking was written");
    assert_eq!(written, "{\"day\":\"tomorrow\",\"people\":2}\n");

    let again = mynah(&["new", folder], "", &kept);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("is not empty"), "{}", stderr(&again));
}
