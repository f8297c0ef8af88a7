//! Stress marks inside phonemes, and moving them up and down.

use super::phones::{PRIMARY, SECONDARY, is_diphthong, is_vowel};

/// What a context asks of a word's stress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stress {
    /// No stress at all ("point" in a decimal).
    None,
    /// A stressed word steps back: primary becomes secondary.
    Less,
    /// Like [`Stress::Less`], and a word without stress gets a secondary one.
    Secondary,
    /// A word without stress gets a secondary one (Capitalised).
    AtLeastSecondary,
    /// The word gets a primary stress in any case (SHOUTED).
    Primary,
}

impl Stress {
    pub fn apply(self, phonemes: &str) -> String {
        let primary = phonemes.contains(PRIMARY);
        let secondary = phonemes.contains(SECONDARY);
        match self {
            Self::None => phonemes.replace([PRIMARY, SECONDARY], ""),
            Self::Less | Self::Secondary if primary => {
                phonemes.replace(SECONDARY, "").replace(PRIMARY, SECONDARY.encode_utf8(&mut [0; 4]))
            }
            Self::Secondary | Self::AtLeastSecondary if !primary && !secondary => {
                stress_first_vowel(phonemes, SECONDARY)
            }
            Self::Primary if !primary && secondary => {
                phonemes.replace(SECONDARY, PRIMARY.encode_utf8(&mut [0; 4]))
            }
            Self::Primary if !primary => stress_first_vowel(phonemes, PRIMARY),
            _ => phonemes.to_owned(),
        }
    }
}

/// The mark stands right before the vowel; phonemes without a vowel carry none.
fn stress_first_vowel(phonemes: &str, mark: char) -> String {
    let mut stressed = phonemes.to_owned();
    if let Some(at) = phonemes.find(is_vowel) {
        stressed.insert(at, mark);
    }
    stressed
}

/// How heavy a piece is when one of several must give way: diphthongs and affricates count twice.
pub(super) fn weight(phonemes: &str) -> usize {
    phonemes.chars().map(|c| if is_diphthong(c) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stress_moves_as_the_context_asks() {
        use Stress::*;
        for (phonemes, stress, want) in [
            ("həlˈO", None, "həlO"),
            ("həlˈO", Less, "həlˌO"),
            ("ɪntˌɛləʤˈɛnt", Less, "ɪntɛləʤˌɛnt"),
            ("ðə", Less, "ðə"),
            ("ðə", Secondary, "ðˌə"),
            ("ðə", AtLeastSecondary, "ðˌə"),
            ("həlˈO", AtLeastSecondary, "həlˈO"),
            ("ðə", Primary, "ðˈə"),
            ("ðˌə", Primary, "ðˈə"),
            ("s", Primary, "s"),
            ("", Secondary, ""),
        ] {
            assert_eq!(stress.apply(phonemes), want, "{phonemes} {stress:?}");
        }
    }
}
