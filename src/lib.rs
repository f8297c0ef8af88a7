//! Mynah: a voice agent in one program.
//!
//! The modules stand in the order the sound travels; `ARCHITECTURE.md` draws the way with every
//! thread and queue. [`units`] and [`turn`] are the shared vocabulary: everything else names its
//! quantities with them.

// Where input can make it fail there is an error to return; `expect` states an invariant.
#![warn(clippy::unwrap_used)]

pub mod agent;
pub mod asr;
pub mod audio;
pub mod cancel;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod dialogue;
pub mod doctor;
pub mod draw;
pub mod eval;
pub mod hear;
pub mod models;
pub mod nlu;
pub mod nn;
pub mod numerals;
pub mod observe;
pub mod runtime;
pub mod sandbox;
pub mod simulate;
pub mod tts;
pub mod turn;
pub mod units;
