//! Reply templates as written in `dialogue.yaml`: compiled, and checked for names that cannot be.

use std::ops::Range;

use crate::clock::Clock;
use crate::config::diagnostic::nearest;
use crate::config::yaml::Yaml;
use crate::dialogue::{Facts, Prompts, Template, parts_of_now};
use crate::nlu::{Slot, SlotValue, Slots};
use crate::units::SamplePos;

use super::section::{Page, Text};

/// Sets of list values that a template is tried with before it is called impossible. More would
/// find a value that only works with a rare other one; a template engine's step limit each.
const VALUES_TRIED: usize = 8;

/// A slot that a template may speak of.
#[derive(Clone, Debug)]
pub struct KnownSlot {
    pub name: String,
    /// Some of the values it can have; none when they are numbers of a range or any words.
    pub values: Vec<SlotValue>,
}

/// What a template may speak of where it stands.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The slots of the intent; `None` outside intents.
    pub slots: Option<Vec<KnownSlot>>,
    pub summary: bool,
    pub outcome: bool,
}

/// Compiles one wording or a list of them.
pub fn prompts(page: &mut Page, node: &Yaml, what: &str, scope: &Scope) -> Option<Prompts> {
    let texts = page.texts(node, what);
    let written = texts.len();
    let templates: Vec<Template> =
        texts.iter().filter_map(|text| template(page, text, what, scope)).collect();
    if templates.len() < written { None } else { Prompts::new(templates) }
}

/// Compiles one wording.
pub fn template(page: &mut Page, text: &Text, what: &str, scope: &Scope) -> Option<Template> {
    let compiled = match Template::new(text.text.as_str()) {
        Ok(template) => template,
        Err(e) => {
            let at = line_of_template(page, text, e.line);
            page.wrong(
                &at,
                format!("{what} is not a valid template: {e}"),
                "values stand in `{{ … }}`, conditions between `{% if … %}` and `{% endif %}`",
            );
            return None;
        }
    };
    let before = page.problems.len();
    for name in compiled.variables() {
        check_name(page, text, &name, scope);
    }
    if page.problems.len() > before {
        return None;
    }
    try_out(page, text, what, &compiled, scope).then_some(compiled)
}

fn check_name(page: &mut Page, text: &Text, name: &str, scope: &Scope) {
    let mut parts = name.split('.');
    let root = parts.next().unwrap_or_default();
    let at = place_of(page, text, name);
    if root == "slots"
        && let Some(slots) = &scope.slots
    {
        let Some(slot) = parts.next() else { return };
        if !slots.iter().any(|known| known.name == slot) {
            let message = format!("`{name}`: no sentence of this intent has a slot `{slot}`");
            page.wrong(&at, message, meant_slot(slot, slots));
        } else if parts.next().is_some() {
            page.wrong(
                &at,
                format!("`{name}`: a slot is a plain value and has no parts"),
                format!("write `slots.{slot}`"),
            );
        }
        return;
    }
    if root == "now" {
        check_part_of_now(page, &at, name, parts.next());
        return;
    }
    let mut known = vec!["agent", "now"];
    if scope.slots.is_some() {
        known.extend(["said", "slots"]);
    }
    if scope.summary {
        known.push("summary");
    }
    if scope.outcome {
        known.push("outcome");
    }
    if known.contains(&root) {
        return;
    }
    let message = match root {
        "slots" => format!("`{name}`: this is said whatever the intent, so there are no slots"),
        "outcome" => format!("`{name}`: only the `reply` of an action with a `program` has one"),
        "summary" => format!("`{name}`: this intent has no `summary`"),
        _ => format!("`{root}` is not known here"),
    };
    let slots = scope.slots.as_deref().unwrap_or_default();
    match (nearest(root, known.iter().copied()), parts.next()) {
        _ if slots.iter().any(|slot| slot.name == root) => {
            page.wrong(&at, message, format!("did you mean `slots.{root}`?"));
        }
        (Some("slots"), Some(slot)) => page.wrong(&at, message, meant_slot(slot, slots)),
        (None, None) if nearest(root, names(slots)).is_some() => {
            page.wrong(&at, message, meant_slot(root, slots));
        }
        _ => page.unknown(&at, message, root, known),
    }
}

