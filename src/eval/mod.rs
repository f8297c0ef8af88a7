//! Data sets, scores, reports.

pub mod dataset;
pub mod table;
pub mod wer;
