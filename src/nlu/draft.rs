//! What the template files say, before anything is connected: the format as data.

use std::collections::BTreeMap;
use std::ops::Range;

use super::entities::Entity;
use super::interpretation::SlotValue;
use super::template::Node;
use crate::config::diagnostic::{Diagnostic, Source};
use crate::config::yaml::Yaml;

/// Where a value was written.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Index into the sources.
    pub source: usize,
    pub yaml: Yaml,
}

impl Place {
    /// A mistake about the whole value.
    pub fn wrong(&self, sources: &[Source], message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&sources[self.source], self.yaml.span.clone(), message)
    }

    /// A mistake about the bytes `at` of the value's text.
    pub fn wrong_at(
        &self,
        sources: &[Source],
        at: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        let source = &sources[self.source];
        Diagnostic::new(source, self.yaml.locate(source, at), message)
    }

    /// `file:line`, for one mistake that refers to another place.
    pub fn show(&self, sources: &[Source]) -> String {
        let source = &sources[self.source];
        format!("{}:{}", source.path.display(), source.line_of(self.yaml.span.start))
    }
}

/// A template as written, its tree, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub text: String,
    pub tree: Node,
    pub place: Place,
}

/// Facts about the world or about a matched value, by name.
pub type Context = BTreeMap<String, SlotValue>;

/// What a context value must be, or must not be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Requirement {
    pub key: String,
    /// Empty means any value.
    pub values: Vec<SlotValue>,
    /// The slot that receives the context's value.
    pub slot: Option<String>,
}

/// One value of a list.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub input: Template,
    /// `None` means the words as they were said.
    pub out: Option<SlotValue>,
    pub context: Context,
}

/// Numbers that a range list takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NumberRange {
    pub from: i64,
    pub to: i64,
    pub step: i64,
    pub fractions: Fractions,
    pub multiplier: Option<f64>,
    pub digits: bool,
    pub words: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fractions {
    None,
    Halves,
    Tenths,
}

impl NumberRange {
    pub fn whole(from: i64, to: i64, step: i64) -> Self {
        let fractions = Fractions::None;
        Self { from, to, step, fractions, multiplier: None, digits: true, words: true }
    }

    /// How many whole numbers it holds.
    pub fn count(&self) -> u64 {
        let steps = (i128::from(self.to) - i128::from(self.from)) / i128::from(self.step.max(1));
        u64::try_from(steps).map_or(u64::MAX, |steps| steps.saturating_add(1))
    }

    /// Does the range hold this number?
    pub fn holds(&self, value: f64) -> bool {
        let whole = value.floor();
        let fraction = value - whole;
        let is = |f: f64| (fraction - f).abs() < 1e-6;
        let allowed = match self.fractions {
            Fractions::None => is(0.0),
            Fractions::Halves => is(0.0) || is(0.5),
            Fractions::Tenths => (0..10).any(|tenth| is(f64::from(tenth) / 10.0)),
        };
        // Whole parts run from `from` to `to`; a fraction may stand on the last one, as in hassil.
        allowed
            && whole >= self.from as f64
            && whole <= self.to as f64
            && (whole as i128 - i128::from(self.from)) % i128::from(self.step) == 0
    }

    /// The slot's value for a number that the range holds.
    pub fn value(&self, number: f64) -> SlotValue {
        let value = number * self.multiplier.unwrap_or(1.0);
        if value.fract() == 0.0 && value.abs() < 1e15 {
            SlotValue::Integer(value as i64)
        } else {
            SlotValue::Number(value)
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum ListKind {
    Values(Vec<Value>),
    Range(NumberRange),
    /// Any words, at least one.
    Wildcard,
    /// What the rules of this kind take.
    Entity(Entity),
}

#[derive(Clone, Debug)]
pub(super) struct List {
    /// Where its name was written.
    pub place: Place,
    pub kind: ListKind,
}

pub(super) type Lists = BTreeMap<String, List>;
pub(super) type Rules = BTreeMap<String, Template>;

/// Sentences that mean the same, with what they share.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub sentences: Vec<Template>,
    /// Slots that every sentence of the block fills.
    pub slots: BTreeMap<String, SlotValue>,
    pub response: Option<String>,
    pub requires: Vec<Requirement>,
    pub excludes: Vec<Requirement>,
    pub rules: Rules,
    pub lists: Lists,
    /// At least one of them must be heard; empty means no such demand.
    pub keywords: Vec<String>,
}

/// What somebody may say for an intent: learned from, never matched.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    pub text: String,
    /// What of it fills open slots.
    pub marks: Vec<Mark>,
    pub place: Place,
}

/// Words of an example that fill a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub slot: String,
    pub words: String,
}

#[derive(Clone, Debug)]
pub(super) struct Intent {
    pub name: String,
    pub blocks: Vec<Block>,
    pub examples: Vec<Phrase>,
}

/// All files together.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// In the order first written.
    pub intents: Vec<Intent>,
    pub lists: Lists,
    pub rules: Rules,
    pub skip_words: Vec<String>,
    /// Words in normal spelling, and the ways to say them, written as other words.
    pub respelled: BTreeMap<String, Vec<String>>,
}

impl Draft {
    /// Is `list` a wildcard? Shared lists come before those of blocks.
    pub fn takes_any_words(&self, list: &str) -> bool {
        let blocks = self.intents.iter().flat_map(|intent| &intent.blocks);
        let of_blocks = blocks.filter_map(|block| block.lists.get(list));
        let kind = self.lists.get(list).into_iter().chain(of_blocks).map(|list| &list.kind).next();
        matches!(kind, Some(ListKind::Wildcard))
    }

    pub fn intent(&mut self, name: &str) -> &mut Intent {
        let index = match self.intents.iter().position(|i| i.name == name) {
            Some(index) => index,
            None => {
                self.intents.push(Intent {
                    name: name.to_owned(),
                    blocks: Vec::new(),
                    examples: Vec::new(),
                });
                self.intents.len() - 1
            }
        };
        &mut self.intents[index]
    }
}
