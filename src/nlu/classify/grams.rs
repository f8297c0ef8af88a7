//! The spelling of a text as a sparse vector: hashed pieces of its words, weighted by rarity.
//!
//! Pieces survive what a recogniser does to words: "latte" and "lattes" share most of theirs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::stored::{Reader, Writer};
use crate::nlu::words::Words;

/// Letters of a piece; `^` and `$` at the ends of a word count.
const LETTERS: std::ops::RangeInclusive<usize> = 2..=5;
/// From so many texts on, a piece must occur twice to count: what occurs once can only be learned
/// by heart, and there are many of them.
const MANY_TEXTS: usize = 1_000;
/// Most pieces known; the most frequent stay. With a hundred intents, 6 MB of weights.
const MAX_ROWS: usize = 1 << 16;

/// Row and value of everything in a text that is known. The length of the vector is 1, or 0.
pub type Sparse = Vec<(u32, f32)>;

/// The pieces that training texts hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Grams {
    /// Hash of a piece → its row.
    rows: HashMap<u32, u32>,
    /// Inverse document frequency per row.
    rarity: Vec<f32>,
}

impl Grams {
    /// Learns which pieces there are. Rows are numbered in the order of their hashes.
    pub fn learn<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let (mut seen, mut count) = (BTreeMap::<u32, u32>::new(), 0);
        for text in texts {
            count += 1;
            for piece in pieces(text).into_iter().collect::<BTreeSet<u32>>() {
                *seen.entry(piece).or_default() += 1;
            }
        }
        let least = if count >= MANY_TEXTS { 2 } else { 1 };
        let mut known: Vec<(u32, u32)> = seen.into_iter().filter(|(_, n)| *n >= least).collect();
        known.sort_by_key(|(hash, n)| (std::cmp::Reverse(*n), *hash));
        known.truncate(MAX_ROWS);
        known.sort_unstable();
        let rarity = |n: u32| ((1 + count) as f32 / (1 + n) as f32).ln() + 1.0;
        Self {
            rows: known.iter().zip(0..).map(|((hash, _), row)| (*hash, row)).collect(),
            rarity: known.iter().map(|(_, n)| rarity(*n)).collect(),
        }
    }

    /// Rows there are.
    pub fn len(&self) -> usize {
        self.rarity.len()
    }

    /// The known pieces of a text, in row order.
    pub fn vector(&self, text: &str) -> Sparse {
        let mut counts = BTreeMap::<u32, u32>::new();
        for row in pieces(text).iter().filter_map(|piece| self.rows.get(piece)) {
            *counts.entry(*row).or_default() += 1;
        }
        let weigh =
            |(row, n): (u32, u32)| (row, (1.0 + (n as f32).ln()) * self.rarity[row as usize]);
        let mut vector: Sparse = counts.into_iter().map(weigh).collect();
        let norm = vector.iter().map(|(_, x)| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|(_, x)| *x /= norm);
        vector
    }

    pub fn write(&self, out: &mut Writer) {
        let mut hashes: Vec<(u32, u32)> = self.rows.iter().map(|(h, row)| (*row, *h)).collect();
        hashes.sort_unstable();
        out.words(hashes.iter().map(|(_, hash)| *hash));
        out.floats(&self.rarity);
    }

    pub fn read(from: &mut Reader) -> Result<Self, String> {
        let (hashes, rarity) = (from.words()?, from.floats()?);
        let rows: HashMap<u32, u32> = hashes.iter().copied().zip(0..).collect();
        if rows.len() != hashes.len() || rarity.len() != hashes.len() {
            return Err(format!("{} pieces, {} weights", hashes.len(), rarity.len()));
        }
        Ok(Self { rows, rarity })
    }
}

/// Hashes of the pieces of every word, of every word, and of every two neighbours.
fn pieces(text: &str) -> Vec<u32> {
    let words = Words::new(text);
    let mut found = Vec::with_capacity(8 * text.len());
    let mut before = "^";
    for word in words.text.split(' ').filter(|word| !word.is_empty()) {
        let bounded = format!("^{word}$");
        let starts: Vec<usize> = bounded.char_indices().map(|(at, _)| at).collect();
        for letters in LETTERS {
            for (at, start) in starts.iter().enumerate() {
                let end = match starts.get(at + letters) {
                    Some(end) => *end,
                    None if at + letters == starts.len() => bounded.len(),
                    None => break,
                };
                found.push(hash(b'p', &[&bounded[*start..end]]));
            }
        }
        found.push(hash(b'w', &[word]));
        found.push(hash(b'b', &[before, word]));
        before = word;
    }
    found.push(hash(b'b', &[before, "$"]));
    found
}

/// FNV-1a over the kind and the parts, each closed by a byte that is in no text.
fn hash(kind: u8, parts: &[&str]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    [kind]
        .into_iter()
        .chain(bytes)
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(grams: &Grams, a: &str, b: &str) -> f32 {
        let (a, b) = (grams.vector(a), grams.vector(b));
        a.iter().filter_map(|(row, x)| Some(x * b.iter().find(|(r, _)| r == row)?.1)).sum()
    }

    #[test]
    fn misheard_words_stay_near() {
        let texts = ["a large latte", "a small mocha", "the bill", "two lattes to go"];
        let grams = Grams::learn(texts.into_iter());
        let likeness = |a, b| likeness(&grams, a, b);
        assert!((likeness("a large latte", "A large, latte!") - 1.0).abs() < 1e-5);
        assert!(likeness("large latte", "larch lattes") > 0.4);
        assert!(likeness("large latte", "small mocha") < 0.1);
        assert_eq!(grams.vector(""), grams.vector("?"));
        assert_eq!(likeness("zzz qqq", "zzz qqq"), 0.0, "nothing of it is known");
    }

    #[test]
    fn what_is_rare_weighs_more() {
        let grams = Grams::learn(["the lamp", "the door", "the lamp"].into_iter());
        let weight = |text| {
            let row = grams.rows[&hash(b'w', &[text])];
            grams.rarity[row as usize]
        };
        assert!(weight("door") > weight("lamp") && weight("lamp") > weight("the"));
    }
}
