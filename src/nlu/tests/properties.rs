//! What holds for every grammar.

use proptest::prelude::*;

use super::*;
use crate::nlu::search::{MAX_WORK, Search};
use crate::nlu::words::Words;

/// Random templates; `{#}` is replaced by list references with distinct slots. Lists stand as words
/// of their own: glued ones make sentences that are read in another way, as "5" and "-2" in "5-2".
pub(super) fn template() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => "[a-c]{1,3}",
        1 => Just("two".to_owned()),
        1 => Just("it's".to_owned()),
        1 => Just(" <the> ".to_owned()),
        3 => Just(" {#} ".to_owned()),
    ];
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            some().prop_map(|parts| parts.join(" ")),
            some().prop_map(|parts| parts.concat()),
            some().prop_map(|parts| format!("({})", parts.join("|"))),
            some().prop_map(|parts| format!("({})", parts.join(";"))),
            some().prop_map(|parts| format!("[{}]", parts.join(" "))),
            inner.clone().prop_map(|part| format!("[{part}] s")),
        ]
    });
    tree.prop_map(|template| {
        const LISTS: [&str; 5] = ["size", "room", "level", "temp", "thing"];
        let mut numbered = String::from("go ");
        for (index, part) in template.split("{#}").enumerate() {
            if index > 0 {
                numbered.push_str(&format!("{{{}:s{index}}}", LISTS[index % LISTS.len()]));
            }
            numbered.push_str(part);
        }
        numbered
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sentence_drawn_from_a_template_matches_it(template in template(), seed in any::<u64>()) {
        let grammar = sentence(&template);
        for draw in 0..8 {
            let Some(sample) = grammar.sample(seed.wrapping_add(draw)) else { continue };
            let heard = grammar.interpret(&sample.text);
            prop_assert!(heard.intent.is_some(), "{:?} on {:?}", template, sample.text);
            prop_assert_ne!(heard.completeness, CannotEnd);
        }
    }

    #[test]
    fn every_beginning_of_a_sentence_is_known_to_go_on(template in template(), seed in any::<u64>()) {
        let grammar = sentence(&template);
        let Some(sample) = grammar.sample(seed) else { return Ok(()) };
        let words: Vec<&str> = sample.text.split(' ').collect();
        for len in 1..words.len() {
            let heard = grammar.interpret(&words[..len].join(" "));
            if heard.completeness == Complete {
                // What follows adds nothing, though another slot may claim the same value.
                let whole = grammar.interpret(&sample.text);
                prop_assert_eq!(&heard.intent, &whole.intent, "{:?} on {:?}", template, &words[..len]);
                let known = |slot: &Slot| heard.slots.values().any(|known| known.value == slot.value);
                prop_assert!(whole.slots.values().all(known), "{:?} on {:?}", template, &words[..len]);
            }
            prop_assert_eq!(
                heard.completeness == CannotEnd, heard.intent.is_none(),
                "{:?} on {:?}", template, &words[..len]
            );
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let grammar = sentence("go [to] {room} [at] {level}");
        let heard = grammar.interpret(&text);
        prop_assert!(heard.intent.is_none() || heard.status == Status::Accepted);
        let _ = grammar.interpret_slot("room", "room", &text);
    }

    #[test]
    fn any_template_and_any_file_is_read_or_refused(text in "[ab {}()<>|;:.\\\\\\[\\]-]{0,40}", file in any::<String>()) {
        let quoted = serde_json::to_string(&text).expect("text is JSON");
        let yaml = format!("intents: {{I: {{data: [{{sentences: [{quoted}]}}]}}}}\nlists: {{a: {{values: [b]}}}}");
        for text in [yaml, file] {
            if let Err(problems) = Grammar::parse(&[Source::new("x.yaml", text)]) {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|p| !p.to_string().is_empty()));
            }
        }
    }
}

/// Ways the search keeps, which bounds its work.
fn ways(grammar: &Grammar, text: &str) -> usize {
    let words = Words::new(text);
    let mut search = Search::new(&grammar.machine, &words);
    drop(grammar.read(&mut search, &Context::new()));
    search.ways().iter().count()
}

