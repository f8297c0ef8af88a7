//! From what was heard to what can be said: the sentences of a grammar that sound most like it.
//!
//! [`Grammar::interpret`] takes a text only as the templates write it. A recogniser writes "turn on
//! the bedroom lam", and people say "a large, no, a small one". The [`Aligner`] finds the sentences
//! that are cheapest to reach from such a text: words heard as others that sound alike, words lost,
//! words that belong to nothing, things said twice or taken back. What each costs is in [`costs`];
//! its [`Evidence`] says what a reading rests on.
//!
//! An entity is what its rules read in the words as they were heard, or one of the usual ways to say
//! one that sounds like them: the rules themselves know spellings alone.

mod costs;
mod lattice;
mod numbers;
mod reading;
mod search;
mod small_words;
mod tokens;
mod values;
mod way;

use std::sync::Arc;

use super::draft::Context;
use super::grammar::Grammar;
use super::interpretation::{GaveUp, Slots};
use super::sound::{Milli, Sounds, Unsounded};
use super::ways::WayId;
use super::words::{MAX_TEXT_BYTES, Words};
use crate::clock::{Clock, Moment};
use crate::units::SamplePos;
use lattice::Lattice;
use numbers::NumberWords;
use search::Alignment;
#[cfg(test)]
pub(super) use search::MAX_WORK;
use tokens::{MAX_TOKENS, Tokens};

/// Most readings that are returned.
const MOST_READINGS: usize = 5;

/// Limits of the cost, tried one after the other: a share of the sounds heard, in thousandths, on
/// top of [`LIMIT_BASE`].
const LIMITS: [Milli; 3] = [80, 180, 320];
/// In thousandths of a sound: so much may be wrong in the shortest text.
const LIMIT_BASE: Milli = 1_500;
/// A reading with more [strain](Evidence::strain) is none to act on. Chosen, as the two below, on
/// sentences with a tenth of their words misheard, and on what people say to other agents: more than
/// nine of ten of the first are right, and one in twenty of the second is taken for something.
const MOST_STRAIN: f32 = 0.3;
/// The same where slots of any words take a part: there is less that could disagree.
const MOST_STRAIN_WILD: f32 = 0.15;
/// Of the sentence's words, so many must have been heard as they are.
const LEAST_EXACT: f32 = 0.5;
/// Another intent must be this much dearer, in whole sounds.
const LEAST_MARGIN: f32 = 0.5;
/// A reading this much dearer than the best is no rival of it.
const RIVAL: Milli = 2_500;

/// Ways that an alignment has offered: what it costs, on any machine. Read by tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work(#[cfg_attr(not(test), expect(dead_code, reason = "tests read it"))] pub u64);

/// Finds the sentences of one grammar that sound most like a text. Immutable, and shared between
/// threads as it is.
pub struct Aligner {
    grammar: Grammar,
    lattice: Lattice,
    numbers: NumberWords,
    sounds: Arc<Sounds>,
    /// Stands for what each value of a list means: equal where that is equal.
    meanings: Vec<u64>,
}

/// A way to understand a text that no template takes as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    pub intent: String,
    /// The texts are the words as they were heard.
    pub slots: Slots,
    /// The `response` key of the block, for Home Assistant's answers.
    pub response: Option<String>,
    /// The template that was met.
    pub template: String,
    /// `file:line` of the template.
    pub written: String,
    /// What would have been said, in normal spelling.
    pub sentence: String,
    pub evidence: Evidence,
}

/// What an alignment rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// How far the text is from the sentence, in whole sounds; 0 for a text that a template takes
    /// as it is.
    pub cost: f32,
    /// Sounds of the text.
    pub heard_phones: u32,
    /// Sounds of the sentence, lost words included.
    pub matched_phones: u32,
    /// Words of the sentence, lost ones included; words of wildcards do not count.
    pub words: u32,
    /// How many of those were heard as they are.
    pub exact: u32,
    /// Words of the sentence that were not heard.
    pub skipped: Vec<String>,
    /// Words heard that the sentence has no place for.
    pub inserted: Vec<String>,
    /// Sounds heard that fill slots of any words, which speak for no sentence.
    pub wild_phones: u32,
    /// What those add to the cost.
    pub wild_cost: f32,
}

impl Evidence {
    /// Cost for each sound heard, wildcards aside: 0 fits, 1 is nothing alike.
    pub fn strain(&self) -> f32 {
        let phones = self.heard_phones.saturating_sub(self.wild_phones);
        (self.cost - self.wild_cost).max(0.0) / phones.max(1) as f32
    }
}

impl Aligner {
    /// Prepares the sentences of `grammar`: some 6 ms for a home with a hundred names, 150 ms for one
    /// with 5,000, once their words have been pronounced.
    pub fn new(grammar: &Grammar, sounds: Arc<Sounds>) -> Self {
        let lattice = Lattice::new(&grammar.machine, &sounds);
        let numbers = NumberWords::new(&sounds);
        let meanings = reading::meanings(&grammar.machine);
        Self { grammar: grammar.clone(), lattice, numbers, sounds, meanings }
    }

    pub fn sounds(&self) -> &Sounds {
        &self.sounds
    }

    /// Words of sentences that cannot be pronounced, and are therefore never heard by sound.
    pub fn unsounded(&self) -> &[Unsounded] {
        &self.lattice.silent
    }

