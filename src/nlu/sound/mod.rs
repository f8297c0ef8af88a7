//! How words sound, and how far two sounds are apart.
//!
//! A recogniser that errs writes another word that sounds alike, so what was heard is compared
//! with what can be said by sound and not by letters. Pronunciations come from a [`Pronounce`],
//! which the agent's voice implements; [`Spelled`] guesses them from the letters alone.

mod distance;
mod figures;
mod mishear;
mod phone;
mod sounds;
mod spelled;

pub use distance::distance;
pub use mishear::Mishearing;
pub use phone::Phone;
pub use sounds::{Sounds, Unsounded};
pub use spelled::Spelled;

pub(super) use distance::{Milli, milli_distance};
pub(super) use figures::spoken;
pub(super) use sounds::{Ways, nearest};

/// Knows how words sound.
pub trait Pronounce: Send + Sync {
    /// The sounds of one word in normal spelling: lower case, letters and inner apostrophes.
    /// `None` when it cannot be said.
    fn pronounce(&self, word: &str) -> Option<Vec<Phone>>;
}
