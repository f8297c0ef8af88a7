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
    let (talk, stop) = Talk::sentences();
    let mut automaton = Automaton::new(&[grammar], talk);
    let start = automaton.start(stop);
    (automaton, start)
}

#[test]
fn words_follow_as_the_templates_say() {
    let grammar = sentences(
        "          - \"[please] turn (on|off) [the] {room} light[s]\"\n          \
         - \"(red;blue) {pct} percent\"\n",
        "lists:\n  room:\n    values: [kitchen, living room]\n  \
         pct:\n    range: {from: 0, to: 100}\nskip_words: [kindly]\n",
    );
    let (mut automaton, start) = whole(&grammar);
    for (words, taken) in [
        ("turn on the kitchen lights", true),
        ("please turn off living room light", true),
        ("kindly turn on kitchen light", true),
        ("turn kindly on kitchen light kindly", true),
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
    let mut automaton = Automaton::new(&[&orders, &phrases], talk);
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
