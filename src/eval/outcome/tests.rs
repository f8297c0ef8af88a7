use std::path::PathBuf;

use super::*;
use crate::nlu::Slot;
use crate::turn::{Completeness, EndReason};
use crate::units::Span;

fn ms(ms: u64) -> SamplePos {
    SamplePos::from_ms(ms)
}

/// "large latte" from 1.0 s to 2.0 s.
fn row() -> Row {
    let slots = [("size", "large"), ("drink", "latte")]
        .map(|(name, value)| (name.to_owned(), SlotValue::Text(value.into())));
    Row {
        name: "x.wav".into(),
        table: "set.tsv".into(),
        line: 2,
        path: PathBuf::from("x.wav"),
        transcript: Some("large latte".into()),
        gold: Some(Gold { intent: "order".into(), slots: slots.into() }),
        speaker: "s".into(),
        condition: "clean".into(),
        speech_start_s: Some(1.0),
        speech_end_s: Some(2.0),
        pauses_s: Vec::new(),
    }
}

fn slots(pairs: &[(&str, &str)]) -> Slots {
    let slot = |text: &str| Slot { value: SlotValue::Text(text.into()), text: text.into() };
    pairs.iter().map(|(name, value)| ((*name).to_owned(), slot(value))).collect()
}

/// The events of one utterance, decided 400 ms after its last speech; `status` is `None` when no
/// word was found.
fn utterance(
    start_ms: u64,
    last_ms: u64,
    text: &str,
    status: Option<Status>,
    filled: &[(&str, &str)],
    times: StageTimes,
) -> Vec<Event> {
    let decided_at = ms(last_ms + 400);
    let span = Span::new(ms(start_ms), ms(last_ms));
    let mut events = vec![
        Event::SpeechStart { at: ms(start_ms) },
        Event::SpeechEnd { at: decided_at, why: EndReason::Silence, true_silence_ms: 400 },
        Event::Transcript { text: text.into(), confidence: 1.0, nbest: vec![], span },
    ];
    if let Some(status) = status {
        let intent = (!filled.is_empty()).then(|| "order".to_owned());
        events.push(Event::Intent {
            intent,
            slots: slots(filled),
            confidence: 0.9,
            status,
            completeness: Completeness::Complete,
            nbest: vec![],
            gave_up: None,
            evidence: None,
        });
        events.push(Event::Turn { at: decided_at, endpoint_ms: 400, wall_ms: times });
    }
    events
}

fn judge(events: &[Event]) -> Outcome {
    Outcome::streamed(&row(), events, Latencies { pause_ms: 200, output_period_ms: 20 })
}

const BOTH: &[(&str, &str)] = &[("size", "Large"), ("drink", "latte")];

fn quick() -> StageTimes {
    StageTimes { recognise: 60.0, interpret: 1.0, to_first_audio: 50.0, ..StageTimes::default() }
}

#[test]
fn a_clean_turn_is_right() {
    let events = utterance(1000, 2050, " A large latte ", Some(Status::Accepted), BOTH, quick());
    let outcome = judge(&events);
    assert_eq!(outcome.right(), Some(true));
    assert_eq!((outcome.heard.as_str(), outcome.accepted), ("A large latte", true));
    assert_eq!(outcome.cut_in, Some(false));
    // Decided 450 ms after the true end, 50 ms to the first sound, 20 ms to play it.
    assert_eq!(outcome.response_gap_ms, Some(520.0));
}

#[test]
fn no_event_is_no_answer() {
    let outcome = judge(&[]);
    assert_eq!((outcome.right(), outcome.answer.clone()), (Some(false), None));
    assert_eq!((outcome.cut_in, outcome.response_gap_ms), (Some(false), None));
    let nothing = judge(&utterance(1000, 2000, "", None, &[], quick()));
    assert_eq!((nothing.right(), nothing.answer), (Some(false), None));
}

#[test]
fn an_order_to_be_confirmed_is_not_accepted() {
    let events = utterance(1000, 2000, "large latte", Some(Status::Confirm), BOTH, quick());
    let outcome = judge(&events);
    assert_eq!((outcome.right(), outcome.accepted), (Some(false), false));
    assert_eq!(outcome.answer.as_ref().unwrap().understood(), Some("order"));
}

#[test]
fn the_answer_is_what_the_agent_first_acts_on() {
    let rejected = utterance(100, 300, "mumble", Some(Status::Rejected), &[], quick());
    let order = utterance(1000, 2000, "large latte", Some(Status::Accepted), BOTH, quick());
    let later = utterance(3000, 4000, "tea", Some(Status::Accepted), &[("drink", "tea")], quick());
    let outcome = judge(&[rejected.clone(), order, later].concat());
    assert_eq!(outcome.right(), Some(true));
    assert_eq!(outcome.heard, "mumble large latte tea");
    let refused = judge(&rejected);
    assert_eq!(refused.answer.unwrap().status, Status::Rejected);
}

