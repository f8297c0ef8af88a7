//! Exact matching: every way the grammar can take a text, each place visited once.
//!
//! A [`Graph`] has no loops, so one pass over its nodes in order finds, for each place in the
//! text, the best way to it; what a graph matches from a place is remembered for every caller.
//! With rules that end anywhere inside rules that begin anywhere, work grows with nodes × places³,
//! so it has a limit as well: [`MAX_WORK`].

use std::collections::HashMap;
use std::rc::Rc;

use super::draft::Fractions;
use super::entities::{Entity, Found};
use super::graph::{Graph, GraphId, Machine, NodeId, SlotId, Step};
use super::interpretation::{GaveUp, SlotValue};
use super::numbers::{Spoken, begins};
use super::ways::{Cost, NONE, Trace, Way, WayId, Ways};
use super::words::{MAX_TEXT_BYTES, Words};
use crate::clock::Moment;
pub(super) use failures::Failures;
use values::Values;

mod failures;
mod gaps;
mod values;

/// Most [work](Ways::work) of one search: some 20 ms on a desktop computer, and more than a hundred
/// times what a request to the example agent takes.
pub(super) const MAX_WORK: u64 = 5_000_000;

pub(super) struct Search<'m, 't> {
    machine: &'m Machine,
    words: &'t Words<'t>,
    ways: Ways,
    /// What a graph matches from a place: ways on its exit.
    known: HashMap<(GraphId, u32), Rc<[WayId]>>,
    values: Values,
    /// A living way wants more words.
    pub continues: bool,
    /// Most slots that more words could fill; at least 1 where they finish a value or a rule.
    pub adds: u8,
    /// The sentence itself could go on in words that fill nothing ("please"); for who runs it to
    /// take back.
    pub goes_on_in_words: bool,
    /// Graphs inside one another that are being run.
    depth: u32,
    /// Where literals failed furthest into the text, and which; only filled when asked for.
    pub failures: Option<Failures>,
}

impl<'m, 't> Search<'m, 't> {
    pub fn new(machine: &'m Machine, words: &'t Words<'t>) -> Self {
        Self {
            machine,
            words,
            ways: Ways::default(),
            known: HashMap::new(),
            values: Values::default(),
            continues: false,
            adds: 0,
            goes_on_in_words: false,
            depth: 0,
            failures: None,
        }
    }

    /// Reckons dates and times from `now`, not from the machine's clock.
    pub fn reckon_from(&mut self, now: &Moment) {
        self.values.reckon_from(now);
    }

    /// Byte after the last word.
    pub fn end(&self) -> u32 {
        self.words.text.len() as u32
    }

    pub fn way(&self, id: WayId) -> &Way {
        self.ways.get(id)
    }

    /// The words as they were said, between two bytes of the normal spelling.
    pub fn said(&self, from: u32, to: u32) -> String {
        self.words.said(from as usize..to as usize).to_owned()
    }

    /// The same words in normal spelling.
    pub fn normal(&self, from: u32, to: u32) -> &str {
        let len = self.words.text.len();
        self.words.text.get((from as usize).min(len)..(to as usize).min(len)).unwrap_or_default()
    }

    /// Every way of every graph that was run.
    pub fn ways(&self) -> &Ways {
        &self.ways
    }

    /// Why the search is not to be trusted, if it is not.
    pub fn outcome(&self) -> Option<GaveUp> {
        if self.words.text.len() > MAX_TEXT_BYTES {
            return Some(GaveUp::TooLong);
        }
        self.gave_up().then_some(GaveUp::TooAmbiguous)
    }

    /// The limit of work was met: what was found is not all there is.
    fn gave_up(&self) -> bool {
        self.work() > MAX_WORK
    }

    /// What the search took so far: places visited, and looks for entities in their measure.
    pub fn work(&self) -> u64 {
        self.ways.work() + self.values.work
    }

    /// Ends of everything that `graph` matches from `start`; nothing new once the search
    /// [gave up](Self::outcome).
    pub fn run(&mut self, graph: GraphId, start: u32) -> Rc<[WayId]> {
        if let Some(known) = self.known.get(&(graph, start)) {
            return known.clone();
        }
        let machine = self.machine;
        let walked = &machine.graphs[graph as usize];
        let mut heads = vec![NONE; walked.nodes.len()];
        self.depth += 1;
        let way = Way {
            at: start,
            cost: Cost::default(),
            meets: 0,
            evidence: start > 0,
            trace: Trace::Start,
            back: NONE,
            next: NONE,
        };
        self.ways.put(&mut heads[0], NONE, way);
        for node in 0..walked.exit() {
            let mut id = heads[node as usize];
            while id != NONE && !self.gave_up() {
                self.leave(walked, node, id, &mut heads);
                id = self.ways.get(id).next;
            }
        }
        self.depth -= 1;
        let ends: Rc<[WayId]> = self.ways.list(heads[walked.exit() as usize]).collect();
        self.known.insert((graph, start), ends.clone());
        ends
    }

