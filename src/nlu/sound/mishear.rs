//! Texts as a recogniser might mishear them, to learn from.

use std::collections::{BTreeSet, HashMap};

use super::{Milli, Sounds, Ways, nearest};
use crate::draw::Draw;
use crate::nlu::classify::Corrupt;

/// Share of words that are misheard.
const MISHEARD: f32 = 0.15;
/// Of those, the share that is lost; the others become words that sound alike.
const LOST: f32 = 0.2;
/// Words at most this far apart, in thousandths of a sound, are taken for one another.
const ALIKE: Milli = 1_500;
/// Most words that stand in for one.
const MOST_ALIKE: usize = 12;

/// Replaces words by others of a vocabulary that sound alike, and drops some. The same seed gives
/// the same copies.
pub struct Mishearing<'s> {
    sounds: &'s Sounds,
    vocabulary: Vec<(String, Ways)>,
    alike: HashMap<String, Vec<usize>>,
    chance: Draw,
}

impl<'s> Mishearing<'s> {
    /// `texts` give the vocabulary; words that cannot be pronounced are never misheard.
    pub fn new<'t>(sounds: &'s Sounds, texts: impl Iterator<Item = &'t str>, seed: u64) -> Self {
        let words: BTreeSet<&str> = texts.flat_map(str::split_whitespace).collect();
        let voiced = |word: &str| Some((word.to_owned(), sounds.word(word)?));
        let vocabulary = words.into_iter().filter_map(voiced).collect();
        Self { sounds, vocabulary, alike: HashMap::new(), chance: Draw::new(seed) }
    }

    fn alike(&mut self, word: &str) -> &[usize] {
        if !self.alike.contains_key(word) {
            let found = self.sounds.word(word).map_or_else(Vec::new, |ways| {
                let distances =
                    self.vocabulary.iter().enumerate().filter_map(|(at, (other, o))| {
                        let distance = nearest(&ways, o);
                        (other != word && distance <= ALIKE).then_some((distance, at))
                    });
                let mut distances: Vec<(Milli, usize)> = distances.collect();
                distances.sort_unstable();
                distances.into_iter().take(MOST_ALIKE).map(|(_, at)| at).collect()
            });
            self.alike.insert(word.to_owned(), found);
        }
        &self.alike[word]
    }
}

impl Corrupt for Mishearing<'_> {
    fn corrupt(&mut self, text: &str) -> Option<String> {
        let mut heard: Vec<String> = Vec::new();
        let mut changed = false;
        for word in text.split_whitespace() {
            if self.chance.unit() >= MISHEARD {
                heard.push(word.to_owned());
                continue;
            }
            let (kind, which) = (self.chance.unit(), self.chance.unit());
            if kind < LOST {
                changed = true;
                continue;
            }
            let alike = self.alike(word);
            match alike.get((which * alike.len() as f32) as usize).copied() {
                Some(other) => {
                    heard.push(self.vocabulary[other].0.clone());
                    changed = true;
                }
                None => heard.push(word.to_owned()),
            }
        }
        (changed && !heard.is_empty()).then(|| heard.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::Spelled;
    use super::*;

    #[test]
    fn copies_hold_words_that_sound_alike_and_are_the_same_every_time() {
        let sounds = Sounds::new(Arc::new(Spelled), &BTreeMap::new()).expect("nothing respelled");
        let text = "turn on the lamp in the den";
        let all = [text, "ramp camp tern ten"];
        let copies = |seed| {
            let mut mishearing = Mishearing::new(&sounds, all.into_iter(), seed);
            (0..40).filter_map(|_| mishearing.corrupt(text)).collect::<Vec<_>>()
        };
        let heard = copies(1);
        assert_eq!(heard, copies(1));
        assert_ne!(heard, copies(2));
        assert!(heard.iter().any(|copy| copy.contains("ramp") || copy.contains("camp")));
        assert!(heard.iter().any(|copy| copy.split(' ').count() < 7));
        assert!(heard.iter().all(|copy| copy != text && !copy.is_empty()));
    }
}
