//! All scores of one evaluation, as one JSON object or as a table for people.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::outcome::Outcome;
use super::reliability::{BINS, Found, Reliability};
use super::scores::{Percentiles, Scores};
use crate::observe::resident_mb;

/// One evaluation.
#[derive(Debug, Serialize)]
pub struct Report<'o> {
    #[serde(flatten)]
    pub scores: Scores,
    /// Resident memory of this process at the end, in megabytes (10⁶ bytes): the agent, and the
    /// noises and rooms of `--mix`.
    pub rss_mb: Option<f64>,
    /// Recordings that could not be read.
    pub skipped: usize,
    pub reliability: ByFinding,
    pub by_condition: BTreeMap<&'o str, Scores>,
    pub by_speaker: BTreeMap<&'o str, Scores>,
    pub items: Vec<Item<'o>>,
}

/// How far confidences can be taken at their word, by how the readings were found.
#[derive(Debug, Serialize)]
pub struct ByFinding {
    /// By the search for what was expected.
    pub search: Reliability,
    /// In the words of free decoding.
    pub text: Reliability,
}

#[derive(Debug, Serialize)]
pub struct Item<'o> {
    #[serde(flatten)]
    outcome: &'o Outcome,
    /// Intent and every slot right, and accepted; `null` out of scope.
    right: Option<bool>,
}

impl<'o> Report<'o> {
    pub fn new(outcomes: &'o [Outcome], skipped: usize) -> Self {
        let all: Vec<&Outcome> = outcomes.iter().collect();
        let found = |how| Reliability::of(&all, how);
        Self {
            scores: Scores::of(&all),
            rss_mb: resident_mb(),
            skipped,
            reliability: ByFinding { search: found(Found::BySearch), text: found(Found::ByText) },
            by_condition: Scores::by(outcomes, |outcome| &outcome.condition),
            by_speaker: Scores::by(outcomes, |outcome| &outcome.speaker),
            items: outcomes.iter().map(|o| Item { outcome: o, right: o.right() }).collect(),
        }
    }
}

const RATES: [&str; 8] =
    ["WER", "command", "accept", "confirm", "reject", "false", "slot F1", "cut-in"];

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.by_condition.keys().map(|name| name.chars().count());
        let width = names.max().unwrap_or(0).max("condition".len());
        writeln!(f, "{:width$}  {}", "condition", line("n", RATES, "gap ms"))?;
        if self.by_condition.len() > 1 {
            for (name, scores) in &self.by_condition {
                writeln!(f, "{name:width$}  {}", figures(scores))?;
            }
        }
        writeln!(f, "{:width$}  {}", "all", figures(&self.scores))?;
        let number = |value: Option<f64>, digits| match value {
            Some(value) => format!("{value:.digits$}"),
            None => "–".into(),
        };
        let s = &self.scores;
        write!(
            f,
            "\nintent accuracy {}   ECE {}   Brier {}   slots lost by cutting {}\n\
             after the end of the voice, median/95th percentile: endpoint {} ms, computation {} ms\n\
             real-time factor {}   resident {} MB   skipped {}",
            percent(s.intent_accuracy),
            number(s.ece, 3),
            number(s.brier, 3),
            percent(s.cut_slot_rate),
            both(s.endpoint_ms),
            both(s.computation_ms),
            number(s.rtf, 3),
            number(self.rss_mb, 0),
            self.skipped
        )?;
        let ByFinding { search, text } = &self.reliability;
        write!(f, "\n\nconfidence  {:^23}  {:^23}", "by search", "by text")?;
        write!(f, "\n            {0}  {0}", "    n   mean  right  ")?;
        for bin in 0..BINS {
            let from = bin as f64 / BINS as f64;
            let of = [search, text].map(|r| bin_figures(r, bin));
            write!(f, "\n{from:.1}–{:.1}     {}  {}", from + 1.0 / BINS as f64, of[0], of[1])?;
        }
        let means = [search, text]
            .map(|r| format!("ECE {} Brier {}", number(r.ece, 3), number(r.brier, 3)));
        write!(f, "\n            {:>23}  {:>23}", means[0], means[1])
    }
}

/// How many readings, their mean confidence, and how many of them were right.
fn bin_figures(reliability: &Reliability, bin: usize) -> String {
    let bin = reliability.bins[bin];
    let part = |of: f64| match bin.readings {
        0 => "–".to_owned(),
        _ => format!("{of:.2}"),
    };
    let right = bin.right as f64 / bin.readings.max(1) as f64;
    format!("{:>7} {:>7} {:>7}", bin.readings, part(bin.confidence), part(right))
}

/// One line of the table, for names and figures alike.
fn line(n: impl fmt::Display, rates: [impl fmt::Display; 8], gap: impl fmt::Display) -> String {
    let rates = rates.map(|rate| format!(" {rate:>7}")).concat();
    format!("{n:>5}{rates} {gap:>10}")
}

fn figures(s: &Scores) -> String {
    let rates = [
        s.wer,
        s.command_accuracy,
        s.accept_rate,
        s.confirm_rate,
        s.reject_rate,
        s.false_accept_rate,
        s.slot_f1,
        s.cut_in_rate,
    ];
    line(s.n, rates.map(percent), both(s.response_gap_ms))
}

pub(super) fn both(of: Option<Percentiles>) -> String {
    of.map_or("–".into(), |p| format!("{:.0}/{:.0}", p.p50, p.p95))
}

pub(super) fn percent(rate: Option<f64>) -> String {
    rate.map_or("–".into(), |rate| format!("{:.1}%", 100.0 * rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::outcome::Latencies;

    #[test]
    fn names_stand_over_their_figures() {
        let row = |condition: &str| crate::eval::dataset::Row {
            name: "x.wav".into(),
            table: "set.tsv".into(),
            line: 2,
            path: "x.wav".into(),
            transcript: Some("hello".into()),
            gold: None,
            speaker: String::new(),
            condition: condition.into(),
            speech_start_s: None,
            speech_end_s: None,
            pauses_s: Vec::new(),
        };
        let latencies = Latencies { pause_ms: 200, output_period_ms: 20 };
        let outcomes = ["clean", "much noise"].map(|c| Outcome::streamed(&row(c), &[], latencies));
        let text = Report::new(&outcomes, 3).to_string();
        let lines: Vec<&str> = text.lines().take(4).collect();
        assert!(lines[0].starts_with("condition ") && lines[0].ends_with("    gap ms"), "{text}");
        assert!(lines[1].starts_with("clean ") && lines[3].starts_with("all "), "{text}");
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width), "{text}");
        assert!(text.contains("skipped 3"), "{text}");
    }
}