    /// Takes every step out of `node` from the way `id`.
    fn leave(&mut self, graph: &'m Graph, node: NodeId, id: WayId, heads: &mut [WayId]) {
        let here = *self.ways.get(id);
        let node = &graph.nodes[node as usize];
        let (at, end) = (here.at, self.end());
        if at > end && node.more && here.evidence {
            self.continues = true;
            match node.fills.max(u8::from(self.depth > 1)) {
                0 => self.goes_on_in_words = true,
                adds => self.adds = self.adds.max(adds),
            }
        }
        self.literals(node, &here, heads);
        for arc in &node.arcs {
            let head = &mut heads[arc.to as usize];
            match arc.step {
                Step::Skip => drop(self.ways.put(head, NONE, here)),
                Step::Gap => {
                    for (to, cost) in self.gaps(at) {
                        self.ways.put(
                            head,
                            NONE,
                            Way { at: to, cost: here.cost.plus(cost), ..here },
                        );
                    }
                }
                Step::Value(value) => {
                    self.ways.put(head, NONE, Way { trace: Trace::Value(value), back: id, ..here });
                }
                Step::Call(called) if at > end => {
                    if self.machine.graphs[called as usize].nullable {
                        self.ways.put(head, NONE, here);
                    }
                }
                Step::Call(called) => self.call(called, &here, id, head),
                Step::List { .. }
                | Step::Number(_)
                | Step::Range { .. }
                | Step::Entity { .. }
                | Step::Wild { .. }
                    if at >= end =>
                {
                    self.fail(at, || match &arc.step {
                        Step::Number(number) => number.to_string(),
                        Step::List { slot, .. }
                        | Step::Range { slot, .. }
                        | Step::Entity { slot, .. }
                        | Step::Wild { slot } => self.machine.slot_label(*slot),
                        _ => String::new(),
                    });
                }
                Step::List { graph, slot } => self.list(graph, slot, &here, id, head),
                Step::Number(number) => {
                    for spoken in self.numbers(at).iter().filter(|s| s.value == number) {
                        let to = spoken.end as u32;
                        let cost = here.cost.plus(Cost::literal(to - at));
                        let evidence = true;
                        self.ways.put(head, NONE, Way { at: to, cost, evidence, ..here });
                    }
                }
                Step::Range { range, slot } => self.range(range, slot, &here, id, head),
                Step::Entity { kind, slot, .. } => self.entity(kind, slot, &here, id, head),
                Step::Wild { slot } => {
                    let tight = graph.nodes[arc.to as usize].tight;
                    self.wild(slot, tight, &here, id, head);
                }
            }
        }
    }

    fn literals(&mut self, node: &'m super::graph::Node, here: &Way, heads: &mut [WayId]) {
        let words = self.words;
        let rest = words.text.as_bytes().get(here.at as usize..).unwrap_or_default();
        let first = rest.first().copied();
        let texts = &node.texts;
        // Only literals with the right first byte can fit; they stand side by side.
        let from = texts.partition_point(|(text, _)| text.as_bytes().first().copied() < first);
        for (text, to) in &texts[from..] {
            if text.as_bytes().first().copied() != first {
                break;
            }
            if rest.starts_with(text.as_bytes()) {
                let len = text.len() as u32;
                let cost = here.cost.plus(Cost::literal(len));
                let way = Way { at: here.at + len, cost, evidence: true, ..*here };
                self.ways.put(&mut heads[*to as usize], NONE, way);
            }
        }
        if self.failures.is_some() {
            for (text, _) in texts {
                self.fail(here.at, || text.to_string());
            }
        }
    }

    fn call(&mut self, graph: GraphId, here: &Way, id: WayId, head: &mut WayId) {
        let mut last = NONE;
        for end in self.run(graph, here.at).iter() {
            let inner = *self.ways.get(*end);
            let way = Way {
                at: inner.at,
                cost: here.cost.plus(inner.cost),
                meets: here.meets | inner.meets,
                evidence: here.evidence || inner.evidence,
                ..*here
            };
            let fills = !matches!(inner.trace, Trace::Start);
            let way =
                if fills { Way { trace: Trace::Call { end: *end }, back: id, ..way } } else { way };
            last = self.ways.put(head, last, way);
        }
    }

