//! Lists whose values the program gives, beside those that the files write.

use super::check::can_be_said;
use super::draft::{Context, Draft, List, ListKind, Place, Template, Value};
use super::interpretation::SlotValue;
use super::pieces::one_way;
use super::template::{self, Expr, Node};
use crate::config::diagnostic::{Diagnostic, Source, nearest};
use crate::config::yaml::{Kind, Yaml};

/// One value of a list given at run time: a device, a room, a contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What is said, as a template: `[the] living room`.
    pub said: String,
    /// What it means; `None` means the words as they were said.
    pub value: Option<SlotValue>,
    /// What `requires_context` and `excludes_context` ask about.
    pub context: Context,
}

impl Entry {
    /// An entry that means itself, written in its shortest form: `Joe[']s` means "Joes".
    pub fn named(said: impl Into<String>) -> Self {
        let said = said.into();
        let value = template::parse(&said).ok().map(|tree| {
            let way = one_way(&tree);
            SlotValue::Text(way.split_whitespace().collect::<Vec<_>>().join(" "))
        });
        Self { said, value, context: Context::new() }
    }

    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: SlotValue) -> Self {
        self.context.insert(key.into(), value);
        self
    }
}

/// Reads the values of the list `name`; mistakes are shown in a file of that name with one value
/// per line, which is added to `sources`.
pub(super) fn list(
    name: &str,
    entries: &[Entry],
    sources: &mut Vec<Source>,
    problems: &mut Vec<Diagnostic>,
) -> List {
    let lines =
        entries.iter().map(|entry| serde_json::Value::from(entry.said.as_str()).to_string());
    let text: String = lines.map(|line| format!("- {line}\n")).collect();
    let source = Source::new(format!("{{{name}}}"), text);
    let yaml = match Yaml::parse(&source) {
        Ok(yaml) => yaml,
        Err(problem) => {
            problems.push(problem);
            Yaml { span: 0..0, kind: Kind::Sequence(Vec::new()) }
        }
    };
    let index = sources.len();
    let items: &[Yaml] = match &yaml.kind {
        Kind::Sequence(items) => items,
        _ => &[],
    };
    let mut values = Vec::with_capacity(entries.len());
    for (entry, yaml) in entries.iter().zip(items) {
        let place = Place { source: index, yaml: yaml.clone() };
        match template::parse(&entry.said) {
            Ok(tree) => values.push(Value {
                input: Template { text: entry.said.clone(), tree, place },
                out: entry.value.clone(),
                context: entry.context.clone(),
            }),
            Err(error) => {
                let at = yaml.locate(&source, error.at);
                problems.push(Diagnostic::new(&source, at, error.message).help(error.help));
            }
        }
    }
    sources.push(source);
    List { place: Place { source: index, yaml }, kind: ListKind::Values(values) }
}

/// Checks a list that replaces another in a grammar that was checked before.
pub(super) fn check(
    name: &str,
    list: &List,
    draft: &Draft,
    sources: &[Source],
    problems: &mut Vec<Diagnostic>,
) {
    if !draft.lists.contains_key(name) {
        let near = nearest(name, draft.lists.keys().map(String::as_str));
        let problem = list.place.wrong(sources, format!("no sentence knows a list {{{name}}}"));
        problems.push(problem.help_if(near.map(|near| format!("did you mean {{{near}}}?"))));
    }
    let ListKind::Values(values) = &list.kind else { return };
    for Value { input, .. } in values {
        if let Some(named) = names_another(&input.tree) {
            let message = "a value given at run time uses another list or rule";
            let problem = input.place.wrong_at(sources, named.at.clone(), message);
            problems.push(problem.help("write its words out"));
        } else if !can_be_said(&input.tree) {
            let message = "this value cannot be pronounced: it has no letter and no figure";
            let problem = input.place.wrong(sources, message);
            problems.push(problem.help("write in words what people say for it"));
        } else if is_silent(&input.tree) {
            let message = "every part of this value is optional: silence fits it";
            let problem = input.place.wrong(sources, message);
            problems.push(problem.help("take the brackets `[…]` away from one word"));
        }
    }
}

fn names_another(tree: &Node) -> Option<&Node> {
    match &tree.expr {
        Expr::Text(_) => None,
        Expr::Sequence(items) | Expr::OneOf(items) | Expr::AnyOrder(items) => {
            items.iter().find_map(names_another)
        }
        Expr::Maybe(inner) => names_another(inner),
        Expr::List(_) | Expr::Rule(_) => Some(tree),
    }
}

/// Can it be said without a word?
fn is_silent(tree: &Node) -> bool {
    match &tree.expr {
        Expr::Text(text) => text.trim().is_empty(),
        Expr::Sequence(items) | Expr::AnyOrder(items) => items.iter().all(is_silent),
        Expr::OneOf(branches) => branches.iter().any(is_silent),
        Expr::Maybe(_) => true,
        Expr::List(_) | Expr::Rule(_) => false,
    }
}
