//! The sentence-template language: text to tree.
//!
//! `(a|b)` one of, `[a]` maybe, `(a;b)` both in any order, `{list}` and `{list:slot}` a value,
//! `<rule>` a named piece, `\` takes the next character literally. A space separates words;
//! without one, parts are glued into one word: `light[s]`.

use std::ops::Range;

/// Deepest nesting of brackets, so that no template can exhaust the stack.
const MAX_DEPTH: usize = 50;

/// A node of the tree and the bytes of the template it was written as.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub at: Range<usize>,
    pub expr: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Literal characters, spaces included.
    Text(String),
    /// One after the other.
    Sequence(Vec<Node>),
    /// Exactly one of them.
    OneOf(Vec<Node>),
    /// This or nothing.
    Maybe(Box<Node>),
    /// All of them, in any order, as separate words.
    AnyOrder(Vec<Node>),
    List(ListRef),
    /// `<rule>`.
    Rule(String),
}

/// `{list}`, `{list:slot}`, `{list:@capture}`, `{0..100:slot}`.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRef {
    pub list: ListName,
    /// The slot to fill; `None` for a capture, which is matched and not reported.
    pub slot: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ListName {
    Named(String),
    /// `0..100` or `0..100,5`: a range written on the spot.
    Range {
        from: i64,
        to: i64,
        step: i64,
    },
}

/// What is wrong with a template, and where in it.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateError {
    pub at: Range<usize>,
    pub message: String,
    pub help: String,
}

/// Reads one template.
pub fn parse(text: &str) -> Result<Node, TemplateError> {
    let mut parser = Parser { text, at: 0 };
    let node = parser.group(None, 0)?;
    match parser.peek() {
        None => Ok(node),
        Some(c) => Err(error(
            parser.at..parser.at + c.len_utf8(),
            format!("`{c}` closes nothing"),
            format!("open it with `{}`, or write `\\{c}` to mean the character itself", opener(c)),
        )),
    }
}

