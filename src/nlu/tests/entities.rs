//! Entities as lists of a grammar.

use super::super::search::{MAX_WORK, Search};
use super::super::words::Words;
use super::*;
use crate::clock::{Clock, Moment};
use crate::units::SamplePos;

/// Monday 2026-01-05, 10:00 UTC.
fn monday() -> Moment {
    Clock::default().at(SamplePos::default())
}

fn kitchen() -> Grammar {
    let grammar = grammar(
        "
intents:
  timer: {data: [{sentences: ['(set|start) [a] timer for {length}', '{length} timer']}]}
  wake: {data: [{sentences: ['wake me [up] [at] {when}[ please]']}]}
  pay: {data: [{sentences: ['send {name} {sum}', 'send {sum} to {name}']}]}
  level: {data: [{sentences: ['dim to {share:level}']}]}
lists:
  length: {entity: duration}
  when: {entity: time}
  sum: {entity: money}
  share: {entity: percentage}
  name: {wildcard: true}
",
    );
    grammar.at(&monday())
}

#[test]
fn entities_fill_slots() {
    let kitchen = kitchen();
    for (text, expected) in [
        ("set a timer for ten minutes", "timer length=\"PT10M\""),
        ("Start timer for an hour and a half.", "timer length=\"PT1H30M\""),
        ("two minute timer", "timer length=\"PT2M\""),
        ("wake me at half past seven", "wake when=\"2026-01-05T19:30:00+00:00\""),
        ("wake me up tomorrow at 7 am please", "wake when=\"2026-01-06T07:00:00+00:00\""),
        ("wake me in twenty minutes", "wake when=\"2026-01-05T10:20:00+00:00\""),
        ("send two dollars fifty to my brother", "pay name=\"my brother\" sum=\"2.50 USD\""),
        ("send anna $12", "pay name=\"anna\" sum=\"12.00 USD\""),
        ("dim to 12.5%", "level level=12.5"),
        ("dim to fifty percent", "level level=50"),
        ("set a timer for banana", "-"),
        ("wake me at ten minutes", "-"),
        ("send anna", "-"),
    ] {
        assert_eq!(read(&kitchen, text), expected, "{text}");
    }
    let heard = kitchen.interpret("Set a timer for 2 Hours");
    assert_eq!(heard.slots["length"].text, "2 Hours");
}

#[test]
fn the_present_is_the_one_given() {
    let later = Clock::default().at(SamplePos::from_ms(3_600_000));
    let heard = kitchen().at(&later).interpret("wake me in an hour");
    assert_eq!(heard.slots["when"].value.to_string(), "2026-01-05T12:00:00+00:00");
}

#[test]
fn what_begins_an_entity_may_go_on() {
    let kitchen = kitchen();
    for (text, expected) in [
        ("set a timer for", CannotEnd),
        ("set a timer for ten", CannotEnd),
        ("set a timer for ten minutes", Complete),
        ("wake me at half past", CannotEnd),
        ("wake me at half past seven pm please", Complete),
        ("wake me at seven", MayContinue),
        ("dim to fifty", CannotEnd),
        ("set a timer for bananas", MayContinue),
    ] {
        assert_eq!(kitchen.interpret(text).completeness, expected, "{text}");
    }
}

#[test]
fn entities_answer_questions() {
    let kitchen = kitchen();
    let answer = |list: &str, slot: &str, text: &str| {
        kitchen.interpret_slot(list, slot, text).map(|slot| slot.value.to_string())
    };
    for (list, text, expected) in [
        ("length", "ten minutes", Some("PT10M")),
        ("length", "for ten minutes please", Some("PT10M")),
        ("length", "start timer for two hours", Some("PT2H")),
        ("length", "banana", None),
        ("when", "at seven", Some("2026-01-05T19:00:00+00:00")),
        ("sum", "I'd like five euros", Some("5.00 EUR")),
    ] {
        let slot = list;
        assert_eq!(answer(list, slot, text).as_deref(), expected, "{text}");
    }
}

