//! The cheapest ways to take the words heard as a sentence.
//!
//! As in the exact search, one pass over the nodes of an automaton in order finds the best ways to
//! every node for every place, and what an automaton takes from a place is remembered for all its
//! callers. Ways dearer than a limit are dropped, which keeps the pass narrow; the limit is raised
//! until something is found.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use super::super::entities::Entity;
use super::super::graph::{GraphId, Machine, SlotId};
use super::super::sound::{Milli, nearest};
use super::super::ways::{Cost, WayId};
use super::costs;
use super::lattice::{Lattice, Take, WordGraph, WordId};
use super::numbers::{HeardNumber, NumberWords};
use super::tokens::Tokens;
use super::way::{Grid, Trace, Way};
use crate::clock::Moment;

/// Most ways offered in one search: some 60 ms on a desktop computer, and ten times what a misheard
/// command takes among a whole home's.
pub(in crate::nlu) const MAX_WORK: u64 = 2_000_000;

/// Where each entity that was heard from a place ends, with a number for its value.
pub(super) type Ends = Rc<[(u16, u64)]>;

/// Dearer than any limit.
const NEVER: Milli = 1_000_000;

/// Not compared yet.
const UNKNOWN: Milli = Milli::MAX;

pub(super) struct Alignment<'a> {
    pub machine: &'a Machine,
    pub lattice: &'a Lattice,
    pub tokens: &'a Tokens,
    /// The words in normal spelling.
    pub text: &'a str,
    /// What times are reckoned from.
    pub now: &'a Moment,
    pub(super) numbers_of: &'a NumberWords,
    meanings: &'a [u64],
    /// Dearer ways are dropped.
    limit: Milli,
    pub ways: Vec<Way>,
    known: HashMap<(GraphId, u16), Rc<[WayId]>>,
    pub(super) numbers: HashMap<u16, Rc<[HeardNumber]>>,
    /// Entities as they were heard.
    pub(super) entities: HashMap<(Entity, u16), Ends>,
    /// What the words from each place to the end cost at least, whatever is made of them.
    rest: Vec<Milli>,
    /// Distance of each word of the grammar from one and from two heard words at each place.
    distances: Vec<[Milli; 2]>,
    pub work: u64,
}

impl<'a> Alignment<'a> {
    pub fn new(
        machine: &'a Machine,
        lattice: &'a Lattice,
        (text, tokens): (&'a str, &'a Tokens),
        now: &'a Moment,
        numbers_of: &'a NumberWords,
        meanings: &'a [u64],
    ) -> Self {
        let mut alignment = Self {
            machine,
            lattice,
            tokens,
            text,
            now,
            numbers_of,
            meanings,
            limit: 0,
            ways: Vec::new(),
            known: HashMap::new(),
            numbers: HashMap::new(),
            entities: HashMap::new(),
            rest: vec![0; tokens.len() + 1],
            distances: vec![[UNKNOWN; 2]; lattice.words.len() * tokens.len()],
            work: 0,
        };
        alignment.bound();
        alignment
    }

    /// Fills [`Self::rest`]: what no word of the grammar resembles must be paid for anyway, and a
    /// way that cannot afford it need not be followed.
    fn bound(&mut self) {
        let (count, lattice) = (self.tokens.len(), self.lattice);
        let mut least: Vec<Milli> = (0..count).map(|place| self.least(place)).collect();
        for place in 0..count.saturating_sub(1) {
            if least[place] > 0 || least[place + 1] > 0 {
                let both = self.nearest_word(place, 2) + costs::SPLIT;
                least[place] = least[place].min(both / 2);
                least[place + 1] = least[place + 1].min(both / 2);
            }
        }
        for (from, jumps) in self.tokens.jumps.iter().enumerate() {
            for jump in jumps.iter().filter(|jump| jump.to > from + 1 || jump.skip) {
                least[from..jump.to].fill(0);
            }
        }
        for from in 0..count {
            for kind in &lattice.entities {
                for (to, _) in self.read(*kind, from as u16).iter() {
                    least[from..usize::from(*to)].fill(0);
                }
            }
        }
        for place in (0..count).rev() {
            self.rest[place] = self.rest[place + 1] + least[place];
        }
    }

