//! The compiled form of a grammar: small acyclic automata that call one another.
//!
//! Each sentence, rule, list and any-order part is one [`Graph`] without loops, whose arcs only
//! lead to later nodes; a call never leads back to its caller because recursion is refused. So a
//! search can walk the nodes once, in order, and remember what a graph matches from a place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::draft::{Context, NumberRange, Requirement};
use super::entities::Entity;
use super::interpretation::SlotValue;

pub(super) type GraphId = u32;
pub(super) type NodeId = u32;
pub(super) type SlotId = u32;

/// What an arc takes from the text.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Nothing.
    Skip,
    /// The end of a word, with the space and any skip words after it.
    Gap,
    /// A number that was written as a literal: "two" or "2".
    Number(f64),
    /// What another graph takes; the slots it fills count here.
    Call(GraphId),
    /// What a list's graph takes, into a slot.
    List { graph: GraphId, slot: Option<SlotId> },
    /// A number of a range, into a slot.
    Range { range: u32, slot: Option<SlotId> },
    /// An entity, into a slot.
    /// An entity, into a slot. The graph takes the usual ways to say one, for those who search
    /// sounds; which words are one is read by its rules.
    Entity { kind: Entity, slot: Option<SlotId>, graph: GraphId },
    /// Any characters, at least one, into a slot.
    Wild { slot: Option<SlotId> },
    /// Nothing; inside a list's graph, says which value was taken.
    Value(u32),
}

#[derive(Clone, Debug)]
pub(super) struct Arc {
    pub to: NodeId,
    pub step: Step,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Literal characters and where they lead, sorted by the characters.
    pub texts: Vec<(Box<str>, NodeId)>,
    pub arcs: Vec<Arc>,
    /// Some way from here to the exit takes at least one character.
    pub more: bool,
    /// Most slots that a way from here fills.
    pub fills: u8,
    /// Some way from here goes on inside the same word.
    pub tight: bool,
    /// Requirements that some value from here on can meet.
    pub meets: u8,
}

/// An automaton from node 0 to the last node.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    /// Matches no characters at all, too.
    pub nullable: bool,
    /// Matches nothing whatsoever: every value was filtered away.
    pub dead: bool,
    /// Requirements that some value inside can meet.
    pub meets: u8,
    pub part: Part,
}

/// What a graph is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Part {
    #[default]
    Sentence,
    /// The usual ways to say an entity.
    Entity,
    /// The same in figures: by sound it is the words again, which stand beside it.
    Figures,
}

impl Graph {
    pub fn exit(&self) -> NodeId {
        self.nodes.len() as NodeId - 1
    }
}

/// One value of a list, as one scope of context sees it.
#[derive(Clone, Debug)]
pub(super) struct ListValue {
    /// `None` means the words as they were said.
    pub out: Option<SlotValue>,
    pub context: Context,
    /// One bit per requirement of the scope that this value's context meets.
    pub meets: u8,
}

/// What the sentences of a block share.
#[derive(Clone, Debug)]
pub(super) struct BlockInfo {
    pub intent: u32,
    pub slots: BTreeMap<String, SlotValue>,
    pub response: Option<String>,
    /// At most [`MAX_REQUIREMENTS`].
    pub requires: Vec<Requirement>,
    pub excludes: Vec<Requirement>,
    /// In normal spelling.
    pub keywords: Vec<String>,
}

/// Bits of [`ListValue::meets`].
pub(super) const MAX_REQUIREMENTS: usize = u8::BITS as usize;

/// One sentence template.
#[derive(Clone, Debug)]
pub(super) struct Sentence {
    pub graph: GraphId,
    pub block: u32,
    pub file: PathBuf,
    pub line: u32,
    pub text: String,
}

