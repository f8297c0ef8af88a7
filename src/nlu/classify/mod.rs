//! What templates do not say: intents learned from examples.

mod bytes;
mod calibrate;
mod closeness;
mod encoder;
mod everyday;
mod features;
mod grams;
mod head;
mod model;
mod stored;
mod tagger;
mod tokens;
mod train;
mod wordpiece;

pub(super) use calibrate::{log_sum_exp, solve};
pub use encoder::{EMBEDDING_LEN, Embedding, SentenceEncoder};
pub use everyday::EVERYDAY;
pub use model::{IntentModel, Verdict};
pub use tagger::{SlotExample, SlotTagger, Tagged};
pub use train::{Corrupt, Example, Training};

use crate::models::ModelError;
use crate::nn::NnError;

#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Nn(#[from] NnError),
    #[error("{file}: {why}. Run `make models` again to rebuild the models")]
    Damaged { file: &'static str, why: String },
    #[error("there is no {what} to learn from")]
    NothingToLearn { what: &'static str },
    #[error("the intent model was trained with the sentence encoder and cannot do without it")]
    NoEncoder,
    /// A trained model that this program cannot read.
    #[error("the intent model is damaged: {why}. Train it again")]
    Unreadable { why: String },
    /// A defect of the program or a model that fits its own description and nothing else.
    #[error("the sentence encoder could not run: {why}")]
    Run { why: String },
}

impl ClassifyError {
    fn run(error: impl std::fmt::Display) -> Self {
        Self::Run { why: format!("{error:#}").lines().collect::<Vec<_>>().join(" ") }
    }
}

#[cfg(test)]
mod tests;
