//! What every part of a file is made of: keys, texts, numbers, flags.

use super::super::draft::Place;
use super::super::interpretation::SlotValue;
use super::Reader;
use crate::config::diagnostic::{Diagnostic, nearest};
use crate::config::yaml::{Kind, Typed, Yaml};

impl Reader<'_> {
    pub(super) fn place(&self, yaml: &Yaml) -> Place {
        Place { source: self.index, yaml: yaml.clone() }
    }

    pub(super) fn wrong(&mut self, yaml: &Yaml, message: impl Into<String>, help: &str) {
        let source = &self.sources[self.index];
        self.problems.push(Diagnostic::new(source, yaml.span.clone(), message).help(help));
    }

    /// The entries of a mapping of free names.
    pub(super) fn entries<'y>(
        &mut self,
        yaml: &'y Yaml,
        what: &str,
    ) -> Vec<(&'y str, &'y Yaml, &'y Yaml)> {
        match &yaml.kind {
            Kind::Mapping(entries) => {
                entries.iter().filter_map(|(k, v)| Some((text_of(k)?, k, v))).collect()
            }
            Kind::Scalar(scalar) if scalar.typed() == Typed::Null => Vec::new(),
            _ => {
                let message =
                    format!("{what} must be a block of keys, and this is {}", yaml.describe());
                self.wrong(yaml, message, "write `name: …` below it, indented");
                Vec::new()
            }
        }
    }

    /// The entries of a mapping whose keys are fixed; others are reported and left out.
    pub(super) fn keys<'y>(
        &mut self,
        yaml: &'y Yaml,
        what: &str,
        known: &[&str],
    ) -> Vec<(&'y str, &'y Yaml, &'y Yaml)> {
        let mut entries = self.entries(yaml, what);
        entries.retain(|(key, at, _)| {
            if known.contains(key) {
                return true;
            }
            let help = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it may have: {}", known.join(", ")),
            };
            self.wrong(at, format!("{what} has no key `{key}`"), &help);
            false
        });
        entries
    }

    pub(super) fn items<'y>(&mut self, yaml: &'y Yaml, what: &str, of: &str) -> &'y [Yaml] {
        match &yaml.kind {
            Kind::Sequence(items) => items,
            _ => {
                let message = format!("{what} must be a list, and this is {}", yaml.describe());
                self.wrong(yaml, message, &format!("write a list of {of}, each after `- `"));
                &[]
            }
        }
    }

    pub(super) fn texts(&mut self, yaml: &Yaml, what: &str) -> Vec<String> {
        let items = self.items(yaml, what, "words");
        items.iter().filter_map(|item| self.text(item, what)).collect()
    }

    pub(super) fn text(&mut self, yaml: &Yaml, what: &str) -> Option<String> {
        let text = text_of(yaml).map(str::to_owned);
        if text.is_none() {
            let message = format!("{what} must be text, and this is {}", yaml.describe());
            self.wrong(yaml, message, "write one word or sentence");
        }
        text
    }

    pub(super) fn value(&mut self, yaml: &Yaml, what: &str) -> Option<SlotValue> {
        let value = match &yaml.kind {
            Kind::Scalar(scalar) => match scalar.typed() {
                Typed::Bool(v) => Some(SlotValue::Bool(v)),
                Typed::Integer(v) => Some(SlotValue::Integer(v)),
                Typed::Number(v) => Some(SlotValue::Number(v)),
                Typed::Text(v) => Some(SlotValue::Text(v.to_owned())),
                Typed::Null => None,
            },
            _ => None,
        };
        if value.is_none() {
            let message = format!("{what} must be one value, and this is {}", yaml.describe());
            self.wrong(yaml, message, "write text, a number, true or false");
        }
        value
    }

    pub(super) fn integer(&mut self, yaml: &Yaml, what: &str) -> Option<i64> {
        match self.number(yaml, what)? {
            // A larger magnitude is not exact, and nobody says it.
            n if n.fract() == 0.0 && n.abs() <= 1e12 => Some(n as i64),
            n => {
                self.wrong(
                    yaml,
                    format!("{what} must be a whole number, and this is {n}"),
                    "write one as 5",
                );
                None
            }
        }
    }

    pub(super) fn number(&mut self, yaml: &Yaml, what: &str) -> Option<f64> {
        let number = match &yaml.kind {
            Kind::Scalar(scalar) => match scalar.typed() {
                Typed::Integer(v) => Some(v as f64),
                Typed::Number(v) => Some(v),
                _ => None,
            },
            _ => None,
        };
        if number.is_none() {
            let message = format!("{what} must be a number, and this is {}", yaml.describe());
            self.wrong(yaml, message, "write digits without quotes");
        }
        number
    }

    pub(super) fn flag(&mut self, yaml: &Yaml, what: &str) -> Option<bool> {
        match &yaml.kind {
            Kind::Scalar(scalar) if let Typed::Bool(flag) = scalar.typed() => Some(flag),
            _ => {
                let message =
                    format!("{what} must be true or false, and this is {}", yaml.describe());
                self.wrong(yaml, message, "write `true` or `false` without quotes");
                None
            }
        }
    }
}

pub(super) fn text_of(yaml: &Yaml) -> Option<&str> {
    match &yaml.kind {
        Kind::Scalar(scalar) if scalar.typed() != Typed::Null => Some(&scalar.text),
        _ => None,
    }
}