#[test]
fn only_what_is_surely_an_entity_is_spotted() {
    let kitchen = kitchen();
    let spot =
        |list: &str, text: &str| kitchen.spot_value(list, text).map(|slot| slot.value.to_string());
    assert_eq!(spot("length", "boil me an egg for four minutes").as_deref(), Some("PT4M"));
    assert_eq!(spot("when", "the train of seven pm").as_deref(), Some("2026-01-05T19:00:00+00:00"));
    assert_eq!(spot("when", "seven dwarfs"), None);
}

#[test]
fn drawn_sentences_are_understood() {
    for kind in crate::nlu::entities::Entity::ALL {
        let lists = format!("lists: {{x: {{entity: {}}}}}", kind.name());
        let intents = "intents: {I: {data: [{sentences: ['it is {x}']}]}}";
        let grammar = grammar(&format!("{intents}\n{lists}\n"));
        for seed in 0..32 {
            let sample = grammar.sample(seed).expect("a sentence without context");
            let heard = grammar.interpret(&sample.text);
            assert_eq!(heard.intent.as_deref(), Some("I"), "{}: {}", kind.name(), sample.text);
        }
    }
}

#[test]
fn entities_are_taken_by_sound() {
    let kitchen = kitchen();
    let sounds = Sounds::new(std::sync::Arc::new(Spelled), kitchen.respelled());
    let aligner = Aligner::new(&kitchen, std::sync::Arc::new(sounds.expect("nothing respelled")));
    let align = |text: &str| aligner.align(text, &Context::new()).expect("a short text");
    assert_eq!(align("set a timer for ten minutes")[0].evidence.cost, 0.0);
    for (heard, slot, value) in [
        // The entity as it was heard, in a sentence that was not.
        ("set a timber for ten minutes", "length", "PT10M"),
        ("set a timber for 2h30", "length", "PT2H30M"),
        // The entity by its sound.
        ("set a timer for twenty fife minuts", "length", "PT25M"),
        ("wake me at haf past seven", "when", "2026-01-05T19:30:00+00:00"),
        ("wak me up tomorow at noon", "when", "2026-01-06T12:00:00+00:00"),
        ("dim to fiffty percent", "level", "50"),
    ] {
        let found = align(heard);
        let best = found.first().unwrap_or_else(|| panic!("{heard}: nothing"));
        let value_of = |slot: &str| best.slots.get(slot).map(|slot| slot.value.to_string());
        assert_eq!(value_of(slot).as_deref(), Some(value), "{heard}: {best:?}");
        assert!(best.evidence.cost > 0.0, "{heard}");
    }
    // The aligner's own grammar tells the moment, unless another is given.
    let later = Clock::default().at(SamplePos::from_ms(3_600_000));
    let found = aligner.align_at("wak me in an hour", &Context::new(), Some(&later));
    let found = found.expect("a short text");
    assert_eq!(found[0].slots["when"].value.to_string(), "2026-01-05T12:00:00+00:00");
}

/// Looking for entities counts as work: a text that may be one everywhere is given up in time.
#[test]
fn entities_count_towards_the_limit_of_work() {
    let kinds = ["number", "ordinal", "money", "time", "date", "when", "duration", "digits"];
    let lists: Vec<String> =
        kinds.iter().map(|kind| format!("  {kind}: {{entity: {kind}}}\n")).collect();
    let any: Vec<String> = kinds.iter().map(|kind| format!("{{{kind}:x}}")).collect();
    let yaml = format!(
        "intents: {{I: {{data: [{{sentences: ['go {{words}} ({}) [{{more}}]']}}]}}}}\nlists:\n  \
         words: {{wildcard: true}}\n  more: {{wildcard: true}}\n{}",
        any.join("|"),
        lists.concat()
    );
    let grammar = grammar(&yaml).at(&monday());
    let short = "go now twenty five minutes past ten";
    let search = |text: &str| {
        let words = Words::new(text);
        let mut search = Search::new(&grammar.machine, &words);
        drop(grammar.read(&mut search, &Context::new()));
        (search.work(), search.ways().work())
    };
    let (all, places) = search(short);
    assert!(all > 10 * places && all < MAX_WORK / 10, "{all} of which {places}");
    let long = format!("go {}", "twenty ".repeat(280));
    let (all, _) = search(&long);
    assert!(all > MAX_WORK && all < 2 * MAX_WORK, "{all}");
    assert_eq!(grammar.interpret(&long).gave_up, Some(GaveUp::TooAmbiguous));
}
