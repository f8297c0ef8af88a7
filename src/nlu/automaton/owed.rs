//! What a sentence needs before it may end: facts that only a value can give, and a keyword.
//!
//! A way that can no longer come by them is not walked: a search would spend its width on words that
//! mean nothing here.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::draft::Context;
use super::super::graph::{BlockInfo, GraphId, Machine, Step};

/// What is missing; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Owed {
    /// A bit per requirement of the block that neither the context nor a value has met.
    pub facts: u8,
    /// 1 + the number of the block's keywords in [`Keywords`], until one was said.
    pub keywords: u16,
}

impl Owed {
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// What a sentence of `block` owes where `context` is known.
    pub fn at_first(
        block: &BlockInfo,
        machine: &Machine,
        context: &Context,
        keywords: &mut Keywords,
    ) -> Self {
        let mut facts = 0;
        for (bit, requirement) in block.requires.iter().enumerate() {
            let given = context.get(&requirement.key);
            facts |= u8::from(!given.is_some_and(|value| requirement.allows(value))) << bit;
        }
        Self { facts, keywords: keywords.number(&block.keywords, machine) }
    }
}

/// Sets of keywords, and from where in the graphs they can be said.
#[derive(Default)]
pub(super) struct Keywords {
    sets: Vec<Vec<String>>,
    /// By set, grammar and graph: for each node, whether a keyword may follow.
    ahead: HashMap<(u16, u16, GraphId), Arc<[bool]>>,
}

impl Keywords {
    /// The number of a set, from 1; 0 where any words will do. Skip phrases may be said anywhere, so
    /// a set that holds one of their words is left to the interpreter, and so is every set beyond
    /// the numbers of a `u16`.
    fn number(&mut self, words: &[String], machine: &Machine) -> u16 {
        let skips = || machine.skip_words.iter().flat_map(|phrase| phrase.split(' '));
        if words.is_empty() || words.iter().any(|word| skips().any(|skip| skip == word)) {
            return 0;
        }
        let known = self.sets.iter().position(|set| set == words);
        let at = known.unwrap_or_else(|| {
            self.sets.push(words.to_vec());
            self.sets.len() - 1
        });
        u16::try_from(at + 1).unwrap_or(0)
    }

    /// Is `word` one of the set?
    pub fn has(&self, set: u16, word: &str) -> bool {
        set > 0 && self.sets[usize::from(set) - 1].iter().any(|keyword| keyword == word)
    }

    /// For each node of a graph, whether a keyword of the set may be said from there on. Parts that
    /// are glued into words count wherever a keyword has them, so it may be no after all.
    pub fn ahead(&mut self, set: u16, grammar: u16, machine: &Machine, id: GraphId) -> Arc<[bool]> {
        if let Some(known) = self.ahead.get(&(set, grammar, id)) {
            return Arc::clone(known);
        }
        let graph = &machine.graphs[id as usize];
        let mut ahead = vec![false; graph.nodes.len()];
        for at in (0..graph.nodes.len()).rev() {
            let node = &graph.nodes[at];
            let set_words = &self.sets[usize::from(set) - 1];
            let part = |text: &str| set_words.iter().any(|keyword| keyword.contains(text));
            let mut may = node.texts.iter().any(|(text, to)| ahead[*to as usize] || part(text));
            for arc in &node.arcs {
                may |= ahead[arc.to as usize]
                    || match arc.step {
                        Step::Skip | Step::Gap | Step::Value(_) => false,
                        Step::Call(graph)
                        | Step::List { graph, .. }
                        | Step::Entity { graph, .. } => self.ahead(set, grammar, machine, graph)[0],
                        // Numbers may be keywords, and any words hold any.
                        Step::Number(_) | Step::Range { .. } | Step::Wild { .. } => true,
                    };
            }
            ahead[at] = may;
        }
        let ahead: Arc<[bool]> = ahead.into();
        self.ahead.insert((set, grammar, id), Arc::clone(&ahead));
        ahead
    }
}
