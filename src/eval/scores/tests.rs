use super::*;
use crate::eval::dataset::Gold;
use crate::eval::outcome::Answer;
use crate::nlu::SlotValue;

fn slots(text: &str) -> std::collections::BTreeMap<String, SlotValue> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), SlotValue::Text(value.to_owned()))
    };
    text.split_whitespace().map(pair).collect()
}

/// `intent slot=value …`; empty is out of scope.
fn gold(text: &str) -> Option<Gold> {
    let (intent, rest) = text.split_once(' ').unwrap_or((text, ""));
    (!intent.is_empty()).then(|| Gold { intent: intent.into(), slots: slots(rest) })
}

/// `status confidence intent slot=value …`; empty is no words at all, no intent nothing known.
fn answer(text: &str) -> Option<Answer> {
    let mut words = text.splitn(4, ' ');
    let status = match words.next()? {
        "accepted" => Status::Accepted,
        "confirm" => Status::Confirm,
        "rejected" => Status::Rejected,
        _ => return None,
    };
    let confidence = words.next().unwrap().parse().unwrap();
    let intent = words.next().map(str::to_owned);
    let slots = slots(words.next().unwrap_or(""));
    Some(Answer { intent, slots, confidence, status, evidence: None })
}

fn outcome(gold_text: &str, answer_text: &str) -> Outcome {
    let answer = answer(answer_text);
    Outcome {
        name: "x".into(),
        condition: "clean".into(),
        speaker: String::new(),
        transcript: None,
        gold: gold(gold_text),
        heard: String::new(),
        accepted: answer.as_ref().is_some_and(|a| a.status == Status::Accepted),
        answer,
        cut_in: None,
        pause_cut: None,
        slot_lost: None,
        endpoint_ms: None,
        response_gap_ms: None,
        computation_ms: None,
        prosody: None,
        stages: vec![],
        faults: vec![],
        audio_s: 0.0,
        wall_s: 0.0,
    }
}

fn scores(outcomes: &[Outcome]) -> Scores {
    Scores::of(&outcomes.iter().collect::<Vec<_>>())
}

fn close(value: Option<f64>, expected: f64) {
    let value = value.expect("a score");
    assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
}

/// Eight in scope, four out of scope; every count below can be read off this table.
fn table() -> Vec<Outcome> {
    [
        ("order size=large drink=tea", "accepted 0.95 order size=LARGE drink=tea"), // right
        ("order size=large drink=tea", "accepted 0.85 order size=small drink=tea"), // wrong slot
        ("order drink=tea", "accepted 0.95 order size=large drink=tea"),            // slot too many
        ("order drink=tea", "confirm 0.55 order drink=tea"),                        // asked
        ("order drink=tea", "rejected 0.25 order drink=tea"),                       // refused
        ("order drink=tea", "rejected 0.0"),                                        // not known
        ("order drink=tea", ""),                                                    // not heard
        ("order", "accepted 0.75 cancel"),                                          // other intent
        ("", ""),
        ("", "rejected 0.0"),
        ("", "confirm 0.35 order drink=tea"),
        ("", "accepted 0.45 order drink=tea"),
    ]
    .iter()
    .map(|(gold, answer)| outcome(gold, answer))
    .collect()
}

#[test]
fn rates_of_commands() {
    let s = scores(&table());
    assert_eq!((s.n, s.in_scope), (12, 8));
    close(s.command_accuracy, 1.0 / 8.0);
    close(s.accept_rate, 4.0 / 8.0);
    close(s.confirm_rate, 1.0 / 8.0);
    close(s.reject_rate, 3.0 / 8.0);
    close(s.false_accept_rate, 1.0 / 4.0);
    // Right: rows 1 to 4, and the first two out of scope.
    close(s.intent_accuracy, 6.0 / 12.0);
}

#[test]
fn slots_are_micro_averaged() {
    // Wanted 2 + 2 + 1 + 1 + 1 + 1 + 1 + 0 = 9, given 2 + 2 + 2 + 1 = 7, right 2 + 1 + 1 + 1 = 5.
    close(scores(&table()).slot_f1, 2.0 * 5.0 / (9.0 + 7.0));
}

#[test]
fn calibration() {
    // Readings (confidence, right): .95 y, .85 n, .95 n, .55 y, .25 y, .75 n, .35 n, .45 n.
    let s = scores(&table());
    let by_bin = (0.95f64 + 0.95 - 1.0).abs()
        + 0.85
        + (0.55f64 - 1.0).abs()
        + (0.25f64 - 1.0).abs()
        + 0.75
        + 0.35
        + 0.45;
    close(s.ece, by_bin / 8.0);
    let squares = [0.05, 0.85, 0.95, 0.45, 0.75, 0.75, 0.35, 0.45].map(|e: f64| e * e);
    close(s.brier, squares.iter().sum::<f64>() / 8.0);
    // Full confidence falls into the last bin.
    close(scores(&[outcome("order", "accepted 1.0 order")]).ece, 0.0);
}

