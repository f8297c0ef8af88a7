//! A whole agent's sentences, ready to interpret what people say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::check::{SlotLists, check};
use super::compile::compile;
use super::draft::{Context, Draft, Mark};
use super::given::{self, Entry};
use super::graph::{BlockInfo, Machine, Sentence, SlotId, Step};
use super::interpretation::{Alternative, Interpretation, Slot, SlotValue, Slots, Status};
use super::read::read;
use super::search::Search;
use super::ways::{Cost, Trace, WayId};
use super::words::Words;
use crate::clock::Moment;
use crate::config::diagnostic::{Diagnostic, Source};
use crate::turn::Completeness;

mod blocks;

/// Most readings reported beside the best one.
const MAX_ALTERNATIVES: usize = 4;

/// Sentence templates, checked and compiled. Immutable, shared between threads as it is, and cheap
/// to clone.
#[derive(Clone, Debug)]
pub struct Grammar {
    pub(super) machine: Arc<Machine>,
    slots_of: Arc<BTreeMap<String, SlotLists>>,
    /// As written, for lists that change.
    pub(super) draft: Arc<(Vec<Source>, Draft)>,
    /// What dates and times are reckoned from; `None` is the machine's clock.
    now: Option<Moment>,
}

/// One way to understand a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'g> {
    pub intent: &'g str,
    pub slots: Slots,
    /// The `response` key of the block, for Home Assistant's answers.
    pub response: Option<&'g str>,
    /// The template that matched.
    pub template: &'g str,
    /// `file:line` of the template.
    pub written: String,
    cost: Cost,
    /// Order of the templates, which decides between equals.
    order: usize,
    pub(super) end: WayId,
}

/// A value met on a way through a sentence.
pub(super) struct Filled<'g> {
    pub slot: Option<SlotId>,
    /// Bytes of the text in normal spelling.
    pub from: u32,
    pub to: u32,
    pub value: Slot,
    /// Of a list's value.
    pub context: Option<&'g Context>,
}

/// How an intent fills one of its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo<'g> {
    pub name: &'g str,
    /// Lists whose values go there; empty when a block sets it without words.
    pub lists: Vec<&'g str>,
}

/// One value of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ListItem<'g> {
    /// A way to say it.
    pub spoken: &'g str,
    pub value: &'g SlotValue,
}

impl Reading<'_> {
    /// Fits neither better nor worse.
    pub(super) fn ties(&self, other: &Self) -> bool {
        self.cost == other.cost
    }
}

impl Grammar {
    /// Reads, checks and compiles template files. On mistakes, all of them are reported, in the
    /// order of the files and their lines.
    pub fn parse(sources: &[Source]) -> Result<Self, Vec<Diagnostic>> {
        Self::parse_with(sources, &[])
    }

    /// [`Grammar::parse`] with lists by name that no file writes: what is known only where the
    /// agent runs. A list that a file writes as well is replaced.
    pub fn parse_with(
        sources: &[Source],
        lists: &[(&str, Vec<Entry>)],
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut draft = read(sources, &mut problems);
        let mut sources = sources.to_vec();
        for (name, entries) in lists {
            let list = given::list(name, entries, &mut sources, &mut problems);
            draft.lists.insert((*name).to_owned(), list);
        }
        let slots_of = check(&sources, &draft, &mut problems);
        if problems.is_empty() {
            let machine = Arc::new(compile(&sources, &draft));
            let draft = Arc::new((sources, draft));
            return Ok(Self { machine, slots_of: Arc::new(slots_of), draft, now: None });
        }
        let file = |d: &Diagnostic| sources.iter().position(|s| s.path == d.file);
        problems.sort_by_key(|d| (file(d), d.line, d.column));
        Err(problems)
    }

    /// The same sentences with other values in the list `name`: devices and contacts come and go
    /// while the agent runs. Nothing is read or checked again but the values, which may use no
    /// rules and lists; the sentences are connected anew.
    pub fn with_list(&self, name: &str, entries: &[Entry]) -> Result<Self, Vec<Diagnostic>> {
        let (mut sources, mut draft) = (*self.draft).clone();
        let mut problems = Vec::new();
        let list = given::list(name, entries, &mut sources, &mut problems);
        given::check(name, &list, &draft, &sources, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        draft.lists.insert(name.to_owned(), list);
        let machine = Arc::new(compile(&sources, &draft));
        let draft = Arc::new((sources, draft));
        Ok(Self { machine, slots_of: self.slots_of.clone(), draft, now: self.now.clone() })
    }

    /// The same sentences, where dates and times are reckoned from `now`. Without it the machine's
    /// clock tells the moment, each time a text is read.
    pub fn at(&self, now: &Moment) -> Self {
        Self { now: Some(now.clone()), ..self.clone() }
    }

    /// What dates and times are reckoned from, where that was said.
    pub(super) fn now(&self) -> Option<&Moment> {
        self.now.as_ref()
    }

    pub(super) fn search<'a>(&'a self, words: &'a Words<'a>) -> Search<'a, 'a> {
        let mut search = Search::new(&self.machine, words);
        if let Some(now) = &self.now {
            search.reckon_from(now);
        }
        search
    }

