//! The voice's phoneme alphabet: one character per sound, and what kind of sound it is.
//!
//! Capital letters are diphthongs (`A` as in "say", `I` as in "sky", `O` as in "so", `W` as in
//! "now", `Y` as in "boy"); the rest is the international alphabet with single characters for the
//! affricates (`ʤ`, `ʧ`). The alphabet is the one the acoustic model was trained with.

pub(super) const PRIMARY: char = 'ˈ';
pub(super) const SECONDARY: char = 'ˌ';

/// Marks that a reader pauses at; quotation marks are spoken through.
pub(super) fn is_pause(c: char) -> bool {
    matches!(c, ';' | ':' | ',' | '.' | '!' | '?' | '—' | '…')
}

/// Every mark the acoustic model knows, quotation marks included.
pub(super) fn is_mark(c: char) -> bool {
    is_pause(c) || matches!(c, '"' | '“' | '”')
}

pub(super) fn is_vowel(c: char) -> bool {
    "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ".contains(c)
}

pub(super) fn is_consonant(c: char) -> bool {
    "bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ".contains(c)
}

/// Sounds made of two: diphthongs and affricates.
pub(super) fn is_diphthong(c: char) -> bool {
    "AIOQWYʤʧ".contains(c)
}

/// American English taps a `t` after these before a weak vowel ("waited", "sorting").
pub(super) fn taps_t(c: char) -> bool {
    "AIOWYiuæɑəɛɪɹʊʌ".contains(c)
}

/// What comes next in the sentence, as far as the word before it cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ahead {
    /// First sound of what follows; `None` at a pause and at the end.
    pub sound: Option<Sound>,
    /// The next word is "to" ("used to").
    pub to: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sound {
    Vowel,
    Consonant,
}

impl Ahead {
    /// The view from before a word with these phonemes; silent phonemes let one see past them.
    pub fn before(self, phonemes: &str, to: bool) -> Self {
        let first = phonemes.chars().find(|&c| is_vowel(c) || is_consonant(c) || is_pause(c));
        let sound = match first {
            None => self.sound,
            Some(c) if is_pause(c) => None,
            Some(c) if is_vowel(c) => Some(Sound::Vowel),
            Some(_) => Some(Sound::Consonant),
        };
        Self { sound, to }
    }
}
