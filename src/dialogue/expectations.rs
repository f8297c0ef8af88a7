//! What a recogniser should listen for, in each situation of a talk.
//!
//! The same things that [`Reading`](super::reading) understands, as a [`Talk`]: sentences, phrases,
//! and answers made of slot values, with lead-ins and lead-outs. What the last question makes
//! likely costs nothing; nothing is forbidden.

use std::collections::HashMap;
use std::sync::Arc;

use crate::agent::Agent;
use crate::asr::{BeamOptions, Listening, Place, Spellings};
use crate::nlu::{Automaton, Context, Said, Stop, Talk};

use super::conversation::Conversation;
use super::phrases::Phrase;
use super::script::IntentScript;

/// The agent's own sentences.
const SENTENCES: usize = 0;
/// What people say to any conversation.
const PHRASES: usize = 1;

/// How much less likely than the answer to a question, in nats: a request out of the blue; a phrase
/// out of the blue; anything that is no answer while something is asked; words of courtesy around
/// the matter.
const REQUEST_COST: f32 = 1.0;
const PHRASE_COST: f32 = 4.0;
const ASIDE_COST: f32 = 2.0;
const EDGE_COST: f32 = 1.0;

/// What decides which words are waited for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Situation {
    pub phrases: &'static [Phrase],
    /// The intent of the open request.
    pub open: Option<String>,
    /// The slot that was asked for.
    pub asked: Option<String>,
    /// A question is open.
    pub pending: bool,
}

/// What one agent's talk makes a recogniser expect. Belongs to one recogniser; grows with the
/// situations met.
pub struct Expectations {
    agent: Arc<Agent>,
    automaton: Automaton,
    spellings: Spellings,
    starts: HashMap<Situation, Option<Place>>,
}

impl Expectations {
    pub fn new(agent: Arc<Agent>) -> Self {
        let grammars = [&agent.grammar, agent.script.phrases.grammar()];
        // What is read afterwards is read without any context, too: an agent knows of none.
        let context = Context::new();
        let automaton = Automaton::new(&grammars, Talk::default(), &context);
        let (spellings, starts) = (Spellings::default(), HashMap::new());
        Self { agent, automaton, spellings, starts }
    }

    /// What to listen for now; `None` when any words may be the answer.
    pub fn listening(&mut self, conversation: &Conversation) -> Option<Listening<'_>> {
        if self.automaton.is_full() {
            *self = Self::new(Arc::clone(&self.agent));
        }
        let situation = conversation.situation();
        let start = match self.starts.get(&situation) {
            Some(start) => *start,
            None => {
                let stop = describe(&self.agent, &situation, self.automaton.talk());
                let start = stop.map(|stop| self.automaton.start(stop));
                self.starts.insert(situation, start);
                start
            }
        }?;
        Some(Listening {
            language: &mut self.automaton,
            start,
            spellings: &mut self.spellings,
            options: BeamOptions::default(),
        })
    }
}

/// Adds everything that may be said in a situation.
fn describe(agent: &Agent, situation: &Situation, talk: &mut Talk) -> Option<Stop> {
    let script = situation.open.as_ref().and_then(|intent| agent.script.intents.get(intent));
    let asked = situation.asked.as_deref();
    let takes_any = |script: &IntentScript| {
        asked.and_then(|slot| script.slot(slot)).is_some_and(|slot| slot.takes_any_words)
    };
    if script.is_some_and(takes_any) {
        return None;
    }
    let (start, led_in) = (talk.stop(false), talk.stop(false));
    let (said, over) = (talk.stop(true), talk.stop(true));
    let phrase = |phrase: Phrase| Said::Intent(phrase.intent().to_owned());
    talk.leg(start, led_in, PHRASES, phrase(Phrase::LeadIn), EDGE_COST);
    talk.leg(led_in, led_in, PHRASES, phrase(Phrase::LeadIn), EDGE_COST);
    talk.leg(said, over, PHRASES, phrase(Phrase::LeadOut), EDGE_COST);
    for from in [start, led_in] {
        let cost = if situation.pending { ASIDE_COST } else { REQUEST_COST };
        talk.leg(from, said, SENTENCES, Said::Sentence, cost);
        for said_here in situation.phrases {
            let cost = match (said_here, situation.pending) {
                (Phrase::Yes | Phrase::No, true) => 0.0,
                (_, true) => ASIDE_COST,
                (_, false) => PHRASE_COST,
            };
            talk.leg(from, said, PHRASES, phrase(*said_here), cost);
        }
    }
    let Some(script) = script else { return Some(start) };
    // An answer: values with filler before and between them.
    let (before, among, between) = (talk.stop(false), talk.stop(true), talk.stop(false));
    for from in [start, led_in] {
        talk.leg(from, before, SENTENCES, Said::Nothing, 0.0);
    }
    talk.leg(before, before, PHRASES, phrase(Phrase::Filler), EDGE_COST);
    talk.leg(among, between, PHRASES, phrase(Phrase::Filler), 0.0);
    talk.leg(between, between, PHRASES, phrase(Phrase::Filler), EDGE_COST);
    talk.leg(among, among, PHRASES, phrase(Phrase::Remove), ASIDE_COST);
    talk.leg(among, over, PHRASES, phrase(Phrase::LeadOut), EDGE_COST);
    for slot in &script.slots {
        let cost = match asked {
            Some(asked) if asked != slot.name => ASIDE_COST,
            _ => 0.0,
        };
        for list in &slot.lists {
            for from in [before, among, between] {
                talk.leg(from, among, SENTENCES, Said::Value(list.clone()), cost);
            }
        }
    }
    Some(start)
}
