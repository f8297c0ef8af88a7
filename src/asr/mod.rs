//! From sound to words: encoder, decoder, tokens.
//!
//! ```text
//! sound ─▶ Encoder ─▶ Cross ─┐
//!                            ├─▶ Decoder, one token a step ─▶ Tokenizer ─▶ text
//!            last token ─────┘        ▲ stops by `guards`
//! ```
//!
//! The network is Moonshine tiny (27 M parameters, English; Jeffries et al., 2024), whose encoder
//! costs in proportion to the sound it is given and needs no window of fixed length.

mod beam;
mod beginnings;
mod decoder;
mod encoder;
mod greedy;
pub mod guards;
mod internal_lm;
mod language;
pub mod long;
mod meta;
mod path;
mod recognizer;
mod rope;
mod spelling;
mod tokens;

pub use beginnings::Beginnings;
pub use decoder::{Branch, Cache, Decoder, Logits};
pub use encoder::{Cross, Encoded, Encoder, MIN_SAMPLES};
pub use language::{Edge, Language, Place, WordId};
pub use meta::Meta;
pub use path::{BeamOptions, Path};
pub use recognizer::{Ended, Hypothesis, Listening, Recognition, Recognizer};
pub use spelling::Spellings;
pub use tokens::Tokenizer;

use crate::models::ModelError;
use crate::nn::NnError;

#[derive(Debug, thiserror::Error)]
pub enum AsrError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Nn(#[from] NnError),
    #[error("{file}: {why}. Run `make models` again to rebuild the models")]
    Damaged { file: &'static str, why: String },
    /// The work lost its purpose; nothing is wrong.
    #[error("recognition was cancelled")]
    Cancelled,
    /// A defect of the program or a model that fits its own description and nothing else.
    #[error("the recogniser could not run: {why}")]
    Run { why: String },
}

impl AsrError {
    fn run(error: impl std::fmt::Display) -> Self {
        Self::Run { why: format!("{error:#}").lines().collect::<Vec<_>>().join(" ") }
    }
}
