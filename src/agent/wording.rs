//! Reply templates as written in `dialogue.yaml`: compiled, and checked for names that cannot be.

use std::ops::Range;

use crate::clock::Clock;
use crate::config::diagnostic::Diagnostic;
use crate::config::yaml::Yaml;
use crate::dialogue::{Facts, Prompts, Template, parts_of_now};
use crate::nlu::{Slot, SlotValue, Slots};
use crate::units::SamplePos;

use super::section::{Page, Text};

/// What a template may speak of where it stands.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The slots of the intent; `None` outside intents.
    pub slots: Option<Vec<String>>,
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
            page.wrong_help(
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
        if !slots.iter().any(|known| known == slot) {
            let message = format!("`{name}`: no sentence of this intent has a slot `{slot}`");
            page.unknown(&at, message, slot, slots.iter().map(String::as_str));
        } else if parts.next().is_some() {
            page.wrong_help(
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
    let near = scope.slots.iter().flatten().find(|slot| *slot == root);
    match near {
        Some(slot) => page.wrong_help(&at, message, format!("did you mean `slots.{slot}`?")),
        None => page.unknown(&at, message, root, known),
    }
}

fn check_part_of_now(page: &mut Page, at: &Range<usize>, name: &str, part: Option<&str>) {
    match part {
        None => page.wrong_help(
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

/// Renders the template once with every slot filled and once with none, so that a misspelt filter
/// is found now and not before a visitor. Complaints about the made-up values are left aside.
fn try_out(page: &mut Page, text: &Text, what: &str, template: &Template, scope: &Scope) -> bool {
    let example = Slot { value: SlotValue::Text("example".into()), text: "example".into() };
    let now = Clock::default().at(SamplePos::default());
    let names = scope.slots.clone().unwrap_or_default();
    let full: Slots = names.into_iter().map(|name| (name, example.clone())).collect();
    for slots in [full, Slots::new()] {
        let facts = Facts {
            agent: "example",
            slots: scope.slots.is_some().then_some(&slots),
            summary: scope.summary.then_some("example"),
            outcome: scope.outcome.then_some("example"),
            said: scope.slots.is_some().then_some("example"),
            now: Some(&now),
        };
        if let Err(e) = template.render(&facts)
            && !e.depends_on_facts
        {
            let at = line_of_template(page, text, e.line);
            page.problems.push(Diagnostic::new(page.source, at, format!("{what}: {e}")));
            return false;
        }
    }
    true
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
