//! One word of letters: function words that bend to their neighbours, then the lexicon, then
//! regular endings.

use super::lexicon::{Lexicon, Place};
use super::phones::Sound;
use super::stress::Stress;
use super::tag::Tag;

/// Symbols that are read as a word wherever they stand.
fn symbol_word(word: &str) -> Option<&'static str> {
    Some(match word {
        "%" => "percent",
        "&" => "and",
        "+" => "plus",
        "@" => "at",
        _ => return None,
    })
}

impl Lexicon {
    /// Phonemes of `word`, or `None` when only guessing is left.
    pub fn read_word(&self, word: &str, place: Place) -> Option<String> {
        if let Some(phonemes) = self.read_special(word, place) {
            return Some(phonemes);
        }
        let lower = self.lower_when_shouted(word, place);
        let word = lower.as_deref().unwrap_or(word);
        if self.knows(word) {
            return self.look_up(word, place);
        }
        if let Some(owner) = word.strip_suffix("s'").map(|stem| format!("{stem}'s"))
            && self.knows(&owner)
        {
            return self.look_up(&owner, place);
        }
        if let Some(stem) = word.strip_suffix('\'').filter(|stem| self.knows(stem)) {
            return self.look_up(stem, place);
        }
        self.look_up_stem(word, place)
    }

    /// Whether [`Lexicon::look_up`] has an answer of its own: an entry, or letters to spell.
    pub fn knows(&self, word: &str) -> bool {
        if self.contains(word) || symbol_word(word).is_some() {
            return true;
        }
        if word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphabetic()) {
            return false;
        }
        let shouted = !word.bytes().any(|b| b.is_ascii_lowercase());
        let after_first = !word.bytes().skip(1).any(|b| b.is_ascii_lowercase());
        word.len() == 1 || after_first || (shouted && self.in_gold(&word.to_ascii_lowercase()))
    }

    /// "LATTE" and "Latte" are the word "latte"; short names ("Ed", "Mae") stay as they are.
    fn lower_when_shouted(&self, word: &str, place: Place) -> Option<String> {
        let letters = word.chars().count();
        let lower = word.to_lowercase();
        let only_letters = word.chars().all(|c| c.is_alphabetic() || c == '\'');
        let short_name = place.tag == Some(Tag::ProperNoun) && letters <= 7;
        if letters < 2 || !only_letters || word == lower || short_name || self.contains(word) {
            return None;
        }
        let mut rest = word.chars();
        rest.next();
        let rest = rest.as_str();
        let regular_case = word == word.to_uppercase() || rest == rest.to_lowercase();
        (regular_case && (self.contains(&lower) || self.look_up_stem(&lower, place).is_some()))
            .then_some(lower)
    }

    /// Words whose sound depends on their role and on what follows.
    fn read_special(&self, word: &str, place: Place) -> Option<String> {
        let tag = place.tag;
        let sound = place.ahead.and_then(|ahead| ahead.sound);
        let is_noun = tag.is_some_and(Tag::is_noun);
        if tag == Some(Tag::Address)
            && let Some(name) = match word {
                "." => Some("dot"),
                "/" => Some("slash"),
                _ => None,
            }
        {
            return self.look_up(name, Place { tag: None, stress: Some(Stress::Less), ..place });
        }
        if let Some(name) = symbol_word(word) {
            return self.look_up(name, Place { tag: None, stress: None, ..place });
        }
        if is_dotted(word)
            && let Some(letters) = self.spell(word)
        {
            return Some(letters);
        }
        Some(match word {
            "a" | "A" => if tag == Some(Tag::Determiner) { "ɐ" } else { "ˈA" }.to_owned(),
            "am" | "Am" | "AM" => {
                if is_noun {
                    return self.spell(word);
                }
                let full = sound.is_none() || word != "am" || place.stress.is_some();
                if full { return self.gold("am") } else { "ɐm".to_owned() }
            }
            "AN" if is_noun => return self.spell(word),
            "an" | "An" | "AN" => "ɐn".to_owned(),
            "I" if tag == Some(Tag::Pronoun) => "ˌI".to_owned(),
            "by" | "By" | "BY" if tag.is_some_and(Tag::is_adverb) => "bˈI".to_owned(),
            "to" | "To" | "TO"
                if word != "TO" || matches!(tag, Some(Tag::To | Tag::Preposition)) =>
            {
                match sound {
                    None => return self.gold("to"),
                    Some(Sound::Vowel) => "tʊ".to_owned(),
                    Some(Sound::Consonant) => "tə".to_owned(),
                }
            }
            "in" | "In" | "IN" if word != "IN" || tag != Some(Tag::ProperNoun) => {
                let weak = sound.is_some() && tag == Some(Tag::Preposition);
                if weak { "ɪn" } else { "ˈɪn" }.to_owned()
            }
            "the" | "The" | "THE" if word != "THE" || tag == Some(Tag::Determiner) => {
                if sound == Some(Sound::Vowel) { "ði" } else { "ðə" }.to_owned()
            }
            "used" | "Used" | "USED" => {
                let habit = matches!(tag, Some(Tag::VerbPast | Tag::Adjective))
                    && place.ahead.is_some_and(|ahead| ahead.to);
                let tag = habit.then_some(Tag::VerbPast);
                return self.look_up("used", Place { tag, stress: None, ahead: None });
            }
            _ if tag == Some(Tag::Preposition)
                && matches!(word.to_ascii_lowercase().as_str(), "vs" | "vs.") =>
            {
                return self.look_up("versus", Place { tag: None, stress: None, ..place });
            }
            _ => return None,
        })
    }
}

