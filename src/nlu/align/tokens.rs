//! The words that were heard, with their sounds and what may be passed over.

use super::super::graph::Machine;
use super::super::sound::{Milli, Sounds, Ways, spoken};
use super::super::words::Words;
use super::costs;
use super::lattice::Lattice;
use super::small_words::{CORRECTIONS, is_hesitation, is_small};

/// Most words of a text that are aligned: half a minute of talk.
pub(super) const MAX_TOKENS: usize = 60;

/// Most words that a correction takes back.
const MOST_TAKEN_BACK: usize = 6;

/// Bytes of the shortest word that is looked for inside another.
const SHORTEST_PART: usize = 3;

/// One word as it is read aloud.
pub(super) struct Token {
    pub text: String,
    /// `None`: it makes no sound that we know.
    pub phones: Option<Ways>,
    pub len: u32,
    pub small: bool,
    /// From a number in digits.
    pub digits: bool,
    /// Bytes of the normal spelling.
    pub from: u32,
    pub to: u32,
}

/// Words that may be passed over from some place on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump {
    pub to: usize,
    pub cost: Milli,
    /// These words belong to the grammar: its skip words.
    pub skip: bool,
}

pub(super) struct Tokens {
    pub all: Vec<Token>,
    /// From each token.
    pub jumps: Vec<Vec<Jump>>,
}

impl Tokens {
    pub fn new(words: &Words<'_>, machine: &Machine, lattice: &Lattice, sounds: &Sounds) -> Self {
        let mut all = Vec::new();
        let mut from = 0;
        for word in words.text.split(' ') {
            let to = from + word.len();
            let parts = spoken(word).into_iter().flat_map(|text| match compound(lattice, &text) {
                Some((first, second)) => vec![first.to_owned().into(), second.to_owned().into()],
                None => vec![text],
            });
            for text in parts {
                let phones = sounds.word(&text);
                all.push(Token {
                    len: phones.as_ref().map_or(1, |p| p[0].len() as u32),
                    phones,
                    small: is_small(&text),
                    digits: word.starts_with(|c: char| c.is_ascii_digit() || c == '-'),
                    text: text.into_owned(),
                    from: from as u32,
                    to: to as u32,
                });
            }
            from = to + 1;
        }
        let mut tokens = Self { jumps: vec![Vec::new(); all.len() + 1], all };
        tokens.skip_words(machine);
        tokens.insertions();
        tokens.corrections();
        tokens
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Sounds of all words.
    pub fn phones(&self) -> u32 {
        self.all.iter().map(|token| token.len).sum()
    }

    fn has(&self, at: usize, phrase: &[&str]) -> bool {
        let there = self.all.get(at..at + phrase.len());
        there.is_some_and(|there| there.iter().zip(phrase).all(|(t, w)| t.text == *w))
    }

    fn skip_words(&mut self, machine: &Machine) {
        for phrase in &machine.skip_words {
            let words: Vec<_> = phrase.split(' ').flat_map(spoken).collect();
            let words: Vec<&str> = words.iter().map(|word| word.as_ref()).collect();
            for at in 0..self.all.len() {
                if self.has(at, &words) {
                    self.jumps[at].push(Jump { to: at + words.len(), cost: 0, skip: true });
                }
            }
        }
    }

    /// Any word may have been heard where none belongs.
    fn insertions(&mut self) {
        for at in 0..self.all.len() {
            let token = &self.all[at];
            let same = |a: usize, b: usize| {
                self.all.get(a).zip(self.all.get(b)).is_some_and(|(a, b)| a.text == b.text)
            };
            let again = same(at, at + 1)
                || (same(at, at + 2) && same(at + 1, at + 3))
                || (at > 0 && same(at - 1, at + 1) && same(at, at + 2));
            let cost = if is_hesitation(&token.text) || again {
                costs::HESITATION
            } else {
                costs::inserted(token.len, token.small)
            };
            self.jumps[at].push(Jump { to: at + 1, cost, skip: false });
        }
    }

    fn corrections(&mut self) {
        for marker in 1..self.all.len() {
            for phrase in CORRECTIONS {
                let to = marker + phrase.len();
                if to >= self.all.len() || !self.has(marker, phrase) {
                    continue;
                }
                for from in marker.saturating_sub(MOST_TAKEN_BACK)..marker {
                    let taken_back = (marker - from) as Milli;
                    let cost = costs::CORRECTION + costs::TAKEN_BACK * taken_back;
                    self.jumps[from].push(Jump { to, cost, skip: false });
                }
            }
        }
    }
}

/// "livingroom" is two words that the grammar knows.
fn compound<'w>(lattice: &Lattice, word: &'w str) -> Option<(&'w str, &'w str)> {
    if lattice.knows(word) || word.len() < 2 * SHORTEST_PART {
        return None;
    }
    let ends = SHORTEST_PART..=word.len() - SHORTEST_PART;
    ends.rev()
        .filter_map(|end| word.split_at_checked(end))
        .find(|(first, second)| lattice.knows(first) && lattice.knows(second))
}
