//! Part-of-speech tagger: an averaged perceptron over the word, its neighbours and the two tags
//! before it. Words with one overwhelming tag are answered from a list.

use std::fmt::Write as _;

use super::TextError;
use super::table::{Table, Unpack};
use super::tag::Tag;

pub(super) const FILE: &str = "tts/tagger.bin";
const MAGIC: &[u8] = b"MYNTAG1\n";
/// A weight: tag u8, tenths i16.
const WEIGHT_LEN: usize = 3;
/// What stands before the first word and behind the last one, the far one first and last.
const BEFORE: [&str; 2] = ["-START2-", "-START-"];
const BEHIND: [&str; 2] = ["-END-", "-END2-"];

pub(super) struct Tagger {
    /// Words with one tag: the tag's number.
    sure: Table,
    /// Words that features name; rarer ones are named by their shape.
    known: Table,
    weights: Table,
}

impl Tagger {
    pub fn parse(bytes: Vec<u8>) -> Result<Self, TextError> {
        let damaged = || TextError::Format { file: FILE };
        let mut unpack = Unpack::new(bytes, MAGIC).ok_or_else(damaged)?;
        let count = unpack.u32().ok_or_else(damaged)? as usize;
        // The tables number the tags by their place in this list, which must be ours.
        let same = count == Tag::ALL.len()
            && Tag::ALL.iter().all(|tag| unpack.short_text().is_some_and(|t| t == tag.name()));
        if !same {
            return Err(damaged());
        }
        let mut table = || unpack.table().ok_or_else(damaged);
        Ok(Self { sure: table()?, known: table()?, weights: table()? })
    }

    pub fn tags(&self, words: &[&str]) -> Vec<Tag> {
        let names = self.names(words);
        let mut history = BEFORE.map(str::to_owned);
        let mut scorer = Scorer::new(&self.weights);
        let mut tags = Vec::with_capacity(words.len());
        for (i, word) in words.iter().enumerate() {
            let sure = self.sure.get(word).and_then(|tag| Tag::ALL.get(usize::from(*tag.first()?)));
            let tag = sure.copied().unwrap_or_else(|| {
                let window: &[String; 5] =
                    names[i..].first_chunk().expect("two names on each side");
                scorer.best(i == 0, word, window, &history)
            });
            tags.push(tag);
            history.swap(0, 1);
            tag.name().clone_into(&mut history[1]);
        }
        tags
    }

    /// The words as features name them, with two places more on each side.
    fn names(&self, words: &[&str]) -> Vec<String> {
        let named = words.iter().map(|word| {
            let name = name(word);
            if self.known.contains(&name) { name } else { format!("<{}>", shape(word)) }
        });
        let edge = |names: [&'static str; 2]| names.into_iter().map(str::to_owned);
        edge(BEFORE).chain(named).chain(edge(BEHIND)).collect()
    }
}

struct Scorer<'t> {
    weights: &'t Table,
    feature: String,
    tenths: [i32; Tag::ALL.len()],
}

impl<'t> Scorer<'t> {
    fn new(weights: &'t Table) -> Self {
        Self { weights, feature: String::new(), tenths: [0; Tag::ALL.len()] }
    }

    /// `window` holds the names of two words before, this one, and two behind; `history` the tags
    /// of the two words before.
    fn best(
        &mut self,
        first: bool,
        word: &str,
        window: &[String; 5],
        history: &[String; 2],
    ) -> Tag {
        self.tenths.fill(0);
        let [far_before, before, this, behind, far_behind] = window;
        let [far_tag, tag] = history;
        self.add("b", &[]);
        self.add("s3=", &[ending(word)]);
        self.add("p1=", &[word.chars().next().map_or("", |c| &word[..c.len_utf8()])]);
        self.add("w=", &[this]);
        self.add("sh=", &[&shape(word)]);
        self.add(if first { "i0" } else { "i+" }, &[]);
        self.add("t-1=", &[tag]);
        self.add("t-2=", &[far_tag]);
        self.add("t-12=", &[tag, ",", far_tag]);
        self.add("w-1=", &[before]);
        self.add("s3-1=", &[ending(before)]);
        self.add("w-2=", &[far_before]);
        self.add("w+1=", &[behind]);
        self.add("s3+1=", &[ending(behind)]);
        self.add("w+2=", &[far_behind]);
        let best = self.tenths.iter().enumerate().max_by_key(|&(_, tenths)| tenths);
        best.map_or(Tag::Noun, |(tag, _)| Tag::ALL[tag])
    }

