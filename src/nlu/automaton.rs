//! Sentences as a deterministic automaton over words, for a recogniser to search.
//!
//! The graphs of a grammar match characters, call one another and overlap. A [`Place`] here is the
//! set of all positions in them that the words so far can have led to; which words may follow is
//! found when it is first asked for, and kept. What the words mean, and whether keywords and context
//! let them mean it, is left to the exact interpreter: words it refuses lead to nothing.

use std::collections::HashMap;
use std::sync::Arc;

use super::draft::Context;
use super::grammar::Grammar;
use super::graph::{GraphId, Machine};
use super::number_words::Numbers;
use crate::asr::{Edge, Language, Place, WordId};
use owed::{Keywords, Owed};
use talk::{COST_STEPS, steps};
use walk::{In, Position, Reached, Walk};

mod owed;
mod steps;
mod talk;
mod walk;

pub use talk::{Said, Stop, Talk};

/// What a skip phrase costs, in nats: it is allowed everywhere and expected nowhere.
const SKIP_COST: f32 = 2.0;
/// Positions kept between utterances; then every place is found anew. Some 100 MB at most.
const MAX_POSITIONS: usize = 4_000_000;
/// Steps in one walk to the next words, ten times what a home with 5,000 names takes: parts that are
/// glued together as they like make more words than anybody says. The words beyond are not listened
/// for, only read.
const MAX_WALK: usize = 200_000;

/// A sentence that the context allows.
struct Sentence {
    graph: GraphId,
    intent: u32,
    owed: Owed,
}

/// What is known of a place.
struct Known {
    /// Positions at the beginning of a word, with what each costs beyond the cheapest, in order.
    positions: Arc<[(Position, u32)]>,
    follows: Option<Follows>,
}

#[derive(Default)]
struct Follows {
    edges: Vec<Edge>,
    ends: Option<f32>,
    open: Option<Place>,
}

/// A [`Talk`] in the words of its grammars.
pub struct Automaton {
    machines: Vec<Arc<Machine>>,
    /// What may be said, by grammar.
    sentences: Vec<Vec<Sentence>>,
    keywords: Keywords,
    talk: Talk,
    numbers: Numbers,
    callers: Vec<Position>,
    by_caller: HashMap<Position, u32>,
    known: Vec<Known>,
    by_positions: HashMap<Arc<[(Position, u32)]>, Place>,
    words: Vec<Box<str>>,
    by_word: HashMap<Box<str>, WordId>,
    kept: usize,
}

impl Automaton {
    /// `grammars` in the order that the legs of `talk` number them. Sentences that `context` forbids,
    /// or that lack what they require of it, are not expected.
    pub fn new(grammars: &[&Grammar], talk: Talk, context: &Context) -> Self {
        let mut keywords = Keywords::default();
        let sentences = grammars.iter().map(|grammar| {
            let machine = &*grammar.machine;
            let possible = machine.sentences.iter().filter(|s| machine.possible(s, context));
            let sentence = possible.map(|sentence| {
                let block = &machine.blocks[sentence.block as usize];
                let owed = Owed::at_first(block, machine, context, &mut keywords);
                Sentence { graph: sentence.graph, intent: block.intent, owed }
            });
            sentence.collect()
        });
        let sentences = sentences.collect();
        Self {
            machines: grammars.iter().map(|grammar| Arc::clone(&grammar.machine)).collect(),
            sentences,
            keywords,
            talk,
            numbers: Numbers::default(),
            callers: Vec::new(),
            by_caller: HashMap::new(),
            known: Vec::new(),
            by_positions: HashMap::new(),
            words: Vec::new(),
            by_word: HashMap::new(),
            kept: 0,
        }
    }

    /// The talk, to add to: new stops, and legs from new stops. Legs from stops that a start was
    /// asked for are too late.
    pub fn talk(&mut self) -> &mut Talk {
        &mut self.talk
    }

    /// The place of a stop of the talk.
    pub fn start(&mut self, stop: Stop) -> Place {
        self.place(vec![(Position::at_stop(stop.0), 0)])
    }

    /// Places found so far.
    pub fn places(&self) -> usize {
        self.known.len()
    }

    /// Too much is kept; a new automaton is the way to forget.
    pub fn is_full(&self) -> bool {
        self.kept > MAX_POSITIONS
    }

    fn place(&mut self, mut positions: Reached) -> Place {
        positions.sort_unstable();
        positions.dedup_by_key(|(position, _)| *position);
        let positions: Arc<[(Position, u32)]> = positions.into();
        if let Some(place) = self.by_positions.get(&positions) {
            return *place;
        }
        let place = self.known.len() as Place;
        self.kept += positions.len();
        self.known.push(Known { positions: Arc::clone(&positions), follows: None });
        self.by_positions.insert(positions, place);
        place
    }

