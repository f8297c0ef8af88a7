use super::*;
use crate::config::diagnostic::Source;

fn grammar(yaml: &str) -> Grammar {
    Grammar::parse(&[Source::new("a.yaml", yaml.to_owned())]).expect("a good grammar")
}

fn sentences(templates: &str, rest: &str) -> Grammar {
    grammar(&format!(
        "language: en\nintents:\n  i:\n    data:\n      - sentences:\n{templates}{rest}"
    ))
}

/// Follows words; `None` when one of them cannot follow.
fn walk(automaton: &mut Automaton, start: Place, words: &str) -> Option<Place> {
    words.split_whitespace().try_fold(start, |place, word| {
        let edges = automaton.edges(place).to_vec();
        edges.iter().find(|edge| automaton.word(edge.word) == word).map(|edge| edge.to)
    })
}

fn takes(automaton: &mut Automaton, start: Place, words: &str) -> bool {
    walk(automaton, start, words).is_some_and(|place| automaton.ends(place).is_some())
}

fn whole(grammar: &Grammar) -> (Automaton, Place) {
    whole_in(grammar, &Context::new())
}

fn whole_in(grammar: &Grammar, context: &Context) -> (Automaton, Place) {
    let (talk, stop) = Talk::sentences();
    let mut automaton = Automaton::new(&[grammar], talk, context);
    let start = automaton.start(stop);
    (automaton, start)
}

#[test]
fn words_follow_as_the_templates_say() {
    let grammar = sentences(
        "          - \"[please] turn (on|off) [the] {room} light[s]\"\n          \
         - \"(red;blue) {pct} percent\"\n",
        "lists:\n  room:\n    values: [kitchen, living room]\n  \
         pct:\n    range: {from: 0, to: 100}\nskip_words: [kindly, if you please]\n",
    );
    let (mut automaton, start) = whole(&grammar);
    for (words, taken) in [
        ("turn on the kitchen lights", true),
        ("please turn off living room light", true),
        ("kindly turn on kitchen light", true),
        ("turn kindly on kitchen light kindly", true),
        ("turn if you please on kitchen light if you please kindly", true),
        ("turn if if you please you please on kitchen light", false),
        ("turn on living light", false),
        ("turn on the kitchen", false),
        ("red blue 25 percent", true),
        ("blue red twenty five percent", true),
        ("red twenty percent", false),
        ("red blue 125 percent", false),
        ("", false),
    ] {
        assert_eq!(takes(&mut automaton, start, words), taken, "{words}");
        // Whatever it says, the interpreter understands.
        let read = grammar.interpret(words).intent.is_some();
        assert_eq!(read, taken, "{words}");
    }
}

#[test]
fn equal_places_are_one() {
    let grammar = sentences("          - \"(make|brew) [me] [a] (latte|mocha)\"\n", "");
    let (mut automaton, start) = whole(&grammar);
    let places: Vec<_> = ["make", "brew"]
        .map(|word| walk(&mut automaton, start, word).expect("it may follow"))
        .into();
    assert_eq!(places[0], places[1]);
    let me_a = walk(&mut automaton, start, "make me a");
    assert_eq!(me_a, walk(&mut automaton, start, "brew a"));
}

#[test]
fn any_words_may_follow_where_a_wildcard_stands() {
    let grammar = sentences(
        "          - \"add {item} to [the] list\"\n",
        "lists:\n  item:\n    wildcard: true\n",
    );
    let (mut automaton, start) = whole(&grammar);
    assert_eq!(automaton.open(start), None);
    let add = walk(&mut automaton, start, "add").expect("a word");
    assert!(walk(&mut automaton, add, "to").is_none(), "the item needs a word first");
    let item = automaton.open(add).expect("any word");
    assert!(automaton.open(item).is_some(), "and another");
    assert!(takes(&mut automaton, item, "to the list"));
}

