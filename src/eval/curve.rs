//! When turns are taken, by the agent's own policy and by fixed hangovers on the same recordings.
//!
//! Cutting people off and letting them wait can be traded for one another by any policy, so one
//! policy is better than another where, cutting as often, it waits shorter.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::outcome::Outcome;
use super::report::{both, percent};
use super::scores::{Percentiles, closed_rate, rate};
use crate::hear::EndpointSettings;

/// What tells turns from pauses.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// The agent's.
    Own,
    /// So much silence, in milliseconds.
    Fixed(u32),
}

impl Policy {
    /// The agent's settings with this policy.
    pub fn settings(&self, own: &EndpointSettings) -> EndpointSettings {
        match *self {
            Self::Own => own.clone(),
            Self::Fixed(ms) => own.fixed(ms),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Own => "own".into(),
            Self::Fixed(ms) => format!("{ms} ms"),
        }
    }
}

/// How one policy fared on some recordings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointScores {
    pub n: usize,
    /// The turn was taken before the voice had ended.
    pub cut_in_rate: Option<f64>,
    /// It was taken in a pause that a recipe put in.
    pub cut_pause_rate: Option<f64>,
    /// A slot was lost against recognising the recording whole.
    pub cut_slot_rate: Option<f64>,
    /// See [`Scores::closed_rate`](super::scores::Scores::closed_rate).
    pub closed_rate: Option<f64>,
    /// From the end of the voice to the decision.
    pub endpoint_ms: Option<Percentiles>,
}

impl EndpointScores {
    fn of(outcomes: &[&Outcome]) -> Self {
        Self {
            n: outcomes.len(),
            cut_in_rate: rate(outcomes.iter().filter_map(|o| o.cut_in)),
            cut_pause_rate: rate(outcomes.iter().filter_map(|o| o.pause_cut)),
            cut_slot_rate: rate(outcomes.iter().filter_map(|o| o.slot_lost)),
            closed_rate: closed_rate(outcomes),
            endpoint_ms: Percentiles::of(outcomes.iter().filter_map(|o| o.endpoint_ms)),
        }
    }
}

/// One policy on everything.
#[derive(Debug, Serialize)]
pub struct Curve<'o> {
    /// "own", or the hangover.
    pub policy: String,
    #[serde(flatten)]
    pub all: EndpointScores,
    pub by_condition: BTreeMap<&'o str, EndpointScores>,
    pub items: Vec<CurveItem<'o>>,
}

/// One policy on one recording.
#[derive(Debug, Serialize)]
pub struct CurveItem<'o> {
    pub path: &'o str,
    pub condition: &'o str,
    pub speaker: &'o str,
    pub heard: &'o str,
    pub cut_in: Option<bool>,
    pub pause_cut: Option<bool>,
    pub slot_lost: Option<bool>,
    pub endpoint_ms: Option<f64>,
}

/// Every policy on the same recordings.
#[derive(Debug, Serialize)]
pub struct Curves<'o> {
    pub policies: Vec<Curve<'o>>,
    /// Recordings that could not be read.
    pub skipped: usize,
}

impl<'o> Curves<'o> {
    /// `outcomes` are those of each policy.
    pub fn new(outcomes: &'o [(Policy, Vec<Outcome>)], skipped: usize) -> Self {
        let curve = |(policy, outcomes): &'o (Policy, Vec<Outcome>)| {
            let mut groups: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
            for outcome in outcomes.iter().filter(|o| !o.condition.is_empty()) {
                groups.entry(&outcome.condition).or_default().push(outcome);
            }
            let item = |o: &'o Outcome| CurveItem {
                path: &o.name,
                condition: &o.condition,
                speaker: &o.speaker,
                heard: &o.heard,
                cut_in: o.cut_in,
                pause_cut: o.pause_cut,
                slot_lost: o.slot_lost,
                endpoint_ms: o.endpoint_ms,
            };
            Curve {
                policy: policy.name(),
                all: EndpointScores::of(&outcomes.iter().collect::<Vec<_>>()),
                by_condition: groups
                    .into_iter()
                    .map(|(name, group)| (name, EndpointScores::of(&group)))
                    .collect(),
                items: outcomes.iter().map(item).collect(),
            }
        };
        Self { policies: outcomes.iter().map(curve).collect(), skipped }
    }
}

impl fmt::Display for Curves<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conditions = self.policies.first().map(|own| own.by_condition.keys());
        let mut conditions: Vec<Option<&str>> =
            conditions.into_iter().flatten().map(|name| Some(*name)).collect();
        if conditions.len() != 1 {
            conditions.push(None);
        }
        for condition in conditions {
            let title = condition.unwrap_or("all");
            writeln!(
                f,
                "{title:<16} policy      n  cut-in cut pause  cut slot   closed  endpoint ms"
            )?;
            for curve in &self.policies {
                let scores = condition.map_or(&curve.all, |name| &curve.by_condition[name]);
                writeln!(
                    f,
                    "{:>23} {:>6} {:>7} {:>9} {:>9} {:>8} {:>12}",
                    curve.policy,
                    scores.n,
                    percent(scores.cut_in_rate),
                    percent(scores.cut_pause_rate),
                    percent(scores.cut_slot_rate),
                    percent(scores.closed_rate),
                    both(scores.endpoint_ms),
                )?;
            }
            writeln!(f)?;
        }
        write!(
            f,
            "closed: decided within 1.5 s after the end of the voice. endpoint: from that end to \
             the decision, median/95th percentile. skipped {}",
            self.skipped
        )
    }
}
