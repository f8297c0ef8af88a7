//! The answer to a question about one slot: a value among words that carry no meaning of their own.

use super::draft::Context;
use super::entities::Found;
use super::grammar::Grammar;
use super::graph::Step;
use super::interpretation::{Slot, SlotValue};
use super::search::Search;
use super::ways::{Trace, WayId};
use super::words::Words;

/// English words that may surround an answer and change nothing: articles, pronouns, auxiliaries,
/// prepositions, courtesy, hesitation. No negation stands here: "not large" is no answer.
const FILLERS: &[&str] = &[
    "a", "about", "ah", "alright", "an", "and", "are", "as", "at", "be", "can", "could", "do",
    "er", "erm", "fine", "for", "from", "get", "give", "go", "have", "he", "hm", "hmm", "i", "i'd",
    "i'll", "i'm", "i've", "in", "is", "it", "it'd", "it'll", "it's", "its", "just", "let",
    "let's", "like", "make", "may", "me", "my", "of", "oh", "ok", "okay", "on", "one", "ones",
    "our", "please", "right", "say", "set", "she", "should", "so", "some", "take", "thank",
    "thanks", "that", "that'll", "that's", "the", "them", "then", "there", "these", "they",
    "think", "this", "to", "uh", "um", "us", "want", "was", "we", "we'd", "we'll", "well", "will",
    "with", "would", "yeah", "yep", "yes", "you", "your",
];

impl Grammar {
    /// Reads `text` as the answer to "which `slot`?", whose values are in `list`.
    ///
    /// The value may stand alone or among filler and skip words ("a large one please"), or
    /// after words that lead up to this slot in some sentence ("can I get a large one"). `None`
    /// when there is no value of the list, anything else was said as well, or the text can be read
    /// in too many ways.
    pub fn interpret_slot(&self, list: &str, slot: &str, text: &str) -> Option<Slot> {
        let words = Words::new(text);
        let mut search = self.search(&words);
        if words.text.is_empty() || search.outcome().is_some() {
            return None;
        }
        let fillers = self.fillers(&words);
        let filler_from = |at: usize| fillers.iter().find(|(from, _)| *from == at);
        // Only fillers from the end of the value to the end of the text?
        let closes = |at: u32| {
            let mut at = at as usize;
            while at < words.text.len() {
                let start = at + usize::from(words.text[at..].starts_with(' '));
                match filler_from(start) {
                    Some((_, end)) => at = *end,
                    None => return false,
                }
            }
            true
        };
        let mut found: Vec<Slot> = Vec::new();
        let mut start = 0;
        loop {
            let ends = self.ends(&mut search, list, start as u32);
            found.extend(ends.into_iter().filter(|(to, _)| closes(*to)).map(|(_, slot)| slot));
            match filler_from(start) {
                Some((_, end)) if *end < words.text.len() => start = end + 1,
                _ => break,
            }
        }
        if search.outcome().is_some() {
            return None;
        }
        let led_up_to = self.led_up_to(&words, slot)?;
        found.extend(led_up_to.into_iter().filter(|(to, _)| closes(*to)).map(|f| f.1));
        // The value that leaves the fewest words to the fillers.
        found.into_iter().rev().max_by_key(|slot| slot.text.len())
    }

    /// Could `text`, a value of `list`, be the beginning of a longer one, as digits of a telephone
    /// number are?
    pub fn value_may_go_on(&self, list: &str, text: &str) -> bool {
        let words = Words::new(text);
        let mut search = self.search(&words);
        match self.machine.lists.get(list).map(|info| &info.arc) {
            Some(Step::List { graph, .. }) => {
                search.run(*graph, 0);
                search.continues
            }
            Some(Step::Range { range, .. }) => search.range_begins(*range, 0),
            Some(Step::Entity { kind, .. }) => search.entity_begins(*kind, 0),
            Some(Step::Wild { .. }) => true,
            _ => false,
        }
    }