#[test]
fn words() {
    let said = |reference: Option<&str>, heard: &str| Outcome {
        transcript: reference.map(str::to_owned),
        heard: heard.into(),
        ..outcome("", "")
    };
    let outcomes = [
        said(Some("a large latte"), "A large latte."),
        said(Some("two teas please"), "2 tees"),
        said(Some("hello"), ""),
        said(None, "nobody wrote this down"),
    ];
    close(scores(&outcomes).wer, 3.0 / 7.0);
}

#[test]
fn timing_and_turn_taking() {
    let timed = |cut_in, slot_lost, gap, recognise: f32| Outcome {
        cut_in,
        slot_lost,
        response_gap_ms: gap,
        stages: vec![StageTimes { recognise, ..StageTimes::default() }],
        audio_s: 4.0,
        wall_s: 0.5,
        ..outcome("", "")
    };
    let s = scores(&[
        timed(Some(true), Some(true), Some(300.0), 10.0),
        timed(Some(false), Some(false), Some(100.0), 30.0),
        timed(Some(false), None, Some(200.0), 20.0),
        timed(None, None, None, 0.0),
    ]);
    close(s.cut_in_rate, 1.0 / 3.0);
    close(s.cut_slot_rate, 1.0 / 2.0);
    assert_eq!(s.response_gap_ms, Some(Percentiles { p50: 200.0, p95: 300.0 }));
    assert_eq!(s.stages_ms.recognise, Some(Percentiles { p50: 20.0, p95: 30.0 }));
    assert_eq!(s.stages_ms.decide, None);
    close(s.rtf, 2.0 / 16.0);
}

#[test]
fn nearest_rank() {
    assert_eq!(Percentiles::of([]), None);
    assert_eq!(Percentiles::of([7.0]), Some(Percentiles { p50: 7.0, p95: 7.0 }));
    let hundred = (1..=100).rev().map(f64::from);
    assert_eq!(Percentiles::of(hundred), Some(Percentiles { p50: 50.0, p95: 95.0 }));
}

#[test]
fn nothing_earns_no_score() {
    let s = scores(&[]);
    assert_eq!((s.n, s.wer, s.command_accuracy, s.ece, s.rtf), (0, None, None, None, None));
    let out_of_scope = scores(&[outcome("", "")]);
    assert_eq!((out_of_scope.accept_rate, out_of_scope.slot_f1), (None, None));
    assert_eq!(out_of_scope.false_accept_rate, Some(0.0));
}

#[test]
fn groups() {
    let mut outcomes = table();
    for outcome in &mut outcomes[..3] {
        outcome.condition = "noisy".into();
        outcome.speaker = "anna".into();
    }
    let by_condition = Scores::by(&outcomes, |o| &o.condition);
    let sizes: Vec<_> = by_condition.iter().map(|(name, s)| (*name, s.n)).collect();
    assert_eq!(sizes, [("clean", 9), ("noisy", 3)]);
    close(by_condition["noisy"].command_accuracy, 1.0 / 3.0);
    assert_eq!(Scores::by(&outcomes, |o| &o.speaker).len(), 1, "no name is no group");
}

#[test]
fn pauses_that_were_put_in_are_counted_where_there_are_any() {
    let paused = |pause_cut| Outcome { pause_cut, ..outcome("order", "accepted 0.9 order") };
    let outcomes = [paused(Some(true)), paused(Some(false)), paused(Some(false)), paused(None)];
    close(scores(&outcomes).cut_pause_rate, 1.0 / 3.0);
    assert_eq!(scores(&outcomes[3..]).cut_pause_rate, None);
}

#[test]
fn a_turn_is_closed_when_it_is_taken_soon_after_its_end() {
    let ended = |endpoint_ms: Option<f64>| Outcome {
        cut_in: Some(false),
        endpoint_ms,
        ..outcome("order", "accepted 0.9 order")
    };
    let unknown = outcome("order", "accepted 0.9 order");
    let outcomes =
        [ended(Some(-20.0)), ended(Some(1500.0)), ended(Some(1520.0)), ended(None), unknown];
    close(scores(&outcomes).closed_rate, 0.5);
    assert_eq!(scores(&outcomes).endpoint_ms, Some(Percentiles { p50: 1500.0, p95: 1520.0 }));
}