#[test]
fn a_talk_strings_grammars_together() {
    let orders = sentences(
        "          - \"[a] {size} latte\"\n",
        "lists:\n  size:\n    values: [small, large]\n",
    );
    let phrases = grammar(
        "language: en\nintents:\n  yes:\n    data:\n      - sentences: [\"yes [please]\"]\n  \
         no:\n    data:\n      - sentences: [\"no\"]\n",
    );
    let mut talk = Talk::default();
    let (start, among, end) = (talk.stop(false), talk.stop(true), talk.stop(true));
    talk.leg(start, end, 0, Said::Sentence, 1.0);
    talk.leg(start, end, 1, Said::Intent("yes".into()), 2.0);
    talk.leg(start, among, 0, Said::Value("size".into()), 0.0);
    talk.leg(among, among, 0, Said::Value("size".into()), 0.5);
    let mut automaton = Automaton::new(&[&orders, &phrases], talk, &Context::new());
    let start = automaton.start(start);
    for (words, taken) in [
        ("yes please", true),
        ("no", false),
        ("small", true),
        ("small large small", true),
        ("a small latte", true),
        ("small latte", true),
        ("small latte yes", false),
    ] {
        assert_eq!(takes(&mut automaton, start, words), taken, "{words}");
    }
    let cost = |automaton: &mut Automaton, word: &str| {
        let edges = automaton.edges(start).to_vec();
        let edge = edges.iter().find(|edge| automaton.word(edge.word) == word);
        edge.map(|edge| edge.cost)
    };
    assert_eq!(cost(&mut automaton, "yes"), Some(2.0));
    assert_eq!(cost(&mut automaton, "a"), Some(1.0));
    // The cheaper of two ways to say it; the dearer keeps its difference.
    assert_eq!(cost(&mut automaton, "small"), Some(0.0));
    let small = walk(&mut automaton, start, "small").expect("a value");
    assert_eq!(automaton.ends(small), Some(0.0));
    let edges = automaton.edges(small).to_vec();
    let latte = edges.iter().find(|edge| automaton.word(edge.word) == "latte").expect("a word");
    assert_eq!(latte.cost, 1.0);
}

#[test]
fn random_sentences_of_a_grammar_are_taken() {
    let grammar = sentences(
        "          - \"(<turn>|switch) {room} [to] {n} [degrees] [(now;please)]\"\n          \
         - \"what is {n} [and {n:other}]\"\n",
        "expansion_rules:\n  turn: \"(turn|set) [the]\"\nlists:\n  room:\n    values: [den, \"(big|small) room\"]\n  \
         n:\n    range: {from: -3, to: 210, step: 3}\n",
    );
    let (mut automaton, start) = whole(&grammar);
    for seed in 0..300 {
        let Some(sample) = grammar.sample(seed) else { continue };
        assert!(takes(&mut automaton, start, &sample.text), "{}", sample.text);
    }
    assert!(!automaton.is_full());
}

/// Words that may follow, in order.
fn next(automaton: &mut Automaton, place: Place) -> Vec<String> {
    let edges = automaton.edges(place).to_vec();
    let mut words: Vec<String> =
        edges.iter().map(|edge| automaton.word(edge.word).to_owned()).collect();
    words.sort_unstable();
    words
}

const HOUSE: &str = "
language: en
intents:
  TurnOn:
    data:
      - sentences: ['turn on <name>', 'turn on <name> in [the] {area}']
        requires_context: {domain: [light, fan]}
      - sentences: ['start {name}']
        excludes_context: {domain: light}
      - sentences: ['brighter']
        requires_context: {area: {slot: true}}
      - sentences: ['dim {name}']
        requires_context: {domain: light, floor: null}
lists:
  name:
    values:
      - {in: '[table] lamp', context: {domain: light}}
      - {in: ceiling fan, context: {domain: fan}}
      - {in: roller blind, context: {domain: cover}}
      - {in: table heater}
  area: {values: [{in: attic, context: {floor: top}}, den]}
expansion_rules: {name: '[the] {name}'}
";

#[test]
fn what_the_context_forbids_is_not_walked() {
    let grammar = grammar(HOUSE);
    let (mut nothing, start) = whole(&grammar);
    assert_eq!(next(&mut nothing, start), ["start", "turn"], "no floor, no area");
    let the = walk(&mut nothing, start, "turn on the").expect("words");
    // A heater says nothing of its domain, so the sentence could never end.
    assert_eq!(next(&mut nothing, the), ["ceiling", "lamp", "table"]);
    let table = walk(&mut nothing, the, "table").expect("a word");
    assert_eq!(next(&mut nothing, table), ["lamp"]);
    for (words, taken) in [
        ("turn on the table lamp in the den", true),
        ("turn on ceiling fan", true),
        ("start table heater", true),
        ("start lamp", false),
        ("brighter", false),
    ] {
        assert_eq!(takes(&mut nothing, start, words), taken, "{words}");
        assert_eq!(grammar.interpret(words).intent.is_some(), taken, "{words}");
    }
}

