//! YAML as a tree that remembers where everything stands.
//!
//! `serde` loses positions inside strings, and stops at the first mistake; a deployer wants every
//! mistake at once, with the caret on the character. This tree keeps the byte span of each node
//! and can say where in the file a byte of a decoded string came from, whatever its quoting.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::diagnostic::{Diagnostic, Source};

mod broken;

/// Most nodes one file may have once its aliases are followed: a file of a megabyte stays far
/// below, an alias bomb does not.
const MAX_NODES: usize = 500_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// One node of the tree.
#[derive(Clone, Debug)]
pub struct Yaml {
    /// Bytes of the file it covers, quotes included.
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Scalar(Scalar),
    Sequence(Vec<Yaml>),
    /// In the order written; keys are distinct.
    Mapping(Vec<(Yaml, Yaml)>),
}

/// A string, number, flag or nothing; which one, the reader decides.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Decoded: quotes, escapes and folding are undone.
    pub text: String,
    style: ScalarStyle,
}

/// A plain scalar read by the YAML 1.2 core schema; quoted ones are always text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Typed<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
}

impl Scalar {
    pub fn typed(&self) -> Typed<'_> {
        if self.style != ScalarStyle::Plain {
            return Typed::Text(&self.text);
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Typed::Null,
            "true" | "True" | "TRUE" => Typed::Bool(true),
            "false" | "False" | "FALSE" => Typed::Bool(false),
            text => {
                if let Ok(integer) = text.parse() {
                    return Typed::Integer(integer);
                }
                let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
                match text.parse::<f64>() {
                    Ok(number) if numeric && number.is_finite() => Typed::Number(number),
                    _ => Typed::Text(text),
                }
            }
        }
    }
}

impl Yaml {
    /// Reads the only document of `source`; an empty file is an empty mapping.
    pub fn parse(source: &Source) -> Result<Yaml, Diagnostic> {
        Builder { source, anchors: HashMap::new(), nodes: 0 }.document()
    }

    /// What a person would call it.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a block of keys",
            Kind::Scalar(scalar) => match scalar.typed() {
                Typed::Null => "nothing",
                Typed::Bool(_) => "true or false",
                Typed::Integer(_) | Typed::Number(_) => "a number",
                Typed::Text(_) => "text",
            },
        }
    }

    /// Where in the file the bytes `at` of this scalar's decoded text stand; the whole node when
    /// it is no scalar.
    pub fn locate(&self, source: &Source, at: Range<usize>) -> Range<usize> {
        let Kind::Scalar(scalar) = &self.kind else { return self.span.clone() };
        let Some(raw) = source.text.get(self.span.clone()) else { return self.span.clone() };
        let map = origins(raw, scalar);
        let of = |decoded: usize| {
            let index = map.partition_point(|(d, _)| *d <= decoded).saturating_sub(1);
            map.get(index).map_or(self.span.end, |(_, raw)| self.span.start + raw)
        };
        let start = of(at.start);
        // The end of a range stands after the origin of its last character.
        let end = match scalar.text.get(at.clone()).and_then(|t| t.chars().next_back()) {
            Some(last) => of(at.end - last.len_utf8()) + last.len_utf8(),
            None => start,
        };
        start..end.max(start)
    }
}

/// For each character of the decoded text, in order: its byte offset there, and the byte offset
/// within the raw text where it was written. The last entry is the end of both.
fn origins(raw: &str, scalar: &Scalar) -> Vec<(usize, usize)> {
    let mut at = match scalar.style {
        ScalarStyle::Plain => 0,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
        // The header line (`|`, `>-`, …) is not part of the text.
        ScalarStyle::Literal | ScalarStyle::Folded if raw.starts_with(['|', '>']) => {
            raw.find('\n').map_or(raw.len(), |i| i + 1)
        }
        ScalarStyle::Literal | ScalarStyle::Folded => 0,
    };
    let double = scalar.style == ScalarStyle::DoubleQuoted;
    let mut map = Vec::with_capacity(scalar.text.len() + 1);
    for (decoded, c) in scalar.text.char_indices() {
        loop {
            let rest = &raw[at..];
            let Some(r) = rest.chars().next() else { break };
            if double && r == '\\' {
                let escape = rest[1..].chars().next().unwrap_or(' ');
                if escape == '\n' || escape == '\r' {
                    at += 1 + rest[1..].len() - rest[1..].trim_start().len();
                    continue;
                }
                map.push((decoded, at));
                at += match escape {
                    'x' => 4,
                    'u' => 6,
                    'U' => 10,
                    other => 1 + other.len_utf8(),
                };
                at = at.min(raw.len());
                while !raw.is_char_boundary(at) {
                    at -= 1;
                }
                break;
            }
            if r == c {
                map.push((decoded, at));
                at += r.len_utf8();
                if c == '\'' && scalar.style == ScalarStyle::SingleQuoted {
                    at += usize::from(raw[at..].starts_with('\''));
                }
                break;
            }
            if c.is_whitespace() && r.is_whitespace() {
                // A folded line break became one space.
                map.push((decoded, at));
                at += rest.len() - rest.trim_start().len();
                break;
            }
            at += r.len_utf8();
        }
        if map.last().is_none_or(|(d, _)| *d != decoded) {
            map.push((decoded, at));
        }
    }
    map.push((scalar.text.len(), at));
    map
}