#[test]
fn templates_made_to_explode_do_not() {
    let nested = format!("go {}", "[a ".repeat(40) + &"]".repeat(40));
    let optional = format!("go {}", "[a] ".repeat(60));
    let alternatives = format!("go {}", "(a|a b|b a|a) ".repeat(40));
    let wildcards: String = (0..20).map(|i| format!(" [{{thing:t{i}}}]")).collect();
    let wildcards = format!("go{wildcards} x");
    let any_order = "go ([a];[a a];[b];[a b];[b a];[a a a];[c];[d])".to_owned();
    for template in [nested, optional, alternatives, wildcards, any_order] {
        let grammar = sentence(&template);
        let nodes: usize = grammar.machine.graphs.iter().map(|g| g.nodes.len()).sum();
        let text = format!("go {}", "a ".repeat(60));
        let places = text.len();
        let found = ways(&grammar, &text);
        assert!(found <= nodes * places, "{template}: {found} ways");
    }
}

#[test]
fn rules_made_to_explode_do_not() {
    let mut yaml = String::from(
        "intents: {I: {data: [{sentences: ['go <r20>']}]}}\nexpansion_rules:\n  r0: '[a]'\n",
    );
    for level in 1..=20 {
        yaml.push_str(&format!("  r{level}: '<r{0}> [<r{0}>] <r{0}> b'\n", level - 1));
    }
    let grammar = grammar(&yaml);
    assert!(grammar.machine.graphs.iter().map(|g| g.nodes.len()).sum::<usize>() < 1_000);
    assert!(ways(&grammar, &format!("go {}", "a ".repeat(60))) < 200_000);
}

#[test]
fn the_longest_text_is_answered_and_a_longer_one_refused() {
    let grammar = sentence("go {thing}");
    assert_eq!(grammar.interpret(&format!("go {}", "ab ".repeat(600))).status, Status::Accepted);
    let long = format!("go {}", "ab ".repeat(700));
    let heard = grammar.interpret(&long);
    assert_eq!((heard.status, heard.gave_up), (Status::Rejected, Some(GaveUp::TooLong)));
    assert_eq!(grammar.explain(&long, &Context::new()), Explanation::GaveUp(GaveUp::TooLong));
}

#[test]
fn a_request_is_far_from_the_limit_of_work() {
    let grammar = grammar(include_str!("../../../agents/coffee/intents/order.yaml"));
    let words = Words::new("hi there, can i please get a large medium roast latte with some milk");
    let mut search = Search::new(&grammar.machine, &words);
    drop(grammar.read(&mut search, &Context::new()));
    let work = search.ways().work();
    assert!(work < MAX_WORK / 100, "{work}");
}

/// Rules that begin and end anywhere, inside one another: work grows with the cube of the text.
#[test]
fn a_long_text_that_can_be_read_in_any_number_of_ways_is_given_up() {
    let mut yaml = String::from(
        "intents: {I: {data: [{sentences: ['go <r8>', 'go {thing:x} <r8> {thing:y}']}]}}\n\
         lists: {thing: {wildcard: true}}\nexpansion_rules:\n  r0: 'a [a]'\n",
    );
    for level in 1..=8 {
        yaml.push_str(&format!("  r{level}: '<r{0}> [<r{0}>]'\n", level - 1));
    }
    let grammar = grammar(&yaml);
    for (words, is_read) in [(40, true), (900, false)] {
        let text = format!("go {}", "a ".repeat(words));
        let found = Words::new(&text);
        let mut search = Search::new(&grammar.machine, &found);
        let readings = grammar.read(&mut search, &Context::new()).len();
        let work = search.ways().work();
        // One step beyond the limit costs at most a scan of the longest list for each of its ends.
        let places = text.len() as u64;
        assert!(work <= MAX_WORK + 2 * places * places, "{words} words: {work}");
        let heard = grammar.interpret(&text);
        assert_eq!(work <= MAX_WORK, is_read, "{words} words: {work}");
        if !is_read {
            assert_eq!((readings, heard.gave_up), (0, Some(GaveUp::TooAmbiguous)));
            assert_eq!(grammar.interpret_slot("thing", "x", &text), None);
            let why = grammar.explain(&text, &Context::new());
            assert_eq!(why, Explanation::GaveUp(GaveUp::TooAmbiguous));
        } else {
            assert!(readings > 0 && heard.gave_up.is_none(), "{words} words: {work}");
        }
    }
    let few = Words::new("go a a a");
    let mut search = Search::new(&grammar.machine, &few);
    drop(grammar.read(&mut search, &Context::new()));
    assert_eq!(search.outcome(), None);
}
