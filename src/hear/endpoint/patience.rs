//! How long more words are waited for in a pause: the cost model of the endpoint.
//!
//! Waiting costs a millisecond for every millisecond that somebody who is done waits. Cutting in
//! costs [`cut_in_cost_ms`](super::EndpointSettings::cut_in_cost_ms) when more was to come. What was
//! said and how its voice closed give the odds that speech goes on,
//!
//! ```text
//! odds = P(goes on) / P(done) = exp(bias[completeness] + Σ weight · sign + sound · summary)
//! ```
//!
//! where `summary` is what [smart-turn's network](crate::hear::SmartTurn) makes of the sound.
//!
//! How long pauses last after which it does go on is known from recordings: `S(t)` of them are longer
//! than `t`. So taking the turn after `t` of silence costs, on average and but for a factor,
//!
//! ```text
//! delay(t) + odds · cost · S(t)
//! ```
//!
//! and the turn is taken after the `t` at which this is least: at once where the voice is surely done,
//! behind the longest pause where it surely is not, and in between where that settles most doubts. A wait
//! is felt the more the longer it is: up to
//! [`bearable_ms`](super::EndpointSettings::bearable_ms) `delay(t)` is `t`, and each millisecond beyond
//! counts [`LONG_WAIT_COST`] times, for then people wonder whether they were heard.
//!
//! Biases, weights and pauses are fitted to recordings by `scripts/fit_endpoint.py` and stand in
//! `patience.toml`; docs/endpoint.md has the figures.

use std::sync::LazyLock;

use serde::Deserialize;

use super::EndpointSettings;
use crate::hear::prosody::Closing;
use crate::hear::smart_turn::{SUMMARY_LEN, Summary};
use crate::turn::Completeness;
use crate::units::FRAME_MS;

/// See above.
const LONG_WAIT_COST: f32 = 16.0;

/// Who is surer than this is not surer, in either direction.
const SUREST: f32 = 0.9999;

/// More slots ahead than this count as so many.
const MOST_AHEAD: u8 = 3;

/// What is known of a pause, besides its length.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pause {
    /// Of the words before it.
    pub completeness: Completeness,
    /// How sure their meaning is, 0..1.
    pub confidence: f32,
    /// How many slots more words could fill.
    pub slots_ahead: u8,
    /// What the sound of it adds to the log-odds: see [`sound_odds`].
    pub sound_odds: f32,
    pub closing: Closing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patience {
    /// How long pauses last after which speech goes on, in milliseconds: as many as stand for
    /// equal shares of them, shortest first.
    pauses_ms: Vec<f32>,
    bias: Biases,
    weight: Weights,
    sound: SoundWeights,
}

/// Log-odds that speech goes on, by the sound of what was said: so much, and more for each unit of
/// each number of its summary.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SoundWeights {
    bias: f32,
    weights: Vec<f32>,
}

/// Log-odds that speech goes on, by what was said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Biases {
    complete: f32,
    may_continue: f32,
    cannot_end: f32,
}

/// Log-odds for each unit of a sign.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    /// Log-odds of the meaning.
    confidence: f32,
    /// Log-odds of each slot ahead, up to [`MOST_AHEAD`].
    slots_ahead: f32,
    last_db: f32,
    late_db: f32,
}

static FITTED: LazyLock<Patience> = LazyLock::new(|| {
    let fitted: Patience = toml::from_str(include_str!("patience.toml"))
        .expect("patience.toml is part of the program");
    assert_eq!(fitted.sound.weights.len(), SUMMARY_LEN, "as scripts/fit_endpoint.py writes it");
    fitted
});

/// What the sound of an utterance so far adds to the log-odds that speech goes on.
pub fn sound_odds(summary: &Summary) -> f32 {
    let SoundWeights { bias, weights } = &Patience::fitted().sound;
    bias + summary.iter().zip(weights).map(|(x, weight)| x * weight).sum::<f32>()
}