/// Does `text` use any template syntax? Plain text keeps its own spelling as its value.
pub fn is_template(text: &str) -> bool {
    text.contains(['(', ')', '[', ']', '{', '}', '<', '>', '|'])
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// Everything up to the bracket that closes the group (or the end), which stays unread.
    fn group(&mut self, open: Option<usize>, depth: usize) -> Result<Node, TemplateError> {
        let start = self.at;
        if depth > MAX_DEPTH {
            return Err(error(
                start.saturating_sub(1)..start,
                format!("brackets are nested more than {MAX_DEPTH} deep"),
                "move the inner part to an expansion rule",
            ));
        }
        let mut branches: Vec<Node> = Vec::new();
        let mut separator: Option<(char, usize)> = None;
        loop {
            branches.push(self.sequence(depth)?);
            match self.peek() {
                Some(c @ ('|' | ';')) if open.is_some() || c == '|' => {
                    if let Some((first, _)) = separator
                        && first != c
                    {
                        return Err(error(
                            self.at..self.at + 1,
                            "`|` and `;` stand in the same group".to_owned(),
                            "put brackets around one of them: `(a;(b|c))`",
                        ));
                    }
                    separator = Some((c, self.at));
                    self.at += 1;
                }
                Some(';') => {
                    return Err(error(
                        self.at..self.at + 1,
                        "`;` stands outside brackets".to_owned(),
                        "write `(a;b)` for both in any order, or `\\;` for the character",
                    ));
                }
                _ => break,
            }
        }
        let at = start..self.at;
        let expr = match separator {
            None => return Ok(branches.pop().unwrap_or(Node { at, expr: Expr::Sequence(vec![]) })),
            Some(('|', _)) => Expr::OneOf(branches),
            Some((_, separator_at)) => {
                if let Some(empty) = branches.iter().find(|b| is_empty(b)) {
                    return Err(error(
                        empty.at.start.min(separator_at)..empty.at.end.max(separator_at + 1),
                        "a part of an any-order group is empty".to_owned(),
                        "write something on both sides of `;`",
                    ));
                }
                Expr::AnyOrder(branches)
            }
        };
        Ok(Node { at, expr })
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, TemplateError> {
        let start = self.at;
        let mut items = Vec::new();
        while let Some(c) = self.peek() {
            let from = self.at;
            let expr = match c {
                '|' | ';' | ')' | ']' | '}' | '>' => break,
                '(' | '[' => {
                    self.at += 1;
                    let inner = self.group(Some(from), depth + 1)?;
                    let close = if c == '(' { ')' } else { ']' };
                    if self.peek() != Some(close) {
                        return Err(self.unclosed(from, c, close));
                    }
                    self.at += 1;
                    if is_empty(&inner) {
                        return Err(error(
                            from..self.at,
                            format!("`{c}{close}` is empty"),
                            "write the words inside, or delete it",
                        ));
                    }
                    if c == '(' { inner.expr } else { Expr::Maybe(Box::new(inner)) }
                }
                '{' => Expr::List(self.list(from)?),
                '<' => {
                    let name = self.name(from, '>', "an expansion rule: `<rule>`")?;
                    Expr::Rule(name)
                }
                _ => Expr::Text(self.literal()),
            };
            items.push(Node { at: from..self.at, expr });
        }
        let at = start..self.at;
        match items.len() {
            1 => Ok(items.swap_remove(0)),
            _ => Ok(Node { at, expr: Expr::Sequence(items) }),
        }
    }

    fn literal(&mut self) -> String {
        let mut literal = String::new();
        while let Some(c) = self.peek() {
            match c {
                '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '|' | ';' => break,
                '\\' => {
                    self.at += 1;
                    if let Some(escaped) = self.peek() {
                        literal.push(escaped);
                        self.at += escaped.len_utf8();
                    }
                }
                c => {
                    literal.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        literal
    }

    /// The name between `{` or `<` at `from` and `close`, both read.
    fn name(&mut self, from: usize, close: char, what: &str) -> Result<String, TemplateError> {
        let open = &self.text[from..=from];
        let inside = &self.text[from + 1..];
        let end = inside.find(|c| "()[]{}<>|;".contains(c));
        let name = match end {
            Some(end) if inside[end..].starts_with(close) => inside[..end].trim(),
            _ => {
                self.at = from + 1 + end.unwrap_or(inside.len());
                return Err(self.unclosed(from, if close == '>' { '<' } else { '{' }, close));
            }
        };
        self.at = from + 1 + end.unwrap_or(0) + close.len_utf8();
        if name.is_empty() {
            return Err(error(
                from..self.at,
                format!("`{open}{close}` names nothing"),
                format!("write the name of {what}"),
            ));
        }
        Ok(name.to_owned())
    }

    fn list(&mut self, from: usize) -> Result<ListRef, TemplateError> {
        let written = self.name(from, '}', "a list: `{list}` or `{list:slot}`")?;
        let (list, slot) = match written.split_once(':') {
            Some((list, slot)) => (list.trim(), slot.trim()),
            None => (written.trim_start_matches('@'), written.as_str()),
        };
        if list.is_empty() || slot.trim_start_matches('@').is_empty() {
            return Err(error(
                from..self.at,
                format!("`{{{written}}}` has a name missing beside the colon"),
                "write `{list:slot}`",
            ));
        }
        let list = match inline_range(list) {
            Some(Ok(range)) => range,
            Some(Err(message)) => {
                return Err(error(
                    from..self.at,
                    message,
                    "write `{from..to:slot}`, as `{0..100:volume}`",
                ));
            }
            None => ListName::Named(list.to_owned()),
        };
        if matches!(list, ListName::Range { .. }) && !written.contains(':') {
            return Err(error(
                from..self.at,
                format!("the range `{{{written}}}` fills no slot"),
                format!("name the slot: `{{{written}:slot}}`"),
            ));
        }
        let slot = (!slot.starts_with('@')).then(|| slot.to_owned());
        Ok(ListRef { list, slot })
    }

    fn unclosed(&self, from: usize, open: char, close: char) -> TemplateError {
        let found = match self.peek() {
            Some(c) => format!("`{open}` is not closed before this `{c}`"),
            None => format!("`{open}` is never closed"),
        };
        let at = match self.peek() {
            Some(c) => self.at..self.at + c.len_utf8(),
            None => from..from + 1,
        };
        error(at, found, format!("add `{close}`, or write `\\{open}` to mean the character itself"))
    }
}

/// `None` when it is no range at all.
fn inline_range(name: &str) -> Option<Result<ListName, String>> {
    let (from, rest) = name.split_once("..")?;
    let (to, step) = rest.split_once(',').unwrap_or((rest, "1"));
    let (Ok(from), Ok(to), Ok(step)) = (from.parse(), to.parse(), step.parse()) else {
        return Some(Err(format!("`{name}` is no range of whole numbers")));
    };
    if from > to || step < 1 {
        return Some(Err(format!("the range `{name}` holds no number")));
    }
    Some(Ok(ListName::Range { from, to, step }))
}

fn is_empty(node: &Node) -> bool {
    match &node.expr {
        Expr::Sequence(items) => items.iter().all(is_empty),
        Expr::Text(text) => text.trim().is_empty() && text.is_empty(),
        Expr::OneOf(branches) => branches.iter().all(is_empty),
        _ => false,
    }
}

fn opener(close: char) -> char {
    match close {
        ')' => '(',
        ']' => '[',
        '}' => '{',
        _ => '<',
    }
}

fn error(at: Range<usize>, message: String, help: impl Into<String>) -> TemplateError {
    TemplateError { at, message, help: help.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in a compact notation: `.` joins a sequence.
    fn tree(node: &Node) -> String {
        let all = |nodes: &[Node], by: &str| nodes.iter().map(tree).collect::<Vec<_>>().join(by);
        match &node.expr {
            Expr::Text(text) => format!("'{text}'"),
            Expr::Sequence(items) => all(items, "."),
            Expr::OneOf(items) => format!("({})", all(items, "|")),
            Expr::AnyOrder(items) => format!("({})", all(items, ";")),
            Expr::Maybe(inner) => format!("[{}]", tree(inner)),
            Expr::Rule(name) => format!("<{name}>"),
            Expr::List(ListRef { list, slot }) => {
                let slot = slot.as_deref().unwrap_or("@");
                match list {
                    ListName::Named(list) => format!("{{{list}={slot}}}"),
                    ListName::Range { from, to, step } => {
                        format!("{{{from}..{to}/{step}={slot}}}")
                    }
                }
            }
        }
    }

    #[test]
    fn every_construct_has_its_tree() {
        for (template, expected) in [
            ("turn on", "'turn on'"),
            ("turn [on]", "'turn '.['on']"),
            ("(a|b c)", "('a'|'b c')"),
            ("a|b", "('a'|'b')"),
            ("[a|b] c", "[('a'|'b')].' c'"),
            ("(a|)", "('a'|)"),
            ("(a;b;[c])", "('a';'b';['c'])"),
            ("light[s] {name}", "'light'.['s'].' '.{name=name}"),
            ("{name:who}['s]", "{name=who}.['\'s']"),
            ("{name:@who} {@x}", "{name=@}.' '.{x=@}"),
            ("{0..100:pct}%", "{0..100/1=pct}.'%'"),
            ("{0..100,5:pct} x", "{0..100/5=pct}.' x'"),
            ("<turn> ({x}|y)", "<turn>.' '.({x=x}|'y')"),
            (r"a \(b\) \\", r"'a (b) \'"),
            ("((a))", "'a'"),
            ("[[a] b]", "[['a'].' b']"),
            ("", ""),
        ] {
            assert_eq!(tree(&parse(template).expect(template)), expected, "{template}");
        }
    }

    #[test]
    fn a_mistake_is_pointed_at() {
        for (template, at, message) in [
            ("turn (on", 5..6, "`(` is never closed"),
            ("turn [on", 5..6, "`[` is never closed"),
            ("turn (on] x", 8..9, "`(` is not closed before this `]`"),
            ("a {name b", 2..3, "`{` is never closed"),
            ("a {na(me} b", 5..6, "`{` is not closed before this `(`"),
            ("a <rule b", 2..3, "`<` is never closed"),
            ("turn on)", 7..8, "`)` closes nothing"),
            ("a } b", 2..3, "`}` closes nothing"),
            ("a () b", 2..4, "`()` is empty"),
            ("a [] b", 2..4, "`[]` is empty"),
            ("{}", 0..2, "`{}` names nothing"),
            ("{:x}", 0..4, "`{:x}` has a name missing beside the colon"),
            ("{x:}", 0..4, "`{x:}` has a name missing beside the colon"),
            ("<>", 0..2, "`<>` names nothing"),
            ("a;b", 1..2, "`;` stands outside brackets"),
            ("(a|b;c)", 4..5, "`|` and `;` stand in the same group"),
            ("(a;)", 2..3, "a part of an any-order group is empty"),
            ("{9..1:x}", 0..8, "the range `9..1` holds no number"),
            ("{a..b:x}", 0..8, "`a..b` is no range of whole numbers"),
            ("{0..9}", 0..6, "the range `{0..9}` fills no slot"),
        ] {
            let error = parse(template).expect_err(template);
            assert_eq!((error.at, error.message.as_str()), (at, message), "{template}");
        }
        let deep = parse(&"(".repeat(10_000)).expect_err("too deep");
        assert!(deep.message.contains("nested more than 50"));
    }
}
