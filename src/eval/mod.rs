//! All the scores of recorded sound in one run: [`dataset`] says what was spoken, [`mix`] makes
//! noisy copies of it, [`run`] lets the agent hear it, [`outcome`] reads what the agent made of it,
//! [`scores`] and [`reliability`] count, [`report`] prints. [`text`] and [`text_scores`] do the same for written text.

pub mod dataset;
pub mod echo;
pub mod home_assistant;
pub mod mix;
pub mod outcome;
pub mod reliability;
pub mod report;
pub mod run;
pub mod scores;
mod table;
pub mod text;
pub mod text_scores;
pub mod wer;

pub use table::TableError;
