//! Data sets, scores, reports.

pub mod dataset;
pub mod mix;
pub mod table;
pub mod wer;
