//! What blocks add to their sentences: fixed slots, context, own rules and lists, keywords.

use super::*;

const HOUSE: &str = "
language: en
settings: {filter_with_regex: false}
responses: {errors: {no_intent: Sorry}}
intents:
  TurnOn:
    data:
      - sentences: ['turn on <name>']
        requires_context: {domain: [light, fan]}
        response: plain
      - sentences: ['turn on <name>']
        requires_context: {domain: {value: cover, slot: kind}}
        slots: {action: open, level: 3}
        metadata: {anything: [1, 2]}
      - sentences: ['turn on the lights']
        requires_context: {area: {slot: true}}
        slots: {domain: light}
      - sentences: ['start {name}']
        excludes_context: {domain: [light, cover]}
      - sentences: ['all <what> on']
        expansion_rules: {what: '{thing}'}
        lists: {thing: {values: [lights, {in: fans, out: fan}]}}
      - sentences: ['every <what> on']
        expansion_rules: {what: 'light|fan'}
      - sentences: ['{words} quickly']
        required_keywords: [go, Run]
  Second:
    data:
      - sentences: ['up <name>']
        inferred_domain: light
        name_domains: [light]
lists:
  name:
    values:
      - {in: '[table] lamp', out: Lamp, context: {domain: light}, metadata: {id: 7}}
      - {in: ceiling fan, out: Fan, context: {domain: fan}}
      - {in: blind, out: Blind, context: {domain: cover}}
      - {in: heater, out: Heater}
  words: {wildcard: true}
expansion_rules:
  the: (the|my)
  name: '[<the>] {name}'
";

#[test]
fn context_decides_which_values_and_sentences_count() {
    let house = grammar(HOUSE);
    for (text, expected) in [
        ("turn on my table lamp", "TurnOn name=\"Lamp\""),
        ("turn on the ceiling fan", "TurnOn name=\"Fan\""),
        ("turn on the blind", "TurnOn action=\"open\" kind=\"cover\" level=3 name=\"Blind\""),
        // No sentence takes a value that says nothing about a required key.
        ("turn on the heater", "-"),
        ("turn on the lights", "-"),
        ("start heater", "TurnOn name=\"Heater\""),
        ("start ceiling fan", "TurnOn name=\"Fan\""),
        ("start blind", "-"),
        ("up the lamp", "Second domain=\"light\" name=\"Lamp\""),
        ("up the blind", "-"),
    ] {
        assert_eq!(read(&house, text), expected, "{text}");
    }
    let kitchen = Context::from([("area".to_owned(), SlotValue::Text("Kitchen".to_owned()))]);
    let heard = house.interpret_in("turn on the lights", &kitchen);
    assert_eq!(show(&heard), "TurnOn area=\"Kitchen\" domain=\"light\"");
    let fan = Context::from([("domain".to_owned(), SlotValue::Text("fan".to_owned()))]);
    assert_eq!(show(&house.interpret_in("turn on the heater", &fan)), "TurnOn name=\"Heater\"");
    let readings = house.readings("turn on the lamp", &Context::new());
    assert_eq!(readings[0].response, Some("plain"));
    assert_eq!(readings[0].written, "test.yaml:8");
}

#[test]
fn a_sentence_that_lacks_its_context_does_not_keep_the_turn_open() {
    let house = grammar(HOUSE);
    assert_eq!(house.interpret("turn on the").completeness, CannotEnd);
    let only =
        grammar("intents: {I: {data: [{sentences: [go now], requires_context: {area: null}}]}}");
    assert_eq!(only.interpret("go").completeness, MayContinue);
    let here = Context::from([("area".to_owned(), SlotValue::Text("x".to_owned()))]);
    assert_eq!(only.interpret_in("go", &here).completeness, CannotEnd);
}

#[test]
fn a_block_sees_its_own_rules_and_lists_first() {
    let house = grammar(HOUSE);
    for (text, expected) in [
        ("all lights on", "TurnOn thing=\"lights\""),
        ("all fans on", "TurnOn thing=\"fan\""),
        ("every fan on", "TurnOn"),
        ("every fans on", "-"),
    ] {
        assert_eq!(read(&house, text), expected, "{text}");
    }
}

#[test]
fn one_of_the_required_keywords_must_be_heard() {
    let house = grammar(HOUSE);
    assert_eq!(read(&house, "run home quickly"), "TurnOn words=\"run home\"");
    assert_eq!(read(&house, "walk home quickly"), "-");
}

