//! What a deployer can get wrong, and what they are told.

use std::path::Path;
use std::sync::Arc;

use super::*;

const SETTINGS: &str = "name = \"a\"\n";
const INTENTS: &str = "language: en\nintents:\n  order:\n    data:\n      - sentences:\n          \
    - \"a [{size}] {drink}\"\nlists:\n  size: {values: [small, large]}\n  drink: {values: [tea]}\n";
const DIALOGUE: &str = "intents:\n  order:\n    slots:\n      size: What size?\n    reply: \"{{ slots.size }} {{ slots.drink }}\"\n";

/// The files of a good agent, with some of them replaced.
fn load(changed: &[(&str, &str)]) -> Result<Agent, AgentError> {
    let mut files =
        vec![("agent.toml", SETTINGS), ("dialogue.yaml", DIALOGUE), ("intents/a.yaml", INTENTS)];
    files.retain(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    files.extend(changed.iter().filter(|(_, text)| *text != "(none)"));
    Agent::load(test_folder(&files).path())
}

fn mistakes(changed: &[(&str, &str)]) -> String {
    match load(changed) {
        Ok(_) => panic!("{changed:?} should be refused"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn a_good_agent_loads() {
    let agent = load(&[]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(agent.name, "a");
    let order = &agent.script.intents["order"];
    let slots: Vec<(&str, bool)> =
        order.slots.iter().map(|slot| (slot.name.as_str(), slot.is_required())).collect();
    assert_eq!(slots, [("size", true), ("drink", false)]);
}

#[test]
fn missing_files_are_named() {
    for (changed, parts) in [
        (&[("agent.toml", "(none)")][..], &["agent.toml: the file is missing", "name ="][..]),
        (&[("dialogue.yaml", "(none)")], &["dialogue.yaml: the file is missing", "intents:"]),
        (&[("intents/a.yaml", "(none)")], &["intents: there is no .yaml file"]),
    ] {
        let shown = mistakes(changed);
        assert!(parts.iter().all(|part| shown.contains(part)), "{shown}");
    }
    let empty = test_folder(&[]);
    assert!(matches!(Agent::load(empty.path()), Err(AgentError::File { .. })));
    let none = Agent::load(Path::new("/no/such/agent")).map(|agent| agent.name).unwrap_err();
    assert!(none.to_string().starts_with("/no/such/agent: no such agent folder"), "{none}");
}

#[test]
fn a_phrase_with_too_few_sounds_is_shown_where_it_stands() {
    let settings = "name = \"a\"\n[listening]\nmode = \"wake\"\nphrases = [\"hey you\",\n\"a\"]\n";
    let agent = load(&[("agent.toml", settings)]).unwrap_or_else(|e| panic!("{e}"));
    let told = agent.check_phrases(Arc::new(Spelled)).unwrap_err();
    let places: Vec<(u32, u32)> = told.diagnostics().iter().map(|d| (d.line, d.column)).collect();
    assert_eq!(places, [(5, 1)], "{told}");
    assert!(told.to_string().contains("listening.phrases: `a` is too short"), "{told}");
}

#[test]
fn a_mistake_in_a_file_is_shown_with_its_line_and_a_way_out() {
    let order = |body: &str| format!("intents:\n  order:\n    reply: Yes\n{body}");
    for (file, text, parts) in [
        // Broken YAML.
        ("dialogue.yaml", "intents: [".to_owned(), &["dialogue.yaml:1:", "not YAML"][..]),
        ("intents/a.yaml", "intents: [".to_owned(), &["a.yaml:1:", "not YAML"]),
        ("tests/a.yaml", "conversations: [".to_owned(), &["a.yaml:1:", "not YAML"]),
        // Unknown keys.
        ("agent.toml", "name = \"a\"\nnme = 1\n".to_owned(), &["agent.toml:2:1", "mean `name`"]),
        ("dialogue.yaml", order("    confrim: always\n"), &["yaml:4:5", "mean `confirm`"]),
        ("dialogue.yaml", order("replys: {}\n"), &["yaml:4:1", "mean `replies`"]),
        ("dialogue.yaml", order("replies: {greting: x}\n"), &["yaml:4:11", "mean `greeting`"]),
        ("dialogue.yaml", order("phrases: {yess: x}\n"), &["yaml:4:11", "mean `yes`"]),
        // Names that are not in the grammar.
        ("dialogue.yaml", order("    slots: {sise: x}\n"), &["yaml:4:13", "mean `size`"]),
        ("dialogue.yaml", order("  ordre: {reply: x}\n"), &["yaml:4:3", "mean `order`"]),
        ("dialogue.yaml", "intents: {}\n".to_owned(), &["yaml:1:", "`order`", "not in dialogue"]),
        // Twice the same.
        ("dialogue.yaml", order("  order: {reply: x}\n"), &["yaml:4:3", "written twice", "line 2"]),
        ("intents/a.yaml", format!("{INTENTS}intents: {{}}\n"), &["a.yaml:10:1", "twice"]),
        // Templates.
        (
            "dialogue.yaml",
            order("    summary: \"a {{ slots.sise }}\"\n"),
            &["yaml:4:20", "has a slot `sise`", "mean `slots.size`?", "^^^^^^^^^^"],
        ),
        ("dialogue.yaml", order("    summary: \"{{ size }}\"\n"), &["yaml:4:", "`slots.size`"]),
        ("dialogue.yaml", order("    summary: \"{{ siez }}\"\n"), &["mean `slots.size`?"]),
        ("dialogue.yaml", order("    summary: \"{{ slot.siez }}\"\n"), &["mean `slots.size`?"]),
        ("dialogue.yaml", order("    summary: \"{{ siad }}\"\n"), &["mean `said`?"]),
        (
            "dialogue.yaml",
            order("    summary: \"{{ slots.colour }}\"\n"),
            &["known here: `slots.drink`, `slots.size`"],
        ),
        ("dialogue.yaml", order("    summary: \"{{ slots.size\"\n"), &["yaml:4:14", "template"]),
        ("dialogue.yaml", order("    summary: \"{{ outcome }}\"\n"), &["only the `reply` of an"]),
        ("dialogue.yaml", order("    failed: \"{{ summary }}\"\n"), &["has no `summary`"]),
        ("dialogue.yaml", order("    summary: \"{{ agent|upr }}\"\n"), &["yaml:4:14", "upr"]),
        ("dialogue.yaml", order("replies: {help: \"{{ slots.size }}\"}\n"), &["no slots"]),
        // What can never be said.
        (
            "dialogue.yaml",
            order(&format!("    working: {}\n", "so ".repeat(400))),
            &["yaml:4:14", "working can never be said: the reply is longer than 1000"],
        ),
        (
            "dialogue.yaml",
            order(&format!("replies: {{help: [Yes, \"{}\"]}}\n", "so ".repeat(400))),
            &["yaml:4:23", "help can never be said"],
        ),
        ("dialogue.yaml", order("    failed: \"{{ agent + 1 }}\"\n"), &["can never be said: "]),
        ("dialogue.yaml", order("    summary: \"{{ now }}\"\n"), &["has parts", "`now.clock`"]),
        ("dialogue.yaml", order("    summary: \"{{ now.hous }}\"\n"), &["4:18", "mean `hour`"]),
        ("dialogue.yaml", order("replies: {help: \"{{ now.era }}\"}\n"), &["known here: year, mo"]),
        // Values of the wrong kind.
        ("dialogue.yaml", order("    summary: {a: b}\n"), &["must be text", "quotes"]),
        ("dialogue.yaml", order("    slots: [size]\n"), &["must be a block of keys"]),
        ("dialogue.yaml", order("    confirm: sometimes\n"), &["cannot be `sometimes`", "always"]),
        ("dialogue.yaml", order("    confirm: always\n"), &["no `confirm_question`"]),
        ("dialogue.yaml", "intents:\n  order: {}\n".to_owned(), &["`order` has no `reply`"]),
        // Actions.
        ("dialogue.yaml", order("    action: {program: [./no.sh]}\n"), &["yaml:4:24", "not there"]),
        ("dialogue.yaml", order("    action: {program: [no-such-1]}\n"), &["folders of PATH"]),
        ("dialogue.yaml", order("    action: {program: [./agent.toml]}\n"), &["chmod +x"]),
        ("dialogue.yaml", order("    action: {program: []}\n"), &["program is empty"]),
        ("dialogue.yaml", order("    action: {time_limit_s: 3}\n"), &["has none"]),
        (
            "dialogue.yaml",
            order("    action: {program: [sh], time_limit_s: 900}\n"),
            &["seconds from 0.1 to 120"],
        ),
        // Phrases are templates too.
        ("dialogue.yaml", order("phrases: {yes: [\"(yes|\"]}\n"), &["dialogue.yaml:4:"]),
        // Reserved names.
        (
            "intents/a.yaml",
            INTENTS.replace("  order:", "  mynah.yes:"),
            &["a.yaml:3:3", "begins with `mynah.`"],
        ),
        // Tests.
        ("tests/a.yaml", "conversation: []\n".to_owned(), &["mean `conversations`"]),
        (
            "tests/a.yaml",
            "conversations:\n- name: x\n  turns:\n  - say: a\n    intent: ordr\n".to_owned(),
            &["a.yaml:5:13", "mean `order`"],
        ),
        (
            "tests/a.yaml",
            "conversations:\n- name: x\n  turns:\n  - intent: order\n".to_owned(),
            &["a.yaml:4:", "exactly one of `say`"],
        ),
        (
            "tests/a.yaml",
            "conversations:\n- name: x\n  turns:\n  - {say: a, intent: order, slots: {sise: b}}\n"
                .to_owned(),
            &["a.yaml:4:", "mean `size`"],
        ),
        (
            "tests/a.yaml",
            "conversations:\n- name: x\n  turns:\n  - {say: a, slots: {sise: b}}\n".to_owned(),
            &["a.yaml:4:22", "no intent has a slot `sise`", "mean `size`"],
        ),
        (
            "tests/a.yaml",
            "conversations:\n- name: x\n  turns:\n  - {say: a, act: ask_slott}\n".to_owned(),
            &["a.yaml:4:19", "act cannot be `ask_slott`", "mean `ask_slot`"],
        ),
        (
            "tests/a.yaml",
            "conversations:\n- name: x\n  turns:\n  - {say: a, actions: [order]}\n".to_owned(),
            &["a.yaml:4:24", "no intent has an action `order`", "none to choose from"],
        ),
        (
            "tests/a.yaml",
            "conversations:\n- name: x\n  turns: []\n".to_owned(),
            &["a.yaml:3:10", "without turns tests nothing"],
        ),
        (
            "tests/a.yaml",
            "conversations:\n- name: x\n  now: 25:99\n  turns: []\n".to_owned(),
            &["a.yaml:3:8", "now: `25:99` is not a time", "2026-03-05T14:30"],
        ),
    ] {
        let shown = mistakes(&[(file, &text)]);
        for part in parts {
            assert!(shown.contains(part), "{file}: {text}\n{part:?} is missing in\n{shown}");
        }
        let (problems, ways_out) =
            (shown.matches("\n  |\n").count(), shown.matches("\n  = ").count());
        assert!(ways_out >= problems, "{file}: a way out is missing in\n{shown}");
    }
}

#[test]
fn every_mistake_is_listed() {
    let shown = mistakes(&[
        ("agent.toml", "name = \"a\"\n[voice]\npace = 9\n"),
        (
            "dialogue.yaml",
            "intents:\n  order:\n    reply: \"{{ slots.a }} {{ slots.b }}\"\n    slots: {c: x}\n    d: e\n",
        ),
        ("tests/a.yaml", "x: y\n"),
    ]);
    assert!(shown.starts_with("7 mistakes in the agent's files\n\n"), "{shown}");
}

#[test]
fn a_misspelt_action_of_a_test_is_found() {
    let dialogue = DIALOGUE.to_owned() + "    action: {name: brew}\n";
    let test = "conversations:\n- name: x\n  turns:\n  - {say: a, actions: [bru]}\n";
    let shown = mistakes(&[("dialogue.yaml", &dialogue), ("tests/a.yaml", test)]);
    assert!(shown.contains("no intent has an action `bru`"), "{shown}");
    assert!(
        shown.contains("did you mean `brew`?") || shown.contains("known here: brew"),
        "{shown}"
    );
}

/// A template may fail with made-up values and do well with those that the lists hold.
#[test]
fn a_reply_that_only_suits_real_values_is_no_mistake() {
    let intents = INTENTS.replace("{size}", "{size} {count} of");
    let intents = intents + "  count: {range: {from: 1, to: 9}}\n";
    for reply in [
        "{{ slots.count + 1 }}",
        "{{ {'small': 1, 'large': 2}[slots.size] + 1 }}",
        "{{ {'large': 2}[slots.size] + slots.count }}",
        "{{ said + 'x' }}",
    ] {
        let dialogue = format!("intents:\n  order:\n    reply: \"{reply}\"\n");
        let loaded = load(&[("intents/a.yaml", &intents), ("dialogue.yaml", &dialogue)]);
        assert!(loaded.is_ok(), "{reply}: {}", loaded.err().unwrap());
    }
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    for name in ["agent.toml", "dialogue.yaml", "intents/a.yaml", "tests/a.yaml"] {
        let dir = test_folder(&[
            ("agent.toml", SETTINGS),
            ("dialogue.yaml", DIALOGUE),
            ("intents/a.yaml", INTENTS),
            ("tests/b.yaml", "conversations: []\n"),
        ]);
        let path = dir.path().join(name);
        for (make, told) in [("mkdir", "a folder, not a file"), ("mkfifo", "a named pipe, not a")] {
            let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
            let made = std::process::Command::new(make).arg(&path).status().expect("it runs");
            assert!(made.success());
            let shown = Agent::load(dir.path()).map(|agent| agent.name).unwrap_err().to_string();
            assert!(shown.contains(name) && shown.contains(told), "{shown}");
        }
    }
}

#[test]
fn files_that_are_no_text_or_too_large_are_refused() {
    let dir = test_folder(&[("dialogue.yaml", DIALOGUE), ("intents/a.yaml", INTENTS)]);
    std::fs::write(dir.path().join("agent.toml"), b"name = \"a\"\n\xff").expect("written");
    let shown = Agent::load(dir.path()).map(|agent| agent.name).unwrap_err().to_string();
    assert!(shown.contains("line 2 is not UTF-8"), "{shown}");
    let huge = " ".repeat(MAX_FILE_BYTES as usize + 1);
    assert!(mistakes(&[("agent.toml", &huge)]).contains("more than"));
}

#[test]
fn conversations_are_rehearsed_and_differences_shown() {
    let agent = load(&[(
        "tests/a.yaml",
        "conversations:\n\
         - name: good\n  turns:\n  - {say: a tea, reply: 'What size?', slots: {drink: TEA}}\n  - {say: large, reply_has: LARGE, ended: false}\n  - {wait_s: 30, act: leave, state: idle, ended: true}\n\
         - name: bad\n  turns:\n  - say: a tea\n    intent: order\n  - say: small\n    reply: large tea\n    slots: {}\n",
    )])
    .unwrap_or_else(|e| panic!("{e}"));
    let rehearsal = rehearse(&Arc::new(agent));
    assert_eq!((rehearsal.passed, rehearsal.failed), (1, 1), "{rehearsal:#?}");
    let failed = &rehearsal.failures[0];
    assert_eq!((failed.line, failed.turn), (11, 2));
    let fields: Vec<(&str, &str)> =
        failed.differences.iter().map(|d| (d.field, d.found.as_str())).collect();
    assert_eq!(fields, [("slots", "{size: small}"), ("reply", "Small tea")]);
}

/// Two intents may each have a slot that people call "size".
#[test]
fn a_name_means_the_slot_of_the_open_request() {
    let intents = INTENTS.replace(
        "lists:",
        "  wrap:\n    data:\n      - sentences: [\"wrap it [{size:box}]\"]\nlists:",
    );
    let dialogue = "intents:\n\
        \x20 order:\n    confirm: always\n    confirm_question: Right?\n    reply: Yes\n\
        \x20   slots: {size: {ask: What size?, names: [size]}}\n\
        \x20 wrap:\n    confirm: always\n    confirm_question: Right?\n    reply: Yes\n\
        \x20   slots: {box: {ask: How large a box?, names: [size]}}\n";
    let test = "conversations:\n- name: x\n  turns:\n  - say: a large tea\n\
        \x20 - {say: the size, reply: What size?}\n  - {say: small, state: confirming}\n\
        - name: y\n  turns:\n  - say: wrap it small\n  - {say: the size, reply: How large a box?}\n";
    let files =
        [("intents/a.yaml", &*intents), ("dialogue.yaml", dialogue), ("tests/a.yaml", test)];
    let agent = load(&files).unwrap_or_else(|e| panic!("{e}"));
    let rehearsal = rehearse(&Arc::new(agent));
    assert_eq!((rehearsal.passed, rehearsal.failed), (2, 0), "{rehearsal:#?}");
}

#[test]
fn a_conversation_takes_place_when_it_says_and_at_the_same_time_every_time() {
    let time = "\"{{ now.clock }} and {{ now.second }} seconds on {{ now.weekday }}\"";
    let dialogue = format!("intents:\n  order:\n    reply: {time}\nreplies: {{help: {time}}}\n");
    let tests = "conversations:\n\
         - name: told\n  now: 2026-03-07T23:59:50\n  turns:\n  \
           - {say: help, reply: 11:59 PM and 52 seconds on Saturday}\n  \
           - {wait_s: 10}\n  \
           - {say: a tea, reply: 12:00 AM and 4 seconds on Sunday}\n\
         - name: default\n  turns:\n  - {say: help, reply: 10:00 AM and 2 seconds on Monday}\n";
    let agent = load(&[("dialogue.yaml", &dialogue), ("tests/a.yaml", tests)])
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(rehearse(&Arc::new(agent)).failures, []);
}

/// The example agent is checked and its conversations are run with every test run.
#[test]
fn the_coffee_agent_passes_its_own_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/coffee");
    let agent = Agent::load(&folder).unwrap_or_else(|e| panic!("{e}"));
    let rehearsal = rehearse(&Arc::new(agent));
    assert_eq!(rehearsal.failures, []);
    assert!(rehearsal.passed >= 10);
}
