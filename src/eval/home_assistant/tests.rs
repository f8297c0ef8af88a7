//! A small house in both layouts.

use std::sync::Arc;

use super::*;
use crate::nlu::{Sounds, Spelled};

const SENTENCES: &str = "
language: en
intents:
  TurnOn:
    data:
      - sentences: ['<turn> on [the] {name}']
        requires_context: {domain: light}
        response: light
      - sentences: ['<turn> on [the] lights [in here]']
        slots: {domain: light}
        requires_context: {area: {slot: true}}
  Ask:
    data:
      - sentences: ['is [the] {name} {level_state:state}']
        response: yesno
lists:
  level_state: {values: [{in: 'full', out: 'on'}, {in: empty, out: 'off'}]}
expansion_rules: {turn: '(turn|switch)'}
";
const FIXTURES: &str = "
areas: [{name: Den, id: den_id}]
entities:
  - {name: 'Hall Lamp', id: light.hall, area: den_id, state: 'off'}
  - {name: 'Tank', id: sensor.tank, state: {in: empty, out: 'off'}}
  - {name: \"Cat[']s Lamp\", id: light.cat, state: 'on'}
";
const TESTS: &str = "
language: en
tests:
  - sentences: ['turn on hall lamp', 'Switch on the Hall Lamp!']
    intent: {name: TurnOn, slots: {name: Hall Lamp}}
    response: Turned on Hall Lamp, a light
  - sentences: [\"turn on the cat's lamp\"]
    intent: {name: TurnOn, slots: {name: [Cats Lamp, other]}}
  - sentences: [turn on the lights]
    intent: {name: TurnOn, context: {area: Den}, slots: {area: Den, domain: light}}
  - sentences: [is the tank full]
    intent: {name: Ask, slots: {name: Tank, state: 'on'}}
    response: No, empty
";
const RESPONSES: &str = "
responses:
  intents:
    TurnOn:
      default: Done
      light: 'Turned on {{ state.name }}, a {{ state.domain }}'
    Ask:
      yesno: >
        {% if query.matched: %} Yes {% else: %} No, {{ state.state_with_unit }} {% endif %}
";
const NESTED: &str = "
language: en
data:
  - sentences: ['play {song} <where>']
    inferred_domain: media
";
const NESTED_TEST: &str = "
language: en
areas: [{name: Attic}]
tests:
  - sentences: [play something nice in the Attic]
    slots: {song: something nice, area: Attic, domain: media}
";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn flat(tests: &str) -> tempfile::TempDir {
    folder(&[
        ("sentences/en/all.yaml", SENTENCES),
        ("tests/en/_fixtures.yaml", FIXTURES),
        ("tests/en/light_TurnOn.yaml", tests),
        ("responses/en/all.yaml", RESPONSES),
    ])
}

#[test]
fn sentences_get_intent_slots_context_and_reply() {
    let dir = flat(TESTS);
    let report = run(&LanguageFolder::load(dir.path()).unwrap(), None).unwrap();
    assert_eq!(report.failures, []);
    assert_eq!((report.summary.n, report.summary.passed, report.summary.right), (5, 5, 1.0));
}

#[test]
fn what_differs_is_told() {
    for (from, to, outcome, expected, found) in [
        (
            "slots: {name: Hall Lamp}",
            "slots: {name: Tank}",
            Outcome::WrongSlots,
            "TurnOn name=Tank",
            "TurnOn name=Hall Lamp",
        ),
        (
            "name: TurnOn, slots: {name: Hall",
            "name: Ask, slots: {name: Hall",
            Outcome::WrongIntent,
            "Ask name=Hall Lamp",
            "TurnOn name=Hall Lamp",
        ),
        ("No, empty", "'Yes'", Outcome::WrongResponse, "Yes", "No, empty"),
        (
            "is the tank full",
            "is the tank thirsty",
            Outcome::Abstained,
            "Ask name=Tank state=on",
            "-",
        ),
    ] {
        let dir = flat(&TESTS.replace(from, to));
        let report = run(&LanguageFolder::load(dir.path()).unwrap(), None).unwrap();
        let failed = report.failures.last().expect(to);
        assert_eq!((failed.outcome, &*failed.expected, &*failed.found), (outcome, expected, found));
    }
}

#[test]
fn what_was_heard_is_understood_by_sound() {
    let dir = flat(TESTS);
    let folder = LanguageFolder::load(dir.path()).unwrap();
    let sounds = Arc::new(Sounds::new(Arc::new(Spelled), &BTreeMap::new()).unwrap());
    let map = dir.path().join("map.tsv");
    let rows = "text\theard\nturn on hall lamp\tturn on hull lamps\n\
                is the tank full\twhat is the time\n";
    std::fs::write(&map, rows).unwrap();
    let report = run(&folder, Some((&heard(&map).unwrap(), &sounds))).unwrap();
    let Summary { n, replaced, passed, .. } = report.summary;
    assert_eq!((n, replaced, passed), (5, 2, 4), "{:?}", report.failures);
    assert_eq!(report.failures[0].outcome, Outcome::Abstained);
    assert_eq!(report.failures[0].heard.as_deref(), Some("what is the time"));
}

#[test]
fn the_newer_layout_has_a_home_in_each_file() {
    let dir = folder(&[
        ("sentences/en/_common.yaml", "lists: {song: {wildcard: true}, x: {values: [y]}}"),
        ("sentences/en/Play/area.yaml", NESTED),
        ("lists/en/more.yaml", "lists: {x: {values: [z]}}"),
        ("rules/en/common.yaml", "expansion_rules: {where: 'in [the] {area}'}"),
        ("tests/en/Play/area.yaml", NESTED_TEST),
    ]);
    let report = run(&LanguageFolder::load(dir.path()).unwrap(), None).unwrap();
    assert_eq!((report.summary.n, report.failures.as_slice()), (1, [].as_slice()));
}

#[test]
fn folders_that_cannot_be_tested_are_refused() {
    let message = |files: &[(&str, &str)]| {
        let dir = folder(files);
        let error = LanguageFolder::load(dir.path()).err().expect("refused").to_string();
        error.replace(&dir.path().display().to_string(), "DIR")
    };
    let sentences = ("sentences/a.yaml", SENTENCES);
    for (files, start) in [
        (vec![], "DIR: no folder of Home Assistant's sentences"),
        (vec![sentences], "DIR: there is no test"),
        (
            vec![sentences, ("tests/a.yaml", "tests: [{sentences: [x]}]")],
            "DIR/tests/a.yaml: a test has no `intent`",
        ),
        (vec![sentences, ("tests/a.yaml", "tests: {")], "DIR/tests/a.yaml: "),
        (
            vec![
                ("sentences/a.yaml", "intents: {A: {data: [{sentences: ['a {b}']}]}}"),
                ("tests/a.yaml", "tests: []"),
            ],
            "1 mistake in the sentences",
        ),
    ] {
        let message = message(&files);
        assert!(message.starts_with(start), "{message}");
    }
}
