//! Intents told by examples, for what no sentence says.

use std::sync::{Mutex, PoisonError};

use super::classify::{ClassifyError, IntentModel, SentenceEncoder};
use super::grammar::Grammar;
use super::interpretation::{Alternative, Interpretation, Slots, Status};

/// Other intents that are reported beside the best, and how probable they must be.
const MOST_ALTERNATIVES: usize = 3;
const LEAST_PROBABLE: f32 = 0.05;

/// A trained intent model with what it needs to run.
pub struct Examples {
    model: IntentModel,
    /// Its runs change it; one at a time.
    encoder: Option<Mutex<SentenceEncoder>>,
}

impl Examples {
    /// Fails when the model was trained with the encoder and there is none.
    pub fn new(
        model: IntentModel,
        encoder: Option<SentenceEncoder>,
    ) -> Result<Self, ClassifyError> {
        if model.needs_encoder() && encoder.is_none() {
            return Err(ClassifyError::NoEncoder);
        }
        Ok(Self { model, encoder: encoder.map(Mutex::new) })
    }

    /// The intent that `text` is most like, with the values of its lists that are said in it; to be
    /// asked about, never acted on. `exact` where it is like none.
    pub fn interpret(
        &self,
        grammar: &Grammar,
        text: &str,
        exact: Interpretation,
    ) -> Interpretation {
        let mut encoder = self
            .encoder
            .as_ref()
            .map(|encoder| encoder.lock().unwrap_or_else(PoisonError::into_inner));
        // A text that the encoder cannot take means nothing to the agent.
        let Ok(verdict) = self.model.classify(text, encoder.as_deref_mut()) else { return exact };
        drop(encoder);
        let (best, probability) = verdict.best();
        let in_scope = 1.0 - verdict.out_of_scope;
        if in_scope < 0.5 {
            return exact;
        }
        let named = |intent: usize| self.model.intents()[intent].clone();
        let mut others: Vec<(usize, f32)> =
            verdict.probabilities.iter().copied().enumerate().collect();
        others.retain(|(intent, p)| *intent != best && *p >= LEAST_PROBABLE);
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        let nbest = others.into_iter().take(MOST_ALTERNATIVES).map(|(intent, p)| Alternative {
            intent: named(intent),
            slots: spotted(grammar, &named(intent), text),
            confidence: p * in_scope,
        });
        Interpretation {
            status: Status::Confirm,
            completeness: exact.completeness,
            intent: Some(named(best)),
            slots: spotted(grammar, &named(best), text),
            confidence: probability * in_scope,
            nbest: nbest.collect(),
            gave_up: None,
        }
    }
}

/// The values of an intent's lists that are said anywhere in `text`.
fn spotted(grammar: &Grammar, intent: &str, text: &str) -> Slots {
    let slots = grammar.slots_of(intent).filter_map(|slot| {
        let values = slot.lists.iter().filter_map(|list| grammar.spot_value(list, text));
        Some((slot.name.to_owned(), values.max_by_key(|value| value.text.len())?))
    });
    slots.collect()
}
