//! Sentences as a deterministic automaton over words, for a recogniser to search.
//!
//! The graphs of a grammar match characters, call one another and overlap. A [`Place`] here is the
//! set of all positions in them that the words so far can have led to; which words may follow is
//! found when it is first asked for, and kept. What the words mean, and whether keywords and context
//! let them mean it, is left to the exact interpreter: words it refuses lead to nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::draft::Context;
use super::grammar::Grammar;
use super::graph::{Graph, GraphId, Machine, NodeId, Step};
use super::number_words::Numbers;
use crate::asr::{Edge, Language, Place, WordId};

/// Costs are kept in this part of a nat, so that equal places are found equal.
const COST_STEPS: f32 = 16.0;
/// What a skip phrase costs, in nats: it is allowed everywhere and expected nowhere.
const SKIP_COST: f32 = 2.0;
/// Positions kept between utterances; then every place is found anew. Some 100 MB at most.
const MAX_POSITIONS: usize = 4_000_000;

/// A stop in the talk, made by [`Talk::stop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(u32);

/// What may be said between two stops.
#[derive(Clone, Debug)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Any sentence that needs no context.
    Sentence,
    /// A sentence of one intent.
    Intent(String),
    /// A value of a list.
    Value(String),
}

/// How sentences, phrases and values may follow one another. Loops are allowed.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    stops: Vec<Vec<Leg>>,
    /// Stops where the talk may end.
    ends: Vec<bool>,
}

#[derive(Clone, Debug)]
struct Leg {
    to: u32,
    /// The grammar it is said in, as given to [`Automaton::new`].
    grammar: usize,
    said: Said,
    cost: u32,
}

impl Talk {
    pub fn stop(&mut self, may_end: bool) -> Stop {
        self.stops.push(Vec::new());
        self.ends.push(may_end);
        Stop(self.stops.len() as u32 - 1)
    }

    /// Lets `said`, of the `grammar`-th grammar, lead from one stop to another. `cost` is how much
    /// less likely it is than others before anything is heard, in nats.
    pub fn leg(&mut self, from: Stop, to: Stop, grammar: usize, said: Said, cost: f32) {
        let cost = steps(cost);
        self.stops[from.0 as usize].push(Leg { to: to.0, grammar, said, cost });
    }

    /// Any sentence of the only grammar, and nothing else.
    pub fn sentences() -> (Self, Stop) {
        let mut talk = Self::default();
        let (start, end) = (talk.stop(false), talk.stop(true));
        talk.leg(start, end, 0, Said::Sentence, 0.0);
        (talk, start)
    }
}

fn steps(cost: f32) -> u32 {
    (cost.max(0.0) * COST_STEPS).round() as u32
}

/// Where a position lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum In {
    /// At a stop of the talk.
    Talk,
    /// In a graph of a grammar.
    Grammar(u16),
    /// In a graph of number words.
    Numbers,
    /// In a skip phrase; the graph is its number, the node its next word, the caller the place that
    /// it returns to.
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Position {
    within: In,
    graph: GraphId,
    node: NodeId,
    /// 1 + the arc of a wildcard whose first word was said.
    wild: u32,
    /// Where it goes on at the end of the graph.
    caller: u32,
}

