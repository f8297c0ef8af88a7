//! From words to meaning: sentence templates and their exact interpreter.

mod align;
mod answer;
mod automaton;
mod calling;
mod check;
pub mod classify;
mod compile;
mod confidence;
mod decision;
mod draft;
pub mod entities;
mod examples;
mod explain;
mod given;
mod grammar;
mod graph;
mod interpretation;
mod interpreter;
mod number_words;
mod numbers;
mod overlaps;
mod pieces;
mod read;
mod sample;
mod search;
mod sound;
mod spot;
mod template;
mod unspoken;
mod ways;
mod words;

pub use crate::config::diagnostic::Source;
pub use align::{Aligned, Aligner, Evidence};
pub use automaton::{Automaton, Said, Stop, Talk};
pub use calling::{Beginning, Behind, Call, CallError, CallEvidence, Calling};
pub use classify::{ClassifyError, Example, IntentModel, SentenceEncoder, Training};
pub use confidence::{
    CALL, Calibration, FALSE_WAKE_COST, Observed, SEARCH, SHIPPED_CALL, SOUND, Trust, WAKE_BOUND,
};
pub use decision::{Decision, SearchEvidence, Searched, decide, searched};
pub use draft::{Context, Mark};
pub use examples::{Examples, Likeness, Origin, ToldSlot};
pub use explain::{Closest, Explanation, Match, Piece, Withheld};
pub use given::Entry;
pub use grammar::{Grammar, ListItem, Reading, SlotInfo};
pub use interpretation::{Alternative, GaveUp, Interpretation, Slot, SlotValue, Slots, Status};
pub use interpreter::Interpreter;
pub use overlaps::Overlap;
pub use sample::Sample;
pub use sound::{Mishearing, Phone, Pronounce, Sounds, Spelled, Unsounded, distance};
pub use unspoken::Unspoken;
pub(crate) use words::normal;

#[cfg(test)]
mod tests;
