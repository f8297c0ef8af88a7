//! From words to meaning: sentence templates and their exact interpreter.

mod align;
mod answer;
mod check;
mod compile;
mod draft;
mod explain;
mod given;
mod grammar;
mod graph;
mod interpretation;
mod numbers;
mod overlaps;
mod pieces;
mod read;
mod sample;
mod search;
mod sound;
mod template;
mod ways;
mod words;

pub use crate::config::diagnostic::Source;
pub use align::{Aligned, Aligner, Evidence};
pub use draft::Context;
pub use explain::{Closest, Explanation, Match, Piece, Withheld};
pub use given::Entry;
pub use grammar::{Grammar, ListItem, Reading, SlotInfo};
pub use interpretation::{Alternative, GaveUp, Interpretation, Slot, SlotValue, Slots, Status};
pub use overlaps::Overlap;
pub use sample::Sample;
pub use sound::{Phone, Pronounce, Sounds, Spelled, Unsounded, distance};

#[cfg(test)]
mod tests;
