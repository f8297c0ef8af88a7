//! All the scores of recorded sound in one run: [`dataset`] says what was spoken, [`mix`] makes
//! noisy copies of it, [`run`] lets the agent hear it, [`outcome`] reads what the agent made of it,
//! [`scores`] and [`reliability`] count, [`report`] prints; [`curve`] holds endpoint policies against
//! one another. [`text`] and [`text_scores`] do the same for written text.

pub mod curve;
pub mod dataset;
pub mod echo;
pub mod home_assistant;
pub mod mix;
pub mod outcome;
pub mod rehearsal;
pub mod reliability;
pub mod report;
pub mod run;
pub mod scores;
mod table;
pub mod text;
pub mod text_scores;
pub mod wake;
pub mod wer;

pub use table::TableError;