impl Patience {
    pub fn fitted() -> &'static Self {
        &FITTED
    }

    /// Log-odds that speech goes on after `pause`.
    fn log_odds(&self, pause: &Pause) -> f32 {
        let bias = match pause.completeness {
            Completeness::Complete => self.bias.complete,
            Completeness::MayContinue => self.bias.may_continue,
            Completeness::CannotEnd => self.bias.cannot_end,
        };
        let Closing { last_db, late_db } = pause.closing;
        let ahead = f32::from(pause.slots_ahead.min(MOST_AHEAD));
        bias + self.weight.confidence * log_odds(pause.confidence)
            + self.weight.slots_ahead * ahead
            + pause.sound_odds
            + self.weight.last_db * last_db
            + self.weight.late_db * late_db
    }

    /// The silence in milliseconds after which the turn should be taken, whole frames within
    /// [`hangover_min_ms`](EndpointSettings::hangover_min_ms) and
    /// [`hangover_max_ms`](EndpointSettings::hangover_max_ms).
    pub fn silence_ms(&self, pause: &Pause, settings: &EndpointSettings) -> u32 {
        let odds = self.log_odds(pause).exp();
        let cost = |after_ms: u32| {
            let after_ms = after_ms as f32;
            let longer = self.pauses_ms.iter().filter(|pause_ms| **pause_ms > after_ms).count();
            let share = longer as f32 / self.pauses_ms.len() as f32;
            let late_ms = (after_ms - settings.bearable_ms as f32).max(0.0);
            let delay = after_ms + (LONG_WAIT_COST - 1.0) * late_ms;
            delay + odds * settings.cut_in_cost_ms as f32 * share
        };
        (settings.hangover_min_ms..=settings.hangover_max_ms)
            .step_by(FRAME_MS as usize)
            .min_by(|a, b| cost(*a).total_cmp(&cost(*b)))
            .expect("the settings were checked")
    }
}

fn log_odds(probability: f32) -> f32 {
    let sure = probability.clamp(1.0 - SUREST, SUREST);
    (sure / (1.0 - sure)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    static PATIENCE: LazyLock<Patience> = LazyLock::new(|| Patience {
        pauses_ms: vec![500.0, 600.0, 1100.0, 1200.0],
        bias: Biases { complete: -2.0, may_continue: 0.0, cannot_end: 3.0 },
        weight: Weights { confidence: -0.5, slots_ahead: 0.7, last_db: 0.1, late_db: 0.2 },
        sound: SoundWeights { bias: 0.0, weights: Vec::new() },
    });

    /// A pause of which words and sound say `log_odds` that speech goes on.
    fn doubtful(log_odds: f32) -> Pause {
        Pause { sound_odds: log_odds, confidence: 0.5, ..Pause::default() }
    }

    #[test]
    fn the_turn_is_taken_where_costs_are_least() {
        let settings = EndpointSettings {
            hangover_min_ms: 200,
            hangover_max_ms: 1400,
            bearable_ms: 700,
            cut_in_cost_ms: 10_000,
            ..EndpointSettings::default()
        };
        let taken = |log_odds: f32| PATIENCE.silence_ms(&doubtful(log_odds), &settings);
        // Half of the pauses are over after 600 ms: that is worth waiting for from odds of
        // 400/5000 on, and the others from 600 + 15 · 500 more on.
        for (odds, expected) in [(0.07f32, 200), (0.09, 600), (1.5, 600), (1.7, 1200), (1e9, 1200)]
        {
            assert_eq!(taken(odds.ln()), expected, "odds {odds}");
        }
        assert_eq!(taken(f32::NEG_INFINITY), 200);
        let reckless = EndpointSettings { cut_in_cost_ms: 0, ..settings };
        assert_eq!(PATIENCE.silence_ms(&doubtful(5.0), &reckless), 200);
    }

    #[test]
    fn who_is_not_done_is_waited_for() {
        let pause = |completeness, confidence, late_db| Pause {
            completeness,
            confidence,
            slots_ahead: 1,
            sound_odds: 0.0,
            closing: Closing { last_db: late_db, late_db },
        };
        use Completeness::{CannotEnd, Complete, MayContinue};
        let table = [
            (pause(Complete, 0.99, -12.0), pause(MayContinue, 0.99, -12.0)),
            (pause(MayContinue, 0.99, -12.0), pause(CannotEnd, 0.99, -12.0)),
            (pause(MayContinue, 0.99, -12.0), pause(MayContinue, 0.3, -12.0)),
            (pause(MayContinue, 0.99, -12.0), pause(MayContinue, 0.99, -2.0)),
        ];
        for patience in [&*PATIENCE, Patience::fitted()] {
            for (done, not) in table {
                let (done, not) = (patience.log_odds(&done), patience.log_odds(&not));
                assert!(done < not, "{done} {not}: {patience:?}");
            }
        }
        for patience in [&*PATIENCE, Patience::fitted()] {
            let ahead = |slots_ahead| {
                let latte = pause(MayContinue, 0.99, -12.0);
                patience.log_odds(&Pause { slots_ahead, ..latte })
            };
            let sounds = |sound_odds| {
                let latte = pause(MayContinue, 0.99, -12.0);
                patience.log_odds(&Pause { sound_odds, ..latte })
            };
            assert!((sounds(1.5) - sounds(0.5) - 1.0).abs() < 1e-4, "{patience:?}");
            assert!(ahead(1) < ahead(2) && ahead(9) < ahead(MOST_AHEAD) + 1e-6, "{patience:?}");
        }
        assert!(PATIENCE.log_odds(&pause(MayContinue, 0.0, 0.0)).is_finite());
    }
}
