//! What the agent made of one recording, read off its events.
//!
//! A recording may fall into several utterances. Its *answer* is the first one that the agent
//! would have acted or asked back on (accepted or to confirm); without such, the first with words.
//! What was heard is all words in order.

use std::collections::BTreeMap;

use serde::Serialize;

use super::dataset::{Gold, GoldSlots, Row};
use crate::nlu::{Decision, SearchEvidence, SlotValue, Slots, Status};
use crate::observe::{Event, StageTimes};
use crate::turn::Prosody;
use crate::units::SamplePos;

/// A decision this long before the end of the voice, in milliseconds, still counts as at its end:
/// the ends are marked by forced alignment, good to some tens of milliseconds.
pub const END_TOLERANCE_MS: u64 = 50;

/// One reading of an utterance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    pub intent: Option<String>,
    pub slots: GoldSlots,
    pub confidence: f32,
    pub status: Status,
    /// What it rests on, when the recogniser's search found it.
    pub evidence: Option<SearchEvidence>,
}

impl Answer {
    /// The intent, unless the agent refused.
    pub fn understood(&self) -> Option<&str> {
        self.intent.as_deref().filter(|_| self.status != Status::Rejected)
    }

    /// Are intent and every slot right?
    pub fn is(&self, gold: &Gold) -> bool {
        self.intent.as_ref() == Some(&gold.intent)
            && self.slots.len() == gold.slots.len()
            && gold.slots.iter().all(|(name, value)| self.has(name, value))
    }

    /// Is this slot filled with this value? Compared by type, texts without regard to case.
    pub fn has(&self, name: &str, value: &SlotValue) -> bool {
        self.slots.get(name).is_some_and(|own| match (own, value) {
            (SlotValue::Text(a), SlotValue::Text(b)) => {
                a.trim().to_lowercase() == b.trim().to_lowercase()
            }
            (a, b) => a == b,
        })
    }
}

impl From<&Decision> for Answer {
    fn from(of: &Decision) -> Self {
        let meaning = &of.interpretation;
        Self {
            intent: meaning.intent.clone(),
            slots: values(&meaning.slots),
            confidence: meaning.confidence,
            status: meaning.status,
            evidence: of.evidence,
        }
    }
}

fn values(slots: &Slots) -> GoldSlots {
    slots.iter().map(|(name, slot)| (name.clone(), slot.value.clone())).collect()
}

/// One utterance.
#[derive(Clone, Debug, PartialEq)]
struct Utterance {
    start: SamplePos,
    last_speech: SamplePos,
    decided_at: SamplePos,
    text: String,
    answer: Option<Answer>,
    times: Option<StageTimes>,
}

/// What became of one recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    #[serde(rename = "path")]
    pub name: String,
    pub condition: String,
    pub speaker: String,
    /// What was said, if known.
    pub transcript: Option<String>,
    /// What should have been understood; `null` out of scope.
    pub gold: Option<Gold>,
    pub heard: String,
    pub answer: Option<Answer>,
    /// Was any utterance accepted?
    pub accepted: bool,
    /// Was the turn taken before the voice had ended?
    pub cut_in: Option<bool>,
    /// Was it taken in a pause that a recipe put in?
    pub pause_cut: Option<bool>,
    /// Was a slot right when the whole recording was recognised at once, and not so here?
    pub slot_lost: Option<bool>,
    /// From the end of the voice to the decision that the turn is over; a little below zero where
    /// it fell within the tolerance before. `None` where no utterance covers that end.
    pub endpoint_ms: Option<f64>,
    pub response_gap_ms: Option<f64>,
    /// How much of the gap is computation that outlasted the waiting; the rest of it is
    /// `endpoint_ms` and one output period.
    pub computation_ms: Option<f64>,
    /// How the longest utterance was said; nothing where the recording was recognised at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prosody: Option<Prosody>,
    #[serde(skip)]
    pub stages: Vec<StageTimes>,
    /// What went wrong inside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    pub audio_s: f64,
    pub wall_s: f64,
}

/// What is needed beside the events to tell how long somebody waited for the reply.
#[derive(Clone, Copy, Debug)]
pub struct Latencies {
    /// Silence after which recognition starts on speculation.
    pub pause_ms: u32,
    /// Length of one playback period: what lies between handing over a sample and hearing it.
    pub output_period_ms: u32,
}