    /// The sentences nearest to `text`, best first, with distinct meanings; none when nothing is
    /// near. A text that templates take as it is has those readings alone, at cost 0.
    ///
    /// # Errors
    /// The text is too long, or the grammar takes it in too many ways.
    pub fn align(&self, text: &str, context: &Context) -> Result<Vec<Aligned>, GaveUp> {
        self.measured(text, context).0
    }

    /// [`Aligner::align`], where dates and times are reckoned from `now` and not from the moment of
    /// the aligner's own grammar.
    pub fn align_at(
        &self,
        text: &str,
        context: &Context,
        now: Option<&Moment>,
    ) -> Result<Vec<Aligned>, GaveUp> {
        self.search(text, context, now, &mut Work(0))
    }

    /// [`Aligner::align`], and what it took.
    pub(super) fn measured(
        &self,
        text: &str,
        context: &Context,
    ) -> (Result<Vec<Aligned>, GaveUp>, Work) {
        let mut work = Work(0);
        let result = self.search(text, context, self.grammar.now(), &mut work);
        (result, work)
    }

    fn search(
        &self,
        text: &str,
        context: &Context,
        now: Option<&Moment>,
        work: &mut Work,
    ) -> Result<Vec<Aligned>, GaveUp> {
        let words = Words::new(text);
        if words.text.len() > MAX_TEXT_BYTES {
            return Err(GaveUp::TooLong);
        }
        let exact = self.exact(&words, context, now);
        if !exact.is_empty() || words.text.is_empty() {
            return Ok(exact);
        }
        let now = now.cloned().unwrap_or_else(|| Clock::Machine.at(SamplePos::default()));
        let tokens = Tokens::new(&words, &self.grammar.machine, &self.lattice, &self.sounds);
        if tokens.len() > MAX_TOKENS {
            return Err(GaveUp::TooLong);
        }
        let machine = &*self.grammar.machine;
        let heard = (words.text.as_str(), &tokens);
        let mut search =
            Alignment::new(machine, &self.lattice, heard, &now, &self.numbers, &self.meanings);
        let mut found: Vec<(usize, WayId)> = Vec::new();
        for share in LIMITS {
            let limit = LIMIT_BASE + share * tokens.phones();
            search.reset(limit);
            found.clear();
            for (index, sentence) in machine.sentences.iter().enumerate() {
                if machine.possible(sentence, context) {
                    let ends = search.sentence(sentence.graph);
                    found.extend(ends.into_iter().map(|end| (index, end)));
                }
            }
            *work = Work(search.work);
            if search.gave_up() {
                return Err(GaveUp::TooAmbiguous);
            }
            found.retain(|(index, end)| reading::allowed(&search, *index, *end, context));
            let best = found.iter().map(|(_, end)| search.way(*end).cost).min();
            if best.is_some_and(|best| best + RIVAL <= limit) {
                break;
            }
        }
        found.sort_by_key(|(index, end)| (search.way(*end).key(), *index));
        let mut readings: Vec<Aligned> = Vec::new();
        for (index, end) in found {
            let Some(reading) = reading::read(&search, &words, index, end, context) else {
                continue;
            };
            let same = |r: &Aligned| r.intent == reading.intent && r.slots_equal(&reading);
            if !readings.iter().any(same) {
                readings.push(reading);
            }
            if readings.len() == MOST_READINGS {
                break;
            }
        }
        Ok(readings)
    }

    /// Readings of a text that templates take as it is.
    fn exact(&self, words: &Words<'_>, context: &Context, now: Option<&Moment>) -> Vec<Aligned> {
        let mut search = self.grammar.search(words);
        if let Some(now) = now {
            search.reckon_from(now);
        }
        let readings = self.grammar.read(&mut search, context);
        let sentence: Vec<String> = lattice::said_words(&words.text);
        let phones = self.sounds.phones(&words.text).len() as u32;
        let evidence = Evidence {
            heard_phones: phones,
            matched_phones: phones,
            words: sentence.len() as u32,
            exact: sentence.len() as u32,
            ..Evidence::default()
        };
        let aligned = readings.into_iter().take(MOST_READINGS).map(|reading| Aligned {
            intent: reading.intent.to_owned(),
            slots: reading.slots,
            response: reading.response.map(str::to_owned),
            template: reading.template.to_owned(),
            written: reading.written,
            sentence: sentence.join(" "),
            evidence: evidence.clone(),
        });
        aligned.collect()
    }
}

impl Aligned {
    /// May it be acted on, with these readings beside it? It must not strain, half of its words
    /// must be there, and readings with another intent must be clearly dearer.
    pub fn stands_against(&self, readings: &[Self]) -> bool {
        let Evidence { cost, words, exact, wild_phones, .. } = self.evidence;
        if cost == 0.0 {
            return true;
        }
        let most_strain = if wild_phones > 0 { MOST_STRAIN_WILD } else { MOST_STRAIN };
        let is_rival = |r: &&Self| r.intent != self.intent;
        let nearest = readings.iter().filter(is_rival).map(|r| r.evidence.cost).reduce(f32::min);
        self.evidence.strain() <= most_strain
            && exact as f32 >= LEAST_EXACT * words as f32
            && nearest.is_none_or(|nearest| nearest - cost >= LEAST_MARGIN)
    }

    /// The same values, whatever words were heard for them.
    fn slots_equal(&self, other: &Self) -> bool {
        self.slots.len() == other.slots.len()
            && self
                .slots
                .iter()
                .zip(&other.slots)
                .all(|((a, x), (b, y))| a == b && x.value == y.value)
    }
}
