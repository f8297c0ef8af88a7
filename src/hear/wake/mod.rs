//! Wake phrases, first stage: is one of a few known phrases being said? Cheap enough to run always.
//!
//! ```text
//! frames ─▶ FrontEnd, 40 bands every 10 ms ─▶ one small network per phrase, every 30 ms ─▶ mean
//! ```
//!
//! The networks are microWakeWord's (Ahrendt 2024). What they spot is a guess: the second stage is
//! the recogniser, which reads whether the phrase was said (`runtime/waking.rs`).

mod bands;
mod features;
mod gain;
mod spectrum;
mod spotter;

pub use features::{Features, FrontEnd};
pub use spotter::{Spotted, Spotter, WakeModel};