    fn list(
        &mut self,
        graph: GraphId,
        slot: Option<SlotId>,
        here: &Way,
        id: WayId,
        head: &mut WayId,
    ) {
        let machine = self.machine;
        let mut last = NONE;
        let wanted_before = self.failures.as_ref().map(|f| (f.at, f.wanted.len()));
        let ends = self.run(graph, here.at);
        if let (Some(failures), Some((at, len))) = (&mut self.failures, wanted_before)
            && failures.at == here.at
        {
            // The list is named instead of every first word of its values.
            failures.wanted.truncate(if at == here.at { len } else { 0 });
        }
        for end in ends.iter() {
            let inner = *self.ways.get(*end);
            if inner.at == here.at {
                continue;
            }
            let meets = match inner.trace {
                Trace::Value(value) => machine.values[value as usize].meets,
                _ => 0,
            };
            let way = Way {
                at: inner.at,
                cost: here.cost.plus(inner.cost.without_literals()),
                meets: here.meets | inner.meets | meets,
                evidence: true,
                trace: Trace::List { slot, end: *end, from: here.at },
                back: id,
                next: NONE,
            };
            last = self.ways.put(head, last, way);
        }
        self.fail(here.at, || machine.slot_label(slot));
    }

    fn range(&mut self, range: u32, slot: Option<SlotId>, here: &Way, id: WayId, head: &mut WayId) {
        let machine = self.machine;
        let allowed = &machine.ranges[range as usize];
        for spoken in self.numbers(here.at).iter() {
            let spelled = if spoken.digits { allowed.digits } else { allowed.words };
            let at = spoken.end as u32;
            if spelled && allowed.holds(spoken.value) {
                let number = spoken.value;
                let trace = Trace::Range { slot, range, number, from: here.at, to: at };
                self.ways.put(head, NONE, Way { at, evidence: true, trace, back: id, ..*here });
            }
        }
        if self.range_begins(range, here.at) {
            (self.continues, self.adds) = (true, self.adds.max(1));
        }
        self.fail(here.at, || machine.slot_label(slot));
    }

    /// Is the text from `at` the beginning of a longer number of this range?
    pub fn range_begins(&self, range: u32, at: u32) -> bool {
        let allowed = &self.machine.ranges[range as usize];
        let (lowest, most) = (allowed.from as f64, allowed.to as f64);
        let fractions = allowed.fractions != Fractions::None;
        allowed.words && begins(&self.words.text, at as usize, lowest, most, fractions)
    }

    /// Is the text from `at` the beginning of a longer entity?
    pub fn entity_begins(&mut self, kind: Entity, at: u32) -> bool {
        self.values.begins(kind, &self.words.text, at)
    }

    fn entity(
        &mut self,
        kind: Entity,
        slot: Option<SlotId>,
        here: &Way,
        id: WayId,
        head: &mut WayId,
    ) {
        if self.gave_up() {
            return;
        }
        let mut last = NONE;
        for found in self.entities(kind, here.at).iter() {
            let at = found.end as u32;
            let trace = Trace::Entity { slot, kind, from: here.at, to: at };
            let way = Way { at, evidence: true, trace, back: id, ..*here };
            last = self.ways.put(head, last, way);
        }
        if self.adds == 0 && self.entity_begins(kind, here.at) {
            (self.continues, self.adds) = (true, 1);
        }
        let machine = self.machine;
        self.fail(here.at, || machine.slot_label(slot));
    }

    fn wild(&mut self, slot: Option<SlotId>, tight: bool, here: &Way, id: WayId, head: &mut WayId) {
        let (at, end) = (here.at as usize, self.words.text.len());
        if self.words.text.as_bytes()[at] == b' ' {
            return;
        }
        if here.evidence {
            // The last word of a wildcard may always be followed by another.
            (self.continues, self.adds) = (true, self.adds.max(1));
        }
        let mut last = NONE;
        for to in at + 1..=end {
            let ends = if tight {
                self.words.text.is_char_boundary(to) && !self.words.starts_word(to)
            } else {
                self.words.ends_word(to)
            };
            if ends {
                let cost = Cost::WILDCARD.plus(Cost::wild((to - at) as u32));
                let way = Way {
                    at: to as u32,
                    cost: here.cost.plus(cost),
                    trace: Trace::Wild { slot, from: here.at, to: to as u32 },
                    back: id,
                    ..*here
                };
                last = self.ways.put(head, last, way);
            }
        }
    }

    /// Numbers in digits or words that start at a byte.
    pub fn numbers(&mut self, at: u32) -> Rc<[Spoken]> {
        self.values.numbers(&self.words.text, at)
    }

    /// Entities of a kind that start at a byte.
    pub fn entities(&mut self, kind: Entity, at: u32) -> Rc<[Found]> {
        self.values.entities(kind, &self.words.text, at)
    }

    /// What an entity that was met on a way means.
    pub fn entity_value(&self, kind: Entity, from: u32, to: u32) -> Option<SlotValue> {
        self.values.entity_value(kind, from, to)
    }

    /// Is an entity that was found of its kind by itself, wherever it is said?
    pub fn is_sure(&self, kind: Entity, from: u32, to: u32) -> bool {
        self.values.is_sure(kind, from, to)
    }

    fn fail(&mut self, at: u32, wanted: impl FnOnce() -> String) {
        if let Some(failures) = &mut self.failures {
            failures.add(at, wanted);
        }
    }
}
