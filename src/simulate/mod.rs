//! Speech that nobody said: sentences of an agent and others, spoken by our own voice in made rooms
//! and noise, and what the recogniser's search makes of them. For learning what its evidence is worth
//! before any visitor has come.

mod accent;
mod noise;
mod room;
mod studio;
mod trial;

pub use studio::Studio;
pub use trial::{SimulateError, Trials};
