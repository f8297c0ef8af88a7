//! Pronunciations of a vocabulary, remembered.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::figures::spoken;
use super::{Milli, Phone, Pronounce, milli_distance};
use crate::nlu::words::Words;

/// Pronunciations of one word, at least one.
pub(in crate::nlu) type Ways = Arc<[Box<[Phone]>]>;

/// Most words that are remembered; what a visitor says may be anything.
const MOST_REMEMBERED: usize = 20_000;

/// A word that has no pronunciation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be pronounced")]
pub struct Unsounded(pub String);

/// Pronounces words: as the agent's files say (`pronounce:`), else as the voice does.
pub struct Sounds {
    voice: Arc<dyn Pronounce>,
    respelled: HashMap<String, Ways>,
    known: Mutex<HashMap<String, Option<Ways>>>,
}

impl Sounds {
    /// `respelled` has words in normal spelling, and for each one or more ways to say it, written
    /// as other words: `latte` as `lah tay`.
    pub fn new(
        voice: Arc<dyn Pronounce>,
        respelled: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, Unsounded> {
        let mut sounds = Self { voice, respelled: HashMap::new(), known: Mutex::default() };
        let mut all = HashMap::new();
        for (word, spellings) in respelled {
            let said = |spelling: &String| {
                let phones = sounds.phones(spelling);
                if phones.is_empty() { Err(Unsounded(spelling.clone())) } else { Ok(phones.into()) }
            };
            let ways: Vec<Box<[Phone]>> = spellings.iter().map(said).collect::<Result<_, _>>()?;
            all.insert(Words::new(word).text, Ways::from(ways));
        }
        sounds.respelled = all;
        Ok(sounds)
    }

    /// The same voice where files say how other words sound.
    pub fn respelling(&self, words: &BTreeMap<String, Vec<String>>) -> Result<Self, Unsounded> {
        Self::new(self.voice.clone(), words)
    }

    /// The sounds of a text, its words one after the other; words without a pronunciation are
    /// passed over.
    pub fn phones(&self, text: &str) -> Vec<Phone> {
        let words = Words::new(text);
        let spoken = words.text.split(' ').flat_map(spoken);
        spoken.filter_map(|word| self.word(&word)).flat_map(|ways| ways[0].to_vec()).collect()
    }

    /// How far apart two texts sound, in whole sounds; word boundaries do not count.
    pub fn distance(&self, a: &str, b: &str) -> f32 {
        milli_distance(&self.phones(a), &self.phones(b)) as f32 / 1000.0
    }

    /// The pronunciations of one word as [`spoken`] gives it.
    pub(in crate::nlu) fn word(&self, word: &str) -> Option<Ways> {
        if let Some(ways) = self.respelled.get(word) {
            return Some(ways.clone());
        }
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(word) {
            return known.clone();
        }
        let phones = match word {
            // The ending, which no dictionary has on its own.
            "'s" => Some(vec![Phone::Z]),
            word => self.voice.pronounce(word),
        };
        let phones = phones.filter(|phones| !phones.is_empty());
        let ways = phones.map(|phones| Ways::from([phones.into_boxed_slice()]));
        let mut known = lock();
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(word.to_owned(), ways.clone());
        ways
    }
}

/// The distance of the nearest two of their pronunciations.
pub(in crate::nlu) fn nearest(a: &[Box<[Phone]>], b: &[Box<[Phone]>]) -> Milli {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| milli_distance(a, b)));
    pairs.min().unwrap_or(Milli::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Spelled;
    use super::*;

    fn sounds(respelled: &[(&str, &str)]) -> Result<Sounds, Unsounded> {
        let respelled = respelled
            .iter()
            .map(|(word, said)| ((*word).to_owned(), said.split(',').map(str::to_owned).collect()));
        Sounds::new(Arc::new(Spelled), &respelled.collect())
    }

    #[test]
    fn figures_and_words_sound_alike() {
        let sounds = sounds(&[]).unwrap();
        for (a, b) in [("25 %", "twenty-five percent"), ("Lamp", "lamp!"), ("", "***")] {
            assert_eq!(sounds.distance(a, b), 0.0, "{a} {b}");
        }
        assert!(sounds.distance("lamp", "lamps") > 0.5);
    }

    #[test]
    fn a_word_is_said_as_the_files_say() {
        let sounds = sounds(&[("latte", "lah tay,latt")]).unwrap();
        assert_eq!(sounds.distance("latte", "lah tay"), 0.0);
        assert_eq!(sounds.word("latte").unwrap().len(), 2);
        assert_eq!(self::sounds(&[("x", "***")]).err(), Some(Unsounded("***".into())));
    }
}
