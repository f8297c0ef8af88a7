//! From a way through the automata to what it means.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::draft::Context;
use super::super::entities::{Entity, entities_at};
use super::super::grammar::Filled;
use super::super::graph::Machine;
use super::super::interpretation::{Slot, SlotValue};
use super::super::number_words;
use super::super::ways::{NONE, WayId};
use super::super::words::Words;
use super::costs;
use super::search::Alignment;
use super::way::Trace;
use super::{Aligned, Evidence};

/// Stands for what each value of a list means.
pub(super) fn meanings(machine: &Machine) -> Vec<u64> {
    let of = |(index, value): (usize, &super::super::graph::ListValue)| {
        let mut hasher = DefaultHasher::new();
        match &value.out {
            Some(out) => out.to_string().hash(&mut hasher),
            None => index.hash(&mut hasher),
        }
        hasher.finish()
    };
    machine.values.iter().enumerate().map(of).collect()
}

/// Does the way have the context and one of the keywords that its block asks for?
pub(super) fn allowed(
    search: &Alignment<'_>,
    sentence: usize,
    end: WayId,
    context: &Context,
) -> bool {
    let machine = search.machine;
    let block = &machine.blocks[machine.sentences[sentence].block as usize];
    block.satisfied(search.way(end).meets, context)
        && (block.keywords.is_empty() || {
            let mut told = Told::default();
            told.follow(search, &Words::default(), end);
            block.has_keyword(&told.sentence.join(" "))
        })
}

/// What a way means; `None` where what it takes for an entity is none.
pub(super) fn read(
    search: &Alignment<'_>,
    words: &Words<'_>,
    sentence: usize,
    end: WayId,
    context: &Context,
) -> Option<Aligned> {
    let machine = search.machine;
    let sentence = &machine.sentences[sentence];
    let block = &machine.blocks[sentence.block as usize];
    let mut told = Told::default();
    told.follow(search, words, end);
    if told.unread {
        return None;
    }
    let way = search.way(end);
    let evidence = Evidence {
        cost: way.cost as f32 / 1000.0,
        heard_phones: search.tokens.phones(),
        matched_phones: way.phones,
        ..told.evidence
    };
    Some(Aligned {
        intent: machine.intents[block.intent as usize].clone(),
        slots: machine.slots(told.filled, block, context),
        response: block.response.clone(),
        template: sentence.text.clone(),
        written: sentence.written(),
        sentence: told.sentence.join(" "),
        evidence,
    })
}

/// What a way tells, step by step.
#[derive(Default)]
struct Told<'g> {
    filled: Vec<Filled<'g>>,
    sentence: Vec<String>,
    evidence: Evidence,
    in_entity: bool,
    /// Some words that were to be an entity are none: a day that no month has.
    unread: bool,
}

impl<'g> Told<'g> {
    fn follow(&mut self, search: &Alignment<'g>, words: &Words<'_>, end: WayId) {
        let mut steps = Vec::new();
        let mut id = end;
        while id != NONE {
            steps.push(id);
            id = search.way(id).back;
        }
        for id in steps.into_iter().rev() {
            self.step(search, words, id);
        }
    }

