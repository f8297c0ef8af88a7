//! Reads blocks of YAML key by key, collecting every mistake instead of stopping at the first.

use std::ops::Range;

use crate::config::diagnostic::{Diagnostic, Source, nearest};
use crate::config::yaml::{Kind, Typed, Yaml};

/// One file being read, and what is wrong with it so far.
pub struct Page<'a> {
    pub source: &'a Source,
    pub problems: &'a mut Vec<Diagnostic>,
}

/// A text with its place in the file.
#[derive(Clone, Debug)]
pub struct Text<'y> {
    pub text: String,
    pub node: &'y Yaml,
}

impl Page<'_> {
    /// A mistake at the bytes `at`, and the way out of it.
    pub fn wrong(
        &mut self,
        at: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Diagnostic::new(self.source, at.clone(), message).help(help));
    }

    /// `what` is unknown among `names`; the help names the nearest one, or all of them.
    pub fn unknown<'n>(
        &mut self,
        at: &Range<usize>,
        message: impl Into<String>,
        wrong: &str,
        names: impl IntoIterator<Item = &'n str>,
    ) {
        let names: Vec<&str> = names.into_iter().collect();
        let help = match nearest(wrong, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "there are none to choose from".to_owned(),
            None => format!("known here: {}", names.join(", ")),
        };
        self.wrong(at, message, help);
    }

    /// The keys of a block; `what` names it in messages.
    pub fn section<'y>(&mut self, node: &'y Yaml, what: &str) -> Option<Section<'y>> {
        match &node.kind {
            Kind::Mapping(entries) => Some(Section {
                what: what.to_owned(),
                at: node.span.clone(),
                entries,
                known: Vec::new(),
            }),
            _ => {
                let found = node.describe();
                self.wrong(
                    &node.span,
                    format!("{what} must be a block of keys, not {found}"),
                    "write a line `key: value` for each, indented by spaces",
                );
                None
            }
        }
    }

    /// Text; a number or flag counts as the text it is written with.
    pub fn text<'y>(&mut self, node: &'y Yaml, what: &str) -> Option<Text<'y>> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.typed() != Typed::Null => {
                Some(Text { text: scalar.text.clone(), node })
            }
            _ => {
                let message = format!("{what} must be text, not {}", node.describe());
                let help = match node.kind {
                    Kind::Scalar(_) => "write it after the colon, or delete the line",
                    _ => "text that starts with `{` or `[` needs quotes around it",
                };
                self.wrong(&node.span, message, help);
                None
            }
        }
    }

    /// One text or a list of at least one.
    pub fn texts<'y>(&mut self, node: &'y Yaml, what: &str) -> Vec<Text<'y>> {
        let Kind::Sequence(items) = &node.kind else {
            return self.text(node, what).into_iter().collect();
        };
        if items.is_empty() {
            self.wrong(&node.span, format!("{what} is an empty list"), "write at least one text");
        }
        items.iter().filter_map(|item| self.text(item, what)).collect()
    }

    pub fn list<'y>(&mut self, node: &'y Yaml, what: &str) -> &'y [Yaml] {
        match &node.kind {
            Kind::Sequence(items) => items,
            _ => {
                let found = node.describe();
                self.wrong(
                    &node.span,
                    format!("{what} must be a list, not {found}"),
                    "begin each item with `- `",
                );
                &[]
            }
        }
    }

    /// A number of seconds in `range`.
    pub fn seconds(
        &mut self,
        node: &Yaml,
        what: &str,
        range: std::ops::RangeInclusive<f64>,
    ) -> Option<f64> {
        let value = match &node.kind {
            Kind::Scalar(scalar) => match scalar.typed() {
                Typed::Integer(v) => Some(v as f64),
                Typed::Number(v) => Some(v),
                _ => None,
            },
            _ => None,
        };
        let value = value.filter(|v| range.contains(v));
        if value.is_none() {
            let (low, high) = (range.start(), range.end());
            self.wrong(
                &node.span,
                format!("{what} must be a number of seconds from {low} to {high}"),
                format!("write it in digits, like `{low}`"),
            );
        }
        value
    }

    pub fn flag(&mut self, node: &Yaml, what: &str) -> Option<bool> {
        if let Kind::Scalar(scalar) = &node.kind
            && let Typed::Bool(flag) = scalar.typed()
        {
            return Some(flag);
        }
        let message = format!("{what} must be true or false");
        self.wrong(&node.span, message, "write one of the two, without quotes");
        None
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, node: &Yaml, what: &str, names: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        let found = names.iter().find(|(name, _)| *name == text.text).map(|(_, value)| *value);
        if found.is_none() {
            self.unknown(
                &node.span,
                format!("{what} cannot be `{}`", text.text),
                &text.text,
                names.iter().map(|(name, _)| *name),
            );
        }
        found
    }
}

/// The keys of one block. Take what is known, then [`Section::finish`] reports the rest.
pub struct Section<'y> {
    what: String,
    at: Range<usize>,
    entries: &'y [(Yaml, Yaml)],
    known: Vec<&'static str>,
}

impl<'y> Section<'y> {
    pub fn take(&mut self, key: &'static str) -> Option<&'y Yaml> {
        self.known.push(key);
        self.entries.iter().find(|(name, _)| key_text(name) == key).map(|(_, value)| value)
    }

    /// The value of `key`, whose absence is a mistake.
    pub fn require(&mut self, key: &'static str, page: &mut Page) -> Option<&'y Yaml> {
        let found = self.take(key);
        if found.is_none() {
            page.wrong(
                &first_line(self.at.clone(), page.source),
                format!("{} has no `{key}`", self.what),
                format!("add a line `{key}: …`"),
            );
        }
        found
    }

    /// All keys with their values, for blocks whose keys are names.
    pub fn names(&self) -> impl Iterator<Item = (&'y str, &'y Yaml, &'y Yaml)> + use<'y> {
        self.entries.iter().map(|(name, value)| (key_text(name), name, value))
    }

    /// Reports every key that was not asked for.
    pub fn finish(self, page: &mut Page) {
        for (name, _) in self.entries {
            let key = key_text(name);
            if !self.known.contains(&key) {
                page.unknown(
                    &name.span,
                    format!("{} has no key `{key}`", self.what),
                    key,
                    self.known.iter().copied(),
                );
            }
        }
    }
}

fn key_text(name: &Yaml) -> &str {
    match &name.kind {
        Kind::Scalar(scalar) => &scalar.text,
        // `Yaml::parse` refuses other keys.
        _ => "",
    }
}

/// A block is many lines long: point at its first.
fn first_line(at: Range<usize>, source: &Source) -> Range<usize> {
    let rest = source.text.get(at.clone()).unwrap_or_default();
    at.start..at.start + rest.find('\n').unwrap_or(rest.len())
}
