//! Can confidences be taken at their word?
//!
//! A reading is whatever has an intent: acted on, asked about or refused. It is right when intent and
//! every slot are; out of scope every reading is wrong.

use serde::Serialize;

use super::outcome::{Answer, Outcome};
use super::scores::ratio;

/// Bins of equal width for the calibration error (Guo et al. 2017 use 15 on thousands of samples;
/// sets here are smaller).
pub const BINS: usize = 10;

/// How a reading was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// By the recogniser's search for what was expected.
    BySearch,
    /// In the words of free decoding: as a sentence is written, or like the examples of an intent.
    ByText,
    Anyhow,
}

impl Found {
    fn is(self, answer: &Answer) -> bool {
        match self {
            Self::BySearch => answer.evidence.is_some(),
            Self::ByText => answer.evidence.is_none(),
            Self::Anyhow => true,
        }
    }
}

/// Readings of like confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bin {
    pub readings: usize,
    pub right: usize,
    /// Mean of their confidences; 0 without a reading.
    pub confidence: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    pub readings: usize,
    /// Expected calibration error; `None` without a reading.
    pub ece: Option<f64>,
    /// Mean squared error of the confidence.
    pub brier: Option<f64>,
    /// By confidence, from 0 to 1 in equal steps.
    pub bins: [Bin; BINS],
}

impl Reliability {
    pub fn of(outcomes: &[&Outcome], found: Found) -> Self {
        Self::new(&confidences(outcomes, found))
    }

    fn new(confidences: &[(f64, bool)]) -> Self {
        let mut bins = [Bin::default(); BINS];
        for (confidence, right) in confidences {
            let bin = &mut bins[bin(*confidence)];
            bin.readings += 1;
            bin.right += usize::from(*right);
            // The sum, until all are counted.
            bin.confidence += confidence;
        }
        for bin in &mut bins {
            bin.confidence /= bin.readings.max(1) as f64;
        }
        let (ece, brier) = (ece(confidences), brier(confidences));
        Self { readings: confidences.len(), ece, brier, bins }
    }
}

/// Confidence of each reading, and whether it was right.
fn confidences(outcomes: &[&Outcome], found: Found) -> Vec<(f64, bool)> {
    let readings = outcomes.iter().filter_map(|outcome| {
        let is_reading = |answer: &&Answer| answer.intent.is_some() && found.is(answer);
        let answer = outcome.answer.as_ref().filter(is_reading)?;
        let right = outcome.gold.as_ref().is_some_and(|gold| answer.is(gold));
        Some((f64::from(answer.confidence), right))
    });
    readings.collect()
}

fn bin(confidence: f64) -> usize {
    ((confidence * BINS as f64) as usize).min(BINS - 1)
}

pub(super) fn ece(confidences: &[(f64, bool)]) -> Option<f64> {
    let mut gaps = [0.0; BINS];
    for (confidence, right) in confidences {
        gaps[bin(*confidence)] += confidence - f64::from(u8::from(*right));
    }
    ratio(gaps.iter().map(|gap| gap.abs()).sum(), confidences.len() as f64)
}

fn brier(confidences: &[(f64, bool)]) -> Option<f64> {
    let errors = confidences.iter().map(|(c, right)| (c - f64::from(u8::from(*right))).powi(2));
    ratio(errors.sum(), confidences.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_fall_into_bins_of_like_confidence() {
        let all = [(0.05, false), (0.95, true), (1.0, true), (0.91, false), (0.55, true)];
        let Reliability { readings, ece, brier, bins } = Reliability::new(&all);
        assert_eq!(readings, 5);
        let counts: Vec<_> = bins.iter().map(|bin| (bin.readings, bin.right)).collect();
        let empty = (0, 0);
        assert_eq!(counts[..5], [(1, 0), empty, empty, empty, empty]);
        assert_eq!(counts[5..], [(1, 1), empty, empty, empty, (3, 2)]);
        assert!((bins[9].confidence - (0.95 + 1.0 + 0.91) / 3.0).abs() < 1e-9);
        let gaps = 0.05 + (0.95 + 1.0 + 0.91 - 2.0) + 0.45;
        assert!((ece.unwrap() - gaps / 5.0).abs() < 1e-9);
        let squares = [0.05, 0.05, 0.0, 0.91, 0.45].map(|e: f64| e * e);
        assert!((brier.unwrap() - squares.iter().sum::<f64>() / 5.0).abs() < 1e-9);
        let nothing = Reliability::new(&[]);
        assert_eq!((nothing.readings, nothing.ece, nothing.brier), (0, None, None));
    }
}
