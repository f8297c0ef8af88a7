//! Data sets, scores, reports.
