//! The scores of a set of outcomes. Every rate is `None` when nothing could have earned it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::outcome::Outcome;
use super::reliability::{Found, Reliability};
use super::wer::WordErrors;
use crate::nlu::Status;
use crate::observe::StageTimes;

/// A turn that is taken later after its end, in milliseconds, was not noticed to be over.
pub const CLOSED_MS: f64 = 1500.0;

/// Half and nearly all of a quantity's values lie at or below these (nearest rank).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p95: f64,
}

impl Percentiles {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let rank = |p: f64| values[((p * values.len() as f64).ceil() as usize).max(1) - 1];
        (!values.is_empty()).then(|| Self { p50: rank(0.50), p95: rank(0.95) })
    }
}

/// Wall-clock milliseconds per stage over all turns.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stages {
    pub recognise: Option<Percentiles>,
    pub recognise_after_end: Option<Percentiles>,
    pub interpret: Option<Percentiles>,
    pub decide: Option<Percentiles>,
    pub synthesise_first: Option<Percentiles>,
    pub synthesise: Option<Percentiles>,
    pub to_first_audio: Option<Percentiles>,
}

/// All scores of one set of recordings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Recordings, and how many of them are meant for the agent.
    pub n: usize,
    pub in_scope: usize,
    /// Word errors per reference word, over recordings with a transcript.
    pub wer: Option<f64>,
    /// In scope: intent and every slot right, and accepted.
    pub command_accuracy: Option<f64>,
    /// In scope: accepted, right or wrong.
    pub accept_rate: Option<f64>,
    /// In scope: understood, but asked before acting.
    pub confirm_rate: Option<f64>,
    /// In scope: refused, or not heard at all.
    pub reject_rate: Option<f64>,
    /// Out of scope: any utterance accepted.
    pub false_accept_rate: Option<f64>,
    /// All: the intent is right; refusing is right out of scope.
    pub intent_accuracy: Option<f64>,
    /// In scope, micro-averaged over slots with their values.
    pub slot_f1: Option<f64>,
    /// Expected calibration error of the confidence, over readings.
    pub ece: Option<f64>,
    /// Mean squared error of the confidence, over readings.
    pub brier: Option<f64>,
    /// The turn was taken before the voice had ended.
    pub cut_in_rate: Option<f64>,
    /// It was taken in a pause that a recipe put in.
    pub cut_pause_rate: Option<f64>,
    /// A slot was lost against recognising the recording whole.
    pub cut_slot_rate: Option<f64>,
    /// The turn was taken, at the end of the voice or within [`CLOSED_MS`] after it.
    pub closed_rate: Option<f64>,
    /// From the end of the voice to the decision.
    pub endpoint_ms: Option<Percentiles>,
    /// From the end of the voice to the first sound of the reply: the endpoint, computation, and
    /// one output period.
    pub response_gap_ms: Option<Percentiles>,
    /// The part of the gap that is computation.
    pub computation_ms: Option<Percentiles>,
    pub stages_ms: Stages,
    /// Computing time over sound time.
    pub rtf: Option<f64>,
}

impl Scores {
    pub fn of(outcomes: &[&Outcome]) -> Self {
        let in_scope = || outcomes.iter().filter(|o| o.gold.is_some());
        let status = |wanted: Status| {
            rate(in_scope().map(|o| o.answer.as_ref().map(|a| a.status) == Some(wanted)))
        };
        let unheard = |o: &&&Outcome| {
            o.answer.as_ref().is_none_or(|answer| answer.status == Status::Rejected)
        };
        let reliability = Reliability::of(outcomes, Found::Anyhow);
        let out_of_scope = outcomes.iter().filter(|o| o.gold.is_none());
        Self {
            n: outcomes.len(),
            in_scope: in_scope().count(),
            wer: wer(outcomes),
            command_accuracy: rate(outcomes.iter().filter_map(|o| o.right())),
            accept_rate: status(Status::Accepted),
            confirm_rate: status(Status::Confirm),
            reject_rate: rate(in_scope().map(|o| unheard(&o))),
            false_accept_rate: rate(out_of_scope.map(|o| o.accepted)),
            intent_accuracy: rate(outcomes.iter().map(|o| intent_is_right(o))),
            slot_f1: slot_f1(outcomes),
            ece: reliability.ece,
            brier: reliability.brier,
            cut_in_rate: rate(outcomes.iter().filter_map(|o| o.cut_in)),
            cut_pause_rate: rate(outcomes.iter().filter_map(|o| o.pause_cut)),
            cut_slot_rate: rate(outcomes.iter().filter_map(|o| o.slot_lost)),
            closed_rate: closed_rate(outcomes),
            endpoint_ms: Percentiles::of(outcomes.iter().filter_map(|o| o.endpoint_ms)),
            response_gap_ms: Percentiles::of(outcomes.iter().filter_map(|o| o.response_gap_ms)),
            computation_ms: Percentiles::of(outcomes.iter().filter_map(|o| o.computation_ms)),
            stages_ms: stages(outcomes),
            rtf: rtf(outcomes),
        }
    }

