//! The pronunciation dictionary: a careful ("gold") table and a wide ("silver") one.

use super::TextError;
use super::phones::{Ahead, PRIMARY, SECONDARY};
use super::stress::Stress;
use super::table::{Table, Unpack};
use super::tag::Tag;

pub(super) const FILE: &str = "tts/lexicon.bin";
const MAGIC: &[u8] = b"MYNLEX1\n";
/// First byte of a value with several readings; phoneme codes start at 1.
const SEVERAL: u8 = 0;
/// Length byte of a reading that means "spell the letters".
const SPELLED: u8 = 255;

/// Which reading of a word with several ("record", "live", "used").
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Sense {
    Usual = 0,
    Noun = 1,
    Verb = 2,
    Adjective = 3,
    Adverb = 4,
    /// Nothing follows before the next pause.
    BeforePause = 5,
    Past = 6,
    Participle = 7,
    Present = 8,
    Determiner = 9,
}

impl Sense {
    /// Senses of a tag, the narrow one first.
    fn of(tag: Tag) -> [Option<Self>; 2] {
        let narrow = match tag {
            Tag::VerbPast => Some(Self::Past),
            Tag::VerbParticiple => Some(Self::Participle),
            Tag::VerbPresent => Some(Self::Present),
            Tag::Determiner => Some(Self::Determiner),
            _ => None,
        };
        let wide = match tag {
            _ if tag.is_noun() => Some(Self::Noun),
            _ if tag.is_verb() => Some(Self::Verb),
            _ if tag.is_adjective() => Some(Self::Adjective),
            _ if tag.is_adverb() => Some(Self::Adverb),
            _ => None,
        };
        [narrow, wide]
    }
}

/// A word as it stands in the sentence, as far as its pronunciation depends on it.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub tag: Option<Tag>,
    pub stress: Option<Stress>,
    /// `None` for words that no sentence surrounds (the words of a number).
    pub ahead: Option<Ahead>,
}

pub(super) struct Lexicon {
    gold: Table,
    silver: Table,
    phonemes: Vec<char>,
}

impl Lexicon {
    pub fn parse(bytes: Vec<u8>) -> Result<Self, TextError> {
        let damaged = || TextError::Format { file: FILE };
        let mut unpack = Unpack::new(bytes, MAGIC).ok_or_else(damaged)?;
        let phonemes = (0..unpack.u32().ok_or_else(damaged)?)
            .map(|_| unpack.u32().and_then(char::from_u32).ok_or_else(damaged))
            .collect::<Result<_, _>>()?;
        let gold = unpack.table().ok_or_else(damaged)?;
        let silver = unpack.table().ok_or_else(damaged)?;
        Ok(Self { gold, silver, phonemes })
    }

    pub fn in_gold(&self, word: &str) -> bool {
        any_case(&self.gold, word).is_some()
    }

    pub fn contains(&self, word: &str) -> bool {
        self.in_gold(word) || any_case(&self.silver, word).is_some()
    }

    /// The usual reading of a word in the gold table.
    pub fn gold(&self, word: &str) -> Option<String> {
        self.read(any_case(&self.gold, word)?, Place::default())
    }

    /// The reading of a word at its place. Words the tables lack, entries that say so, and
    /// unstressed names in capitals are spelled letter by letter.
    pub fn look_up(&self, word: &str, place: Place) -> Option<String> {
        let lower;
        let (mut word, mut name) = (word, false);
        if word == word.to_uppercase() && !self.in_gold(word) {
            lower = word.to_lowercase();
            word = &lower;
            name = place.tag == Some(Tag::ProperNoun);
        }
        let entry =
            any_case(&self.gold, word).or_else(|| any_case(&self.silver, word).filter(|_| !name));
        let reading = entry.and_then(|entry| self.read(entry, place));
        match reading {
            Some(reading) if !name || reading.contains(PRIMARY) => Some(match place.stress {
                Some(stress) => stress.apply(&reading),
                None => reading,
            }),
            reading => self.spell(word).or(reading),
        }
    }

    /// Letter by letter, the last one stressed ("U S B"); `None` when a letter has no name here.
    pub fn spell(&self, word: &str) -> Option<String> {
        let mut letters = String::new();
        for letter in word.chars().filter(|c| c.is_alphabetic()) {
            letters += &self.gold(&letter.to_uppercase().to_string())?;
        }
        let mut letters = Stress::Secondary.apply(&letters);
        if let Some(last) = letters.rfind(SECONDARY) {
            letters
                .replace_range(last..last + SECONDARY.len_utf8(), PRIMARY.encode_utf8(&mut [0; 4]));
        }
        Some(letters)
    }

    /// `None` when the entry asks for spelling.
    fn read(&self, entry: &[u8], place: Place) -> Option<String> {
        let Some((&SEVERAL, several)) = entry.split_first() else { return self.decode(entry) };
        let reading = |sense: Sense| readings(several).find(|&(s, _)| s == sense as u8);
        let before_pause = place.ahead.is_some_and(|ahead| ahead.sound.is_none());
        let [narrow, wide] = place.tag.map_or([None; 2], Sense::of);
        let chosen = before_pause
            .then(|| reading(Sense::BeforePause))
            .flatten()
            .or_else(|| narrow.and_then(reading))
            .or_else(|| wide.and_then(reading))
            .or_else(|| reading(Sense::Usual));
        self.decode(chosen?.1?)
    }