struct Builder<'a> {
    source: &'a Source,
    anchors: HashMap<usize, Yaml>,
    nodes: usize,
}

type Events<'a> = Parser<'a, granit_parser::StrInput<'a>>;

impl<'a> Builder<'a> {
    fn document(mut self) -> Result<Yaml, Diagnostic> {
        let options = granit_parser::options! { emit_comments: false };
        let mut events = Parser::new_from_str_with_options(&self.source.text, options);
        let mut root = None;
        while let Some((event, span)) = self.next(&mut events, None)? {
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(self.wrong(&span, "this starts a second YAML document").help(
                        "one file holds one document: move it to a file of its own, or delete the `---`",
                    ));
                }
                Event::DocumentStart(..) => {}
                event => root = Some(self.node(&mut events, event, &span, 0)?),
            }
        }
        let empty = Yaml { span: 0..0, kind: Kind::Mapping(Vec::new()) };
        Ok(match root {
            Some(Yaml { kind: Kind::Scalar(scalar), .. }) if scalar.typed() == Typed::Null => empty,
            Some(root) => root,
            None => empty,
        })
    }

    fn node(
        &mut self,
        events: &mut Events<'a>,
        event: Event<'a>,
        span: &Span,
        depth: usize,
    ) -> Result<Yaml, Diagnostic> {
        let start = bytes(span).start;
        self.count(1, span)?;
        if depth > MAX_DEPTH {
            return Err(self
                .wrong(span, format!("YAML is nested more than {MAX_DEPTH} deep"))
                .help("close the brackets, or move what is inside further out"));
        }
        let (kind, end, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let text = text.into_owned();
                (Kind::Scalar(Scalar { text, style }), bytes(span).end, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.expect(events, span)? {
                        (Event::SequenceEnd, end) => {
                            let end = items.last().map_or(bytes(&end).end, |y: &Yaml| y.span.end);
                            break (Kind::Sequence(items), end, anchor);
                        }
                        (event, at) => items.push(self.node(events, event, &at, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(_, anchor, _) => {
                let mut entries: Vec<(Yaml, Yaml)> = Vec::new();
                loop {
                    match self.expect(events, span)? {
                        (Event::MappingEnd, end) => {
                            let end = entries.last().map_or(bytes(&end).end, |(_, y)| y.span.end);
                            break (Kind::Mapping(entries), end, anchor);
                        }
                        (event, at) => {
                            let key = self.node(events, event, &at, depth + 1)?;
                            self.check_key(&key, &entries)?;
                            let (event, at) = self.expect(events, span)?;
                            let value = self.node(events, event, &at, depth + 1)?;
                            entries.push((key, value));
                        }
                    }
                }
            }
            Event::Alias(id) => {
                let Some(meant) = self.anchors.get(&id).cloned() else {
                    return Err(self
                        .wrong(span, "this alias refers to itself")
                        .help("write the value out instead of `*…`"));
                };
                self.count(size(&meant), span)?;
                return Ok(meant);
            }
            _ => {
                return Err(self
                    .wrong(span, "a value was expected here")
                    .help("write text, a list or a block of keys"));
            }
        };
        let node = Yaml { span: start..end.max(start), kind };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn check_key(&self, key: &Yaml, entries: &[(Yaml, Yaml)]) -> Result<(), Diagnostic> {
        let Kind::Scalar(Scalar { text, .. }) = &key.kind else {
            return Err(Diagnostic::new(
                self.source,
                key.span.clone(),
                format!("a key must be a name, and this is {}", key.describe()),
            )
            .help("text that starts with `{` or `[` needs quotes around it"));
        };
        let same = |k: &Yaml| matches!(&k.kind, Kind::Scalar(s) if s.text == *text);
        match entries.iter().find(|(k, _)| same(k)) {
            None => Ok(()),
            Some((first, _)) => Err(Diagnostic::new(
                self.source,
                key.span.clone(),
                format!("`{text}` is written twice here"),
            )
            .help(format!(
                "the first one is on line {}; put everything under one of them",
                self.source.line_of(first.span.start)
            ))),
        }
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(self
            .wrong(span, format!("this file has more than {MAX_NODES} values"))
            .help("split it into several files; an alias counts as what it stands for"))
    }

    fn expect(
        &self,
        events: &mut Events<'a>,
        opened: &Span,
    ) -> Result<(Event<'a>, Span), Diagnostic> {
        self.next(events, Some(opened))?.ok_or_else(|| {
            self.wrong(opened, "this is never closed").help("close it before the file ends")
        })
    }

    /// The next event inside the collection `opened`.
    fn next(
        &self,
        events: &mut Events<'a>,
        opened: Option<&Span>,
    ) -> Result<Option<(Event<'a>, Span)>, Diagnostic> {
        let next = events.next_event().transpose();
        next.map_err(|error| broken::diagnose(self.source, &error, opened.map(bytes)))
    }

    fn wrong(&self, span: &Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.source, bytes(span), message)
    }
}

fn bytes(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}

fn size(yaml: &Yaml) -> usize {
    1 + match &yaml.kind {
        Kind::Scalar(_) => 0,
        Kind::Sequence(items) => items.iter().map(size).sum(),
        Kind::Mapping(entries) => entries.iter().map(|(k, v)| size(k) + size(v)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Yaml, String> {
        Yaml::parse(&Source::new("a.yaml", text)).map_err(|d| d.to_string())
    }

    /// The first value of the only mapping in `text`.
    fn value(text: &str) -> (Source, Yaml) {
        let source = Source::new("a.yaml", text);
        let Kind::Mapping(entries) = Yaml::parse(&source).expect("valid YAML").kind else {
            panic!("a mapping")
        };
        let (_, value) = entries.into_iter().next().expect("an entry");
        (source, value)
    }

    #[test]
    fn plain_scalars_are_typed_and_quoted_ones_are_text() {
        for (written, typed) in [
            ("a: 3", Typed::Integer(3)),
            ("a: -3", Typed::Integer(-3)),
            ("a: 0.5", Typed::Number(0.5)),
            ("a: true", Typed::Bool(true)),
            ("a: ~", Typed::Null),
            ("a:", Typed::Null),
            ("a: on", Typed::Text("on")),
            ("a: '3'", Typed::Text("3")),
            ("a: \"true\"", Typed::Text("true")),
            ("a: inf", Typed::Text("inf")),
            ("a: two words", Typed::Text("two words")),
        ] {
            let (_, yaml) = value(written);
            let Kind::Scalar(scalar) = &yaml.kind else { panic!("a scalar") };
            assert_eq!(scalar.typed(), typed, "{written}");
        }
    }

    #[test]
    fn a_piece_of_a_scalar_is_found_in_the_file_however_it_was_quoted() {
        for text in [
            "a: one {x} two",
            "a: 'it''s {x} two'",
            "a: \"\\\"one\\\" \\u00e9 {x} two\"",
            "a: one\n  more {x} two",
            "a: \"one\n   more\n\n  {x} two\"",
            "a: \"one \\\n   more {x} two\"",
            "a: |\n  one\n  {x} two\n",
            "a: >-\n    one\n    more {x} two\n",
            "a: é {x}",
        ] {
            let (source, yaml) = value(text);
            let Kind::Scalar(scalar) = &yaml.kind else { panic!("a scalar") };
            let at = scalar.text.find("{x}").expect("in the text");
            let found = yaml.locate(&source, at..at + 3);
            assert_eq!(&source.text[found], "{x}", "{text}");
        }
    }

    #[test]
    fn mistakes_say_where_they_are() {
        for (text, start, part) in [
            ("a: 1\nb: 2\na: 3", "a.yaml:3:1:", "`a` is written twice"),
            ("a: [1, 2", "a.yaml:1:", "not YAML"),
            ("a: 'x", "a.yaml:1:", "not YAML"),
            ("{a: 1}: 2", "a.yaml:1:1:", "a key must be a name"),
            ("a: 1\n---\nb: 2", "a.yaml:2:1:", "second YAML document"),
            ("a: *b", "a.yaml:1:", "not YAML"),
        ] {
            let shown = parse(text).expect_err(text);
            assert!(shown.starts_with(start) && shown.contains(part), "{text}: {shown}");
        }
    }

    #[test]
    fn an_alias_stands_for_its_anchor_and_a_bomb_is_refused() {
        let Kind::Mapping(entries) = parse("a: &x [1, 2]\nb: *x").expect("valid").kind else {
            panic!("a mapping")
        };
        assert!(matches!(&entries[1].1.kind, Kind::Sequence(items) if items.len() == 2));
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..9 {
            let before = format!("*a{},", i - 1).repeat(10);
            bomb.push_str(&format!("a{i}: &a{i} [{before}]\n"));
        }
        assert!(parse(&bomb).expect_err("too many").contains("more than 500000"));
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn an_empty_file_is_an_empty_mapping() {
        for text in ["", "# nothing\n", "---\n"] {
            assert!(matches!(&parse(text).expect("valid").kind, Kind::Mapping(e) if e.is_empty()));
        }
    }
}