    /// Scores per group; recordings whose group is empty belong to none.
    pub fn by<'o>(
        outcomes: &'o [Outcome],
        group: impl Fn(&'o Outcome) -> &'o str,
    ) -> BTreeMap<&'o str, Self> {
        let mut groups: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
        for outcome in outcomes.iter().filter(|o| !group(o).is_empty()) {
            groups.entry(group(outcome)).or_default().push(outcome);
        }
        groups.into_iter().map(|(name, members)| (name, Self::of(&members))).collect()
    }
}

/// Over recordings whose end is known.
pub(super) fn closed_rate(outcomes: &[&Outcome]) -> Option<f64> {
    let ended = outcomes.iter().filter(|o| o.cut_in.is_some());
    rate(ended.map(|o| o.endpoint_ms.is_some_and(|ms| ms <= CLOSED_MS)))
}

pub(super) fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

pub(super) fn rate(hits: impl Iterator<Item = bool>) -> Option<f64> {
    let (hits, all) = hits.fold((0, 0), |(hits, all), hit| (hits + usize::from(hit), all + 1));
    ratio(hits as f64, all as f64)
}

fn wer(outcomes: &[&Outcome]) -> Option<f64> {
    let pairs = outcomes.iter().filter_map(|o| Some((o.transcript.as_deref()?, &o.heard)));
    let counted = pairs.map(|(reference, heard)| WordErrors::between(reference, heard));
    let (errors, words) = counted.fold((0, 0), |(e, w), c| (e + c.errors, w + c.words));
    ratio(errors as f64, words as f64)
}

fn intent_is_right(outcome: &Outcome) -> bool {
    let understood = outcome.answer.as_ref().and_then(|answer| answer.understood());
    understood == outcome.gold.as_ref().map(|gold| gold.intent.as_str())
}

fn slot_f1(outcomes: &[&Outcome]) -> Option<f64> {
    let (mut right, mut wanted, mut given) = (0, 0, 0);
    for outcome in outcomes {
        let Some(gold) = &outcome.gold else { continue };
        wanted += gold.slots.len();
        if let Some(answer) = outcome.answer.as_ref().filter(|a| a.understood().is_some()) {
            given += answer.slots.len();
            right += gold.slots.iter().filter(|(name, value)| answer.has(name, value)).count();
        }
    }
    // 2·P·R / (P + R), with P = right / given and R = right / wanted.
    ratio(2.0 * right as f64, (wanted + given) as f64)
}

fn stages(outcomes: &[&Outcome]) -> Stages {
    let of = |stage: fn(&StageTimes) -> f32| {
        // Zero means that the stage did not run.
        let times = outcomes.iter().flat_map(|o| &o.stages).map(stage).filter(|ms| *ms > 0.0);
        Percentiles::of(times.map(f64::from))
    };
    Stages {
        recognise: of(|t| t.recognise),
        recognise_after_end: of(|t| t.recognise_after_end),
        interpret: of(|t| t.interpret),
        decide: of(|t| t.decide),
        synthesise_first: of(|t| t.synthesise_first),
        synthesise: of(|t| t.synthesise),
        to_first_audio: of(|t| t.to_first_audio),
    }
}

fn rtf(outcomes: &[&Outcome]) -> Option<f64> {
    let sum = |part: fn(&Outcome) -> f64| outcomes.iter().map(|o| part(o)).sum();
    ratio(sum(|o| o.wall_s), sum(|o| o.audio_s))
}

#[cfg(test)]
mod tests;