/// A caller's position, without one of its own for the talk.
const NOBODY: u32 = u32::MAX;

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
    /// Graphs that need no context, by grammar.
    sentences: Vec<Vec<GraphId>>,
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
    /// `grammars` in the order that the legs of `talk` number them.
    pub fn new(grammars: &[&Grammar], talk: Talk) -> Self {
        let context = Context::new();
        let sentences = grammars.iter().map(|grammar| {
            let possible = grammar.machine.sentences.iter();
            possible.filter(|s| grammar.machine.possible(s, &context)).map(|s| s.graph).collect()
        });
        Self {
            machines: grammars.iter().map(|grammar| Arc::clone(&grammar.machine)).collect(),
            sentences: sentences.collect(),
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
        self.place(vec![(talk_position(stop.0), 0)])
    }

    /// Places found so far.
    pub fn places(&self) -> usize {
        self.known.len()
    }

    /// Too much is kept; a new automaton is the way to forget.
    pub fn is_full(&self) -> bool {
        self.kept > MAX_POSITIONS
    }

    fn place(&mut self, mut positions: Vec<(Position, u32)>) -> Place {
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
            let position =
                Position { within: In::Skip, graph: phrase, node: 0, wild: 0, caller: place };
            walk.go(position, steps(SKIP_COST), 0);
        }
        while let Some((position, cost, begun)) = walk.open.pop() {
            if walk.is_current(position, cost, begun) {
                self.leave(position, cost, begun, &mut walk);
            }
        }
        let mut follows =
            Follows { ends: walk.ends.map(|cost| cost as f32 / COST_STEPS), ..Follows::default() };
        for (word, positions) in std::mem::take(&mut walk.words) {
            let (to, cost) = self.reached(positions);
            let word = self.word_id(&word);
            follows.edges.push(Edge { word, to, cost });
        }
        if !walk.wild.is_empty() {
            // What a wildcard costs beyond others is the search's affair.
            follows.open = Some(self.reached(std::mem::take(&mut walk.wild)).0);
        }
        follows
    }

    /// The place of positions, and what the cheapest of them costs.
    fn reached(&mut self, mut positions: Vec<(Position, u32)>) -> (Place, f32) {
        let least = positions.iter().map(|(_, cost)| *cost).min().unwrap_or(0);
        positions.iter_mut().for_each(|(_, cost)| *cost -= least);
        (self.place(positions), least as f32 / COST_STEPS)
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

    /// Takes every step from a position, with the word begun on the way to it.
    fn leave(&mut self, position: Position, cost: u32, begun: u32, walk: &mut Walk) {
        match position.within {
            In::Talk => self.leave_stop(position, cost, begun, walk),
            In::Skip => self.leave_skip(position, cost, walk),
            In::Grammar(grammar) => {
                let machine = Arc::clone(&self.machines[usize::from(grammar)]);
                let graph = &machine.graphs[position.graph as usize];
                self.leave_node(graph, Some(&machine), position, cost, begun, walk);
            }
            In::Numbers => {
                let graph = self.numbers.graph(position.graph);
                self.leave_node(&graph, None, position, cost, begun, walk);
            }
        }
    }

    fn leave_stop(&mut self, position: Position, cost: u32, begun: u32, walk: &mut Walk) {
        if begun != 0 {
            return walk.word(begun, position, cost);
        }
        let stop = position.node as usize;
        if self.talk.ends[stop] {
            walk.ends = Some(walk.ends.map_or(cost, |ends| ends.min(cost)));
        }
        for leg in self.talk.stops[stop].clone() {
            let next = talk_position(leg.to);
            let cost = cost + leg.cost;
            let machine = Arc::clone(&self.machines[leg.grammar]);
            let graphs: Vec<GraphId> = match &leg.said {
                Said::Nothing => {
                    walk.go(next, cost, 0);
                    continue;
                }
                Said::Sentence => self.sentences[leg.grammar].clone(),
                Said::Intent(name) => {
                    let is_it = |block: u32| {
                        let block = &machine.blocks[block as usize];
                        machine.intents[block.intent as usize] == *name
                    };
                    let of_intent = machine.sentences.iter().filter(|s| is_it(s.block));
                    of_intent.map(|s| s.graph).collect()
                }
                Said::Value(list) => match machine.lists.get(list).map(|list| &list.arc) {
                    Some(Step::List { graph, .. }) => vec![*graph],
                    Some(Step::Range { range, .. }) => {
                        let graph = self.numbers.range(&machine.ranges[*range as usize]);
                        self.call(In::Numbers, graph, next, cost, 0, walk);
                        continue;
                    }
                    Some(Step::Wild { .. } | Step::Entity { .. }) => {
                        // Only the words that are always understood may be said for sure.
                        continue;
                    }
                    _ => continue,
                },
            };
            for graph in graphs {
                self.call(In::Grammar(leg.grammar as u16), graph, next, cost, 0, walk);
            }
        }
    }

    fn leave_skip(&mut self, position: Position, cost: u32, walk: &mut Walk) {
        let phrase = self.skip_phrase(position.graph).to_owned();
        match phrase.split(' ').nth(position.node as usize) {
            Some(word) => {
                let begun = walk.begin(0, word);
                walk.word(begun, Position { node: position.node + 1, ..position }, cost);
            }
            None => {
                let positions = Arc::clone(&self.known[position.caller as usize].positions);
                // Back to what was left, but not into a skip phrase that was left half said.
                for (position, more) in positions.iter() {
                    if !self.is_half_skipped(*position) {
                        walk.go(*position, cost + more, 0);
                    }
                }
            }
        }
    }

    /// `machine` is the graph's own; number graphs have none, and only literals.
    fn leave_node(
        &mut self,
        graph: &Graph,
        machine: Option<&Machine>,
        position: Position,
        cost: u32,
        begun: u32,
        walk: &mut Walk,
    ) {
        let at = |node| Position { node, wild: 0, ..position };
        if position.wild != 0 {
            let arc = &graph.nodes[position.node as usize].arcs[position.wild as usize - 1];
            walk.wild.push((position, cost));
            walk.wild.push((at(arc.to), cost));
            return;
        }
        if position.node == graph.exit() {
            let caller = self.callers[position.caller as usize];
            return walk.go(caller, cost, begun);
        }
        let node = &graph.nodes[position.node as usize];
        for (text, to) in &node.texts {
            let begun = walk.begin(begun, text);
            walk.go(at(*to), cost, begun);
        }
        for (index, arc) in node.arcs.iter().enumerate() {
            let next = at(arc.to);
            match &arc.step {
                Step::Skip | Step::Value(_) => walk.go(next, cost, begun),
                Step::Gap if begun == 0 => walk.go(next, cost, 0),
                Step::Gap => walk.word(begun, next, cost),
                Step::Call(graph) | Step::List { graph, .. } => {
                    self.call(position.within, *graph, next, cost, begun, walk);
                }
                Step::Number(number) => {
                    let graph = self.numbers.number(*number);
                    self.call(In::Numbers, graph, next, cost, begun, walk);
                }
                Step::Range { range, .. } => {
                    let Some(machine) = machine else { continue };
                    let graph = self.numbers.range(&machine.ranges[*range as usize]);
                    self.call(In::Numbers, graph, next, cost, begun, walk);
                }
                // Which words are an entity is found out when they are read.
                Step::Wild { .. } | Step::Entity { .. } if begun == 0 => {
                    // The first word of the wildcard leads into it or past it.
                    let inside = Position { wild: index as u32 + 1, ..position };
                    walk.wild.push((inside, cost));
                    walk.wild.push((next, cost));
                }
                Step::Wild { .. } | Step::Entity { .. } => walk.word(begun, position, cost),
            }
        }
    }

    /// Enters a graph and comes back at `next`.
    fn call(
        &mut self,
        within: In,
        graph: GraphId,
        next: Position,
        cost: u32,
        begun: u32,
        walk: &mut Walk,
    ) {
        // A call that nothing follows returns for its caller, too: fewer positions are distinct.
        let last = match next.within {
            In::Grammar(grammar) => {
                self.machines[usize::from(grammar)].graphs[next.graph as usize].exit() == next.node
            }
            _ => false,
        };
        let caller = if last { next.caller } else { self.caller(next) };
        walk.go(Position { within, graph, node: 0, wild: 0, caller }, cost, begun);
    }
}

