//! Does everything in a [`Draft`] fit together? Names, recursion, slots, silence.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::draft::{Block, Draft, ListKind, Mark, Phrase, Place, Template};
use super::graph::MAX_REQUIREMENTS;
use super::sound::spoken;
use super::template::{Expr, ListName, ListRef, Node};
use super::words::{Edges, Piece, Words, fold};
use crate::config::diagnostic::{Diagnostic, Source, nearest};

/// Largest any-order group: its automaton has 2ⁿ nodes.
const MAX_ANY_ORDER: usize = 8;

/// The slots of an intent and the lists that fill each; a slot that only blocks set has none.
pub(super) type SlotLists = BTreeMap<String, BTreeSet<String>>;

/// Reports to `problems`; returns each intent's slots.
pub(super) fn check(
    sources: &[Source],
    draft: &Draft,
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<String, SlotLists> {
    let mut checker = Checker {
        sources,
        draft,
        problems,
        block: None,
        known: BTreeMap::new(),
        shared: BTreeMap::new(),
        active: Vec::new(),
        used: BTreeSet::new(),
    };
    let mut slots_of: BTreeMap<String, SlotLists> = BTreeMap::new();
    for intent in &draft.intents {
        let slots = slots_of.entry(intent.name.clone()).or_default();
        for block in &intent.blocks {
            merge(slots, checker.block(block));
        }
    }
    checker.unused();
    examples(sources, draft, &slots_of, problems);
    slots_of
}

/// The same words cannot teach two intents, and what they mark is what the sentences leave open.
fn examples(
    sources: &[Source],
    draft: &Draft,
    slots_of: &BTreeMap<String, SlotLists>,
    problems: &mut Vec<Diagnostic>,
) {
    let mut taught: BTreeMap<String, (&str, &Place)> = BTreeMap::new();
    for intent in &draft.intents {
        let slots = &slots_of[&intent.name];
        for Phrase { text, marks, place } in &intent.examples {
            let first = *taught.entry(Words::new(text).text).or_insert((&intent.name, place));
            if first.0 != intent.name {
                let message = format!("this is an example of {} as well", first.0);
                let help = format!("it stands at {}; keep one of them", first.1.show(sources));
                problems.push(place.wrong(sources, message).help(help));
            }
            for Mark { slot, .. } in marks {
                let Some(lists) = slots.get(slot) else {
                    let message = format!("no sentence of {} has a slot `{slot}`", intent.name);
                    let near = nearest(slot, slots.keys().map(String::as_str));
                    let help = near.map(|near| format!("did you mean `{near}`?"));
                    problems.push(place.wrong(sources, message).help_if(help));
                    continue;
                };
                if !lists.iter().any(|list| draft.takes_any_words(list)) {
                    let message = format!("`{slot}` is filled from a list, not by any words");
                    let help = "write the words without the mark: values are found by themselves";
                    problems.push(place.wrong(sources, message).help(help));
                }
            }
        }
    }
}

/// Rules inside rules that are followed; deeper chains would overflow the stack of a small thread,
/// and nobody writes them by hand.
const MAX_NESTING: usize = 200;

/// What a template can do.
#[derive(Clone, Debug, Default)]
struct Facts {
    slots: SlotLists,
    /// It can be said without a word.
    silent: bool,
}

struct Checker<'d> {
    sources: &'d [Source],
    draft: &'d Draft,
    problems: &'d mut Vec<Diagnostic>,
    /// Whose names come first.
    block: Option<&'d Block>,
    /// Rules (`<name>`) and lists (`{name}`) already looked at from this block.
    known: BTreeMap<String, Facts>,
    /// The same for blocks that define no names of their own, to which all names mean the same.
    shared: BTreeMap<String, Facts>,
    /// The rules and lists that led here.
    active: Vec<String>,
    /// Shared rules and lists that some sentence reaches.
    used: BTreeSet<String>,
}

impl<'d> Checker<'d> {
    fn block(&mut self, block: &'d Block) -> SlotLists {
        self.block = Some(block);
        let is_plain = block.rules.is_empty() && block.lists.is_empty();
        self.known = if is_plain { std::mem::take(&mut self.shared) } else { BTreeMap::new() };
        let mut slots = SlotLists::new();
        for sentence in &block.sentences {
            let facts = self.template(sentence);
            if facts.silent {
                let problem = sentence
                    .place
                    .wrong(self.sources, "every part of this sentence is optional: silence fits it")
                    .help("take the brackets `[…]` away from the word that must be said");
                self.report(problem);
            }
            merge(&mut slots, facts.slots);
        }
        for slot in block.slots.keys() {
            slots.entry(slot.clone()).or_default();
        }
        for requirement in &block.requires {
            slots.extend(requirement.slot.clone().map(|slot| (slot, BTreeSet::new())));
        }
        if let Some(sentence) = block.sentences.first()
            && block.requires.len() > MAX_REQUIREMENTS
        {
            let message =
                format!("this block requires more than {MAX_REQUIREMENTS} context values");
            self.report(sentence.place.wrong(self.sources, message).help("require fewer"));
        }
        if is_plain {
            self.shared = std::mem::take(&mut self.known);
        }
        slots
    }

