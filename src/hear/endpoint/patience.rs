//! How long more words are waited for in a pause: the cost model of the endpoint.
//!
//! Waiting costs a millisecond for every millisecond that somebody who is done waits. Cutting in
//! costs [`cut_in_cost_ms`](super::EndpointSettings::cut_in_cost_ms) when more was to come. What was
//! said and how its voice closed give the odds that speech goes on,
//!
//! ```text
//! odds = P(goes on) / P(done) = exp(bias[completeness] + Σ weight · sign)
//! ```
//!
//! and pauses after which it does go on end after a time that is exponentially distributed, τ on
//! average; silence after the last word never ends. So the odds fall as `odds · exp(-t / τ)` while
//! nothing is heard. Waiting `dt` longer costs `dt` where somebody is done, and saves the cost of
//! cutting in where speech sets in within `dt`, that is `cost · dt / τ` where it goes on. It no
//! longer pays where
//!
//! ```text
//! odds · exp(-t / τ) · cost / τ < 1,     that is after     t = τ · ln(odds · cost / τ).
//! ```
//!
//! τ, biases and weights are fitted to recordings by `scripts/fit_endpoint.py` and stand in
//! `patience.toml`; docs/endpoint.md has the figures.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::hear::prosody::Closing;
use crate::turn::Completeness;

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
    /// How probable it is by the sound of it that who speaks is done, 0..1.
    pub sounds_done: f32,
    pub closing: Closing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patience {
    /// How long pauses last, from where they show, after which speech goes on; mean, in
    /// milliseconds.
    tau_ms: f32,
    bias: Biases,
    weight: Weights,
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
    /// Log-odds of sounding done.
    sounds_done: f32,
    last_db: f32,
    late_db: f32,
}

static FITTED: LazyLock<Patience> = LazyLock::new(|| {
    toml::from_str(include_str!("patience.toml")).expect("patience.toml is part of the program")
});

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
            + self.weight.sounds_done * log_odds(pause.sounds_done)
            + self.weight.last_db * last_db
            + self.weight.late_db * late_db
    }

    /// Milliseconds from where a pause shows to where the turn should be taken; below zero where
    /// it should have been before. `cost_ms` is what cutting in costs.
    pub fn wait_ms(&self, pause: &Pause, cost_ms: f32) -> f32 {
        self.tau_ms * (self.log_odds(pause) + (cost_ms / self.tau_ms).ln())
    }
}

fn log_odds(probability: f32) -> f32 {
    let sure = probability.clamp(1.0 - SUREST, SUREST);
    (sure / (1.0 - sure)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        tau_ms: 500.0,
        bias: Biases { complete: -2.0, may_continue: 0.0, cannot_end: 3.0 },
        weight: Weights {
            confidence: -0.5,
            slots_ahead: 0.7,
            sounds_done: -0.4,
            last_db: 0.1,
            late_db: 0.2,
        },
    };

    #[test]
    fn the_wait_is_where_the_costs_meet() {
        let closing = Closing { last_db: -10.0, late_db: -5.0 };
        let pause = Pause {
            completeness: Completeness::MayContinue,
            confidence: 0.5,
            slots_ahead: 0,
            sounds_done: 0.5,
            closing,
        };
        let odds = (-2.0f32).exp();
        assert!((PATIENCE.log_odds(&pause) + 2.0).abs() < 1e-6);
        let (cost, wait) = (10_000.0, PATIENCE.wait_ms(&pause, 10_000.0));
        // What a further millisecond costs, and saves.
        let saved = odds * (-wait / 500.0).exp() * cost / 500.0;
        assert!((saved - 1.0).abs() < 1e-3, "{wait} ms: {saved}");
        assert_eq!(PATIENCE.wait_ms(&pause, 0.0), f32::NEG_INFINITY, "cutting in costs nothing");
    }

    #[test]
    fn who_is_not_done_is_waited_for() {
        let pause = |completeness, confidence, late_db| Pause {
            completeness,
            confidence,
            slots_ahead: 1,
            sounds_done: 0.5,
            closing: Closing { last_db: late_db, late_db },
        };
        use Completeness::{CannotEnd, Complete, MayContinue};
        let table = [
            (pause(Complete, 0.99, -12.0), pause(MayContinue, 0.99, -12.0)),
            (pause(MayContinue, 0.99, -12.0), pause(CannotEnd, 0.99, -12.0)),
            (pause(MayContinue, 0.99, -12.0), pause(MayContinue, 0.3, -12.0)),
            (pause(MayContinue, 0.99, -12.0), pause(MayContinue, 0.99, -2.0)),
        ];
        for patience in [&PATIENCE, Patience::fitted()] {
            for (done, not) in table {
                let (done, not) = (patience.log_odds(&done), patience.log_odds(&not));
                assert!(done < not, "{done} {not}: {patience:?}");
            }
        }
        for patience in [&PATIENCE, Patience::fitted()] {
            let ahead = |slots_ahead| {
                let latte = pause(MayContinue, 0.99, -12.0);
                patience.log_odds(&Pause { slots_ahead, ..latte })
            };
            let sounds = |sounds_done| {
                let latte = pause(MayContinue, 0.99, -12.0);
                patience.log_odds(&Pause { sounds_done, ..latte })
            };
            assert!(sounds(1.0) < sounds(0.1) && sounds(0.0).is_finite(), "{patience:?}");
            assert!(ahead(1) < ahead(2) && ahead(9) < ahead(MOST_AHEAD) + 1e-6, "{patience:?}");
        }
        assert!(PATIENCE.log_odds(&pause(MayContinue, 0.0, 0.0)).is_finite());
    }
}
