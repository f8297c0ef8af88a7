//! The automata of a grammar over whole words and their sounds.
//!
//! [`Machine`] matches characters, because templates glue parts into words (`light[s]`). Here each
//! arc takes a whole word, so that it can be compared by sound. A part that is glued to what a
//! rule or list took, as in `{name}['s]`, is a word of its own.

use std::collections::HashMap;
use std::ops::Range;

use super::super::entities::Entity;
use super::super::graph::{Graph, GraphId, Machine, Part, SlotId, Step};
use super::super::sound::{Sounds, Unsounded, spoken};
use super::super::words::Words;
use super::small_words::is_small;

pub(super) type WordId = u32;

/// Most spellings that glued parts of one word make; more are cut where they were glued.
const MOST_SPELLINGS: usize = 64;

/// A word that some sentence holds.
pub(super) struct Word {
    pub text: Box<str>,
    pub phones: super::super::sound::Ways,
    /// Sounds of its first pronunciation.
    pub len: u32,
    /// It carries little meaning of its own: an article, a preposition, a courtesy.
    pub small: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Take {
    Nothing,
    Word(WordId),
    Call(GraphId),
    List { graph: GraphId, slot: Option<SlotId> },
    Range { range: u32, slot: Option<SlotId> },
    Entity { graph: GraphId, kind: Entity, slot: Option<SlotId> },
    Wild { slot: Option<SlotId> },
    Value(u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arc {
    pub to: u32,
    pub take: Take,
}

/// One automaton, from node 0 to the last; arcs lead to later nodes.
#[derive(Default)]
pub(super) struct WordGraph {
    /// Arcs of all nodes, one node after the other.
    arcs: Vec<Arc>,
    /// Where each node's arcs end.
    ends: Vec<u32>,
    /// The values of a list, which must be heard well.
    pub is_list: bool,
    /// The usual ways to say an entity, which must be heard well, too.
    pub is_entity: bool,
}

impl WordGraph {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn arcs(&self, node: usize) -> &[Arc] {
        let range: Range<usize> = match node {
            0 => 0..self.ends[0] as usize,
            _ => self.ends[node - 1] as usize..self.ends[node] as usize,
        };
        &self.arcs[range]
    }
}

/// A grammar as words and sounds.
pub(super) struct Lattice {
    pub graphs: Vec<WordGraph>,
    pub words: Vec<Word>,
    /// Words that could not be pronounced; nothing is heard for them.
    pub silent: Vec<Unsounded>,
    /// Some slot takes any words.
    pub has_wild: bool,
    /// Kinds of entities that slots take.
    pub entities: Vec<Entity>,
    ids: HashMap<String, Option<WordId>>,
}

impl Lattice {
    /// Is this a word of some sentence?
    pub fn knows(&self, word: &str) -> bool {
        self.ids.contains_key(word)
    }

    pub fn new(machine: &Machine, sounds: &Sounds) -> Self {
        let mut builder = Builder {
            sounds,
            ids: HashMap::new(),
            lattice: Self {
                graphs: Vec::new(),
                words: Vec::new(),
                silent: Vec::new(),
                has_wild: false,
                entities: Vec::new(),
                ids: HashMap::new(),
            },
        };
        for graph in &machine.graphs {
            let graph = builder.graph(machine, graph);
            builder.lattice.graphs.push(graph);
        }
        let mut lattice = Self { ids: builder.ids, ..builder.lattice };
        for graph in &machine.graphs {
            for arc in graph.nodes.iter().flat_map(|node| &node.arcs) {
                match arc.step {
                    Step::List { graph, .. } => lattice.graphs[graph as usize].is_list = true,
                    Step::Wild { .. } => lattice.has_wild = true,
                    Step::Entity { kind, .. } if !lattice.entities.contains(&kind) => {
                        lattice.entities.push(kind);
                    }
                    _ => {}
                }
            }
        }
        lattice
    }
}

struct Builder<'s> {
    sounds: &'s Sounds,
    ids: HashMap<String, Option<WordId>>,
    lattice: Lattice,
}

/// An arc before the nodes have their numbers: nodes between two of the machine's are counted.
type Loose = ((u32, u32), (u32, u32), Take);

impl Builder<'_> {
    fn graph(&mut self, machine: &Machine, graph: &Graph) -> WordGraph {
        let mut reached = vec![false; graph.nodes.len()];
        let mut loose: Vec<Loose> = Vec::new();
        if graph.dead || graph.part == Part::Figures {
            return WordGraph { ends: vec![0], ..WordGraph::default() };
        }
        reached[0] = true;
        let mut between = 0;
        for node in 0..graph.nodes.len() {
            if !reached[node] {
                continue;
            }
            for (spelling, to) in spellings(graph, node as u32) {
                reached[to as usize] = true;
                let words: Vec<WordId> =
                    spoken(&spelling).iter().filter_map(|word| self.word(word)).collect();
                let mut from = (node as u32, 0);
                for (index, word) in words.iter().enumerate() {
                    let last = index + 1 == words.len();
                    between += u32::from(!last);
                    let next = if last { (to, 0) } else { (node as u32, between) };
                    loose.push((from, next, Take::Word(*word)));
                    from = next;
                }
                if words.is_empty() {
                    loose.push((from, (to, 0), Take::Nothing));
                }
            }
            for arc in &graph.nodes[node].arcs {
                let take = match arc.step {
                    Step::Skip | Step::Gap => Take::Nothing,
                    // The literal words of the number stand beside it.
                    Step::Number(_) => continue,
                    Step::Call(graph) if machine.graphs[graph as usize].part == Part::Figures => {
                        continue;
                    }
                    Step::Entity { kind, slot, graph } => Take::Entity { graph, kind, slot },
                    Step::Call(graph) => Take::Call(graph),
                    Step::List { graph, slot } => Take::List { graph, slot },
                    Step::Range { range, slot } => Take::Range { range, slot },
                    Step::Wild { slot } => Take::Wild { slot },
                    Step::Value(value) => Take::Value(value),
                };
                reached[arc.to as usize] = true;
                loose.push(((node as u32, 0), (arc.to, 0), take));
            }
        }
        WordGraph { is_entity: graph.part == Part::Entity, ..number(loose, graph.exit()) }
    }

    fn word(&mut self, text: &str) -> Option<WordId> {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.sounds.word(text).map(|phones| {
            let len = phones[0].len() as u32;
            let word = Word { text: text.into(), phones, len, small: is_small(text) };
            self.lattice.words.push(word);
            self.lattice.words.len() as WordId - 1
        });
        if id.is_none() {
            self.lattice.silent.push(Unsounded(text.to_owned()));
        }
        self.ids.insert(text.to_owned(), id);
        id
    }
}

/// Words in full that literals from `node` on spell, and the nodes they end on.
fn spellings(graph: &Graph, node: u32) -> Vec<(String, u32)> {
    let mut whole = Vec::new();
    let mut open: Vec<(String, u32)> =
        graph.nodes[node as usize].texts.iter().map(|(t, to)| (t.to_string(), *to)).collect();
    let mut next = 0;
    while let Some((spelling, at)) = open.get(next).cloned() {
        next += 1;
        let (mut ends, mut seen) = (false, vec![at]);
        // Literals that are glued on, perhaps after an optional part that was left out.
        let mut glance = 0;
        while let Some(here) = seen.get(glance).copied() {
            glance += 1;
            let node = &graph.nodes[here as usize];
            ends |= here == graph.exit();
            for (text, to) in &node.texts {
                let glued = (spelling.clone() + text, *to);
                if open.len() < MOST_SPELLINGS && !open.contains(&glued) {
                    open.push(glued);
                } else {
                    ends = true;
                }
            }
            for arc in &node.arcs {
                match arc.step {
                    Step::Skip if seen.contains(&arc.to) => {}
                    Step::Skip => seen.push(arc.to),
                    _ => ends = true,
                }
            }
        }
        if ends && !whole.contains(&(spelling.clone(), at)) {
            whole.push((spelling, at));
        }
    }
    whole
}

/// Gives nodes their numbers in an order that arcs follow.
fn number(mut loose: Vec<Loose>, exit: u32) -> WordGraph {
    let mut names: Vec<(u32, u32)> = loose.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
    names.extend([(0, 0), (exit, 0)]);
    names.sort_unstable();
    names.dedup();
    loose.sort_by_key(|(from, ..)| *from);
    let id = |name: (u32, u32)| names.binary_search(&name).unwrap_or_default() as u32;
    let mut graph = WordGraph::default();
    let mut arcs = loose.iter().peekable();
    for name in &names {
        while let Some((_, to, take)) = arcs.next_if(|(from, ..)| from == name) {
            graph.arcs.push(Arc { to: id(*to), take: *take });
        }
        graph.ends.push(graph.arcs.len() as u32);
    }
    graph
}

/// Words of a text in normal spelling, as they are read aloud.
pub(super) fn said_words(text: &str) -> Vec<String> {
    let words = Words::new(text);
    let spoken = words.text.split(' ').flat_map(spoken).map(|word| word.into_owned());
    spoken.collect()
}