/// Initials and dotted abbreviations: letters in groups of one or two between dots ("U.S.",
/// "Ph.D").
fn is_dotted(word: &str) -> bool {
    word.trim_matches('.').contains('.')
        && word.chars().all(|c| c == '.' || c.is_alphabetic())
        && word.split('.').all(|part| part.chars().count() < 3)
}

#[cfg(test)]
mod tests {
    use super::super::lexicon::tests::lexicon;
    use super::super::phones::Ahead;
    use super::*;

    fn words() -> Lexicon {
        lexicon(
            &[
                ("to", "tu"),
                ("am", "æm"),
                ("used", "0jˈuzd|6jˈust|"),
                ("latte", "lˈɑtA"),
                ("and", "ænd"),
                ("U", "jˈu"),
                ("S", "ˈɛs"),
                ("boss's", "bˈɔsᵻz"),
                ("dot", "dˈɑt"),
            ],
            &[],
        )
    }

    #[test]
    fn function_words_bend_to_what_follows() {
        use Sound::{Consonant, Vowel};
        for (word, tag, sound, want) in [
            ("the", Tag::Determiner, Some(Vowel), "ði"),
            ("the", Tag::Determiner, Some(Consonant), "ðə"),
            ("to", Tag::To, Some(Vowel), "tʊ"),
            ("to", Tag::To, Some(Consonant), "tə"),
            ("to", Tag::To, None, "tu"),
            ("a", Tag::Determiner, Some(Consonant), "ɐ"),
            ("A", Tag::Noun, Some(Consonant), "ˈA"),
            ("in", Tag::Preposition, Some(Consonant), "ɪn"),
            ("in", Tag::Particle, Some(Consonant), "ˈɪn"),
            ("in", Tag::Preposition, None, "ˈɪn"),
            ("am", Tag::VerbPresent, Some(Consonant), "ɐm"),
            ("am", Tag::VerbPresent, None, "æm"),
            ("I", Tag::Pronoun, Some(Consonant), "ˌI"),
            ("by", Tag::Adverb, None, "bˈI"),
            ("&", Tag::Conjunction, Some(Consonant), "ænd"),
            (".", Tag::Address, Some(Consonant), "dˌɑt"),
        ] {
            let place =
                Place { tag: Some(tag), stress: None, ahead: Some(Ahead { sound, to: false }) };
            assert_eq!(
                words().read_word(word, place).as_deref(),
                Some(want),
                "{word} {tag:?} {sound:?}"
            );
        }
    }

    #[test]
    fn used_to_is_a_habit() {
        let place = |to| Place {
            tag: Some(Tag::VerbPast),
            stress: None,
            ahead: Some(Ahead { sound: Some(Sound::Consonant), to }),
        };
        assert_eq!(words().read_word("used", place(true)).as_deref(), Some("jˈust"));
        assert_eq!(words().read_word("used", place(false)).as_deref(), Some("jˈuzd"));
    }

    #[test]
    fn shouting_initials_and_owners_are_read() {
        for (word, want) in [
            ("LATTE", Some("lˈɑtA")),
            ("U.S.", Some("jˌuˈɛs")),
            ("boss'", None),
            ("latte'", Some("lˈɑtA")),
            ("bos'", Some("bˈɔsᵻz")),
            ("", None),
            ("日本", None),
        ] {
            let words =
                lexicon(&[("latte", "lˈɑtA"), ("U", "jˈu"), ("S", "ˈɛs"), ("bo's", "bˈɔsᵻz")], &[]);
            assert_eq!(words.read_word(word, Place::default()).as_deref(), want, "{word}");
        }
    }
}