impl Outcome {
    /// The outcome of a streamed run.
    pub fn streamed(row: &Row, events: &[Event], latencies: Latencies) -> Self {
        let utterances = utterances(events);
        let texts: Vec<&str> =
            utterances.iter().map(|u| u.text.trim()).filter(|text| !text.is_empty()).collect();
        let answers = || utterances.iter().filter_map(|u| u.answer.as_ref());
        let acted = answers().find(|answer| answer.status != Status::Rejected);
        let gap = Gap::of(row, &utterances, latencies);
        let faults = events.iter().filter_map(|event| match event {
            Event::Fault { what, .. } => Some(what.clone()),
            _ => None,
        });
        Self {
            heard: texts.join(" "),
            answer: acted.or_else(|| answers().next()).cloned(),
            accepted: answers().any(|answer| answer.status == Status::Accepted),
            cut_in: cut_in(row, &utterances),
            pause_cut: pause_cut(row, &utterances),
            endpoint_ms: gap.as_ref().map(|gap| gap.endpoint_ms),
            response_gap_ms: gap.as_ref().and_then(|gap| gap.whole_ms(latencies)),
            computation_ms: gap.as_ref().and_then(|gap| gap.computation_ms),
            prosody: longest_prosody(events),
            stages: utterances.iter().filter_map(|u| u.times).collect(),
            faults: faults.collect(),
            ..Self::blank(row)
        }
    }

    /// The outcome of recognising the recording as one utterance.
    pub fn whole(row: &Row, decision: &Decision, times: StageTimes) -> Self {
        let text = decision.text.trim();
        let answer = (!text.is_empty()).then(|| Answer::from(decision));
        Self {
            heard: text.to_owned(),
            accepted: answer.as_ref().is_some_and(|a| a.status == Status::Accepted),
            answer,
            stages: vec![times],
            ..Self::blank(row)
        }
    }

    fn blank(row: &Row) -> Self {
        Self {
            name: row.name.clone(),
            condition: row.condition.clone(),
            speaker: row.speaker.clone(),
            transcript: row.transcript.clone(),
            gold: row.gold.clone(),
            heard: String::new(),
            answer: None,
            accepted: false,
            cut_in: None,
            pause_cut: None,
            slot_lost: None,
            endpoint_ms: None,
            response_gap_ms: None,
            computation_ms: None,
            prosody: None,
            stages: Vec::new(),
            faults: Vec::new(),
            audio_s: 0.0,
            wall_s: 0.0,
        }
    }

    /// Right and accepted; `None` when out of scope.
    pub fn right(&self) -> Option<bool> {
        let gold = self.gold.as_ref()?;
        let answer = self.answer.as_ref().filter(|answer| answer.status == Status::Accepted);
        Some(answer.is_some_and(|answer| answer.is(gold)))
    }

    /// The slots of the answer that are right, `None` when there are none to get right.
    fn right_slots(&self) -> Option<BTreeMap<&str, bool>> {
        let gold = self.gold.as_ref().filter(|gold| !gold.slots.is_empty())?;
        let right = |name: &str, value: &SlotValue| {
            self.answer.as_ref().is_some_and(|a| a.understood().is_some() && a.has(name, value))
        };
        Some(gold.slots.iter().map(|(name, value)| (name.as_str(), right(name, value))).collect())
    }

    /// Could comparison with the whole recording show a lost slot?
    pub fn misses_a_slot(&self) -> bool {
        self.right_slots().is_some_and(|slots| slots.values().any(|right| !right))
    }

    /// Compares with the same recording recognised whole; `whole` is needed only where
    /// [`Outcome::misses_a_slot`].
    pub fn compare_slots(&mut self, whole: Option<&Outcome>) {
        let lost = self.right_slots().map(|own| {
            let whole = whole.and_then(Outcome::right_slots).unwrap_or_default();
            own.iter().any(|(name, right)| !right && whole.get(name) == Some(&true))
        });
        self.slot_lost = lost;
    }
}