    fn template(&mut self, template: &'d Template) -> Facts {
        self.expr(&template.tree, &template.place)
    }

    fn expr(&mut self, tree: &'d Node, place: &'d Place) -> Facts {
        match &tree.expr {
            Expr::Text(text) => {
                let mut silent = true;
                fold(text, Edges::Glued, |piece| silent &= matches!(piece, Piece::Gap));
                Facts { slots: SlotLists::new(), silent }
            }
            Expr::Sequence(items) => self.all(items, place),
            Expr::AnyOrder(items) => {
                if items.len() > MAX_ANY_ORDER {
                    let message = format!("more than {MAX_ANY_ORDER} parts in any order");
                    let problem = place.wrong_at(self.sources, tree.at.clone(), message);
                    self.report(problem.help("make it several sentences, or several groups"));
                }
                self.all(items, place)
            }
            Expr::OneOf(branches) => {
                let mut facts = Facts::default();
                for branch in branches {
                    let more = self.expr(branch, place);
                    merge(&mut facts.slots, more.slots);
                    facts.silent |= more.silent;
                }
                facts
            }
            Expr::Maybe(inner) => Facts { silent: true, ..self.expr(inner, place) },
            Expr::Rule(name) => self.rule(name, place, &tree.at),
            Expr::List(list) => self.list(list, place, &tree.at),
        }
    }

    fn all(&mut self, items: &'d [Node], place: &'d Place) -> Facts {
        let mut facts = Facts { slots: SlotLists::new(), silent: true };
        for item in items {
            let more = self.expr(item, place);
            if let Some(slot) = more.slots.keys().find(|s| facts.slots.contains_key(*s)) {
                let message = format!("the slot `{slot}` is filled twice in one sentence");
                let problem = place.wrong_at(self.sources, item.at.clone(), message);
                self.report(problem.help(format!(
                    "give one of them another name, as `{{list:{slot}2}}`, or make them alternatives"
                )));
            }
            merge(&mut facts.slots, more.slots);
            facts.silent &= more.silent;
        }
        facts
    }

    fn rule(&mut self, name: &'d str, place: &'d Place, at: &Range<usize>) -> Facts {
        let own = self.block.and_then(|b| b.rules.get(name));
        let Some(rule) = own.or_else(|| self.draft.rules.get(name)) else {
            let rules =
                self.draft.rules.keys().chain(self.block.iter().flat_map(|b| b.rules.keys()));
            let near = nearest(name, rules.map(String::as_str));
            let help = match near {
                Some(near) => format!("did you mean <{near}>?"),
                None if self.has_list(name) => format!("there is a list of that name: {{{name}}}"),
                None => {
                    "write it under `expansion_rules:`, or escape the bracket: `\\<`".to_owned()
                }
            };
            let message = format!("no rule is called <{name}>");
            self.report(place.wrong_at(self.sources, at.clone(), message).help(help));
            return Facts::default();
        };
        self.named(format!("<{name}>"), place, at, |checker| checker.template(rule))
    }

    fn list(&mut self, list: &'d ListRef, place: &'d Place, at: &Range<usize>) -> Facts {
        let (mut facts, name) = match &list.list {
            ListName::Range { from, to, .. } => (Facts::default(), format!("{from}..{to}")),
            ListName::Named(name) => (self.list_facts(name, place, at), name.clone()),
        };
        if let Some(slot) = &list.slot {
            facts.slots.entry(slot.clone()).or_default().insert(name);
        }
        Facts { silent: false, ..facts }
    }

    /// What the values of a list hold.
    fn list_facts(&mut self, name: &'d str, place: &'d Place, at: &Range<usize>) -> Facts {
        let own = self.block.and_then(|b| b.lists.get(name));
        let Some(list) = own.or_else(|| self.draft.lists.get(name)) else {
            let lists =
                self.draft.lists.keys().chain(self.block.iter().flat_map(|b| b.lists.keys()));
            let help = match nearest(name, lists.map(String::as_str)) {
                Some(near) => format!("did you mean {{{near}}}?"),
                None if self.has_rule(name) => format!("there is a rule of that name: <{name}>"),
                None => "write it under `lists:`, or escape the bracket: `\\{`".to_owned(),
            };
            let message = format!("no list is called {{{name}}}");
            self.report(place.wrong_at(self.sources, at.clone(), message).help(help));
            return Facts::default();
        };
        let ListKind::Values(values) = &list.kind else {
            self.used.insert(format!("{{{name}}}"));
            return Facts::default();
        };
        self.named(format!("{{{name}}}"), place, at, |checker| {
            let mut facts = Facts::default();
            for value in values {
                let more = checker.template(&value.input);
                if more.silent {
                    let message = "every part of this value is optional: silence fits it";
                    let problem = value.input.place.wrong(checker.sources, message);
                    checker.report(problem.help("take the brackets `[…]` away from one word"));
                } else if !can_be_said(&value.input.tree) {
                    let message = "this value cannot be pronounced: it has no letter and no figure";
                    let problem = value.input.place.wrong(checker.sources, message);
                    checker.report(problem.help("write in words what people say for it"));
                }
                merge(&mut facts.slots, more.slots);
            }
            facts
        })
    }

