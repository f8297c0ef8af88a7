//! Numbers among the words heard, by sound: "twenty fire" may be twenty-five.

use super::super::numbers::numbers_at;
use super::super::sound::{Milli, Sounds, Ways, nearest};
use super::tokens::Token;
use crate::numerals::{BELOW_TWENTY, TENS};

/// A number that starts at the place asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HeardNumber {
    pub to: u16,
    pub value: f64,
    /// How far the words heard are from the number's.
    pub distance: Milli,
    pub digits: bool,
}

/// Words of the longest number that is looked for.
const LONGEST: usize = 7;
/// Number words that one heard word is taken for.
const MOST_GUESSES: usize = 3;
/// Numbers kept per place.
const MOST_NUMBERS: usize = 24;

const OTHERS: [&str; 9] =
    ["hundred", "thousand", "million", "and", "a", "half", "point", "minus", "oh"];

/// The words that numbers are made of.
pub(super) struct NumberWords(Vec<(&'static str, Ways)>);

impl NumberWords {
    pub fn new(sounds: &Sounds) -> Self {
        let words = BELOW_TWENTY.iter().chain(&TENS).chain(&OTHERS);
        Self(words.filter_map(|word| Some((*word, sounds.word(word)?))).collect())
    }

    /// How far a heard word is from a number's.
    pub fn nearest(&self, token: &Token) -> Option<Milli> {
        self.guesses(token).first().map(|(_, distance)| *distance)
    }

    /// Number words that `token` may have been, nearest first.
    fn guesses(&self, token: &Token) -> Vec<(&'static str, Milli)> {
        if let Some((word, _)) = self.0.iter().find(|(word, _)| *word == token.text) {
            return vec![(word, 0)];
        }
        let Some(phones) = &token.phones else { return Vec::new() };
        let mut guesses: Vec<(&'static str, Milli)> = Vec::new();
        for (word, ways) in &self.0 {
            let distance = nearest(phones, ways);
            // Half of it must be right, and short words nearly all.
            let sounds = ways[0].len() as Milli;
            if distance <= 500 * sounds && (sounds > 2 || distance < 600) {
                guesses.push((word, distance.max(1)));
            }
        }
        guesses.sort_by_key(|(_, distance)| *distance);
        guesses.truncate(MOST_GUESSES);
        guesses
    }

    /// Numbers that start at `at`, nearest first.
    pub fn at(&self, tokens: &[Token], at: usize) -> Vec<HeardNumber> {
        let mut found: Vec<HeardNumber> = Vec::new();
        // Beginnings of numbers, with the place after them.
        let mut open = vec![(String::new(), at, 0)];
        while let Some((words, place, distance)) = open.pop() {
            let Some(token) = tokens.get(place).filter(|_| place < at + LONGEST) else { continue };
            for (word, off) in self.guesses(token) {
                let words =
                    if words.is_empty() { word.to_owned() } else { format!("{words} {word}") };
                let (to, distance) = (place + 1, distance + off);
                let number = numbers_at(&words, 0).pop();
                let reaches = number.map_or(0, |number| number.end);
                if let Some(number) = number.filter(|number| number.end == words.len()) {
                    let digits = tokens[at..to].iter().all(|token| token.digits);
                    found.push(HeardNumber {
                        to: to as u16,
                        value: number.value,
                        distance,
                        digits,
                    });
                }
                // "and a" and the like are on the way to something longer; more is not.
                let hanging = words[reaches..].split_whitespace().count();
                if hanging <= 2 && found.len() < MOST_NUMBERS {
                    open.push((words, to, distance));
                }
            }
        }
        found.sort_by_key(|number| number.distance);
        let mut distinct: Vec<HeardNumber> = Vec::new();
        for number in found {
            if !distinct.iter().any(|d| d.to == number.to && d.value == number.value) {
                distinct.push(number);
            }
        }
        distinct
    }
}
