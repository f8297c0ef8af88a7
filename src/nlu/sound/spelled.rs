//! A rough pronunciation from the letters of a word, where no voice is at hand.

use super::Phone::{self, *};
use super::Pronounce;

/// Guesses by letter groups: wrong often, and wrong alike for words that are written alike, which
/// is what comparing needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spelled;

/// Groups of letters, longer ones first, and their usual sounds.
const GROUPS: &[(&str, &[Phone])] = &[
    ("ough", &[Ao]),
    ("tion", &[Sh, Ax, N]),
    ("igh", &[Ay]),
    ("tch", &[Ch]),
    ("sch", &[S, K]),
    ("ai", &[Ey]),
    ("ay", &[Ey]),
    ("au", &[Ao]),
    ("aw", &[Ao]),
    ("ar", &[Aa, R]),
    ("ch", &[Ch]),
    ("ck", &[K]),
    ("ea", &[Iy]),
    ("ee", &[Iy]),
    ("ei", &[Ey]),
    ("er", &[Er]),
    ("ew", &[Uw]),
    ("ey", &[Iy]),
    ("gh", &[G]),
    ("ie", &[Iy]),
    ("ir", &[Er]),
    ("kn", &[N]),
    ("ng", &[Ng]),
    ("oa", &[Ow]),
    ("oi", &[Oy]),
    ("oo", &[Uw]),
    ("or", &[Ao, R]),
    ("ou", &[Aw]),
    ("ow", &[Ow]),
    ("oy", &[Oy]),
    ("ph", &[F]),
    ("qu", &[K, W]),
    ("sh", &[Sh]),
    ("th", &[Th]),
    ("ur", &[Er]),
    ("wh", &[W]),
    ("wr", &[R]),
];

impl Pronounce for Spelled {
    fn pronounce(&self, word: &str) -> Option<Vec<Phone>> {
        let letters = letters(word);
        let mut phones = Vec::with_capacity(letters.len());
        let mut rest = letters.as_str();
        let mut before = ' ';
        while let Some(letter) = rest.chars().next() {
            let group = GROUPS.iter().find(|(group, _)| rest.starts_with(group));
            let taken = if letter == before && !is_vowel(letter) {
                // A doubled consonant is one sound.
                1
            } else if let Some((group, sounds)) = group {
                phones.extend_from_slice(sounds);
                group.len()
            } else if letter == 'e' && rest.len() == 1 && phones.len() > 1 {
                // A final e is silent.
                1
            } else {
                phones.extend_from_slice(single(letter, &rest[1..], phones.is_empty()));
                1
            };
            before = letter;
            rest = &rest[taken..];
        }
        (!phones.is_empty()).then_some(phones)
    }
}

/// The Latin letters of a word without their marks.
fn letters(word: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let plain = word.nfd().filter(char::is_ascii_alphabetic);
    plain.map(|c| c.to_ascii_lowercase()).collect()
}

fn is_vowel(letter: char) -> bool {
    matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

fn single(letter: char, rest: &str, is_first: bool) -> &'static [Phone] {
    let softens = rest.starts_with(['e', 'i', 'y']);
    match letter {
        'a' => &[Ae],
        'b' => &[B],
        'c' if softens => &[S],
        'c' | 'k' | 'q' => &[K],
        'd' => &[D],
        'e' => &[Eh],
        'f' => &[F],
        'g' if softens => &[Jh],
        'g' => &[G],
        'h' => &[Hh],
        'i' => &[Ih],
        'j' => &[Jh],
        'l' => &[L],
        'm' => &[M],
        'n' => &[N],
        'o' => &[Aa],
        'p' => &[P],
        'r' => &[R],
        's' => &[S],
        't' => &[T],
        'u' => &[Ah],
        'v' => &[V],
        'w' => &[W],
        'x' => &[K, S],
        'y' if is_first => &[Y],
        'y' => &[Iy],
        _ => &[Z],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_become_sounds() {
        for (word, phones) in [
            ("lamp", Some(vec![L, Ae, M, P])),
            ("kitchen", Some(vec![K, Ih, Ch, Eh, N])),
            ("off", Some(vec![Aa, F])),
            ("phone", Some(vec![F, Aa, N])),
            ("Café", Some(vec![K, Ae, F])),
            ("***", None),
            ("日本", None),
        ] {
            assert_eq!(Spelled.pronounce(word), phones, "{word}");
        }
    }
}
