//! What a deployer wrote, and the checked settings the program runs on.

pub mod board;
pub mod diagnostic;
pub mod regular;
pub mod yaml;