    fn caller(&mut self, position: Position) -> u32 {
        let next = self.callers.len() as u32;
        let known = *self.by_caller.entry(position).or_insert(next);
        if known == next {
            self.callers.push(position);
        }
        known
    }

    fn word_id(&mut self, word: &str) -> WordId {
        if let Some(id) = self.by_word.get(word) {
            return *id;
        }
        let id = self.words.len() as WordId;
        self.words.push(word.into());
        self.by_word.insert(word.into(), id);
        id
    }

    fn follows(&mut self, place: Place) -> &Follows {
        if self.known[place as usize].follows.is_none() {
            let follows = self.expand(place);
            self.known[place as usize].follows = Some(follows);
        }
        self.known[place as usize].follows.as_ref().expect("it was just found")
    }

    /// Walks from every position of a place to the end of the next word.
    fn expand(&mut self, place: Place) -> Follows {
        let mut walk = Walk::default();
        let positions = Arc::clone(&self.known[place as usize].positions);
        for (position, cost) in positions.iter() {
            walk.go(*position, *cost, 0);
        }
        for phrase in self.skip_phrases() {
            walk.go(Position::in_skip(phrase, place), steps(SKIP_COST), 0);
        }
        for _ in 0..MAX_WALK {
            let Some((position, cost, begun)) = walk.open.pop() else { break };
            if walk.is_current(position, cost, begun) {
                self.leave(position, cost, begun, &mut walk);
            }
        }
        let mut follows =
            Follows { ends: walk.ends.map(|cost| cost as f32 / COST_STEPS), ..Follows::default() };
        for (word, mut positions) in std::mem::take(&mut walk.words) {
            for (position, _) in &mut positions {
                if self.keywords.has(position.owed.keywords, &word) {
                    position.owed.keywords = 0;
                }
            }
            positions.retain(|(position, _)| self.may_pay(*position));
            if positions.is_empty() {
                continue;
            }
            let (to, cost) = self.reached(positions);
            let word = self.word_id(&word);
            follows.edges.push(Edge { word, to, cost });
        }
        walk.wild.retain(|(position, _)| self.may_pay(*position));
        if !walk.wild.is_empty() {
            // What a wildcard costs beyond others is the search's affair.
            follows.open = Some(self.reached(std::mem::take(&mut walk.wild)).0);
        }
        follows
    }

    /// The place of positions, and what the cheapest of them costs.
    fn reached(&mut self, mut positions: Reached) -> (Place, f32) {
        let least = positions.iter().map(|(_, cost)| *cost).min().unwrap_or(0);
        positions.iter_mut().for_each(|(_, cost)| *cost -= least);
        (self.place(positions), least as f32 / COST_STEPS)
    }

    /// Can what the position's sentence owes still be said?
    fn may_pay(&mut self, position: Position) -> bool {
        let Owed { mut facts, keywords } = position.owed;
        let mut says = keywords == 0;
        let mut at = position;
        while (facts != 0 || !says) && at.within != In::Talk {
            match at.within {
                In::Grammar(grammar) => {
                    let machine = &self.machines[usize::from(grammar)];
                    facts &= !machine.graphs[at.graph as usize].nodes[at.node as usize].meets;
                    says = says
                        || self.keywords.ahead(keywords, grammar, machine, at.graph)
                            [at.node as usize];
                }
                // Which number it will be is not known yet.
                In::Numbers => says = true,
                // What was left for the phrase is looked at when it is come back to.
                In::Talk | In::Skip => return true,
            }
            at = self.callers[at.caller as usize];
        }
        facts == 0 && says
    }

    /// Skip phrases of all grammars, numbered through.
    fn skip_phrases(&self) -> std::ops::Range<u32> {
        0..self.machines.iter().map(|machine| machine.skip_words.len() as u32).sum()
    }

    fn skip_phrase(&self, number: u32) -> &str {
        let mut all = self.machines.iter().flat_map(|machine| &machine.skip_words);
        all.nth(number as usize).map_or("", String::as_str)
    }

    /// Inside a skip phrase of which words are left.
    fn is_half_skipped(&self, position: Position) -> bool {
        let words = || self.skip_phrase(position.graph).split(' ').count();
        position.within == In::Skip && (position.node as usize) < words()
    }
}

impl Language for Automaton {
    fn edges(&mut self, place: Place) -> &[Edge] {
        &self.follows(place).edges
    }

    fn word(&self, word: WordId) -> &str {
        &self.words[word as usize]
    }

    fn ends(&mut self, place: Place) -> Option<f32> {
        self.follows(place).ends
    }

    fn open(&mut self, place: Place) -> Option<Place> {
        self.follows(place).open
    }
}

#[cfg(test)]
mod tests;