    /// The least that can be made of one heard word.
    fn least(&mut self, place: usize) -> Milli {
        let token = &self.tokens.all[place];
        if self.lattice.knows(&token.text) {
            return 0;
        }
        let passed = self.tokens.jumps[place].iter().map(|jump| jump.cost).min();
        let wild = self.lattice.has_wild.then(|| costs::wild(token.len));
        let number = self.numbers_of.nearest(token);
        let word = self.nearest_word(place, 1);
        [passed, wild, number].into_iter().flatten().fold(word, Milli::min)
    }

    /// The least that one or two heard words cost as one of the grammar's; no limit allows it where
    /// none is near.
    fn nearest_word(&mut self, place: usize, taken: usize) -> Milli {
        let lattice = self.lattice;
        let costs = lattice.words.iter().enumerate().filter_map(|(id, word)| {
            let distance = self.distance(id as WordId, place, taken);
            costs::heard_as(distance, word.len, word.small, false)
        });
        costs.min().unwrap_or(NEVER)
    }

    /// Starts over with another limit; what sounds like what is kept.
    pub fn reset(&mut self, limit: Milli) {
        self.limit = limit;
        self.ways.clear();
        self.known.clear();
    }

    pub fn gave_up(&self) -> bool {
        self.work > MAX_WORK
    }

    pub fn way(&self, id: WayId) -> &Way {
        &self.ways[id as usize]
    }

    /// Ways through a sentence that take all words.
    pub fn sentence(&mut self, graph: GraphId) -> Vec<WayId> {
        let ends = self.walk(graph, 0, true);
        let all = self.tokens.len() as u16;
        ends.into_iter().filter(|end| self.way(*end).at == all).collect()
    }

    /// What an automaton takes from a place.
    pub(super) fn run(&mut self, graph: GraphId, start: u16) -> Rc<[WayId]> {
        if let Some(known) = self.known.get(&(graph, start)) {
            return known.clone();
        }
        let ends: Rc<[WayId]> = self.walk(graph, start, false).into();
        self.known.insert((graph, start), ends.clone());
        ends
    }

    fn walk(&mut self, graph: GraphId, start: u16, is_sentence: bool) -> Vec<WayId> {
        let lattice = self.lattice;
        let walked = &lattice.graphs[graph as usize];
        let places = self.tokens.len() + 1;
        let exit = walked.len() - 1;
        let spent = self.rest[0] - self.rest[usize::from(start)];
        let mut grid = Grid::new(walked.len(), places, spent);
        grid.put(&mut self.ways, 0, Way::start(start));
        let mut ends = Vec::new();
        for node in 0..=exit {
            let arcs = walked.arcs(node);
            // Words between two automata are passed over by the outer one.
            let passes = is_sentence || (node != 0 && node != exit);
            let takes = node == exit || arcs.iter().any(|arc| arc.take != Take::Nothing);
            for place in usize::from(start)..places {
                for id in grid.at(node, place) {
                    if self.gave_up() {
                        return Vec::new();
                    }
                    if passes && takes {
                        self.jump(node, id, &mut grid);
                    }
                    for arc in arcs {
                        self.take(arc.take, arc.to as usize, id, walked, &mut grid);
                    }
                    if node == exit {
                        ends.push(id);
                    }
                }
            }
        }
        ends
    }

    pub(super) fn put(&mut self, grid: &mut Grid, node: usize, way: Way) {
        self.work += 1;
        if grid.spent + way.cost + self.rest[usize::from(way.at)] <= self.limit {
            grid.put(&mut self.ways, node, way);
        }
    }

    /// Passes over heard words.
    fn jump(&mut self, node: usize, id: WayId, grid: &mut Grid) {
        let here = *self.way(id);
        let tokens = self.tokens;
        for jump in &tokens.jumps[usize::from(here.at)] {
            let (from, to) = (here.at, jump.to as u16);
            let way = Way {
                at: to,
                cost: here.cost + jump.cost,
                rank: if jump.skip { here.rank.plus(Cost::SKIPPED) } else { here.rank },
                trace: Trace::Jump { from, to, skip: jump.skip },
                back: id,
                ..here
            };
            self.put(grid, node, way);
        }
    }