#[test]
fn slots_count_by_type_and_without_case() {
    let table = [
        (SlotValue::Text("Large ".into()), SlotValue::Text("large".into()), true),
        (SlotValue::Integer(2), SlotValue::Integer(2), true),
        (SlotValue::Integer(2), SlotValue::Number(2.0), false),
        (SlotValue::Integer(2), SlotValue::Text("2".into()), false),
        (SlotValue::Bool(true), SlotValue::Bool(true), true),
    ];
    for (own, gold, same) in table {
        let answer = Answer {
            intent: Some("order".into()),
            slots: [("a".to_owned(), own.clone())].into(),
            confidence: 1.0,
            status: Status::Accepted,
            evidence: None,
        };
        assert_eq!(answer.has("a", &gold), same, "{own:?} {gold:?}");
        let whole = Gold { intent: "order".into(), slots: [("a".to_owned(), gold)].into() };
        assert_eq!(answer.is(&whole), same);
        assert!(!answer.is(&Gold { intent: "other".into(), ..whole.clone() }));
        assert!(!answer.is(&Gold { slots: GoldSlots::new(), ..whole }), "a slot too many");
    }
}

#[test]
fn a_decision_in_a_pause_that_was_put_in_is_told() {
    let latencies = Latencies { pause_ms: 200, output_period_ms: 20 };
    let judge = |pauses_s: &[(f64, f64)], last_ms| {
        let row = Row { pauses_s: pauses_s.to_vec(), ..row() };
        let events = utterance(1000, last_ms, "large", Some(Status::Accepted), &BOTH[..1], quick());
        Outcome::streamed(&row, &events, latencies).pause_cut
    };
    // Decided 400 ms after the last speech.
    let pauses = [(1.2, 1.5), (1.6, 1.9)];
    for (last_ms, cut) in [(1000, true), (1150, false), (1250, true), (2000, false)] {
        assert_eq!(judge(&pauses, last_ms), Some(cut), "{last_ms}");
    }
    assert_eq!(judge(&[], 1000), None);
    // The voice ends at 2 s.
    assert_eq!(judge(&[(2.1, 4.0)], 2000), None);
    assert_eq!(judge(&[(1.6, 1.9), (2.1, 4.0)], 2000), Some(false));
}

#[test]
fn a_decision_before_the_end_of_the_voice_cuts_in() {
    let half = |last_ms| {
        let cut = utterance(1000, last_ms, "large", Some(Status::Accepted), &BOTH[..1], quick());
        judge(&cut).cut_in
    };
    assert_eq!(half(1500), Some(true));
    // 50 ms are forgiven: decided at 1.95 s.
    assert_eq!(half(1549), Some(true));
    assert_eq!(half(1550), Some(false));
    // A noise before the voice cuts nobody off.
    let noise = utterance(100, 300, "", None, &[], quick());
    assert_eq!(judge(&noise).cut_in, Some(false));
    let unmarked = Row { speech_end_s: None, ..row() };
    let latencies = Latencies { pause_ms: 200, output_period_ms: 20 };
    assert_eq!(Outcome::streamed(&unmarked, &noise, latencies).cut_in, None);
}

#[test]
fn the_gap_counts_all_computation_that_somebody_waits_for() {
    let gap = |times| {
        let events = utterance(1000, 2000, "large latte", Some(Status::Accepted), BOTH, times);
        judge(&events).response_gap_ms
    };
    // Decision at 2.4 s. Speculation had 200 ms and took 61.
    assert_eq!(gap(quick()), Some(400.0 + 50.0 + 20.0));
    // It took 261: the rest is waited for.
    let slow = StageTimes { recognise: 260.0, ..quick() };
    assert_eq!(gap(slow), Some(400.0 + 61.0 + 50.0 + 20.0));
    // Recognised after the end: contained in the time to the first sound.
    let late = StageTimes { recognise_after_end: 260.0, to_first_audio: 310.0, ..slow };
    assert_eq!(gap(late), Some(400.0 + 310.0 + 20.0));
    // Nothing was said in reply.
    assert_eq!(gap(StageTimes::default()), None);
}

#[test]
fn the_gap_is_that_of_the_utterance_with_the_end_of_the_voice() {
    let cut = utterance(1000, 1400, "large", Some(Status::Accepted), &BOTH[..1], quick());
    let rest = utterance(1850, 2000, "latte", Some(Status::Accepted), &BOTH[1..], quick());
    let later = utterance(2500, 2900, "yes", Some(Status::Accepted), BOTH, quick());
    assert_eq!(judge(&[cut, rest, later].concat()).response_gap_ms, Some(470.0));
}

#[test]
fn a_slot_is_lost_only_against_the_whole_recording() {
    let only_size =
        || judge(&utterance(1000, 1400, "large", Some(Status::Accepted), &BOTH[..1], quick()));
    let full = judge(&utterance(1000, 2000, "large latte", Some(Status::Accepted), BOTH, quick()));
    let lost = |mut own: Outcome, whole: Option<&Outcome>| {
        own.compare_slots(whole);
        own.slot_lost
    };
    assert!(only_size().misses_a_slot() && !full.misses_a_slot());
    assert_eq!(lost(only_size(), Some(&full)), Some(true));
    assert_eq!(lost(only_size(), Some(&only_size())), Some(false));
    assert_eq!(lost(full.clone(), None), Some(false));
    let no_slots = Outcome { gold: None, ..full };
    assert_eq!(lost(no_slots, None), None);
}

#[test]
fn faults_are_kept() {
    let fault = Event::Fault { what: "broken".into(), hint: "mend it".into() };
    assert_eq!(judge(&[fault]).faults, ["broken"]);
}
