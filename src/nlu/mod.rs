//! From words to meaning: sentence templates and their exact interpreter.

mod interpretation;
mod numbers;
mod words;

pub use interpretation::{Alternative, Interpretation, Slot, SlotValue, Slots, Status};
