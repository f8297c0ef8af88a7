//! What a trained interpreter made of a set of texts, and its scores. Every rate is `None` when
//! nothing could have earned it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::dataset::Gold;
use super::reliability::ece;
use super::scores::{rate, ratio};
use crate::nlu::SlotValue;

/// Share of texts in scope that may be refused where the share of caught ones is counted.
pub const FALSE_REJECTS: f64 = 0.05;

/// One text, as it should be and as it was understood.
#[derive(Clone, Debug)]
pub struct TextOutcome {
    pub gold: Option<Gold>,
    pub condition: String,
    /// The most probable intent, in scope or not.
    pub intent: String,
    /// Its probability, if the text is in scope.
    pub probability: f32,
    /// Probability that the text is out of scope.
    pub out_of_scope: f32,
    pub refused: bool,
    pub slots: BTreeMap<String, String>,
}

impl TextOutcome {
    /// The intent is the right one, refused or not; `None` out of scope.
    fn intent_is_right(&self) -> Option<bool> {
        self.gold.as_ref().map(|gold| gold.intent == self.intent)
    }

    /// The decision is right: the intent, or to refuse.
    fn decision_is_right(&self) -> bool {
        match self.intent_is_right() {
            Some(right) => right && !self.refused,
            None => self.refused,
        }
    }

    /// Probability that the decision is right, as the model sees it.
    fn confidence(&self) -> f32 {
        let accepted = 1.0 - self.out_of_scope;
        if self.refused { self.out_of_scope } else { accepted * self.probability }
    }
}

/// All scores of one set of texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextScores {
    /// Texts, and how many of them are in scope.
    pub n: usize,
    pub in_scope: usize,
    /// All: the intent is right; refusing is right out of scope.
    pub intent_accuracy: Option<f64>,
    /// In scope: the most probable intent is right, refused or not.
    pub in_scope_accuracy: Option<f64>,
    /// In scope: refused.
    pub false_reject_rate: Option<f64>,
    /// Out of scope: refused.
    pub oos_recall: Option<f64>,
    /// Probability that a text out of scope is more so than one in scope (area under the curve).
    pub oos_auroc: Option<f64>,
    /// Out of scope: refused, where the bound is moved until 5 % of those in scope are too.
    pub oos_caught_at_5: Option<f64>,
    /// In scope, micro-averaged over slots with their values; `None` where the set has no slots.
    pub slot_f1: Option<f64>,
    /// Expected calibration error of the decisions' confidence.
    pub ece: Option<f64>,
}

impl TextScores {
    /// Scores of `outcomes`; where they hold no text in scope, or none out of it, those of `all`
    /// stand in for the comparison of both.
    pub fn of(outcomes: &[&TextOutcome], all: &[TextOutcome]) -> Self {
        let of_kind = |kind: bool| -> Vec<f64> {
            let score =
                |o: &&TextOutcome| (o.gold.is_some() == kind).then(|| f64::from(o.out_of_scope));
            let own: Vec<f64> = outcomes.iter().filter_map(score).collect();
            if own.is_empty() { all.iter().filter_map(|o| score(&o)).collect() } else { own }
        };
        let (inside, outside) = (of_kind(true), of_kind(false));
        let in_scope = || outcomes.iter().filter(|o| o.gold.is_some());
        let decisions: Vec<(f64, bool)> =
            outcomes.iter().map(|o| (f64::from(o.confidence()), o.decision_is_right())).collect();
        Self {
            n: outcomes.len(),
            in_scope: in_scope().count(),
            intent_accuracy: rate(outcomes.iter().map(|o| o.decision_is_right())),
            in_scope_accuracy: rate(outcomes.iter().filter_map(|o| o.intent_is_right())),
            false_reject_rate: rate(in_scope().map(|o| o.refused)),
            oos_recall: rate(outcomes.iter().filter(|o| o.gold.is_none()).map(|o| o.refused)),
            oos_auroc: auroc(&inside, &outside),
            oos_caught_at_5: caught(&inside, &outside),
            slot_f1: slot_f1(outcomes),
            ece: ece(&decisions),
        }
    }
}

