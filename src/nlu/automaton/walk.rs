//! One walk from a place to the ends of the next words.

use std::collections::{BTreeMap, HashMap};

use super::super::graph::{GraphId, NodeId};
use super::owed::Owed;

/// Where a position lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum In {
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
pub(super) struct Position {
    pub within: In,
    pub graph: GraphId,
    pub node: NodeId,
    /// 1 + the arc of a wildcard whose first word was said.
    pub wild: u32,
    /// Where it goes on at the end of the graph.
    pub caller: u32,
    /// What its sentence needs before it may end.
    pub owed: Owed,
}

/// A caller's position, without one of its own for the talk.
const NOBODY: u32 = u32::MAX;

impl Position {
    pub fn at_stop(stop: u32) -> Self {
        let owed = Owed::default();
        Self { within: In::Talk, graph: 0, node: stop, wild: 0, caller: NOBODY, owed }
    }

    /// Before a word of a skip phrase that was begun at a place.
    pub fn in_skip(phrase: u32, place: u32) -> Self {
        Self { within: In::Skip, graph: phrase, caller: place, ..Self::at_stop(0) }
    }
}

/// Positions, with what each costs beyond the cheapest.
pub(super) type Reached = Vec<(Position, u32)>;

#[derive(Default)]
pub(super) struct Walk {
    /// Position, cost and the word begun: its number, 0 for none.
    pub open: Vec<(Position, u32, u32)>,
    seen: HashMap<(Position, u32), u32>,
    begun: Vec<String>,
    by_begun: HashMap<(u32, String), u32>,
    /// Where each word leads.
    pub words: BTreeMap<String, Reached>,
    /// What it costs to end before another word.
    pub ends: Option<u32>,
    /// Where any word leads.
    pub wild: Reached,
}

impl Walk {
    pub fn go(&mut self, position: Position, cost: u32, begun: u32) {
        let best = self.seen.entry((position, begun)).or_insert(u32::MAX);
        if cost < *best {
            *best = cost;
            self.open.push((position, cost, begun));
        }
    }

    /// No cheaper way to the position was found since.
    pub fn is_current(&self, position: Position, cost: u32, begun: u32) -> bool {
        self.seen.get(&(position, begun)) == Some(&cost)
    }

    /// The word begun, longer by `text`.
    pub fn begin(&mut self, begun: u32, text: &str) -> u32 {
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
    pub fn word(&mut self, begun: u32, position: Position, cost: u32) {
        let word = &self.begun[begun as usize - 1];
        let positions = match self.words.get_mut(word) {
            Some(positions) => positions,
            None => self.words.entry(word.clone()).or_default(),
        };
        positions.push((position, cost));
    }
}