    /// Looks at a rule or list once per block, and refuses one that leads back to itself.
    fn named(
        &mut self,
        name: String,
        place: &'d Place,
        at: &Range<usize>,
        look: impl FnOnce(&mut Self) -> Facts,
    ) -> Facts {
        if let Some(first) = self.active.iter().position(|active| *active == name) {
            let mut way = self.active[first..].join(" → ");
            way.push_str(&format!(" → {name}"));
            let problem =
                place.wrong_at(self.sources, at.clone(), format!("{name} leads to itself"));
            self.report(problem.help(format!("templates cannot repeat: {way}")));
            return Facts::default();
        }
        if let Some(facts) = self.known.get(&name) {
            return facts.clone();
        }
        if self.active.len() >= MAX_NESTING {
            let message = format!("{name} is nested more than {MAX_NESTING} rules deep");
            let problem = place.wrong_at(self.sources, at.clone(), message);
            self.report(problem.help("write the middle rules out"));
            return Facts::default();
        }
        self.active.push(name.clone());
        let facts = look(self);
        self.active.pop();
        self.used.insert(name.clone());
        self.known.insert(name, facts.clone());
        facts
    }

    /// Names inside shared rules and lists that no sentence reaches are checked as well; one that
    /// any block defines is known.
    fn unused(&mut self) {
        self.block = None;
        self.known = std::mem::take(&mut self.shared);
        let unused_rules = self.draft.rules.iter().map(|(n, rule)| (format!("<{n}>"), vec![rule]));
        let unused_lists = self.draft.lists.iter().filter_map(|(name, list)| match &list.kind {
            ListKind::Values(values) => {
                Some((format!("{{{name}}}"), values.iter().map(|v| &v.input).collect()))
            }
            _ => None,
        });
        let all: Vec<(String, Vec<&'d Template>)> = unused_rules.chain(unused_lists).collect();
        for (name, templates) in all {
            for template in templates {
                if !self.used.contains(&name) && !self.needs_a_block(&template.tree) {
                    self.active.push(name.clone());
                    self.template(template);
                    self.active.pop();
                }
            }
        }
    }

    /// Does the tree name something that only a block defines?
    fn needs_a_block(&self, tree: &Node) -> bool {
        let mut blocks = self.draft.intents.iter().flat_map(|i| &i.blocks);
        match &tree.expr {
            Expr::Text(_) => false,
            Expr::Sequence(items) | Expr::OneOf(items) | Expr::AnyOrder(items) => {
                items.iter().any(|item| self.needs_a_block(item))
            }
            Expr::Maybe(inner) => self.needs_a_block(inner),
            Expr::Rule(name) => {
                !self.has_rule(name) && blocks.any(|block| block.rules.contains_key(name))
            }
            Expr::List(ListRef { list: ListName::Named(name), .. }) => {
                !self.has_list(name) && blocks.any(|block| block.lists.contains_key(name))
            }
            Expr::List(_) => false,
        }
    }

    fn has_rule(&self, name: &str) -> bool {
        self.draft.rules.contains_key(name)
    }

    fn has_list(&self, name: &str) -> bool {
        self.draft.lists.contains_key(name)
    }

    /// A mistake inside a rule is met from every sentence that uses it, and told once.
    fn report(&mut self, problem: Diagnostic) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// Is there anything in a template that is read aloud?
pub(super) fn can_be_said(tree: &Node) -> bool {
    match &tree.expr {
        Expr::Text(text) => {
            let words = Words::new(text);
            words.text.split(' ').any(|word| !spoken(word).is_empty())
        }
        Expr::Sequence(items) | Expr::OneOf(items) | Expr::AnyOrder(items) => {
            items.iter().any(can_be_said)
        }
        Expr::Maybe(inner) => can_be_said(inner),
        Expr::List(_) | Expr::Rule(_) => true,
    }
}

fn merge(slots: &mut SlotLists, more: SlotLists) {
    for (slot, lists) in more {
        slots.entry(slot).or_default().extend(lists);
    }
}
