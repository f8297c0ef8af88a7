//! From text to sound: normalisation, phonemes, acoustic model, vocoder.

use crate::models::ModelError;
use crate::nn::NnError;

pub mod acoustic;
pub mod edges;
#[cfg(test)]
mod golden;
pub mod noise;
pub mod speaker;
pub mod stream;
pub mod style;
pub mod vocoder;

/// Sample rate of the voice, in hertz.
pub const VOICE_RATE_HZ: u32 = 24_000;

#[derive(Debug, thiserror::Error)]
pub enum TtsError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Load(#[from] NnError),
    #[error("{name}: {why}. Run `make models` again to rebuild the models")]
    Plan { name: &'static str, why: String },
    #[error("{field} is {value}; it must lie between {low} and {high}")]
    Style { field: &'static str, value: f32, low: f32, high: f32 },
    #[error("speaking was cancelled")]
    Cancelled,
}

impl TtsError {
    /// A plan that does not load or run: the file is not the one this program was written for.
    pub(crate) fn plan(name: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Plan { name, why: format!("{error:#}") }
    }
}
