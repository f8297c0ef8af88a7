//! What the block of a sentence asks for, and what it adds to the slots.

use std::collections::BTreeMap;

use super::super::draft::{Context, Requirement};
use super::super::graph::{BlockInfo, Machine, Sentence};
use super::super::interpretation::{Slot, Slots};
use super::Filled;

impl Machine {
    /// Neither the known context nor the lack of it forbids the sentence.
    pub(in crate::nlu) fn possible(&self, sentence: &Sentence, context: &Context) -> bool {
        let block = &self.blocks[sentence.block as usize];
        let meets = self.graphs[sentence.graph as usize].meets;
        block.possible(context) && block.satisfied(meets, context)
    }

    /// The slots of a way, by name: what it filled, what its block sets, what context gives.
    pub(in crate::nlu) fn slots(
        &self,
        filled: Vec<Filled<'_>>,
        block: &BlockInfo,
        context: &Context,
    ) -> Slots {
        let mut slots = Slots::new();
        // What list values on the way add to the context, with the words said for them.
        let mut gained: BTreeMap<&str, Slot> = BTreeMap::new();
        for filled in filled {
            for (key, value) in filled.context.into_iter().flatten() {
                let slot = Slot { value: value.clone(), text: filled.value.text.clone() };
                gained.insert(key, slot);
            }
            if let Some(slot) = filled.slot {
                slots.insert(self.slots[slot as usize].clone(), filled.value);
            }
        }
        for (name, value) in &block.slots {
            let fixed = || Slot { value: value.clone(), text: String::new() };
            slots.entry(name.clone()).or_insert_with(fixed);
        }
        for requirement in &block.requires {
            let Some(name) = &requirement.slot else { continue };
            let key = requirement.key.as_str();
            let given = context.get(key);
            let given = given.map(|value| Slot { value: value.clone(), text: String::new() });
            if let Some(slot) = gained.get(key).cloned().or(given) {
                slots.entry(name.clone()).or_insert(slot);
            }
        }
        slots
    }
}

impl BlockInfo {
    /// No context that is known already forbids the block.
    fn possible(&self, context: &Context) -> bool {
        let known = |r: &Requirement| context.get(&r.key).map(|value| r.allows(value));
        self.requires.iter().all(|r| known(r) != Some(false))
            && self.excludes.iter().all(|r| known(r) != Some(true))
    }

    /// Every requirement is met by a list value on the way or by the context.
    pub(in crate::nlu) fn satisfied(&self, meets: u8, context: &Context) -> bool {
        self.requires.iter().enumerate().all(|(bit, requirement)| {
            meets & (1 << bit) != 0
                || context.get(&requirement.key).is_some_and(|value| requirement.allows(value))
        })
    }

    pub(in crate::nlu) fn has_keyword(&self, text: &str) -> bool {
        self.keywords.is_empty() || text.split(' ').any(|w| self.keywords.iter().any(|k| k == w))
    }
}
