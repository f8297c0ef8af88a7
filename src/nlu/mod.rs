//! From words to meaning: sentence templates and their exact interpreter.

mod answer;
mod check;
mod compile;
mod draft;
pub mod entities;
mod explain;
mod grammar;
mod graph;
mod interpretation;
mod numbers;
mod pieces;
mod read;
mod sample;
mod search;
mod template;
mod ways;
mod words;

pub use crate::config::diagnostic::Source;
pub use draft::Context;
pub use explain::{Closest, Explanation, Match, Piece, Withheld};
pub use grammar::{Grammar, ListItem, Reading, SlotInfo};
pub use interpretation::{Alternative, GaveUp, Interpretation, Slot, SlotValue, Slots, Status};
pub use sample::Sample;

#[cfg(test)]
mod tests;
