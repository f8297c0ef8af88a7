//! Text to phonemes: what the voice says, and how it is pronounced.
//!
//! A text is cut into sentences, written out ([`normalise`]), cut into words ([`tokenise`]), tagged
//! with parts of speech, and read from the last word to the first with a lexicon, rules for
//! endings, numbers and small words, and a network for the rest ([`reader`]). The phonemes of a
//! long sentence are then cut into clauses ([`clauses`]) so that sound starts early.
//!
//! The data and the reading rules are those of the hibari voice (Apache-2.0), which in turn keeps
//! the conventions of the voice it learned from: the acoustic model must hear the phonemes it was
//! trained with. Where we read differently, the tests say so.

mod affix;
mod clauses;
mod figures;
mod letters;
mod lexicon;
mod normalise;
mod numbers;
mod oov;
mod phones;
mod pieces;
mod reader;
mod sentence;
mod stress;
mod suffix;
mod table;
mod tables;
mod tag;
mod tagger;
mod tokenise;
mod word;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::models::{ModelError, ModelStore};
use clauses::clauses;
use lexicon::Lexicon;
use normalise::{Normaliser, single_spaces};
use oov::Guesser;
use reader::{Reader, Spoken};
use sentence::sentences;
use tables::Tables;
use tag::Tag;
use tagger::Tagger;
use tokenise::Tokeniser;

/// Why text cannot be made into phonemes. None of these depends on the text itself.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("{file}: not in the layout this program reads. Run `make models` of the same version")]
    Format { file: &'static str },
    #[error("{file}: {source}. Run `make models` of the same version")]
    Tables { file: &'static str, source: serde_json::Error },
    #[error("{file}: the network was refused: {why}. Run `make models` of the same version")]
    Network { file: &'static str, why: String },
}

/// Silence after a clause, in milliseconds, by what ends it. It comes on top of the breath that the
/// voice leaves between any two clauses, which is pause enough at a comma.
const PAUSE_COMMA_MS: u32 = 0;
const PAUSE_BREAK_MS: u32 = 100;
const PAUSE_SENTENCE_MS: u32 = 250;
const PAUSE_LINE_MS: u32 = 450;

/// A stretch of speech that is synthesised at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenClause {
    /// The words as they are said: numbers stay figures, abbreviations are written out.
    pub text: String,
    /// One character per sound, stress marks before vowels, marks where the voice pauses.
    pub phonemes: String,
    /// Numbers of the phonemes for the acoustic model, between two pads (0).
    pub ids: Vec<i64>,
    /// Where its words end, in order.
    pub words: Vec<WordEnd>,
    /// Silence to leave after it, in milliseconds, before the next clause of the same text.
    pub pause_after_ms: u32,
}

/// Where a word ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordEnd {
    /// In the clause's text, in bytes.
    pub text: usize,
    /// How many of the clause's ids there are to its end, the pad before the first included.
    pub ids: usize,
}

/// Pronounces American English.
pub struct Phonemizer {
    normaliser: Normaliser,
    reader: Reader,
    titles: HashMap<String, String>,
    ids: HashMap<char, i64>,
}

impl Phonemizer {
    pub fn load(models: &ModelStore) -> Result<Self, TextError> {
        let tables = Tables::parse(&models.bytes(tables::FILE)?)?;
        let Tables { letters, sounds, slots, longest, .. } = &tables;
        let guesser =
            Guesser::load(&models.bytes(oov::FILE)?, letters, sounds.clone(), *slots, *longest)?;
        let normaliser = Normaliser::new(&tables);
        let reader = Reader {
            tokeniser: Tokeniser::new(tables.exceptions),
            tagger: Tagger::parse(models.bytes(tagger::FILE)?)?,
            lexicon: Lexicon::parse(models.bytes(lexicon::FILE)?)?,
            guesser,
        };
        Ok(Self { normaliser, reader, titles: tables.titles, ids: tables.ids })
    }

    /// The clauses of a text, in order; none when it holds nothing to say.
    pub fn phonemize(&self, text: &str) -> Vec<SpokenClause> {
        let mut spoken = Vec::new();
        for sentence in sentences(text, &self.titles) {
            let words = self.reader.read(&self.normaliser.normalise(sentence.text));
            let before = spoken.len();
            let parts = clauses(words, spoken.is_empty());
            spoken.extend(parts.iter().filter_map(|words| self.clause(words)));
            if let Some(last) = spoken[before..].last_mut() {
                last.pause_after_ms =
                    if sentence.ends_line { PAUSE_LINE_MS } else { PAUSE_SENTENCE_MS };
            }
        }
        if let Some(last) = spoken.last_mut() {
            last.pause_after_ms = 0;
        }
        spoken
    }

    /// The phonemes of one word in lower case that no sentence surrounds; `None` when it has no
    /// letter the voice knows. A word the lexicon lacks is guessed.
    pub(super) fn word(&self, word: &str) -> Option<String> {
        let Reader { lexicon, guesser, .. } = &self.reader;
        let tag = (word == "a").then_some(Tag::Determiner);
        let place = lexicon::Place { tag, ..lexicon::Place::default() };
        // A letter alone is its name, and names are capitals.
        let letter = (tag.is_none() && word.chars().count() == 1).then(|| word.to_uppercase());
        let word = letter.as_deref().unwrap_or(word);
        lexicon.read_word(word, place).or_else(|| guesser.guess(word))
    }

    /// A clause that is spoken with other phonemes; those that the voice does not know are silent.
    /// Where its words end is not known any more, but for the last.
    pub fn respoken(&self, clause: &SpokenClause, phonemes: String) -> SpokenClause {
        let ids = self.ids(&phonemes);
        let words = vec![WordEnd { text: clause.text.len(), ids: ids.len() - 1 }];
        SpokenClause { phonemes, ids, words, ..clause.clone() }
    }

    /// Between two pads.
    fn ids(&self, phonemes: &str) -> Vec<i64> {
        let known = phonemes.chars().filter_map(|c| self.ids.get(&c).copied());
        [0].into_iter().chain(known).chain([0]).collect()
    }

    /// `None` when the words make no sound.
    fn clause(&self, words: &[Spoken]) -> Option<SpokenClause> {
        let (mut text, mut phonemes) = (String::new(), String::new());
        let mut ends = Vec::with_capacity(words.len());
        for word in words {
            text += &word.text;
            phonemes += &word.phonemes;
            let ids = self.ids(&single_spaces(&phonemes)).len() - 1;
            ends.push(WordEnd { text: text.len(), ids });
            if word.space_after {
                text.push(' ');
                phonemes.push(' ');
            }
        }
        // Silent words leave no second space behind: the acoustic model never saw two.
        let phonemes = single_spaces(&phonemes);
        if !phonemes.chars().any(char::is_alphabetic) {
            return None;
        }
        let ids = self.ids(&phonemes);
        let before = text.len() - text.trim_start().len();
        let text = text.trim().to_owned();
        for word in &mut ends {
            word.text = word.text.saturating_sub(before).min(text.len());
        }
        let pause_after_ms =
            if phonemes.ends_with([';', ':', '—']) { PAUSE_BREAK_MS } else { PAUSE_COMMA_MS };
        Some(SpokenClause { text, phonemes, ids, words: ends, pause_after_ms })
    }
}
