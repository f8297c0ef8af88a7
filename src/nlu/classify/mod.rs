//! What templates do not say: intents learned from examples.

mod encoder;
mod wordpiece;

pub use encoder::{EMBEDDING_LEN, Embedding, SentenceEncoder};

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
    /// A defect of the program or a model that fits its own description and nothing else.
    #[error("the sentence encoder could not run: {why}")]
    Run { why: String },
}

impl ClassifyError {
    fn run(error: impl std::fmt::Display) -> Self {
        Self::Run { why: format!("{error:#}").lines().collect::<Vec<_>>().join(" ") }
    }
}