/// Half of the ties count.
fn auroc(inside: &[f64], outside: &[f64]) -> Option<f64> {
    let mut inside = inside.to_vec();
    inside.sort_by(f64::total_cmp);
    let below = |x: f64| {
        let (lower, upto) =
            (inside.partition_point(|y| *y < x), inside.partition_point(|y| *y <= x));
        (lower + upto) as f64 / 2.0
    };
    ratio(outside.iter().map(|x| below(*x)).sum(), (inside.len() * outside.len()) as f64)
}

/// Share of `outside` above the score that [`FALSE_REJECTS`] of `inside` reach.
fn caught(inside: &[f64], outside: &[f64]) -> Option<f64> {
    let mut inside = inside.to_vec();
    inside.sort_by(f64::total_cmp);
    let allowed = (inside.len() as f64 * FALSE_REJECTS) as usize;
    let bound = *inside.get(inside.len().checked_sub(1 + allowed)?)?;
    rate(outside.iter().map(|x| *x > bound))
}

fn slot_f1(outcomes: &[&TextOutcome]) -> Option<f64> {
    let (mut right, mut wanted, mut given) = (0, 0, 0);
    let scored = outcomes.iter().filter_map(|o| Some((o.gold.as_ref()?, &o.slots)));
    for (gold, slots) in scored {
        wanted += gold.slots.len();
        given += slots.len();
        let same = |(name, value): &(&String, &SlotValue)| {
            slots.get(*name).is_some_and(|said| same_text(said, &value.to_string()))
        };
        right += gold.slots.iter().filter(same).count();
    }
    (wanted > 0).then(|| 2.0 * f64::from(right as u32) / (wanted + given) as f64)
}

fn same_text(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// One evaluation.
#[derive(Debug, Serialize)]
pub struct TextReport<'o> {
    #[serde(flatten)]
    pub scores: TextScores,
    pub intents: usize,
    pub train_s: f64,
    pub ms_per_text: f64,
    pub by_condition: BTreeMap<&'o str, TextScores>,
}

impl<'o> TextReport<'o> {
    pub fn new(
        outcomes: &'o [TextOutcome],
        intents: usize,
        train_s: f64,
        ms_per_text: f64,
    ) -> Self {
        let mut groups: BTreeMap<&str, Vec<&TextOutcome>> = BTreeMap::new();
        for outcome in outcomes.iter().filter(|o| !o.condition.is_empty()) {
            groups.entry(&outcome.condition).or_default().push(outcome);
        }
        let scores = |members: Vec<&TextOutcome>| TextScores::of(&members, outcomes);
        Self {
            scores: TextScores::of(&outcomes.iter().collect::<Vec<_>>(), outcomes),
            intents,
            train_s,
            ms_per_text,
            by_condition: groups.into_iter().map(|(name, of)| (name, scores(of))).collect(),
        }
    }
}

impl fmt::Display for TextReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.by_condition.keys().map(|name| name.chars().count());
        let width = names.max().unwrap_or(0).max("condition".len());
        write!(f, "{:width$} {:>6}", "condition", "n")?;
        let heads = ["intent", "in scope", "rejects", "oos", "at 5 %", "AUROC", "slot F1", "ECE"];
        heads.iter().try_for_each(|head| write!(f, " {head:>8}"))?;
        for (name, scores) in self.by_condition.iter().map(|(name, s)| (*name, s)) {
            write!(f, "\n{name:width$} {}", line(scores))?;
        }
        write!(f, "\n{:width$} {}", "all", line(&self.scores))?;
        write!(
            f,
            "\n{} intents learned in {:.1} s; {:.2} ms a text",
            self.intents, self.train_s, self.ms_per_text
        )
    }
}

fn line(s: &TextScores) -> String {
    let percent =
        |rate: Option<f64>| rate.map_or("–".into(), |rate| format!("{:.1}%", 100.0 * rate));
    let part = |rate: Option<f64>| rate.map_or("–".into(), |rate| format!("{rate:.3}"));
    let figures = [
        percent(s.intent_accuracy),
        percent(s.in_scope_accuracy),
        percent(s.false_reject_rate),
        percent(s.oos_recall),
        percent(s.oos_caught_at_5),
        part(s.oos_auroc),
        percent(s.slot_f1),
        part(s.ece),
    ];
    let figures = figures.map(|figure| format!(" {figure:>8}")).concat();
    format!("{:>6}{figures}", s.n)
}
