//! Intents told by examples, for what no sentence says.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::classify::{ClassifyError, IntentModel, SentenceEncoder, SlotTagger};
use super::grammar::Grammar;
use super::interpretation::{Alternative, Interpretation, Slot, SlotValue, Slots, Status};
use super::sound::Sounds;
use super::spot::spot;
use super::words::Words;

/// Other intents that are reported beside the best, and how probable they must be.
const MOST_ALTERNATIVES: usize = 3;
const LEAST_PROBABLE: f32 = 0.05;

/// A trained intent model with what it needs to run.
pub struct Examples {
    model: IntentModel,
    /// Finds the words of open slots; `None` where no slot is open.
    tagger: Option<SlotTagger>,
    /// Its runs change it; one at a time.
    encoder: Option<Mutex<SentenceEncoder>>,
}

/// What a text is like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Likeness {
    pub intent: String,
    /// Probability that it is this intent, if it is any.
    pub probability: f32,
    /// Probability that it is any.
    pub in_scope: f32,
    /// It is too little like any.
    pub refused: bool,
    pub slots: BTreeMap<String, ToldSlot>,
    /// Other intents, the likelier first.
    #[serde(skip)]
    others: Vec<(String, f32)>,
}

/// A slot that some words of a text fill.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToldSlot {
    #[serde(flatten)]
    pub slot: Slot,
    pub from: Origin,
}

/// What told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A value of this list, or what sounds like one.
    List(String),
    /// The words around it: the slot is open.
    Tagger,
}

impl Examples {
    /// Fails when the model was trained with the encoder and there is none.
    pub fn new(
        model: IntentModel,
        tagger: Option<SlotTagger>,
        encoder: Option<SentenceEncoder>,
    ) -> Result<Self, ClassifyError> {
        if model.needs_encoder() && encoder.is_none() {
            return Err(ClassifyError::NoEncoder);
        }
        Ok(Self { model, tagger, encoder: encoder.map(Mutex::new) })
    }

    /// The intent that `text` is most like, with the values of its slots that are said in it; to be
    /// asked about, never acted on. `exact` where it is like none.
    pub fn interpret(
        &self,
        grammar: &Grammar,
        sounds: &Sounds,
        text: &str,
        exact: Interpretation,
    ) -> Interpretation {
        let Some(like) = self.likeness(grammar, sounds, text).filter(|like| !like.refused) else {
            return exact;
        };
        let plain = |slots: BTreeMap<String, ToldSlot>| -> Slots {
            slots.into_iter().map(|(name, told)| (name, told.slot)).collect()
        };
        let nbest = like.others.into_iter().map(|(intent, probability)| Alternative {
            slots: plain(self.slots(grammar, sounds, &intent, text)),
            intent,
            confidence: probability * like.in_scope,
        });
        Interpretation {
            status: Status::Confirm,
            completeness: exact.completeness,
            slots_ahead: exact.slots_ahead,
            confidence: like.probability * like.in_scope,
            nbest: nbest.collect(),
            intent: Some(like.intent),
            slots: plain(like.slots),
            gave_up: None,
        }
    }

    /// What `text` is most like, in scope or not; `None` for a text that the encoder cannot take,
    /// which means nothing to the agent.
    pub fn likeness(&self, grammar: &Grammar, sounds: &Sounds, text: &str) -> Option<Likeness> {
        let mut encoder = self
            .encoder
            .as_ref()
            .map(|encoder| encoder.lock().unwrap_or_else(PoisonError::into_inner));
        let verdict = self.model.classify(text, encoder.as_deref_mut()).ok()?;
        drop(encoder);
        let (best, probability) = verdict.best();
        let named = |intent: usize| self.model.intents()[intent].clone();
        let mut others: Vec<(usize, f32)> =
            verdict.probabilities.iter().copied().enumerate().collect();
        others.retain(|(intent, p)| *intent != best && *p >= LEAST_PROBABLE);
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        others.truncate(MOST_ALTERNATIVES);
        let intent = named(best);
        Some(Likeness {
            probability,
            in_scope: 1.0 - verdict.out_of_scope,
            refused: verdict.refused,
            slots: self.slots(grammar, sounds, &intent, text),
            intent,
            others: others.into_iter().map(|(other, p)| (named(other), p)).collect(),
        })
    }

    /// The values of an intent's lists that are said anywhere in `text`, or that some of its words
    /// sound like; then the words that fill its open slots.
    fn slots(
        &self,
        grammar: &Grammar,
        sounds: &Sounds,
        intent: &str,
        text: &str,
    ) -> BTreeMap<String, ToldSlot> {
        let mut told: BTreeMap<String, ToldSlot> = BTreeMap::new();
        for slot in grammar.slots_of(intent) {
            let values = slot.lists.iter().filter_map(|list| {
                let slot = spot(grammar, sounds, list, text)?;
                Some(ToldSlot { slot, from: Origin::List((*list).to_owned()) })
            });
            let longest = values.max_by_key(|value| value.slot.text.len());
            told.extend(longest.map(|value| (slot.name.to_owned(), value)));
        }
        let Some(tagger) = &self.tagger else { return told };
        let words = Words::new(text);
        let certain: Vec<String> =
            told.values().map(|value| Words::new(&value.slot.text).text).collect();
        for found in tagger.tag(&words.text, intent) {
            if told.contains_key(&found.slot)
                || !grammar.open_slots_of(intent).any(|open| open == found.slot)
            {
                continue;
            }
            let at = without(&certain, &words.text, found.at);
            if !at.is_empty() {
                let text = words.said(at).to_owned();
                let slot = Slot { value: SlotValue::Text(text.clone()), text };
                told.insert(found.slot, ToldSlot { slot, from: Origin::Tagger });
            }
        }
        told
    }
}

/// The words of `text` at `at` without those of `certain` values at their ends.
fn without(
    certain: &[String],
    text: &str,
    mut at: std::ops::Range<usize>,
) -> std::ops::Range<usize> {
    for value in certain {
        let words = &text[at.clone()];
        let rest = |rest: &str| words.len() - rest.len();
        if let Some(behind) = words.strip_prefix(value.as_str())
            && (behind.is_empty() || behind.starts_with(' '))
        {
            at.start += rest(behind.trim_start());
        } else if let Some(before) = words.strip_suffix(value.as_str())
            && before.ends_with(' ')
        {
            at.end -= rest(before.trim_end());
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_values_are_taken_off_the_ends() {
        for (text, value, left) in [
            ("call mum tomorrow", "tomorrow", "call mum"),
            ("tomorrow call mum", "tomorrow", "call mum"),
            ("call mum", "call mum", ""),
            ("paint the kitchen wall", "kitchen", "paint the kitchen wall"),
            ("goatmilk", "milk", "goatmilk"),
            ("milkshake", "milk", "milkshake"),
        ] {
            assert_eq!(&text[without(&[value.to_owned()], text, 0..text.len())], left, "{text}");
        }
    }
}
