//! Numbers, entities and any words among those heard.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::entities::{ENTITY_WORK, Entity, entities_at};
use super::super::graph::{GraphId, SlotId};
use super::super::ways::{Cost, WayId};
use super::costs;
use super::numbers::HeardNumber;
use super::search::{Alignment, Ends, inside, mixed};
use super::way::{Grid, Trace, Way};

/// Smallest steps of the exact search that one of an alignment takes as long as.
const STEPS: u64 = 8;

impl Alignment<'_> {
    pub(super) fn range(
        &mut self,
        range: u32,
        slot: Option<SlotId>,
        to: usize,
        id: WayId,
        in_entity: bool,
        grid: &mut Grid,
    ) {
        let here = *self.way(id);
        let allowed = &self.machine.ranges[range as usize];
        let (numbers_of, tokens) = (self.numbers_of, self.tokens);
        let numbers = self.numbers.entry(here.at);
        let numbers = numbers
            .or_insert_with(|| numbers_of.at(&tokens.all, usize::from(here.at)).into())
            .clone();
        for number in numbers.iter() {
            let spelled = if number.digits { allowed.digits } else { allowed.words };
            // In an entity figures stand for their words.
            if !(spelled || in_entity) || !allowed.holds(number.value) {
                continue;
            }
            let HeardNumber { to: at, value, distance, .. } = *number;
            let heard = &tokens.all[usize::from(here.at)..usize::from(at)];
            let trace =
                Trace::Range { slot, range, number: value, from: here.at, to: at, distance };
            let way = Way {
                at,
                cost: here.cost + distance,
                phones: here.phones + heard.iter().map(|token| token.len).sum::<u32>(),
                filled: match slot {
                    Some(slot) => here.filled.wrapping_add(mixed(value.to_bits(), slot)),
                    None if in_entity => mixed(here.filled ^ value.to_bits(), range),
                    None => here.filled,
                },
                trace,
                back: id,
                ..here
            };
            self.put(grid, to, way);
        }
    }

    /// The words as they were heard where they are an entity, and the ways to say one that sound
    /// like them.
    pub(super) fn entity(
        &mut self,
        graph: GraphId,
        kind: Entity,
        slot: Option<SlotId>,
        to: usize,
        id: WayId,
        grid: &mut Grid,
    ) {
        let here = *self.way(id);
        let from = here.at;
        for (at, value) in self.read(kind, from).iter() {
            let words = &self.tokens.all[usize::from(from)..usize::from(*at)];
            let way = Way {
                at: *at,
                phones: here.phones + words.iter().map(|token| token.len).sum::<u32>(),
                filled: here.filled.wrapping_add(slot.map_or(0, |slot| mixed(*value, slot))),
                trace: Trace::Heard { slot, kind, from, to: *at },
                back: id,
                ..here
            };
            self.put(grid, to, way);
        }
        for end in self.run(graph, from).iter() {
            let inner = *self.way(*end);
            if inner.at == from {
                continue;
            }
            let trace = Trace::Entity { slot, kind, end: *end, from };
            let filled = slot.map_or(0, |slot| mixed(inner.filled, slot));
            let way = inside(&here, &inner, filled, trace, id);
            self.put(grid, to, Way { rank: here.rank.plus(inner.rank.without_literals()), ..way });
        }
    }

    /// Entities that begin with the heard word at `from` as it is written: where each ends, and a
    /// number for its value.
    pub(super) fn read(&mut self, kind: Entity, from: u16) -> Ends {
        if let Some(known) = self.entities.get(&(kind, from)) {
            return known.clone();
        }
        let tokens = &self.tokens.all;
        let place = usize::from(from);
        let begins = |at: &usize| *at == 0 || tokens[at - 1].from != tokens[*at].from;
        let mut found = Vec::new();
        if place < tokens.len() && begins(&place) {
            self.work += ENTITY_WORK / STEPS;
            for read in entities_at(kind, self.text, tokens[place].from as usize, self.now) {
                let at = tokens.partition_point(|token| (token.to as usize) <= read.end);
                if at > place && tokens[at - 1].to as usize == read.end {
                    let mut value = DefaultHasher::new();
                    read.value.to_string().hash(&mut value);
                    found.push((at as u16, value.finish()));
                }
            }
        }
        let found: Ends = found.into();
        self.entities.insert((kind, from), found.clone());
        found
    }

    pub(super) fn wild(&mut self, slot: Option<SlotId>, to: usize, id: WayId, grid: &mut Grid) {
        let here = *self.way(id);
        let (mut cost, mut phones, mut bytes) = (0, 0, 0);
        let from = here.at;
        for place in usize::from(from)..self.tokens.len() {
            let token = &self.tokens.all[place];
            cost += costs::wild(token.len);
            phones += token.len;
            bytes += token.text.len() as u32;
            let at = place as u16 + 1;
            let words = u64::from(from) << 32 | u64::from(at);
            let way = Way {
                at,
                cost: here.cost + cost,
                phones: here.phones + phones,
                rank: here.rank.plus(Cost::WILDCARD).plus(Cost::wild(bytes)),
                filled: here.filled.wrapping_add(slot.map_or(0, |slot| mixed(words, slot))),
                trace: Trace::Wild { slot, from, to: at },
                back: id,
                ..here
            };
            self.put(grid, to, way);
        }
    }
}