impl Sentence {
    /// `file:line`.
    pub fn written(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

/// A list as questions and prompts see it.
#[derive(Clone, Debug)]
pub(super) struct ListInfo {
    /// What takes a value of it, into no slot.
    pub arc: Step,
    /// A way to say each value, and the value.
    pub values: Vec<(String, SlotValue)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    pub graphs: Vec<Graph>,
    pub sentences: Vec<Sentence>,
    pub blocks: Vec<BlockInfo>,
    pub intents: Vec<String>,
    pub slots: Vec<String>,
    pub values: Vec<ListValue>,
    pub ranges: Vec<NumberRange>,
    pub lists: BTreeMap<String, ListInfo>,
    /// In normal spelling, longest first.
    pub skip_words: Vec<String>,
}

impl Machine {
    /// Drops arcs that lead nowhere and computes what the search asks of each node.
    pub fn finish(&self, mut nodes: Vec<Node>, is_sentence: bool) -> Graph {
        let exit = nodes.len() - 1;
        let mut alive = vec![false; nodes.len()];
        let mut nullable = vec![false; nodes.len()];
        (alive[exit], nullable[exit]) = (true, true);
        // A rule's caller may go on in the same word; a sentence has nobody after it.
        nodes[exit].tight = !is_sentence;
        for index in (0..exit).rev() {
            let mut node = std::mem::take(&mut nodes[index]);
            node.texts.retain(|(_, to)| alive[*to as usize]);
            node.arcs.retain(|arc| alive[arc.to as usize] && !self.is_dead(&arc.step));
            node.texts.sort_by(|a, b| a.0.cmp(&b.0));
            alive[index] = !node.texts.is_empty() || !node.arcs.is_empty();
            node.more = !node.texts.is_empty();
            node.tight = node.more;
            let mut meets =
                node.texts.iter().fold(0, |all, (_, to)| all | nodes[*to as usize].meets);
            let fills = node.texts.iter().map(|(_, to)| nodes[*to as usize].fills);
            node.fills = fills.max().unwrap_or_default();
            for Arc { to, step } in &node.arcs {
                meets |= nodes[*to as usize].meets;
                let (to_node, to) = (&nodes[*to as usize], *to as usize);
                let takes = match step {
                    Step::Value(value) => {
                        meets |= self.values[*value as usize].meets;
                        nullable[index] |= nullable[to];
                        node.tight |= to_node.tight;
                        false
                    }
                    Step::Skip => {
                        nullable[index] |= nullable[to];
                        node.tight |= to_node.tight;
                        false
                    }
                    Step::Gap => {
                        nullable[index] |= nullable[to];
                        false
                    }
                    Step::Call(graph) => {
                        let called = &self.graphs[*graph as usize];
                        meets |= called.meets;
                        nullable[index] |= called.nullable && nullable[to];
                        node.tight |= called.nodes[0].tight;
                        called.nodes[0].more
                    }
                    Step::List { graph, .. } => {
                        meets |= self.graphs[*graph as usize].meets;
                        node.tight = true;
                        true
                    }
                    Step::Number(_)
                    | Step::Range { .. }
                    | Step::Entity { .. }
                    | Step::Wild { .. } => {
                        node.tight = true;
                        true
                    }
                };
                node.more |= takes || to_node.more;
                let fills = match step {
                    Step::Call(graph) => self.graphs[*graph as usize].nodes[0].fills,
                    Step::List { slot, .. }
                    | Step::Range { slot, .. }
                    | Step::Entity { slot, .. }
                    | Step::Wild { slot } => u8::from(slot.is_some()),
                    Step::Skip | Step::Gap | Step::Number(_) | Step::Value(_) => 0,
                };
                node.fills = node.fills.max(to_node.fills.saturating_add(fills));
            }
            node.meets = meets;
            nodes[index] = node;
        }
        let meets = nodes[0].meets;
        let part = Part::default();
        Graph { nullable: nullable[0], dead: !alive[0], meets, nodes, part }
    }

    fn is_dead(&self, step: &Step) -> bool {
        match step {
            Step::Call(graph) | Step::List { graph, .. } => self.graphs[*graph as usize].dead,
            _ => false,
        }
    }

    /// How an explanation names what fills `slot`.
    pub fn slot_label(&self, slot: Option<SlotId>) -> String {
        slot.map_or("{…}".to_owned(), |slot| format!("{{{}}}", self.slots[slot as usize]))
    }
}