fn check_part_of_now(page: &mut Page, at: &Range<usize>, name: &str, part: Option<&str>) {
    match part {
        None => page.wrong(
            at,
            "`now` has parts and says nothing by itself",
            "write `now.clock` for the time of day, `now.date` for the day",
        ),
        Some(part) if !parts_of_now().any(|known| known == part) => {
            page.unknown(at, format!("`{name}`: `now` has no `{part}`"), part, parts_of_now());
        }
        Some(_) => {}
    }
}

fn names(slots: &[KnownSlot]) -> impl Iterator<Item = &str> {
    slots.iter().map(|slot| slot.name.as_str())
}

/// The way out when no slot is called `wrong`, as it is written in a template.
fn meant_slot(wrong: &str, slots: &[KnownSlot]) -> String {
    if let Some(near) = nearest(wrong, names(slots)) {
        return format!("did you mean `slots.{near}`?");
    }
    if slots.is_empty() {
        return "the sentences of this intent have no slot".to_owned();
    }
    let all: Vec<String> = names(slots).map(|name| format!("`slots.{name}`")).collect();
    format!("known here: {}", all.join(", "))
}

/// Renders the template with every slot filled and with none, so that a misspelt filter is found
/// now and not before a visitor; and goes on with values of the lists until it could be made once.
/// A template that never could is a mistake, one that fails with some made-up values is not.
fn try_out(page: &mut Page, text: &Text, what: &str, template: &Template, scope: &Scope) -> bool {
    let now = Clock::default().at(SamplePos::default());
    let (mut made, mut failure) = (false, None);
    for (index, slots) in examples(scope.slots.as_deref().unwrap_or_default()).enumerate() {
        if made && index >= 2 {
            return true;
        }
        for words in ["example", "7"] {
            let facts = Facts {
                agent: "example",
                slots: scope.slots.is_some().then_some(&slots),
                summary: scope.summary.then_some("example"),
                outcome: scope.outcome.then_some(words),
                said: scope.slots.is_some().then_some(words),
                now: Some(&now),
            };
            match template.render(&facts) {
                Ok(_) => {
                    made = true;
                    break;
                }
                Err(e) if e.depends_on_facts => failure = failure.or(Some(e)),
                Err(e) => {
                    let at = line_of_template(page, text, e.line);
                    let help = "docs/agents.md says what a template knows";
                    page.wrong(&at, format!("{what}: {e}"), help);
                    return false;
                }
            }
        }
    }
    if let Some(e) = failure.filter(|_| !made) {
        let at = line_of_template(page, text, e.line);
        page.wrong(
            &at,
            format!("{what} can never be said: {e}"),
            "shorten it, or guard a value that does not suit with `{% if … %}`",
        );
    }
    made
}

/// Every slot filled with a word, none filled, then the values that the lists hold.
fn examples(slots: &[KnownSlot]) -> impl Iterator<Item = Slots> + '_ {
    let filled = |value_of: &dyn Fn(&KnownSlot) -> SlotValue| -> Slots {
        let slot = |known| {
            let value = value_of(known);
            (known.name.clone(), Slot { text: value.to_string(), value })
        };
        slots.iter().map(slot).collect()
    };
    let word = filled(&|_| SlotValue::Text("example".into()));
    let real = (0..VALUES_TRIED).map(move |nth| {
        filled(&|known| match known.values.len() {
            0 => SlotValue::Integer(2),
            count => known.values[nth % count].clone(),
        })
    });
    [word, Slots::new()].into_iter().chain(real)
}

/// Where `name` stands in the file.
fn place_of(page: &Page, text: &Text, name: &str) -> Range<usize> {
    let found = text.text.match_indices(name).map(|(at, _)| at..at + name.len()).find(|at| {
        let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
        let before = text.text[..at.start].chars().next_back();
        let after = text.text[at.end..].chars().next();
        !before.is_some_and(|c| part_of_name(c) || c == '.') && !after.is_some_and(part_of_name)
    });
    match found {
        Some(at) => text.node.locate(page.source, at),
        None => text.node.span.clone(),
    }
}

/// Line `line` (from 1) of the template's text, in the file.
fn line_of_template(page: &Page, text: &Text, line: Option<usize>) -> Range<usize> {
    let Some(line) = line.filter(|line| *line > 1) else { return text.node.span.clone() };
    let start: usize = text.text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let end = text.text[start.min(text.text.len())..]
        .find('\n')
        .map_or(text.text.len(), |length| start + length);
    text.node.locate(page.source, start.min(end)..end)
}
