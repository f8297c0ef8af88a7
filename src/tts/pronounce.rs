//! The voice's dictionary as a source of pronunciations for comparing words by sound.

use super::text::Phonemizer;
use crate::nlu::{Phone, Pronounce};

impl Pronounce for Phonemizer {
    fn pronounce(&self, word: &str) -> Option<Vec<Phone>> {
        let phonemes = self.word(word)?;
        let phones = phones(&phonemes);
        (!phones.is_empty()).then_some(phones)
    }
}

/// The voice's phonemes without stress; a vowel with an `ɹ` after it becomes one sound where
/// English has one.
fn phones(phonemes: &str) -> Vec<Phone> {
    use Phone::*;
    let mut phones: Vec<Phone> = Vec::with_capacity(phonemes.len());
    for phoneme in phonemes.chars() {
        if phoneme == 'ɹ' && matches!(phones.last(), Some(Ax | Er)) {
            phones.pop();
            phones.push(Er);
            continue;
        }
        phones.push(match phoneme {
            'ɑ' | 'ɒ' => Aa,
            'æ' | 'a' => Ae,
            'ʌ' => Ah,
            'ɔ' => Ao,
            'W' => Aw,
            'ə' | 'ᵊ' | 'ɐ' => Ax,
            'I' => Ay,
            'ɛ' | 'e' => Eh,
            'ɜ' => Er,
            'A' => Ey,
            'ɪ' | 'ᵻ' => Ih,
            'i' => Iy,
            'O' | 'o' | 'Q' => Ow,
            'Y' => Oy,
            'ʊ' => Uh,
            'u' => Uw,
            'b' => B,
            'ʧ' => Ch,
            'd' => D,
            'ð' => Dh,
            'f' => F,
            'ɡ' => G,
            'h' => Hh,
            'ʤ' => Jh,
            'k' => K,
            'l' => L,
            'm' => M,
            'n' => N,
            'ŋ' => Ng,
            'p' => P,
            'ɹ' => R,
            's' => S,
            'ʃ' => Sh,
            't' | 'T' | 'ɾ' | 'ʔ' => T,
            'θ' => Th,
            'v' => V,
            'w' => W,
            'j' => Y,
            'z' => Z,
            'ʒ' => Zh,
            // Stress, length and spaces.
            _ => continue,
        });
    }
    phones
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ModelStore;

    #[test]
    fn phonemes_become_sounds() {
        use Phone::*;
        for (phonemes, expected) in [
            ("lˈæmp", vec![L, Ae, M, P]),
            ("bˈɜɹd", vec![B, Er, D]),
            ("bˈʌTəɹ", vec![B, Ah, T, Er]),
            ("kˈɑɹ", vec![K, Aa, R]),
            ("ʤˌʌʤ", vec![Jh, Ah, Jh]),
            (" ,", vec![]),
        ] {
            assert_eq!(phones(phonemes), expected, "{phonemes}");
        }
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn words_of_all_kinds_are_pronounced() {
        let voice = Phonemizer::load(&ModelStore::open(None).unwrap()).unwrap();
        for word in ["lamp", "a", "i", "o'clock", "tv", "x", "zxqwv", "thermostat"] {
            assert!(voice.pronounce(word).is_some(), "{word}");
        }
        for word in ["", "***", "日本"] {
            assert_eq!(voice.pronounce(word), None, "{word}");
        }
        assert_eq!(voice.pronounce("a"), Some(vec![Phone::Ax]));
    }
}
