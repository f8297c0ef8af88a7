//! People who do not speak like our voice: sounds said as others, or not at all.

use crate::draw::Draw;

/// Phonemes of the voice, and what accents and haste make of each: foreign learners' substitutions
/// (Swan & Smith, Learner English, 2001), voicing lost or gained, neighbouring vowels. A space stands
/// for nothing said.
const SAID_AS: &[(char, &[char])] = &[
    ('æ', &['ɛ', 'ɑ', 'ʌ']),
    ('ɛ', &['æ', 'ɪ', 'A']),
    ('ɪ', &['i', 'ɛ', 'ə']),
    ('i', &['ɪ']),
    ('ʌ', &['ɑ', 'ə', 'æ']),
    ('ɑ', &['ʌ', 'ɔ', 'O']),
    ('ɔ', &['O', 'ɑ']),
    ('ʊ', &['u']),
    ('u', &['ʊ']),
    ('ə', &['ɛ', 'ʌ', 'ɪ']),
    ('ɜ', &['ɛ', 'ʌ']),
    ('A', &['ɛ', 'I']),
    ('O', &['ɔ', 'u']),
    ('I', &['A', 'ɑ']),
    ('W', &['O', 'ɑ']),
    ('θ', &['t', 's', 'f']),
    ('ð', &['d', 'z']),
    ('z', &['s']),
    ('s', &['z', 'ʃ']),
    ('ʃ', &['s', 'ʧ']),
    ('ʤ', &['ʧ', 'j']),
    ('ʧ', &['ʃ', 'ʤ']),
    ('v', &['w', 'f', 'b']),
    ('w', &['v']),
    ('b', &['p', 'v']),
    ('p', &['b', 'f']),
    ('d', &['t', ' ']),
    ('t', &['d', ' ']),
    ('T', &['t', 'd']),
    ('ɡ', &['k']),
    ('k', &['ɡ']),
    ('ŋ', &['n']),
    ('n', &['m', 'ŋ']),
    ('l', &['ɹ', 'w', ' ']),
    ('ɹ', &['l', 'w', ' ']),
    ('h', &[' ']),
];

/// `phonemes` by somebody who says a `share` of all sounds otherwise.
pub fn accented(phonemes: &str, share: f32, draw: &mut Draw) -> String {
    let mut said = String::with_capacity(phonemes.len());
    for phoneme in phonemes.chars() {
        let others = SAID_AS.iter().find(|(of, _)| *of == phoneme).map(|(_, others)| others);
        match others {
            Some(others) if draw.chance(share) => {
                let other = others[draw.below(others.len())];
                if other != ' ' {
                    said.push(other);
                }
            }
            _ => said.push(phoneme),
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_change_as_often_as_asked() {
        let phonemes = "ðə kwˈɪk bɹˈWn fˈɑks ʤˈʌmps ˌOvəɹ ðə lˈAzi dˈɔɡ ".repeat(100);
        let of = |share| accented(&phonemes, share, &mut Draw::new(1));
        assert_eq!(of(0.0), phonemes);
        assert_eq!(of(0.1), of(0.1));
        let spaces = |text: &str| text.matches(' ').count();
        assert_eq!(spaces(&of(0.5)), spaces(&phonemes), "words stay words");
        let stay = |share| {
            let said = of(share);
            said.chars().zip(phonemes.chars()).take_while(|(a, b)| a == b).count()
        };
        assert!(stay(0.01) > stay(0.5) && stay(0.5) < 20);
    }
}