#[test]
fn files_add_up() {
    let one = Source::new("intents/a.yaml", "intents: {I: {data: [{sentences: ['go {x}']}]}}");
    let two = Source::new(
        "intents/b.yaml",
        "{intents: {I: {data: [{sentences: [stay]}]}}, lists: {x: {values: [up]}}, skip_words: [um]}",
    );
    let three = Source::new("en/Jump/c.yaml", "{language: en, data: [{sentences: [jump]}]}");
    let grammar = Grammar::parse(&[one, two, three]).expect("fits together");
    for (text, expected) in
        [("go um up", "I x=\"up\""), ("stay", "I"), ("jump", "Jump"), ("go", "-")]
    {
        assert_eq!(read(&grammar, text), expected, "{text}");
    }
    assert_eq!(read(&Grammar::parse(&[]).expect("nothing is no mistake"), "go"), "-");
}

#[test]
fn the_reading_with_the_most_literal_words_wins_and_the_others_are_reported() {
    let play = grammar(
        "
intents:
  Any: {data: [{sentences: ['play {what}']}]}
  Music: {data: [{sentences: ['play [the] {kind} {what}', 'play jazz']}]}
  Room: {data: [{sentences: ['play {what} in {room}', 'play {what} in the hall']}]}
lists:
  what: {wildcard: true}
  kind: {values: [song, album]}
  room: {values: [the hall, kitchen]}
",
    );
    for (text, best, others) in [
        ("play jazz", "Music", 1),
        ("play the song yesterday", "Music kind=\"song\" what=\"yesterday\"", 1),
        ("play rain in the hall", "Room what=\"rain\"", 2),
        ("play rain in kitchen", "Room room=\"kitchen\" what=\"rain\"", 1),
    ] {
        let heard = play.interpret(text);
        assert_eq!((show(&heard).as_str(), heard.nbest.len()), (best, others), "{text}");
        assert_eq!(heard.confidence, 1.0);
    }
}

#[test]
fn a_list_changes_while_everything_else_stays() {
    let entry = |said: &str| Entry::named(said);
    let yaml = "
intents:
  On: {data: [{sentences: ['turn on [the] {name}'], requires_context: {domain: light}}]}
  Off: {data: [{sentences: ['turn off [the] {name}']}]}
";
    let light = |said: &str| entry(said).with("domain", SlotValue::Text("light".into()));
    let source = Source::new("test.yaml", yaml);
    let before = Grammar::parse_with(&[source], &[("name", vec![light("lamp")])]).expect("right");
    assert_eq!(read(&before, "turn on the lamp"), "On name=\"lamp\"");
    let after = before.with_list("name", &[entry("fan"), light("Joe[']s (lamp|light)")]);
    let after = after.expect("right");
    for (text, meaning) in [
        ("turn on the lamp", "-"),
        ("turn off fan", "Off name=\"fan\""),
        ("turn on fan", "-"),
        ("turn on joe's light", "On name=\"Joes lamp\""),
    ] {
        assert_eq!(read(&after, text), meaning, "{text}");
    }
    assert_eq!(read(&before, "turn on the lamp"), "On name=\"lamp\"");
    assert_eq!(read(&after.with_list("name", &[]).expect("right"), "turn off fan"), "-");
}

#[test]
fn mistakes_in_a_given_list_are_shown() {
    let grammar = sentence("go to {room}");
    for (name, said, message) in [
        ("room", "the (hall", "{room}:1:8: `(` is never closed"),
        (
            "room",
            "***",
            "{room}:1:3: this value cannot be pronounced: it has no letter and no figure",
        ),
        ("room", "[hall]", "{room}:1:3: every part of this value is optional: silence fits it"),
        ("room", "the <the>", "{room}:1:8: a value given at run time uses another list or rule"),
        ("rooms", "hall", "{rooms}:1:1: no sentence knows a list {rooms}"),
    ] {
        let problems = grammar.with_list(name, &[Entry::named(said)]).expect_err(said);
        let shown = problems[0].to_string();
        assert_eq!(shown.lines().next(), Some(message), "{said}");
    }
}

#[test]
fn a_sentence_of_two_intents_is_shown_with_both_places() {
    let overlaps = |yaml: &str| -> Vec<String> {
        grammar(yaml).overlaps().iter().map(Overlap::to_string).collect()
    };
    let same = "intents:
  A: {data: [{sentences: ['turn it on']}]}
  B: {data: [{sentences: ['(turn|switch) it on', 'turn it off']}]}
";
    let found = overlaps(same);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("test.yaml:3: \"turn it on\" means B as well as A (test.yaml:2)"));
    let apart = "intents:
  A: {data: [{sentences: ['turn it on']}]}
  B: {data: [{sentences: ['turn {x} on']}]}
lists: {x: {values: [it]}}
";
    assert!(overlaps(apart).is_empty(), "the literal one is better");
}
