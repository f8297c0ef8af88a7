//! The reference in docs/events.md is held to the enum.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::nlu::{SearchEvidence, Slot, SlotValue};
use crate::turn::{Melody, ProsodyConfidence};

/// One event of every kind, with every field that can be there.
fn one_of_each() -> Vec<Event> {
    let at = SamplePos(320);
    let slot = Slot { value: SlotValue::Text("large".into()), text: "large".into() };
    let slots = Slots::from([("size".to_owned(), slot)]);
    let events = vec![
        Event::Ready { microphone: "m".into(), speaker: "s".into(), after_ms: 1 },
        Event::SpeechStart { at },
        Event::Partial { at, text: "a".into() },
        Event::SpeechEnd { at, why: EndReason::Silence, true_silence_ms: 1 },
        Event::Prosody {
            at,
            open: false,
            span: Span::new(at, at),
            prosody: Prosody {
                loudness_db: 20.0,
                rate_per_s: 4.0,
                pauses: 0,
                pauses_s: 0.0,
                pause_ratio: 0.0,
                held: 0,
                held_s: 0.0,
                voiced: 0.7,
                pitch: Some(Melody { median_hz: 200.0, range_st: 4.0, slope_st_per_s: None }),
                overlap_s: 0.0,
                confidence: ProsodyConfidence::default(),
            },
        },
        Event::Transcript {
            text: "a".into(),
            confidence: 1.0,
            nbest: vec!["b".into()],
            span: Span::new(at, at),
        },
        Event::Intent {
            intent: None,
            slots: slots.clone(),
            confidence: 0.0,
            status: Status::Rejected,
            completeness: Completeness::Complete,
            nbest: vec![Alternative { intent: "i".into(), slots: slots.clone(), confidence: 0.0 }],
            gave_up: Some(GaveUp::TooLong),
            evidence: Some(SearchEvidence { fit: 0.0, margin: None, tokens: 1, distance: 0.0 }),
        },
        Event::Dialogue { state: "idle".into(), act: "leave".into() },
        Event::Action { name: "a".into(), slots, outcome: Some("ok".into()) },
        Event::Say { text: "a".into() },
        Event::AudioStart { at },
        Event::AudioEnd { at },
        Event::Ducked { at },
        Event::Unducked { at },
        Event::Spotted { at, phrase: "p".into(), probability: 1.0 },
        Event::Wake {
            at,
            by: WokenBy::Phrase,
            phrase: Some("p".into()),
            spotted: Some(1.0),
            verified: Some(1.0),
        },
        Event::Asleep { at },
        Event::BargeIn { at, said: "a".into(), unsaid: "b".into() },
        Event::Turn { at, endpoint_ms: 1, wall_ms: StageTimes::default() },
        Event::Fault { what: "w".into(), hint: "h".into() },
        Event::Device {
            at,
            device: Direction::Record,
            name: "m".into(),
            state: DeviceState::Lost,
            what: "w".into(),
            hint: Some("h".into()),
        },
        Event::Dropout { at, device: Direction::Play, xruns: 1, gaps: 0 },
        Event::Metrics {
            turns: 1,
            not_understood: 0,
            dropped_samples: 0,
            dropped_events: 0,
            microphone: DeviceCounters::default(),
            speaker: DeviceCounters::default(),
            echo: Some(EchoState::default()),
        },
    ];
    // A kind that is added does not compile here until it has its place in the list above.
    let kinds: BTreeSet<usize> = events
        .iter()
        .map(|event| match event {
            Event::Ready { .. } => 0,
            Event::SpeechStart { .. } => 1,
            Event::Partial { .. } => 2,
            Event::SpeechEnd { .. } => 3,
            Event::Transcript { .. } => 4,
            Event::Intent { .. } => 5,
            Event::Dialogue { .. } => 6,
            Event::Action { .. } => 7,
            Event::Say { .. } => 8,
            Event::AudioStart { .. } => 9,
            Event::AudioEnd { .. } => 10,
            Event::BargeIn { .. } => 11,
            Event::Turn { .. } => 12,
            Event::Fault { .. } => 13,
            Event::Metrics { .. } => 14,
            Event::Device { .. } => 15,
            Event::Dropout { .. } => 16,
            Event::Ducked { .. } => 17,
            Event::Unducked { .. } => 18,
            Event::Spotted { .. } => 19,
            Event::Wake { .. } => 20,
            Event::Asleep { .. } => 21,
            Event::Prosody { .. } => 22,
        })
        .collect();
    assert_eq!(kinds.len(), 23);
    events
}

/// The sections of the reference by the kind in their heading.
fn sections() -> BTreeMap<&'static str, &'static str> {
    let reference = include_str!("../../../docs/events.md");
    let sections = reference.split("\n### `").skip(1);
    sections.map(|section| section.split_once("`\n").expect("a heading of one kind")).collect()
}

/// Every name that a JSON value uses, but those of slots.
fn names(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries.iter().filter(|(name, _)| *name != "schema") {
                into.insert(name.clone());
                if name != "slots" {
                    names(value, into);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, into)),
        _ => {}
    }
}

fn parse(line: &str) -> (Value, BTreeSet<String>) {
    let value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    let mut found = BTreeSet::new();
    names(&value, &mut found);
    found.remove("event");
    (value, found)
}

#[test]
fn every_event_and_every_field_is_in_the_reference() {
    let sections = sections();
    let mut kinds = BTreeSet::new();
    for event in one_of_each() {
        let (value, fields) = parse(&event.to_json());
        let kind = value["event"].as_str().expect("a kind").to_owned();
        let section = sections.get(kind.as_str()).unwrap_or_else(|| panic!("{kind} is missing"));
        for field in &fields {
            assert!(section.contains(&format!("`{field}`")), "{kind} does not tell {field}");
        }
        let (_, examples) = section.split_once("```json\n").expect("an example");
        let (examples, _) = examples.split_once("\n```").expect("its end");
        for line in examples.lines() {
            let (example, used) = parse(line);
            assert_eq!((&example["event"], &example["schema"]), (&kind.as_str().into(), &1.into()));
            assert!(used.is_subset(&fields), "{kind}: {used:?} are not all fields");
            // Only what is not always there may be missing from an example.
            let missing: Vec<_> = fields.difference(&used).collect();
            assert!(
                missing.iter().all(|f| ["gave_up", "outcome", "hint"].contains(&f.as_str())),
                "{kind}"
            );
        }
        kinds.insert(kind);
    }
    let told: BTreeSet<String> = sections.keys().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(told, kinds);
}

#[test]
fn a_line_names_its_schema_and_kind() {
    let line = Event::SpeechStart { at: SamplePos(320) }.to_json();
    assert_eq!(line, r#"{"schema":1,"event":"speech_start","at":320}"#);
}