fn talk_position(stop: u32) -> Position {
    Position { within: In::Talk, graph: 0, node: stop, wild: 0, caller: NOBODY }
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

/// One walk from a place to the ends of the next words.
#[derive(Default)]
struct Walk {
    /// Position, cost and the word begun: its number, 0 for none.
    open: Vec<(Position, u32, u32)>,
    seen: HashMap<(Position, u32), u32>,
    begun: Vec<String>,
    by_begun: HashMap<(u32, String), u32>,
    words: BTreeMap<String, Vec<(Position, u32)>>,
    ends: Option<u32>,
    wild: Vec<(Position, u32)>,
}

impl Walk {
    fn go(&mut self, position: Position, cost: u32, begun: u32) {
        let best = self.seen.entry((position, begun)).or_insert(u32::MAX);
        if cost < *best {
            *best = cost;
            self.open.push((position, cost, begun));
        }
    }

    /// No cheaper way to the position was found since.
    fn is_current(&self, position: Position, cost: u32, begun: u32) -> bool {
        self.seen.get(&(position, begun)) == Some(&cost)
    }

    /// The word begun, longer by `text`.
    fn begin(&mut self, begun: u32, text: &str) -> u32 {
        if let Some(known) = self.by_begun.get(&(begun, text.to_owned())) {
            return *known;
        }
        let before = begun.checked_sub(1).map_or("", |at| &self.begun[at as usize]);
        self.begun.push(format!("{before}{text}"));
        let number = self.begun.len() as u32;
        self.by_begun.insert((begun, text.to_owned()), number);
        number
    }

    /// The word begun ends, and the next one begins at `position`.
    fn word(&mut self, begun: u32, position: Position, cost: u32) {
        let word = &self.begun[begun as usize - 1];
        let positions = match self.words.get_mut(word) {
            Some(positions) => positions,
            None => self.words.entry(word.clone()).or_default(),
        };
        positions.push((position, cost));
    }
}

#[cfg(test)]
mod tests;
