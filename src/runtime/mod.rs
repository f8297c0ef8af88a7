//! Every thread and every queue, in one place.
//!
//! Two threads of ours: the [`listener`] (sound in, events out, never waits for meaning) and the
//! [`thinker`] (words, meaning, decisions, speech). [`link`] holds all that crosses between them;
//! [`live`] joins them to devices, [`replay`] to a recording. The calling thread writes the
//! events.

use crate::audio::devices::DeviceError;
use crate::hear::HearError;
use crate::nlu::CallError;

mod attention;
mod back_off;
mod engines;
pub mod link;
pub mod listener;
mod live;
mod memory;
mod microphone;
mod mouth;
mod replay;
mod report;
pub mod source;
pub mod speaker;
mod supervisor;
mod tally;
mod thinker;
mod wording;

pub use attention::text_only;
pub use engines::{EngineError, Engines};
pub use link::Pace;
pub use live::{LiveOptions, live};
pub use replay::{ReplayOptions, replay};

#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error(transparent)]
    Hear(#[from] HearError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error("listening.phrases in agent.toml: {0}")]
    Call(#[from] CallError),
}

const _: () = assert!(
    crate::hear::endpoint::MAX_SPAN_MS / 1000 < memory::MEMORY_S
        && memory::MEMORY_S <= link::SOUND_S,
    "the thinker must still hold the longest utterance when it ends"
);
