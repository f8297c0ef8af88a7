//! What people say that is meant for no agent in particular: counter-examples for every model.

/// One sentence a line, written for this purpose.
pub const EVERYDAY: &str = include_str!("everyday.txt");