    /// The longest value of `list` that is said anywhere in `text`; wildcards say nothing here, nor
    /// do words that [may be something else](super::entities::Found::sure) than an entity.
    pub fn spot_value(&self, list: &str, text: &str) -> Option<Slot> {
        let words = Words::new(text);
        let mut search = self.search(&words);
        let entity = match self.machine.lists.get(list)?.arc {
            Step::Wild { .. } => return None,
            Step::Entity { kind, .. } => Some(kind),
            _ => None,
        };
        let mut found: Option<(u32, Slot)> = None;
        for start in (0..words.text.len()).filter(|at| words.starts_word(*at)) {
            for (to, slot) in self.ends(&mut search, list, start as u32) {
                if entity.is_some_and(|kind| !search.is_sure(kind, start as u32, to)) {
                    continue;
                }
                let len = to - start as u32;
                let longer = found.as_ref().is_none_or(|(longest, _)| len > *longest);
                if longer && words.ends_word(to as usize) {
                    found = Some((len, slot));
                }
            }
        }
        found.filter(|_| search.outcome().is_none()).map(|(_, slot)| slot)
    }

    /// Fillers and skip phrases as (start, end) bytes of the text, longest first at each start. A
    /// skip phrase that is a sign ("%") may be glued to the word before it.
    fn fillers(&self, words: &Words<'_>) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (start, c) in words.text.char_indices() {
            if !words.starts_word(start) && (c.is_alphanumeric() || c == ' ') {
                continue;
            }
            let rest = &words.text[start..];
            let phrases = self.machine.skip_words.iter().map(String::as_str);
            for phrase in phrases.chain(FILLERS.iter().copied()) {
                let end = start + phrase.len();
                // The apostrophe of "it's" is part of its word.
                let begins = words.starts_word(start) || !phrase.contains(char::is_alphanumeric);
                if begins && rest.starts_with(phrase) && words.ends_word(end) {
                    found.push((start, end));
                }
            }
        }
        found
    }

    /// Values of `list` that start at a byte, with the byte after them.
    fn ends(&self, search: &mut Search<'_, '_>, list: &str, start: u32) -> Vec<(u32, Slot)> {
        let Some(info) = self.machine.lists.get(list) else { return Vec::new() };
        match info.arc {
            Step::List { graph, .. } => {
                let ends: Vec<WayId> = search.run(graph, start).to_vec();
                let taken = ends.into_iter().filter(|end| search.way(*end).at > start);
                taken.map(|e| (search.way(e).at, self.list_slot(search, e, start))).collect()
            }
            Step::Range { range, .. } => {
                let allowed = &self.machine.ranges[range as usize];
                let numbers = search.numbers(start);
                let fits = numbers.iter().filter(|n| {
                    allowed.holds(n.value) && if n.digits { allowed.digits } else { allowed.words }
                });
                let slot = |to: u32, value| Slot { value, text: search.said(start, to) };
                fits.map(|n| (n.end as u32, slot(n.end as u32, allowed.value(n.value)))).collect()
            }
            Step::Entity { kind, .. } => {
                let found = search.entities(kind, start);
                let slot = |found: &Found| {
                    let to = found.end as u32;
                    let text = search.said(start, to);
                    (to, Slot { value: (&found.value).into(), text })
                };
                found.iter().map(slot).collect()
            }
            Step::Wild { .. } => {
                let text = search.said(start, search.end());
                let value = SlotValue::Text(text.clone());
                vec![(search.end(), Slot { value, text })]
            }
            _ => Vec::new(),
        }
    }

    /// Values of `slot` that sentences reach in this text, with the byte after them; `None` when
    /// the search gave up.
    fn led_up_to(&self, words: &Words<'_>, slot: &str) -> Option<Vec<(u32, Slot)>> {
        let search = self.explore(words, &Context::new());
        if search.outcome().is_some() {
            return None;
        }
        let wanted = self.machine.slots.iter().position(|name| name == slot).map(|s| s as u32);
        let mut found = Vec::new();
        for way in search.ways().iter() {
            match way.trace {
                Trace::List { slot, end, from } if slot == wanted && slot.is_some() => {
                    found.push((search.way(end).at, self.list_slot(&search, end, from)));
                }
                Trace::Range { slot, range, number, from, to }
                    if slot == wanted && slot.is_some() =>
                {
                    let value = self.machine.ranges[range as usize].value(number);
                    found.push((to, Slot { value, text: search.said(from, to) }));
                }
                Trace::Entity { slot, kind, from, to } if slot == wanted && slot.is_some() => {
                    let text = search.said(from, to);
                    let value = search.entity_value(kind, from, to);
                    found.extend(value.map(|value| (to, Slot { value, text })));
                }
                _ => {}
            }
        }
        Some(found)
    }
}
