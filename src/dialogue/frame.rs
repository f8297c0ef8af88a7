//! One request in the making: which intent, what is known, what was asked.

use std::collections::BTreeMap;

use crate::nlu::Slots;

use super::script::{IntentScript, SlotScript};

/// A request that is not answered yet.
#[derive(Clone, Debug)]
pub struct Frame {
    pub intent: String,
    pub slots: Slots,
    /// Something in it was understood with too little confidence to act without asking.
    pub unsure: bool,
    /// The visitor's words that opened it.
    pub said: String,
    /// How often each question was asked, by slot; the confirmation is asked under `""`.
    asked: BTreeMap<String, u32>,
}

impl Frame {
    pub fn new(intent: &str, said: &str) -> Self {
        Self {
            intent: intent.to_owned(),
            slots: Slots::new(),
            unsure: false,
            said: said.to_owned(),
            asked: BTreeMap::new(),
        }
    }

    /// Takes over newly heard slots; a slot said again replaces what was known.
    pub fn fill(&mut self, heard: &Slots) {
        for (name, slot) in heard {
            self.slots.insert(name.clone(), slot.clone());
        }
    }

    /// The first required slot that is still empty.
    pub fn missing<'s>(&self, script: &'s IntentScript) -> Option<&'s SlotScript> {
        script.slots.iter().find(|slot| slot.is_required() && !self.slots.contains_key(&slot.name))
    }

    /// Counts one more question about `slot`; returns how often it was asked before.
    pub fn count_question(&mut self, slot: &str) -> u32 {
        let asked = self.asked.entry(slot.to_owned()).or_default();
        *asked = asked.saturating_add(1);
        *asked - 1
    }
}
