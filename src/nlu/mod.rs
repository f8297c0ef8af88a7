//! From words to meaning: sentence templates and their exact interpreter.

mod answer;
mod automaton;
mod check;
mod compile;
mod decision;
mod draft;
mod explain;
mod grammar;
mod graph;
mod interpretation;
mod number_words;
mod numbers;
mod pieces;
mod read;
mod sample;
mod search;
mod template;
mod ways;
mod words;

pub use crate::config::diagnostic::Source;
pub use automaton::{Automaton, Said, Stop, Talk};
pub use decision::{Decision, SearchEvidence, decide};
pub use draft::Context;
pub use explain::{Closest, Explanation, Match, Piece, Withheld};
pub use grammar::{Grammar, ListItem, Reading, SlotInfo};
pub use interpretation::{Alternative, GaveUp, Interpretation, Slot, SlotValue, Slots, Status};
pub use sample::Sample;

#[cfg(test)]
mod tests;
