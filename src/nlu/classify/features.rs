//! What the slot tagger sees of a text.

use std::collections::HashMap;

use super::stored::{Reader, Writer};
use super::tokens::{Shape, Token};

/// Longest known value that is looked for, in words.
const MAX_VALUE_WORDS: usize = 8;
/// Letters of the beginnings and ends of words that count.
const AFFIX: std::ops::RangeInclusive<usize> = 1..=4;

/// Values that slots had, and how often.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownValues {
    /// Words with one space between → slots and counts, in slot order.
    values: HashMap<String, Vec<(u16, u32)>>,
}

impl KnownValues {
    /// One occurrence in an example.
    pub fn add(&mut self, slot: u16, value: &[Token]) {
        self.count(slot, value, 1);
    }

    /// A value that exists beyond doubt.
    pub fn add_certain(&mut self, slot: u16, value: &[Token]) {
        self.count(slot, value, 2);
    }

    fn count(&mut self, slot: u16, value: &[Token], by: u32) {
        if value.is_empty() || value.len() > MAX_VALUE_WORDS {
            return;
        }
        let slots = self.values.entry(joined(value)).or_default();
        match slots.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(at) => slots[at].1 += by,
            Err(at) => slots.insert(at, (slot, by)),
        }
    }

    pub fn write(&self, out: &mut Writer) {
        let mut values: Vec<_> = self.values.iter().collect();
        values.sort();
        out.word(values.len() as u32);
        for (value, slots) in values {
            out.text(value);
            out.words(
                slots.iter().map(|(slot, count)| u32::from(*slot) << 16 | (*count).min(0xffff)),
            );
        }
    }

    pub fn read(from: &mut Reader, slots: usize) -> Result<Self, String> {
        let mut values = HashMap::new();
        for _ in 0..from.word()? {
            let value = from.text()?;
            let counts: Vec<(u16, u32)> =
                from.words()?.into_iter().map(|w| ((w >> 16) as u16, w & 0xffff)).collect();
            if counts.iter().any(|(slot, _)| usize::from(*slot) >= slots) {
                return Err(format!("{value:?} is a value of no slot"));
            }
            values.insert(value, counts);
        }
        Ok(Self { values })
    }
}

fn joined(words: &[Token]) -> String {
    words.iter().map(|token| token.word.as_str()).collect::<Vec<_>>().join(" ")
}

/// Hashes of everything that is true of each word.
#[derive(Debug)]
pub struct Features {
    hashes: Vec<u32>,
    /// Where those of each word end.
    ends: Vec<usize>,
}

impl Features {
    /// `own`: values that this text itself taught; they count as known only if others did too, or
    /// everything would be known while learning and little later.
    pub fn of(words: &[Token], known: &KnownValues, own: &[(u16, Vec<Token>)]) -> Self {
        let mut features = Self { hashes: Vec::new(), ends: Vec::new() };
        let values = matches(words, known, own);
        let word = |at: usize, by: isize| -> &str {
            let place = at.checked_add_signed(by).and_then(|place| words.get(place));
            place.map_or("", |token| &token.word)
        };
        for (at, token) in words.iter().enumerate() {
            let near: [&str; 5] = [-2, -1, 0, 1, 2].map(|by| word(at, by));
            let [before2, before, here, after, after2] = near;
            let mut add = |kind: u8, parts: &[&str]| features.hashes.push(hash(kind, parts));
            add(0, &[]);
            for (kind, word) in (1..).zip(near) {
                add(kind, &[word]);
            }
            add(6, &[before, here]);
            add(7, &[here, after]);
            add(8, &[before2, before]);
            add(9, &[after, after2]);
            add(10, &[before, after]);
            add(11, &[before2, before, here]);
            add(12, &[here, after, after2]);
            for (kind, word) in [(13, here), (15, before), (17, after)] {
                for letters in AFFIX.skip(if word == here { 0 } else { 2 }) {
                    let cut = word.char_indices().nth(letters).map(|(cut, _)| cut);
                    if let Some(cut) = cut {
                        add(kind, &[&word[..cut]]);
                    }
                    let end = word.char_indices().rev().nth(letters - 1).map(|(cut, _)| cut);
                    if let Some(end) = end.filter(|end| *end > 0) {
                        add(kind + 1, &[&word[end..]]);
                    }
                }
            }
            let shape = |by: isize| match at.checked_add_signed(by).and_then(|at| words.get(at)) {
                None => "-",
                Some(Token { shape: Shape::Lower, .. }) => "a",
                Some(Token { shape: Shape::Capital, .. }) => "A",
                Some(Token { shape: Shape::Number, word, .. }) if word.len() == 4 => "year",
                Some(Token { shape: Shape::Number, .. }) => "0",
                Some(Token { shape: Shape::Sign, .. }) => ".",
            };
            debug_assert_eq!(token.word, here);
            add(20, &[shape(0)]);
            add(21, &[shape(-1), shape(0), shape(1)]);
            add(22, &[if at == 0 { "first" } else { "" }, shape(0)]);
            features.hashes.extend(&values[at]);
            features.ends.push(features.hashes.len());
        }
        features
    }

    /// Words.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn at(&self, word: usize) -> &[u32] {
        let start = word.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.hashes[start..self.ends[word]]
    }

    pub fn all(&self) -> impl Iterator<Item = u32> + '_ {
        self.hashes.iter().copied()
    }
}

/// For every word, which slots' known values it begins, goes on with or ends. Of the values that
/// begin at a word the longest of each slot counts.
fn matches(words: &[Token], known: &KnownValues, own: &[(u16, Vec<Token>)]) -> Vec<Vec<u32>> {
    let mut found = vec![Vec::new(); words.len()];
    for start in 0..words.len() {
        let mut done: Vec<u16> = Vec::new();
        for len in (1..=MAX_VALUE_WORDS.min(words.len() - start)).rev() {
            let value = joined(&words[start..start + len]);
            for (slot, count) in known.values.get(&value).into_iter().flatten() {
                let taught = own.iter().filter(|(s, v)| s == slot && joined(v) == value).count();
                if *count as usize <= taught || done.contains(slot) {
                    continue;
                }
                done.push(*slot);
                let name = [&slot.to_le_bytes()[..], &[len.min(3) as u8]].concat();
                for (at, found) in found[start..start + len].iter_mut().enumerate() {
                    let place = match at {
                        0 => 30,
                        at if at + 1 < len => 31,
                        _ => 32,
                    };
                    found.push(hash_bytes(place, &name));
                    found.push(hash_bytes(place + 3, &name[..2]));
                }
            }
        }
    }
    found
}

fn hash(kind: u8, parts: &[&str]) -> u32 {
    parts.iter().fold(hash_bytes(kind, &[]), |hash, part| more(hash, part.as_bytes()))
}

fn hash_bytes(kind: u8, bytes: &[u8]) -> u32 {
    more(more(0x811c_9dc5, &[kind]), bytes)
}

/// FNV-1a, closed by a byte that is in no text.
fn more(hash: u32, bytes: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().chain(&[0xff]).fold(hash, step)
}
