//! `mynah eval-text` as a deployer runs it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// A table of orders and lamps; the test part has other words and other talk.
fn table(test: bool) -> String {
    let rooms = if test { ["cellar", "porch"] } else { ["kitchen", "hall"] };
    let drinks = if test { ["cortado", "cocoa"] } else { ["latte", "mocha"] };
    let mut rows = String::from("text\tintent\tslots_json\tcondition\n");
    for room in rooms {
        for way in ["turn on the {} lamp", "switch off the {} lamp", "dim the {} lamp please"] {
            let text = way.replace("{}", room);
            writeln!(rows, "{text}\tlamp\t{{\"room\": \"{room}\"}}\tmeant").unwrap();
        }
    }
    for drink in drinks {
        for way in ["I would like a {}", "\"a large {} to go", "can I get one {} now"] {
            let text = way.replace("{}", drink);
            writeln!(rows, "{text}\torder\t{{\"drink\": \"{drink}\"}}\tmeant").unwrap();
        }
    }
    if test {
        rows += "who won the war of the roses\toos\t\tother\nmy uncle keeps bees\t\t\tother\n";
    }
    rows
}

fn eval_text(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mynah"));
    command.current_dir(folder).args(["eval-text", "--train", "train.tsv", "--test", "test.tsv"]);
    command.args(arguments).output().expect("mynah runs")
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("train.tsv"), table(false)).unwrap();
    std::fs::write(folder.path().join("test.tsv"), table(true)).unwrap();
    folder
}

fn scores(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn spelling_alone_is_scored_without_models() {
    let output = eval_text(folder().path(), &["--small", "--json", "--models", "nowhere"]);
    let scores = scores(&output);
    assert_eq!(
        (&scores["n"], &scores["in_scope"], &scores["intents"]),
        (&14.into(), &12.into(), &2.into())
    );
    assert_eq!(scores["in_scope_accuracy"], 1.0);
    // Half of the values were never seen, among few that were.
    assert!(scores["slot_f1"].as_f64().unwrap() > 0.5, "{scores}");
    assert!(scores["oos_auroc"].as_f64().unwrap() > 0.9, "{scores}");
    assert_eq!(scores["by_condition"]["other"]["n"], 2);
    for field in
        ["intent_accuracy", "oos_recall", "oos_caught_at_5", "ece", "train_s", "ms_per_text"]
    {
        assert!(scores[field].is_number(), "{field} in {scores}");
    }
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains("2 intents learned in"), "{shown}");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn meaning_is_scored_with_the_sentence_encoder() {
    let scores = scores(&eval_text(folder().path(), &["--json"]));
    assert_eq!(scores["in_scope_accuracy"], 1.0);
    assert_eq!(scores["oos_auroc"], 1.0);
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn texts_are_misheard_alike_for_the_same_seed() {
    let folder = folder();
    let heard = |seed: &str, more: &[&str]| {
        let arguments = [&["--small", "--json", "--misheard", seed], more].concat();
        let mut scores = scores(&eval_text(folder.path(), &arguments));
        for time in ["train_s", "ms_per_text"] {
            scores[time].take();
        }
        scores
    };
    assert_eq!(heard("5", &[]), heard("5", &[]));
    assert_eq!(heard("5", &[])["n"], 14);
    assert!(heard("5", &["--copies", "2"])["in_scope_accuracy"].as_f64().unwrap() > 0.5);
}

#[test]
fn what_is_wrong_is_named_with_file_line_and_field() {
    let head = "text\tintent\tslots_json\n";
    for (train, message) in [
        (format!("{head}\tlamp\t\n"), "train.tsv:2: text is \"\"; it must be filled in"),
        (format!("{head}a\tlamp\t{{room}}\n"), "train.tsv:2: slots_json is \"{room}\""),
        (format!("{head}a\toos\t{{\"a\": 1}}\n"), "must be empty where the intent is out of scope"),
        (format!("{head}a\toos\t\n"), "train.tsv: no row has an intent"),
        ("text\tlabel\na\tb\n".into(), "train.tsv:1: there is no column `intent`"),
        (head.into(), "train.tsv: there is a header but no row"),
    ] {
        let folder = folder();
        std::fs::write(folder.path().join("train.tsv"), train).unwrap();
        let output = eval_text(folder.path(), &["--small"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(message) && said.lines().count() == 1, "{said:?} lacks {message:?}");
    }
}
