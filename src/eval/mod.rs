//! Data sets, scores, reports.

pub mod dataset;
pub mod mix;
pub mod outcome;
pub mod scores;
pub mod table;
pub mod wer;
