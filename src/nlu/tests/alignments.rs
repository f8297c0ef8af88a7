//! What the aligner makes of texts that no template takes as they are.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::nlu::align::Work;

fn aligner(grammar: &Grammar) -> Aligner {
    let sounds = Sounds::new(Arc::new(Spelled), grammar.respelled()).expect("words have letters");
    Aligner::new(grammar, Arc::new(sounds))
}

/// `intent slot=value…`.
fn show(reading: &Aligned) -> String {
    let slots = reading.slots.iter().map(|(name, slot)| format!(" {name}={}", slot.value));
    format!("{}{}", reading.intent, slots.collect::<String>())
}

/// The best reading if it may be acted on.
fn best(aligner: &Aligner, text: &str) -> String {
    let readings = aligner.align(text, &Context::new()).expect("bounded");
    let best = readings.first().filter(|best| best.stands_against(&readings));
    best.map_or("-".to_owned(), show)
}

fn home() -> Grammar {
    grammar(
        "
intents:
  on:
    data:
      - sentences: ['(turn|switch) on [the] {name}', '[the] {name} on']
  off:
    data:
      - sentences: ['(turn|switch) off [the] {name}', '[the] {name} off']
  dim:
    data:
      - sentences: ['set [the] {name} to {level}[([ ]%)| percent]']
  order:
    data:
      - sentences: ['can i (get|have) [a] ({size};{drink}) [please]']
  note:
    data:
      - sentences: ['write down {note}']
lists:
  name: {values: [bedroom lamp, bathroom fan, kitchen light, outside temperature]}
  level: {range: {from: 0, to: 100}}
  size: {values: [small, medium, large]}
  drink: {values: [latte, cappuccino, tea]}
  note: {wildcard: true}
skip_words: [please]
",
    )
}

#[test]
fn words_heard_as_others_are_understood_by_sound() {
    let aligner = aligner(&home());
    for (heard, meant) in [
        ("turn on the bedroom lamp", "on name=bedroom lamp"),
        ("turn on the bedroom lam", "on name=bedroom lamp"),
        ("turn on a bed room lamp", "on name=bedroom lamp"),
        ("turn on the bedroomlamp", "on name=bedroom lamp"),
        ("turn on bathrooms van", "on name=bathroom fan"),
        ("turn of the kitchen light", "off name=kitchen light"),
        ("twitch on kitchen lights", "on name=kitchen light"),
        ("set kitchen light to fiffy", "dim level=50 name=kitchen light"),
        ("set kitchen light to 25 per cent", "dim level=25 name=kitchen light"),
        ("what a lovely day", "-"),
        ("right down buy milk", "note note=buy milk"),
    ] {
        assert_eq!(best(&aligner, heard), meant, "{heard}");
    }
}

#[test]
fn lost_doubled_and_superfluous_words_are_passed_over() {
    let aligner = aligner(&home());
    for (heard, meant) in [
        ("um turn on uh the bedroom lamp", "on name=bedroom lamp"),
        ("turn turn on the the bedroom lamp", "on name=bedroom lamp"),
        ("turn on turn on the bedroom lamp", "on name=bedroom lamp"),
        ("can get a large latte", "order drink=latte size=large"),
        ("can i get like a large latte thanks", "order drink=latte size=large"),
    ] {
        assert_eq!(best(&aligner, heard), meant, "{heard}");
    }
}

#[test]
fn what_was_taken_back_does_not_count() {
    let aligner = aligner(&home());
    for (heard, meant) in [
        ("can i get a large, no, a small latte", "order drink=latte size=small"),
        ("can i get a latte, sorry, a large tea", "order drink=tea size=large"),
        ("turn on the bedroom lamp, no wait, the kitchen light", "on name=kitchen light"),
        ("turn on, I mean turn off the bathroom fan", "off name=bathroom fan"),
        ("set kitchen light to ten, no, twenty", "dim level=20 name=kitchen light"),
    ] {
        assert_eq!(best(&aligner, heard), meant, "{heard}");
    }
}

