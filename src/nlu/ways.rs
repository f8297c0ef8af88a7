//! The ways a search has found, and how it ranks them.

use super::entities::Entity;
use super::graph::SlotId;

/// Index of a [`Way`].
pub(super) type WayId = u32;
/// No way: the end of a list, or the start of a text.
pub(super) const NONE: WayId = WayId::MAX;

/// How little a way is liked, added up along it; less is better. In this order, as hassil ranks:
/// fewer wildcards, more literal characters, shorter wildcards, fewer skipped phrases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost(i64);

/// Bits per component: each stays below the longest text, [`MAX_TEXT_BYTES`].
const COST_BITS: u32 = 12;
const _: () = assert!(super::words::MAX_TEXT_BYTES < 1 << COST_BITS);

impl Cost {
    pub const SKIPPED: Self = Self(1);
    pub const WILDCARD: Self = Self(1 << (3 * COST_BITS));

    pub fn literal(bytes: u32) -> Self {
        Self(-(i64::from(bytes) << (2 * COST_BITS)))
    }

    pub fn wild(bytes: u32) -> Self {
        Self(i64::from(bytes) << COST_BITS)
    }

    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Without what literal characters are worth: a list's value is not literal text.
    pub fn without_literals(self) -> Self {
        let (literal, wildcard) = (1i64 << (2 * COST_BITS), 1i64 << (3 * COST_BITS));
        let small = self.0.rem_euclid(literal);
        // Only the literals pull a whole number of wildcards down, by less than one.
        let wildcards = (self.0 - small + wildcard - 1).div_euclid(wildcard);
        Self(wildcards * wildcard + small)
    }
}

/// What the last step of a way did.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trace {
    Start,
    /// A rule or part that filled slots: follow `end` inside it.
    Call {
        end: WayId,
    },
    /// A list's value: `end` is the way inside the list.
    List {
        slot: Option<SlotId>,
        end: WayId,
        from: u32,
    },
    Range {
        slot: Option<SlotId>,
        range: u32,
        number: f64,
        from: u32,
        to: u32,
    },
    Entity {
        slot: Option<SlotId>,
        kind: Entity,
        from: u32,
        to: u32,
    },
    Wild {
        slot: Option<SlotId>,
        from: u32,
        to: u32,
    },
    /// Inside a list: this value.
    Value(u32),
}

/// The best way found to a node at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// Byte of the text; one past its length after the gap that ends it.
    pub at: u32,
    pub cost: Cost,
    /// Requirements that list values on the way meet.
    pub meets: u8,
    /// Something else than wildcards was matched.
    pub evidence: bool,
    pub trace: Trace,
    /// The way before the step of `trace`.
    pub back: WayId,
    /// Next way of the same node, ordered by (`at`, `meets`).
    pub next: WayId,
}

/// All ways of one search. A node's ways are a linked list, ordered by place.
#[derive(Debug, Default)]
pub(super) struct Ways {
    all: Vec<Way>,
    /// Ways offered and links followed to place them: what the search costs, on any machine.
    work: u64,
}

impl Ways {
    pub fn get(&self, id: WayId) -> &Way {
        &self.all[id as usize]
    }

    pub fn work(&self) -> u64 {
        self.work
    }

    pub fn iter(&self) -> impl Iterator<Item = &Way> {
        self.all.iter()
    }

    /// The list that starts at `head`, in order.
    pub fn list(&self, head: WayId) -> impl Iterator<Item = WayId> {
        let next = |id: &WayId| Some(self.get(*id).next).filter(|next| *next != NONE);
        std::iter::successors(Some(head).filter(|head| *head != NONE), next)
    }

    /// The steps of a way that filled something, in order.
    pub fn steps(&self, end: WayId) -> Vec<WayId> {
        let mut steps = Vec::new();
        let mut id = end;
        while id != NONE {
            let way = self.get(id);
            match way.trace {
                Trace::Start => break,
                _ => steps.push(id),
            }
            id = way.back;
        }
        steps.reverse();
        steps
    }

    /// Adds a way to a node's list unless a better one to the same place is there. Ways that come
    /// in order pass the one before as `hint` and are found a place in constant time.
    pub fn put(&mut self, head: &mut WayId, hint: WayId, way: Way) -> WayId {
        let key = |w: &Way| (w.at, w.meets);
        self.work += 1;
        let mut before = NONE;
        if hint != NONE && key(&self.all[hint as usize]) <= key(&way) {
            before = hint;
        }
        // The hint itself may be the place.
        if before != NONE && key(&self.all[before as usize]) == key(&way) {
            return self.improve(before, way);
        }
        let mut next = if before == NONE { *head } else { self.all[before as usize].next };
        while next != NONE && key(&self.all[next as usize]) < key(&way) {
            before = next;
            next = self.all[next as usize].next;
            self.work += 1;
        }
        if next != NONE && key(&self.all[next as usize]) == key(&way) {
            return self.improve(next, way);
        }
        let id = self.all.len() as WayId;
        self.all.push(Way { next, ..way });
        if before == NONE {
            *head = id;
        } else {
            self.all[before as usize].next = id;
        }
        id
    }

    fn improve(&mut self, id: WayId, way: Way) -> WayId {
        let old = &mut self.all[id as usize];
        let evidence = old.evidence || way.evidence;
        if way.cost < old.cost {
            *old = Way { next: old.next, ..way };
        }
        old.evidence = evidence;
        id
    }
}
