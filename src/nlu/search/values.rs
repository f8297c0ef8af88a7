//! Numbers and entities in the words of one text, each place looked at once.

use std::collections::HashMap;
use std::rc::Rc;

use super::super::entities::{ENTITY_WORK, Entity, Found, begins_entity, entities_at};
use super::super::interpretation::SlotValue;
use super::super::numbers::{Spoken, numbers_at};
use crate::clock::{Clock, Moment};
use crate::units::SamplePos;

#[derive(Default)]
pub(super) struct Values {
    numbers: HashMap<u32, Rc<[Spoken]>>,
    entities: HashMap<(Entity, u32), Rc<[Found]>>,
    /// Whether an entity begins there that more words could make whole.
    begun: HashMap<(Entity, u32), bool>,
    /// What dates and times are reckoned from; the machine's clock is asked when the first is met.
    now: Option<Moment>,
    /// What finding entities has taken, in units of [work](super::super::ways::Ways::work).
    pub work: u64,
}

impl Values {
    pub fn reckon_from(&mut self, now: &Moment) {
        self.now = Some(now.clone());
    }

    /// Numbers in digits or words that start at a byte.
    pub fn numbers(&mut self, text: &str, at: u32) -> Rc<[Spoken]> {
        self.numbers.entry(at).or_insert_with(|| numbers_at(text, at as usize).into()).clone()
    }

    /// Entities of a kind that start at a byte.
    pub fn entities(&mut self, kind: Entity, text: &str, at: u32) -> Rc<[Found]> {
        if let Some(known) = self.entities.get(&(kind, at)) {
            return known.clone();
        }
        self.work += ENTITY_WORK;
        let now = self.now.get_or_insert_with(machines_now);
        let found: Rc<[Found]> = entities_at(kind, text, at as usize, now).into();
        self.entities.insert((kind, at), found.clone());
        found
    }

    /// Could more words make an entity of those from a byte on?
    pub fn begins(&mut self, kind: Entity, text: &str, at: u32) -> bool {
        if let Some(known) = self.begun.get(&(kind, at)) {
            return *known;
        }
        let now = self.now.get_or_insert_with(machines_now);
        let (begins, looks) = begins_entity(kind, text, at as usize, now);
        self.work += ENTITY_WORK * looks;
        self.begun.insert((kind, at), begins);
        begins
    }

    fn found(&self, kind: Entity, from: u32, to: u32) -> Option<&Found> {
        self.entities.get(&(kind, from))?.iter().find(|found| found.end as u32 == to)
    }

    /// What an entity that was found means.
    pub fn entity_value(&self, kind: Entity, from: u32, to: u32) -> Option<SlotValue> {
        self.found(kind, from, to).map(|found| (&found.value).into())
    }

    /// Is an entity that was found of its kind by itself, wherever it is said?
    pub fn is_sure(&self, kind: Entity, from: u32, to: u32) -> bool {
        self.found(kind, from, to).is_some_and(|found| found.sure)
    }
}

fn machines_now() -> Moment {
    Clock::Machine.at(SamplePos::default())
}