#[test]
fn evidence_says_what_a_reading_rests_on() {
    let aligner = aligner(&home());
    let readings = aligner.align("turn on uh bedroom lam", &Context::new()).expect("bounded");
    let best = &readings[0];
    assert_eq!(best.sentence, "turn on bedroom lamp");
    assert_eq!(best.slots["name"].text, "bedroom lam");
    let Evidence { cost, words, exact, inserted, skipped, .. } = &best.evidence;
    assert!((0.5..2.0).contains(cost), "{cost}");
    assert_eq!((*words, *exact), (4, 3));
    assert_eq!(inserted, &["uh"]);
    assert!(skipped.is_empty());
    let lost = aligner.align("set kitchen light ten", &Context::new()).expect("bounded");
    assert_eq!(lost[0].evidence.skipped, ["to"]);
    // Rivals are told apart and come in order.
    let both = aligner.align("turn o the bedroom lamp", &Context::new()).expect("bounded");
    assert!(both.len() >= 2);
    assert!(both.windows(2).all(|w| w[0].evidence.cost <= w[1].evidence.cost));
    assert_ne!(both[0].intent, both[1].intent);
}

#[test]
fn a_respelled_word_is_heard_as_it_is_said() {
    let plain = "
intents: {order: {data: [{sentences: ['a {drink} please']}]}}
lists: {drink: {values: [latte, espresso]}}
";
    let respelled = format!("{plain}pronounce: {{latte: 'lah tay, lattay'}}\n");
    let cost = |yaml: &str| {
        let readings = aligner(&grammar(yaml)).align("a lah tay please", &Context::new());
        readings.expect("bounded").first().map(|r| r.evidence.cost)
    };
    let (before, after) = (cost(plain), cost(&respelled).expect("it is heard"));
    assert!(before.is_none_or(|before| before > after + 0.5), "{before:?} {after}");
}

#[test]
fn towers_of_rules_and_long_texts_are_bounded() {
    let mut yaml = String::from(
        "intents: {I: {data: [{sentences: ['go <r12>', '{thing:x} <r12> {thing:y}']}]}}\n\
         lists: {thing: {wildcard: true}}\nexpansion_rules:\n  r0: '[a] [b] [c]'\n",
    );
    for level in 1..=12 {
        yaml.push_str(&format!("  r{level}: '<r{0}> [<r{0}>] <r{0}> b'\n", level - 1));
    }
    let aligner = aligner(&grammar(&yaml));
    for words in [5, 50, 10_000] {
        let text = "go a see be ".repeat(words / 4 + 1);
        let (result, Work(work)) = aligner.measured(&text, &Context::new());
        assert!(work <= 2 * crate::nlu::align::MAX_WORK, "{words}: {work}");
        assert!(words < 10_000 || result == Err(GaveUp::TooLong));
    }
}

#[test]
fn ten_thousand_words_are_refused_at_once() {
    let aligner = aligner(&home());
    let text = "turn on the bedroom lam ".repeat(2_000);
    assert_eq!(aligner.align(&text, &Context::new()), Err(GaveUp::TooLong));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_exact_sentence_has_its_exact_reading_at_no_cost(template in super::properties::template(), seed in any::<u64>()) {
        let grammar = sentence(&template);
        let Some(sample) = grammar.sample(seed) else { return Ok(()) };
        let readings = aligner(&grammar).align(&sample.text, &Context::new()).expect("bounded");
        let exact = grammar.interpret(&sample.text);
        let first = readings.first().expect("it is a sentence");
        prop_assert_eq!(first.evidence.cost, 0.0);
        prop_assert_eq!(&first.slots, &exact.slots);
    }

    #[test]
    fn any_text_is_aligned_or_refused_within_bounds(template in super::properties::template(), text in "[a-e ]{0,120}|\\PC{0,60}", seed in any::<u64>()) {
        let grammar = sentence(&template);
        let aligner = aligner(&grammar);
        let sample = grammar.sample(seed).map(|s| s.text).unwrap_or_default();
        for text in [text.clone(), format!("{sample} {text}"), format!("{text} {sample}")] {
            let (result, Work(work)) = aligner.measured(&text, &Context::new());
            prop_assert!(work <= 2 * crate::nlu::align::MAX_WORK);
            for reading in result.iter().flatten() {
                prop_assert!(reading.evidence.cost >= 0.0 && !reading.template.is_empty());
            }
        }
    }
}
