//! Why a text was understood as it was, or how far the closest sentence got.

use serde::Serialize;

use super::draft::Context;
use super::grammar::{Grammar, Reading};
use super::interpretation::{GaveUp, SlotValue};
use super::search::{Failures, Search};
use super::words::Words;

/// Closest sentences and expected words shown at most.
const MAX_SHOWN: usize = 8;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Explanation {
    /// Templates that match, best first.
    Matched(Vec<Match>),
    /// Templates that would match with other context or keywords.
    Withheld(Vec<Withheld>),
    /// No template matches; these come closest.
    Closest(Closest),
    /// The text was not read to the end.
    GaveUp(GaveUp),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Match {
    pub intent: String,
    pub template: String,
    /// `file:line`.
    pub written: String,
    /// The text in pieces.
    pub path: Vec<Piece>,
}

/// Words, and the slot they filled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Piece {
    pub words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<SlotValue>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Withheld {
    pub template: String,
    pub written: String,
    /// What is missing.
    pub missing: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Closest {
    /// The words that fit, in normal spelling.
    pub fits: String,
    /// The word that does not fit; `None` when the text ends too early.
    pub fails_at: Option<String>,
    /// What could stand there.
    pub wanted: Vec<String>,
    /// The templates that get as far, with `file:line`.
    pub templates: Vec<(String, String)>,
}

impl Grammar {
    /// Explains [`Grammar::interpret_in`] on `text`.
    pub fn explain(&self, text: &str, context: &Context) -> Explanation {
        let words = Words::new(text);
        let mut search = self.search(&words);
        let readings = self.read(&mut search, context);
        if let Some(gave_up) = search.outcome() {
            return Explanation::GaveUp(gave_up);
        }
        if !readings.is_empty() {
            let matches = readings.iter().map(|r| self.matched(&search, r));
            return Explanation::Matched(matches.take(MAX_SHOWN).collect());
        }
        let withheld = self.withheld(&words);
        if !withheld.is_empty() {
            return Explanation::Withheld(withheld);
        }
        Explanation::Closest(self.closest(&words, context))
    }

    fn matched(&self, search: &Search<'_, '_>, reading: &Reading<'_>) -> Match {
        let mut path = Vec::new();
        let mut done = 0;
        let literal = |from: u32, to: u32, path: &mut Vec<Piece>| {
            let words = search.normal(from, to).trim().to_owned();
            if !words.is_empty() {
                path.push(Piece { words, slot: None, value: None });
            }
        };
        for filled in self.filled(search, reading.end) {
            literal(done, filled.from, &mut path);
            path.push(Piece {
                words: search.normal(filled.from, filled.to).to_owned(),
                slot: filled.slot.map(|slot| self.machine.slots[slot as usize].clone()),
                value: Some(filled.value.value),
            });
            done = filled.to;
        }
        literal(done, search.end(), &mut path);
        Match {
            intent: reading.intent.to_owned(),
            template: reading.template.to_owned(),
            written: reading.written.clone(),
            path,
        }
    }

    /// Sentences whose words fit but whose block asks for more.
    fn withheld(&self, words: &Words<'_>) -> Vec<Withheld> {
        let mut found = Vec::new();
        let mut search = self.search(words);
        for sentence in &self.machine.sentences {
            let fits = search.starts().into_iter().any(|(start, _)| {
                let ends = search.run(sentence.graph, start);
                ends.iter().any(|end| search.finish(search.way(*end).at).is_some())
            });
            if fits && found.len() < MAX_SHOWN {
                let block = &self.machine.blocks[sentence.block as usize];
                let missing = if block.has_keyword(&words.text) {
                    let keys = block.requires.iter().chain(&block.excludes).map(|r| r.key.as_str());
                    format!("its context: {}", keys.collect::<Vec<_>>().join(", "))
                } else {
                    format!("one of its keywords: {}", block.keywords.join(", "))
                };
                found.push(Withheld {
                    template: sentence.text.clone(),
                    written: sentence.written(),
                    missing,
                });
            }
        }
        found
    }

    fn closest(&self, words: &Words<'_>, context: &Context) -> Closest {
        let mut best = Failures::default();
        let mut templates: Vec<(String, String)> = Vec::new();
        for sentence in &self.machine.sentences {
            if !self.machine.possible(sentence, context) {
                continue;
            }
            // A search of its own, so that failures inside shared rules count for each sentence.
            let mut search = self.search(words);
            search.failures = Some(Failures::default());
            for (start, _) in search.starts() {
                search.run(sentence.graph, start);
            }
            let failures = search.failures.unwrap_or_default();
            if failures.at > best.at || templates.is_empty() {
                (best, templates) = (failures, Vec::new());
            } else if failures.at == best.at {
                best.wanted.extend(failures.wanted);
            } else {
                continue;
            }
            templates.push((sentence.text.clone(), sentence.written()));
        }
        // A failure inside a word is told from the start of the word.
        let mut at = (best.at as usize).min(words.text.len());
        if !words.ends_word(at) {
            at = words.text[..at].rfind(' ').map_or(0, |space| space + 1);
        }
        best.wanted.sort();
        best.wanted.dedup();
        best.wanted.truncate(MAX_SHOWN);
        templates.truncate(MAX_SHOWN);
        Closest {
            fits: words.text[..at].trim().to_owned(),
            fails_at: words.text[at..].split(' ').find(|w| !w.is_empty()).map(str::to_owned),
            wanted: best.wanted,
            templates,
        }
    }
}