    fn add(&mut self, kind: &str, parts: &[&str]) {
        self.feature.clear();
        self.feature.push_str(kind);
        parts.iter().for_each(|part| self.feature.push_str(part));
        let Some(row) = self.weights.get(&self.feature) else { return };
        for weight in row.chunks_exact(WEIGHT_LEN) {
            if let Some(sum) = self.tenths.get_mut(usize::from(weight[0])) {
                *sum += i32::from(i16::from_le_bytes([weight[1], weight[2]]));
            }
        }
    }
}

/// The last three characters.
fn ending(word: &str) -> &str {
    word.char_indices().rev().nth(2).map_or(word, |(at, _)| &word[at..])
}

/// Small letters, or the class of a number or a compound.
fn name(word: &str) -> String {
    if word.contains('-') && !word.starts_with('-') {
        return "!HYPHEN".to_owned();
    }
    if word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit()) {
        return "!YEAR".to_owned();
    }
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return "!DIGITS".to_owned();
    }
    word.to_lowercase()
}

fn shape(word: &str) -> String {
    if word.chars().all(char::is_alphabetic) {
        let mut rest = word.chars();
        let first_capital = rest.next().is_some_and(char::is_uppercase);
        let shape = if word.chars().all(char::is_lowercase) {
            "x"
        } else if word.chars().all(char::is_uppercase) {
            if rest.next().is_some() { "XX" } else { "X1" }
        } else if first_capital && rest.all(char::is_lowercase) {
            "Xx"
        } else {
            "xX"
        };
        return shape.to_owned();
    }
    if word.bytes().all(|b| b.is_ascii_digit()) {
        return "d".to_owned();
    }
    word.chars().take(4).fold(String::new(), |mut shape, c| {
        match c {
            _ if c.is_ascii_digit() => shape.push('d'),
            _ if c.is_alphabetic() => shape.push('x'),
            _ => {
                let _ = write!(shape, "{c}");
            }
        }
        shape
    })
}

#[cfg(test)]
mod tests {
    use super::super::table::pack;
    use super::*;

    fn weights(of: &[(Tag, i16)]) -> Vec<u8> {
        of.iter()
            .flat_map(|(tag, tenths)| {
                let [a, b] = tenths.to_le_bytes();
                [*tag as u8, a, b]
            })
            .collect()
    }

    #[test]
    fn the_word_before_decides_between_noun_and_verb() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((Tag::ALL.len() as u32).to_le_bytes());
        for tag in Tag::ALL {
            bytes.push(tag.name().len() as u8);
            bytes.extend(tag.name().as_bytes());
        }
        bytes.extend(pack(&[("a", &[Tag::Determiner as u8]), ("to", &[Tag::To as u8])]));
        bytes.extend(pack(&[("record", &[])]));
        let noun = weights(&[(Tag::Noun, 12)]);
        let verb = weights(&[(Tag::Verb, 12), (Tag::Noun, -3)]);
        bytes.extend(pack(&[("t-1=DT", &noun), ("t-1=TO", &verb)]));
        let tagger = Tagger::parse(bytes).unwrap();
        assert_eq!(tagger.tags(&["a", "record"]), [Tag::Determiner, Tag::Noun]);
        assert_eq!(tagger.tags(&["to", "record"]), [Tag::To, Tag::Verb]);
        assert_eq!(tagger.tags(&[]), []);
    }

    #[test]
    fn words_have_shapes_and_names() {
        for (word, shaped, named) in [
            ("latte", "x", "latte"),
            ("Latte", "Xx", "latte"),
            ("USB", "XX", "usb"),
            ("A", "X1", "a"),
            ("iPhone", "xX", "iphone"),
            ("42", "d", "!DIGITS"),
            ("1999", "d", "!YEAR"),
            ("3rd", "dxx", "!DIGITS"),
            ("oat-milk", "xxx-", "!HYPHEN"),
            ("'s", "'x", "'s"),
        ] {
            assert_eq!((shape(word).as_str(), name(word).as_str()), (shaped, named));
        }
    }
}
