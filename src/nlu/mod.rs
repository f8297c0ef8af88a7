//! From words to meaning: sentence templates and their exact interpreter.

mod answer;
mod check;
mod compile;
mod draft;
mod grammar;
mod graph;
mod interpretation;
mod numbers;
mod read;
mod search;
mod template;
mod words;

pub use crate::config::diagnostic::Source;
pub use draft::Context;
pub use grammar::{Grammar, ListItem, Reading, SlotInfo};
pub use interpretation::{Alternative, Interpretation, Slot, SlotValue, Slots, Status};

#[cfg(test)]
mod tests;