fn longest_prosody(events: &[Event]) -> Option<Prosody> {
    let closed = events.iter().filter_map(|event| match event {
        Event::Prosody { open: false, span, prosody, .. } => Some((span.len(), *prosody)),
        _ => None,
    });
    closed.max_by_key(|(len, _)| *len).map(|(_, prosody)| prosody)
}

fn utterances(events: &[Event]) -> Vec<Utterance> {
    let mut utterances: Vec<Utterance> = Vec::new();
    let mut start = SamplePos(0);
    for event in events {
        match event {
            Event::SpeechStart { at } => start = *at,
            Event::SpeechEnd { at, true_silence_ms, .. } => utterances.push(Utterance {
                start,
                last_speech: at.back(SamplePos::from_ms(*true_silence_ms).0),
                decided_at: *at,
                text: String::new(),
                answer: None,
                times: None,
            }),
            _ => {}
        }
        let Some(last) = utterances.last_mut() else { continue };
        match event {
            Event::Transcript { text, .. } => last.text.clone_from(text),
            Event::Intent { intent, slots, confidence, status, evidence, .. } => {
                last.answer = Some(Answer {
                    intent: intent.clone(),
                    slots: values(slots),
                    confidence: *confidence,
                    status: *status,
                    evidence: *evidence,
                });
            }
            Event::Turn { wall_ms, .. } => last.times = Some(*wall_ms),
            _ => {}
        }
    }
    utterances
}

fn position(seconds: f64) -> SamplePos {
    SamplePos::from_ms((seconds * 1000.0).round() as u64)
}

/// Utterances that only held sound from before the voice cut nobody off.
fn cut_in(row: &Row, utterances: &[Utterance]) -> Option<bool> {
    let end = position(row.speech_end_s?).back(SamplePos::from_ms(END_TOLERANCE_MS).0);
    let start = position(row.speech_start_s.unwrap_or(0.0));
    Some(utterances.iter().any(|u| u.last_speech > start && u.decided_at < end))
}

fn pause_cut(row: &Row, utterances: &[Utterance]) -> Option<bool> {
    let decided = |begin: f64, end: f64| {
        let (begin, end) = (position(begin), position(end));
        utterances.iter().any(|u| u.decided_at > begin && u.decided_at < end)
    };
    // What a recipe lets follow the voice is no pause in it.
    let inside =
        row.pauses_s.iter().filter(|(begin, _)| row.speech_end_s.is_none_or(|end| *begin < end));
    let taken = inside.map(|(begin, end)| decided(*begin, *end));
    taken.reduce(|any, one| any || one)
}

/// What lies between the true end of the voice and the first sound of the reply.
struct Gap {
    /// The wait for the decision.
    endpoint_ms: f64,
    /// The computation after it, where there was a reply. Recognition that began at a pause ran
    /// while the silence was waited for; only what outlasted that wait is added.
    computation_ms: Option<f64>,
}

impl Gap {
    fn of(row: &Row, utterances: &[Utterance], latencies: Latencies) -> Option<Self> {
        let end = position(row.speech_end_s?);
        let tolerated = end.back(SamplePos::from_ms(END_TOLERANCE_MS).0);
        let last = utterances.iter().find(|u| u.start < end && u.decided_at >= tolerated)?;
        let computation = |times: StageTimes| {
            let mut computation_ms = f64::from(times.to_first_audio);
            if times.recognise_after_end == 0.0 {
                let waited_ms = last.decided_at.ms_since(last.last_speech) as f64;
                let ahead_ms = waited_ms - f64::from(latencies.pause_ms);
                let speculation_ms = f64::from(times.recognise + times.interpret);
                computation_ms += (speculation_ms - ahead_ms).max(0.0);
            }
            computation_ms
        };
        Some(Self {
            endpoint_ms: last.decided_at.ms() as f64 - end.ms() as f64,
            computation_ms: last.times.filter(|t| t.to_first_audio > 0.0).map(computation),
        })
    }

    /// With one output period.
    fn whole_ms(&self, latencies: Latencies) -> Option<f64> {
        let output_ms = f64::from(latencies.output_period_ms);
        self.computation_ms.map(|ms| self.endpoint_ms + ms + output_ms)
    }
}

#[cfg(test)]
mod tests;