    /// Understands `text` with nothing known about the world.
    pub fn interpret(&self, text: &str) -> Interpretation {
        self.interpret_in(text, &Context::new())
    }

    /// Understands `text`, where `context` says what `requires_context` and `excludes_context`
    /// ask about.
    ///
    /// An exact match is accepted with confidence 1; other readings that fit as well but rank
    /// lower are alternatives with confidence 0. Text that no template fits is rejected, and its
    /// completeness says whether it begins a sentence. Text that is too long, or that can be read
    /// in too many ways, is rejected too, and [`Interpretation::gave_up`] says so.
    pub fn interpret_in(&self, text: &str, context: &Context) -> Interpretation {
        let words = Words::new(text);
        let mut search = self.search(&words);
        let readings = self.read(&mut search, context);
        if let Some(gave_up) = search.outcome() {
            let unread = Interpretation::not_understood(Completeness::MayContinue);
            return Interpretation { gave_up: Some(gave_up), ..unread };
        }
        let completeness = match readings.is_empty() {
            false if search.adds > 0 => Completeness::MayContinue,
            false => Completeness::Complete,
            true if search.continues => Completeness::CannotEnd,
            true => Completeness::MayContinue,
        };
        let mut readings = readings.into_iter();
        let Some(best) = readings.next() else {
            return Interpretation::not_understood(completeness);
        };
        let other = |r: Reading<'_>| Alternative {
            intent: r.intent.to_owned(),
            slots: r.slots,
            confidence: 0.0,
        };
        Interpretation {
            status: Status::Accepted,
            completeness,
            slots_ahead: search.adds,
            intent: Some(best.intent.to_owned()),
            slots: best.slots,
            confidence: 1.0,
            nbest: readings.take(MAX_ALTERNATIVES).map(other).collect(),
            gave_up: None,
        }
    }

    /// Every distinct way to understand `text`, best first.
    pub fn readings(&self, text: &str, context: &Context) -> Vec<Reading<'_>> {
        self.readings_of(&Words::new(text), context)
    }

    pub(super) fn readings_of(&self, words: &Words<'_>, context: &Context) -> Vec<Reading<'_>> {
        self.read(&mut self.search(words), context)
    }

    /// What may be said for each intent beyond its sentences: intent, phrase, and the words of it
    /// that fill open slots.
    pub fn examples(&self) -> impl Iterator<Item = (&str, &str, &[Mark])> {
        let intents = self.draft.1.intents.iter();
        intents
            .flat_map(|intent| intent.examples.iter().map(|e| (&*intent.name, &*e.text, &*e.marks)))
    }

    /// All intents, in the order of the files.
    pub fn intents(&self) -> impl Iterator<Item = &str> {
        self.machine.intents.iter().map(String::as_str)
    }

    /// The slots that sentences of `intent` can fill, in name order; none for an unknown intent.
    pub fn slots_of(&self, intent: &str) -> impl Iterator<Item = SlotInfo<'_>> {
        self.slots_of.get(intent).into_iter().flatten().map(|(name, lists)| SlotInfo {
            name,
            lists: lists.iter().map(String::as_str).collect(),
        })
    }

    /// Words whose sound the files say (`pronounce:`), with the ways to say them, for
    /// [`Sounds::new`](super::Sounds::new).
    pub fn respelled(&self) -> &BTreeMap<String, Vec<String>> {
        &self.draft.1.respelled
    }

    /// All lists, in name order.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        self.machine.lists.keys().map(String::as_str)
    }

    /// The values of a list, in the order written; none for ranges, entities,
    /// wildcards, unknown names.
    pub fn values(&self, list: &str) -> impl Iterator<Item = ListItem<'_>> {
        let values = self.machine.lists.get(list).map(|info| &info.values);
        values.into_iter().flatten().map(|(spoken, value)| ListItem { spoken, value })
    }

    /// Is `list` filled by the rules of an [entity](super::entities::Entity)?
    pub fn is_entity(&self, list: &str) -> bool {
        let arc = self.machine.lists.get(list).map(|info| &info.arc);
        matches!(arc, Some(Step::Entity { .. }))
    }

    /// Is `list` a wildcard?
    pub fn takes_any_words(&self, list: &str) -> bool {
        let arc = self.machine.lists.get(list).map(|info| &info.arc);
        matches!(arc, Some(Step::Wild { .. }))
    }

    /// The slots of `intent` that any words can fill, in name order.
    pub fn open_slots_of(&self, intent: &str) -> impl Iterator<Item = &str> {
        let open = |slot: &SlotInfo<'_>| slot.lists.iter().any(|list| self.takes_any_words(list));
        self.slots_of(intent).filter(open).map(|slot| slot.name)
    }

    /// Readings, best first; the search then knows whether more words could make a sentence.
    pub(super) fn read(&self, search: &mut Search<'_, '_>, context: &Context) -> Vec<Reading<'_>> {
        if search.end() == 0 || search.outcome().is_some() {
            return Vec::new();
        }
        let mut readings: Vec<Reading<'_>> = Vec::new();
        let mut wordy = BTreeSet::new();
        for (order, sentence) in self.machine.sentences.iter().enumerate() {
            let block = &self.machine.blocks[sentence.block as usize];
            if self.machine.possible(sentence, context)
                && let Some((end, cost)) = best_end(search, sentence, block, context)
            {
                let slots = self.machine.slots(self.filled(search, end), block, context);
                readings.push(Reading {
                    intent: &self.machine.intents[block.intent as usize],
                    slots,
                    response: block.response.as_deref(),
                    template: &sentence.text,
                    written: sentence.written(),
                    cost,
                    order,
                    end,
                });
            }
            if std::mem::take(&mut search.goes_on_in_words) {
                wordy.insert(block.intent);
            }
        }
        if search.outcome().is_some() {
            // The best of what was found may be worse than what was not.
            return Vec::new();
        }
        readings.sort_by_key(|r| (r.cost, r.order));
        // Words that fill nothing say more where they make another request of it.
        let best = readings.first().map(|best| best.intent);
        let other = |intent: &u32| Some(&*self.machine.intents[*intent as usize]) != best;
        search.adds = search.adds.max(u8::from(wordy.iter().any(other)));
        let mut distinct: Vec<Reading<'_>> = Vec::new();
        for reading in readings {
            if !distinct.iter().any(|d| d.intent == reading.intent && d.slots == reading.slots) {
                distinct.push(reading);
            }
        }
        distinct
    }

    /// Runs every possible sentence over the text, for what the search then knows.
    pub(super) fn explore<'a>(&'a self, words: &'a Words<'a>, context: &Context) -> Search<'a, 'a> {
        let mut search = self.search(words);
        for sentence in &self.machine.sentences {
            if self.machine.possible(sentence, context) {
                for (start, _) in search.starts() {
                    search.run(sentence.graph, start);
                }
            }
        }
        search
    }

    /// What was filled along a way, in the order it was said; a list inside a list comes first.
    pub(super) fn filled(&self, search: &Search<'_, '_>, end: WayId) -> Vec<Filled<'_>> {
        let mut all = Vec::new();
        for step in search.ways().steps(end) {
            let filled = match search.way(step).trace {
                Trace::Start | Trace::Value(_) => continue,
                Trace::Call { end } => {
                    all.extend(self.filled(search, end));
                    continue;
                }
                Trace::List { slot, end, from } => {
                    all.extend(self.filled(search, end));
                    let context = match search.way(end).trace {
                        Trace::Value(value) => Some(&self.machine.values[value as usize].context),
                        _ => None,
                    };
                    let to = search.way(end).at;
                    Filled { slot, from, to, value: self.list_slot(search, end, from), context }
                }
                Trace::Range { slot, range, number, from, to } => {
                    let value = self.machine.ranges[range as usize].value(number);
                    let value = Slot { value, text: search.said(from, to) };
                    Filled { slot, from, to, value, context: None }
                }
                Trace::Entity { slot, kind, from, to } => {
                    let text = search.said(from, to);
                    let value = search.entity_value(kind, from, to);
                    let value = value.expect("a way goes only through entities that were found");
                    Filled { slot, from, to, value: Slot { value, text }, context: None }
                }
                Trace::Wild { slot, from, to } => {
                    let text = search.said(from, to);
                    let value = Slot { value: SlotValue::Text(text.clone()), text };
                    Filled { slot, from, to, value, context: None }
                }
            };
            all.push(filled);
        }
        all
    }

    /// The value that the way `end` inside a list took, from byte `from` of the text.
    pub(super) fn list_slot(&self, search: &Search<'_, '_>, end: WayId, from: u32) -> Slot {
        let way = search.way(end);
        let text = search.said(from, way.at);
        let out = match way.trace {
            Trace::Value(value) => self.machine.values[value as usize].out.clone(),
            _ => None,
        };
        Slot { value: out.unwrap_or_else(|| SlotValue::Text(text.clone())), text }
    }
}

/// The best way through a sentence that ends with the text and has the context it requires.
fn best_end(
    search: &mut Search<'_, '_>,
    sentence: &Sentence,
    block: &BlockInfo,
    context: &Context,
) -> Option<(WayId, Cost)> {
    let mut best: Option<(WayId, Cost)> = None;
    for (start, skipped) in search.starts() {
        for end in search.run(sentence.graph, start).iter() {
            let way = search.way(*end);
            let Some(finish) = search.finish(way.at) else { continue };
            let cost = way.cost.plus(skipped).plus(finish);
            if best.is_none_or(|(_, b)| cost < b) && block.satisfied(way.meets, context) {
                best = Some((*end, cost));
            }
        }
    }
    best.filter(|_| block.has_keyword(search.normal(0, search.end())))
}