#[test]
fn what_is_known_may_be_said() {
    let grammar = grammar(HOUSE);
    let text = |value: &str| super::super::SlotValue::Text(value.to_owned());
    for (known, words, taken) in [
        (vec![("area", "den")], "brighter", true),
        (vec![("domain", "light")], "turn on the table heater", true),
        (vec![("domain", "light")], "turn on ceiling fan", true),
        (vec![("domain", "cover")], "turn on the lamp", false),
        (vec![("domain", "light")], "start table heater", false),
        (vec![("floor", "top")], "dim lamp", true),
        (vec![("floor", "top")], "dim table heater", false),
        (vec![("floor", "top"), ("domain", "light")], "dim table heater", true),
    ] {
        let context: Context =
            known.iter().map(|(key, value)| ((*key).to_owned(), text(value))).collect();
        let (mut automaton, start) = whole_in(&grammar, &context);
        assert_eq!(takes(&mut automaton, start, words), taken, "{words} with {known:?}");
        let read = grammar.interpret_in(words, &context).intent.is_some();
        assert_eq!(read, taken, "{words} with {known:?}");
    }
}

#[test]
fn ways_without_a_keyword_are_not_walked() {
    let grammar = grammar(
        "
language: en
intents:
  Left:
    data:
      - sentences: ['how [much] (time|long) [is] [left] [on] [the] [timer[s]]', '{any} quickly']
        required_keywords: [timers, left, Run]
lists: {any: {wildcard: true}}
skip_words: [kindly]
",
    );
    let (mut automaton, start) = whole(&grammar);
    for (words, taken) in [
        ("how long is left", true),
        ("how much time left on the timer", true),
        ("how long is on the timers", true),
        ("how long is on the timer", false),
        ("how kindly long timers", true),
        ("how long", false),
    ] {
        assert_eq!(takes(&mut automaton, start, words), taken, "{words}");
        assert_eq!(grammar.interpret(words).intent.is_some(), taken, "{words}");
    }
    let any = automaton.open(start).expect("any word");
    assert!(takes(&mut automaton, any, "quickly"), "which word it was is read later");
    let how = walk(&mut automaton, start, "how").expect("a word");
    assert_eq!(automaton.open(how), None);
}

#[test]
fn an_entity_is_said_in_the_usual_ways() {
    let grammar = sentences(
        "          - \"(set|start) [a] timer for {length} [please]\"\n          - \"{length} timer\"\n",
        "lists:\n  length: {entity: duration}\n",
    );
    let (mut automaton, start) = whole(&grammar);
    for (words, taken) in [
        ("set a timer for twenty five minutes", true),
        ("set timer for 25 minutes please", true),
        ("start a timer for an hour and a half", true),
        ("two and a half hours timer", true),
        ("one hour and twenty minutes timer", true),
        ("set a timer for", false),
        ("set a timer for minutes", false),
        ("set a timer for a lamp", false),
    ] {
        assert_eq!(takes(&mut automaton, start, words), taken, "{words}");
        assert_eq!(grammar.interpret(words).intent.is_some(), taken, "{words}");
    }
    let length = walk(&mut automaton, start, "set a timer for").expect("words");
    assert_eq!(automaton.open(length), None);
}

#[test]
fn glued_parts_make_a_bounded_number_of_words() {
    let parts: String = ('a'..='z').map(|part| format!("[{part}]")).collect();
    let grammar = sentences(&format!("          - \"say {parts}x\"\n"), "");
    let (mut automaton, place) = whole(&grammar);
    let [Edge { to, .. }] = *automaton.edges(place) else { panic!("one word begins it") };
    let words = automaton.edges(to).len();
    assert!((1_000..=MAX_WALK).contains(&words), "{words} words");
}