    fn step(&mut self, search: &Alignment<'g>, words: &Words<'_>, id: WayId) {
        let machine = search.machine;
        let heard = |from: u16, to: u16| &search.tokens.all[usize::from(from)..usize::from(to)];
        match search.way(id).trace {
            Trace::Start | Trace::Value(_) => {}
            Trace::Word { word, from, to, distance } => {
                let text = search.lattice.words[word as usize].text.to_string();
                self.evidence.words += 1;
                self.evidence.exact += u32::from(distance == 0);
                if from == to {
                    self.evidence.skipped.push(text.clone());
                }
                self.sentence.push(text);
            }
            Trace::Jump { from, to, skip } => {
                if !skip {
                    let words = heard(from, to).iter().map(|token| token.text.clone());
                    self.evidence.inserted.extend(words);
                }
            }
            Trace::Call { end } => self.follow(search, words, end),
            Trace::List { slot, end, from } => {
                let before = self.sentence.len();
                self.follow(search, words, end);
                let taken = value_of(search, end).map(|value| &machine.values[value as usize]);
                let out = taken.and_then(|value| value.out.clone());
                // Without a value of its own, it means the words of the list, however heard.
                let value =
                    out.unwrap_or_else(|| SlotValue::Text(self.sentence[before..].join(" ")));
                let context = taken.map(|value| &value.context);
                self.fill(search, words, slot, value, (from, search.way(end).at), context);
            }
            Trace::Range { slot, range, number, from, to, distance } => {
                if self.in_entity {
                    // Rules of entities tell words from figures, and it was said.
                    self.sentence.extend(number_words::said(number));
                } else {
                    self.sentence.push(number.to_string());
                }
                let count = u32::from(to - from);
                self.evidence.words += count;
                self.evidence.exact += if distance == 0 { count } else { 0 };
                let value = machine.ranges[range as usize].value(number);
                self.fill(search, words, slot, value, (from, to), None);
            }
            Trace::Entity { slot, kind, end, from } => {
                let before = self.sentence.len();
                self.in_entity = true;
                self.follow(search, words, end);
                self.in_entity = false;
                let said = self.sentence[before..].join(" ");
                let to = search.way(end).at;
                self.entity(search, words, slot, (kind, &said), (from, to));
            }
            Trace::Heard { slot, kind, from, to } => {
                self.sentence.extend(heard(from, to).iter().map(|token| token.text.clone()));
                let count = u32::from(to - from);
                self.evidence.words += count;
                self.evidence.exact += count;
                let (start, end) = bytes(search, from, to);
                self.entity(search, words, slot, (kind, &search.text[start..end]), (from, to));
            }
            Trace::Wild { slot, from, to } => {
                self.sentence.extend(heard(from, to).iter().map(|token| token.text.clone()));
                for token in heard(from, to) {
                    self.evidence.wild_phones += token.len;
                    self.evidence.wild_cost += costs::wild(token.len) as f32 / 1000.0;
                }
                let text = said(search, words, from, to);
                self.fill(search, words, slot, SlotValue::Text(text), (from, to), None);
            }
        }
    }

    /// Fills a slot with what `said` means as an entity; where it is none, the way leads to nothing.
    fn entity(
        &mut self,
        search: &Alignment<'g>,
        words: &Words<'_>,
        slot: Option<super::super::graph::SlotId>,
        (kind, said): (Entity, &str),
        at: (u16, u16),
    ) {
        let found = entities_at(kind, said, 0, search.now);
        match found.iter().find(|found| found.end == said.len()) {
            Some(found) => self.fill(search, words, slot, (&found.value).into(), at, None),
            None => self.unread = true,
        }
    }

    fn fill(
        &mut self,
        search: &Alignment<'g>,
        words: &Words<'_>,
        slot: Option<super::super::graph::SlotId>,
        value: SlotValue,
        (from, to): (u16, u16),
        context: Option<&'g Context>,
    ) {
        let text = said(search, words, from, to);
        let (start, end) = bytes(search, from, to);
        self.filled.push(Filled {
            slot,
            from: start as u32,
            to: end as u32,
            value: Slot { value, text },
            context,
        });
    }
}

/// The value that a way inside a list took.
fn value_of(search: &Alignment<'_>, end: WayId) -> Option<u32> {
    let mut id = end;
    while id != NONE {
        let way = search.way(id);
        if let Trace::Value(value) = way.trace {
            return Some(value);
        }
        id = way.back;
    }
    None
}

/// The bytes of heard words in normal spelling.
fn bytes(search: &Alignment<'_>, from: u16, to: u16) -> (usize, usize) {
    let tokens = &search.tokens.all;
    let start = tokens.get(usize::from(from)).map_or(0, |token| token.from as usize);
    let end = tokens.get(usize::from(to).saturating_sub(1)).map_or(0, |token| token.to as usize);
    (start, end)
}

/// Heard words as they were said.
fn said(search: &Alignment<'_>, words: &Words<'_>, from: u16, to: u16) -> String {
    let tokens = search.tokens.all.get(usize::from(from)..usize::from(to)).unwrap_or_default();
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => words.said(first.from as usize..last.to as usize).to_owned(),
        _ => String::new(),
    }
}
