//! The ways an alignment has found.

use super::super::entities::Entity;
use super::super::graph::SlotId;
use super::super::sound::Milli;
use super::super::ways::{Cost, NONE, WayId};
use super::lattice::WordId;

/// What the last step of a way did.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trace {
    Start,
    /// A word of the sentence; `to - from` words were heard for it, none where it was missed.
    Word {
        word: WordId,
        from: u16,
        to: u16,
        distance: Milli,
    },
    /// Heard words that belong to nothing.
    Jump {
        from: u16,
        to: u16,
        skip: bool,
    },
    /// Everything on the way `end` through another automaton.
    Call {
        end: WayId,
    },
    List {
        slot: Option<SlotId>,
        end: WayId,
        from: u16,
    },
    Range {
        slot: Option<SlotId>,
        range: u32,
        number: f64,
        from: u16,
        to: u16,
        distance: Milli,
    },
    /// A usual way to say an entity, which sounds like the words heard.
    Entity {
        slot: Option<SlotId>,
        kind: Entity,
        end: WayId,
        from: u16,
    },
    /// An entity in the words as they were heard.
    Heard {
        slot: Option<SlotId>,
        kind: Entity,
        from: u16,
        to: u16,
    },
    Wild {
        slot: Option<SlotId>,
        from: u16,
        to: u16,
    },
    /// Inside a list: this value.
    Value(u32),
}

/// A way to a node that has taken the first `at` words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub at: u16,
    pub cost: Milli,
    /// Sounds of the sentence's words so far.
    pub phones: u32,
    /// How the sentence itself is liked, which decides between equals.
    pub rank: Cost,
    /// Requirements that list values on the way meet.
    pub meets: u8,
    /// Stands for the slots filled so far: equal where those are equal.
    pub filled: u64,
    pub trace: Trace,
    pub back: WayId,
}

impl Way {
    pub fn start(at: u16) -> Self {
        Self {
            at,
            cost: 0,
            phones: 0,
            rank: Cost::default(),
            meets: 0,
            filled: 0,
            trace: Trace::Start,
            back: NONE,
        }
    }

    pub fn key(&self) -> (Milli, Cost) {
        (self.cost, self.rank)
    }
}

/// Ways kept per node and place: so many different interpretations are told apart.
pub(super) const KEPT: usize = 4;

/// The best ways to the nodes of one automaton, by node and place.
pub(super) struct Grid {
    cells: Vec<[WayId; KEPT]>,
    places: usize,
    /// What the words before the automaton's first cost at least.
    pub spent: Milli,
}

impl Grid {
    pub fn new(nodes: usize, places: usize, spent: Milli) -> Self {
        Self { cells: vec![[NONE; KEPT]; nodes * places], places, spent }
    }

    /// Best first.
    pub fn at(&self, node: usize, place: usize) -> impl Iterator<Item = WayId> + use<> {
        let cell = self.cells[node * self.places + place];
        cell.into_iter().take_while(|id| *id != NONE)
    }

    /// Adds a way unless as many better ones, or a better one of the same meaning, are there.
    pub fn put(&mut self, all: &mut Vec<Way>, node: usize, way: Way) {
        let cell = &mut self.cells[node * self.places + usize::from(way.at)];
        let mut free = KEPT - 1;
        for (index, id) in cell.iter().enumerate() {
            if *id == NONE {
                free = index;
                break;
            }
            let old = &all[*id as usize];
            if old.filled == way.filled && old.meets == way.meets {
                if old.key() <= way.key() {
                    return;
                }
                free = index;
                break;
            }
        }
        let last = cell[free];
        if free == KEPT - 1 && last != NONE && all[last as usize].key() <= way.key() {
            let old = &all[last as usize];
            if old.filled != way.filled || old.meets != way.meets {
                return;
            }
        }
        cell[free] = all.len() as WayId;
        all.push(way);
        let mut index = free;
        while index > 0 && all[cell[index] as usize].key() < all[cell[index - 1] as usize].key() {
            cell.swap(index, index - 1);
            index -= 1;
        }
    }
}