    fn take(&mut self, take: Take, to: usize, id: WayId, graph: &WordGraph, grid: &mut Grid) {
        let here = *self.way(id);
        match take {
            Take::Nothing => self.put(grid, to, here),
            Take::Value(value) => {
                let filled = here.filled.wrapping_add(self.meanings[value as usize]);
                let meets = here.meets | self.machine.values[value as usize].meets;
                let trace = Trace::Value(value);
                self.put(grid, to, Way { filled, meets, trace, back: id, ..here });
            }
            Take::Word(word) => self.word(word, to, id, graph, grid),
            Take::Call(graph) => {
                for end in self.run(graph, here.at).iter() {
                    let inner = *self.way(*end);
                    let trace = Trace::Call { end: *end };
                    self.put(grid, to, inside(&here, &inner, inner.filled, trace, id));
                }
            }
            Take::List { graph, slot } => {
                for end in self.run(graph, here.at).iter() {
                    let inner = *self.way(*end);
                    if inner.at == here.at {
                        continue;
                    }
                    let trace = Trace::List { slot, end: *end, from: here.at };
                    let filled = slot.map_or(0, |slot| mixed(inner.filled, slot));
                    let way = inside(&here, &inner, filled, trace, id);
                    let rank = here.rank.plus(inner.rank.without_literals());
                    self.put(grid, to, Way { rank, ..way });
                }
            }
            Take::Range { range, slot } => self.range(range, slot, to, id, graph.is_entity, grid),
            Take::Entity { graph, kind, slot } => self.entity(graph, kind, slot, to, id, grid),
            Take::Wild { slot } => self.wild(slot, to, id, grid),
        }
    }

    fn word(&mut self, id: WordId, to: usize, from: WayId, graph: &WordGraph, grid: &mut Grid) {
        let here = *self.way(from);
        let lattice = self.lattice;
        let word = &lattice.words[id as usize];
        let place = usize::from(here.at);
        let rank = here.rank.plus(Cost::literal(word.text.len() as u32));
        let in_list = graph.is_list || graph.is_entity;
        // Other words of an entity are another value.
        let filled = if graph.is_entity { mixed(here.filled, id) } else { here.filled };
        for taken in 0..=2 {
            let (distance, cost) = if taken == 0 {
                (1000 * word.len, Some(costs::skipped(word.len, word.small, in_list)))
            } else if place + taken <= self.tokens.len() {
                let distance = self.distance(id, place, taken);
                let cost = costs::heard_as(distance, word.len, word.small, in_list);
                (distance, cost.map(|cost| cost + costs::SPLIT * (taken as Milli - 1)))
            } else {
                continue;
            };
            let Some(cost) = cost else { continue };
            let at = here.at + taken as u16;
            let trace = Trace::Word { word: id, from: here.at, to: at, distance };
            let way = Way {
                at,
                cost: here.cost + cost,
                phones: here.phones + word.len,
                rank: if taken == 0 { here.rank } else { rank },
                filled,
                trace,
                back: from,
                ..here
            };
            self.put(grid, to, way);
        }
    }

    /// Of a word of the grammar from one or two heard words.
    fn distance(&mut self, word: WordId, place: usize, taken: usize) -> Milli {
        let known = &mut self.distances[word as usize * self.tokens.len() + place][taken - 1];
        if *known != UNKNOWN {
            return *known;
        }
        let said = &self.lattice.words[word as usize];
        let heard = &self.tokens.all[place..place + taken];
        let none = UNKNOWN - 1;
        *known = match heard {
            [one] if *one.text == *said.text => 0,
            [one] => one.phones.as_ref().map_or(none, |phones| nearest(phones, &said.phones)),
            [one, two] => match (&one.phones, &two.phones) {
                (Some(one), Some(two)) => {
                    let both = [&*one[0], &*two[0]].concat().into_boxed_slice();
                    nearest(&[both], &said.phones)
                }
                _ => none,
            },
            _ => none,
        };
        *known
    }
}

/// A way on, through everything that another automaton took.
pub(super) fn inside(here: &Way, inner: &Way, filled: u64, trace: Trace, back: WayId) -> Way {
    Way {
        at: inner.at,
        cost: here.cost + inner.cost,
        phones: here.phones + inner.phones,
        rank: here.rank.plus(inner.rank),
        meets: here.meets | inner.meets,
        filled: here.filled.wrapping_add(filled),
        trace,
        back,
    }
}

/// Stands for a slot with a value.
pub(super) fn mixed(value: u64, slot: SlotId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (value, slot).hash(&mut hasher);
    hasher.finish()
}