    fn decode(&self, codes: &[u8]) -> Option<String> {
        codes.iter().map(|&code| self.phonemes.get(usize::from(code).checked_sub(1)?)).collect()
    }
}

/// The readings of an entry: sense code, and the phoneme codes unless it is to be spelled.
fn readings(mut several: &[u8]) -> impl Iterator<Item = (u8, Option<&[u8]>)> {
    std::iter::from_fn(move || {
        let (&[sense, len], rest) = several.split_first_chunk()?;
        if len == SPELLED {
            several = rest;
            return Some((sense, None));
        }
        let (codes, rest) = rest.split_at_checked(usize::from(len))?;
        several = rest;
        Some((sense, Some(codes)))
    })
}

/// A table's keys stand for both of "word" and "Word" unless the other has its own entry.
fn any_case<'t>(table: &'t Table, word: &str) -> Option<&'t [u8]> {
    if let Some(entry) = table.get(word) {
        return Some(entry);
    }
    // All keys are ASCII.
    if word.len() < 2 || !word.is_ascii() {
        return None;
    }
    let (first, rest) = word.split_at(1);
    if rest.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let other = if first.as_bytes()[0].is_ascii_uppercase() {
        first.to_ascii_lowercase()
    } else {
        first.to_ascii_uppercase()
    };
    table.get(&(other + rest))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::table::pack;
    use super::*;

    /// A lexicon of a few words in the file's format.
    pub fn lexicon(gold: &[(&str, &str)], silver: &[(&str, &str)]) -> Lexicon {
        let mut alphabet: Vec<char> =
            gold.iter().chain(silver).flat_map(|(_, ps)| ps.chars()).collect();
        alphabet.sort();
        alphabet.dedup();
        let code = |ps: &str| -> Vec<u8> {
            ps.chars().map(|c| alphabet.binary_search(&c).unwrap() as u8 + 1).collect()
        };
        // "noun:X verb:Y" style entries: pairs of sense number and reading joined by '|'.
        let value = |text: &str| -> Vec<u8> {
            if !text.contains('|') {
                return code(text);
            }
            let mut value = vec![SEVERAL];
            for reading in text.split('|').filter(|r| !r.is_empty()) {
                let (sense, reading) = reading.split_at(1);
                value.push(sense.parse().unwrap());
                value.push(reading.chars().count() as u8);
                value.extend(code(reading));
            }
            value
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend((alphabet.len() as u32).to_le_bytes());
        bytes.extend(alphabet.iter().flat_map(|&c| (c as u32).to_le_bytes()));
        for words in [gold, silver] {
            let values: Vec<_> = words.iter().map(|(k, v)| (*k, value(v))).collect();
            let entries: Vec<_> = values.iter().map(|(k, v)| (*k, v.as_slice())).collect();
            bytes.extend(pack(&entries));
        }
        Lexicon::parse(bytes).unwrap()
    }

    fn place(tag: Tag) -> Place {
        Place { tag: Some(tag), stress: None, ahead: Some(Ahead::default()) }
    }

    #[test]
    fn either_case_finds_a_word_unless_the_other_has_its_own_entry() {
        let words =
            lexicon(&[("polish", "pˈɑlɪʃ"), ("Polish", "pˈOlɪʃ"), ("Paris", "pˈɛɹɪs")], &[]);
        for (word, want) in [
            ("polish", Some("pˈɑlɪʃ")),
            ("Polish", Some("pˈOlɪʃ")),
            ("paris", Some("pˈɛɹɪs")),
            ("pariS", None),
        ] {
            assert_eq!(words.gold(word).as_deref(), want, "{word}");
        }
    }

    #[test]
    fn the_part_of_speech_chooses_the_reading() {
        let words = lexicon(&[("live", "0lˈɪv|3lˈIv|")], &[]);
        assert_eq!(words.look_up("live", place(Tag::Verb)).as_deref(), Some("lˈɪv"));
        assert_eq!(words.look_up("live", place(Tag::Adjective)).as_deref(), Some("lˈIv"));
    }

    #[test]
    fn names_in_capitals_are_spelled_when_nothing_stresses_them() {
        let letters = [("U", "jˈu"), ("S", "ˈɛs"), ("B", "bˈi")];
        let words = lexicon(&letters, &[("usb", "ˈʌzb")]);
        assert_eq!(words.look_up("USB", place(Tag::ProperNoun)).as_deref(), Some("jˌuˌɛsbˈi"));
        assert_eq!(words.look_up("USB", place(Tag::Noun)).as_deref(), Some("ˈʌzb"));
        assert_eq!(words.spell("UX"), None);
    }

    #[test]
    fn a_foreign_file_is_refused() {
        assert!(Lexicon::parse(b"MYNLEX0\n".to_vec()).is_err());
        assert!(Lexicon::parse(MAGIC.to_vec()).is_err());
    }
}
