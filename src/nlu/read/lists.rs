//! Lists: values, ranges, wildcards, entities.

use super::super::draft::{Context, Fractions, List, ListKind, Lists, NumberRange, Value};
use super::super::entities::Entity;
use super::super::template;
use super::Reader;
use super::fields::text_of;
use crate::config::diagnostic::nearest;
use crate::config::yaml::{Kind, Yaml};

const LIST_KEYS: &[&str] = &["values", "range", "wildcard", "entity", "metadata"];
const VALUE_KEYS: &[&str] = &["in", "out", "context", "metadata"];
const RANGE_KEYS: &[&str] =
    &["type", "from", "to", "step", "fractions", "multiplier", "digits", "words", "words_language"];

impl Reader<'_> {
    pub(super) fn lists(&mut self, yaml: &Yaml) -> Lists {
        let mut lists = Lists::new();
        for (name, at, body) in self.entries(yaml, "`lists`") {
            // A broken list keeps its name, so that its uses are not reported as well.
            let kind = self.list(at, body).unwrap_or(ListKind::Wildcard);
            lists.insert(name.to_owned(), List { place: self.place(at), kind });
        }
        lists
    }

    fn list(&mut self, name: &Yaml, yaml: &Yaml) -> Option<ListKind> {
        let problems_before = self.problems.len();
        let mut kinds = Vec::new();
        for (key, at, value) in self.keys(yaml, "a list", LIST_KEYS) {
            match key {
                "values" => {
                    let items = self.items(value, "`values`", "values, one per line");
                    if items.is_empty() {
                        self.wrong(at, "this list has no values", "write at least one value");
                    }
                    let values = items.iter().filter_map(|v| self.list_value(v)).collect();
                    kinds.push(ListKind::Values(values));
                }
                "range" => kinds.extend(self.range(value).map(ListKind::Range)),
                "wildcard" => {
                    let is_wildcard = self.flag(value, "`wildcard`") == Some(true);
                    kinds.extend(is_wildcard.then_some(ListKind::Wildcard));
                }
                "entity" => kinds.extend(self.entity(value).map(ListKind::Entity)),
                _ => drop(self.entries(value, "`metadata`")),
            }
        }
        if kinds.len() > 1 {
            self.wrong(
                name,
                "a list has `values`, or a `range`, or is a `wildcard` or an `entity`, and this is \
                 several",
                "make a list of each",
            );
        }
        if kinds.is_empty() && self.problems.len() == problems_before {
            self.wrong(
                name,
                "this list is empty",
                "give it `values:`, a `range:`, an `entity:` or `wildcard: true`",
            );
        }
        kinds.pop()
    }

    fn entity(&mut self, yaml: &Yaml) -> Option<Entity> {
        let name = self.text(yaml, "`entity`")?;
        match name.parse() {
            Ok(kind) => Some(kind),
            Err(unknown) => {
                let help = match nearest(&name, Entity::ALL.into_iter().map(Entity::name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "docs/entities.md says what each understands".to_owned(),
                };
                self.wrong(yaml, unknown.to_string(), &help);
                None
            }
        }
    }

    fn list_value(&mut self, yaml: &Yaml) -> Option<Value> {
        if let Kind::Scalar(scalar) = &yaml.kind {
            let input = self.template(yaml, "a list value")?;
            // As in hassil: without brackets it is its own value, a template means what was said.
            let plain = !template::is_template(&scalar.text);
            let out = if plain { self.value(yaml, "a list value") } else { None };
            return Some(Value { input, out, context: Context::new() });
        }
        let problems_before = self.problems.len();
        let (mut input, mut out, mut context) = (None, None, Context::new());
        for (key, _, field) in self.keys(yaml, "a list value", VALUE_KEYS) {
            match key {
                "in" => input = self.template(field, "`in`"),
                "out" => out = self.value(field, "`out`"),
                "context" => {
                    for (key, _, value) in self.entries(field, "`context`") {
                        if let Some(value) = self.value(value, "a context value") {
                            context.insert(key.to_owned(), value);
                        }
                    }
                }
                _ => drop(self.entries(field, "`metadata`")),
            }
        }
        if input.is_none() && self.problems.len() == problems_before {
            self.wrong(yaml, "this value has no `in`", "write what is said as `in: …`");
        }
        Some(Value { input: input?, out, context })
    }

    fn range(&mut self, yaml: &Yaml) -> Option<NumberRange> {
        let (mut from, mut to) = (None, None);
        let mut range = NumberRange::whole(0, 0, 1);
        let problems_before = self.problems.len();
        let mut right = true;
        for (key, _, value) in self.keys(yaml, "a range", RANGE_KEYS) {
            match key {
                "from" => from = self.integer(value, "`from`"),
                "to" => to = self.integer(value, "`to`"),
                "step" => match self.integer(value, "`step`") {
                    Some(step) if step > 0 => range.step = step,
                    Some(_) => {
                        right = false;
                        self.wrong(
                            value,
                            "`step` must be at least 1",
                            "leave it out for every number",
                        );
                    }
                    None => right = false,
                },
                "fractions" => match text_of(value) {
                    Some("halves") => range.fractions = Fractions::Halves,
                    Some("tenths") => range.fractions = Fractions::Tenths,
                    _ => self.wrong(
                        value,
                        "`fractions` is `halves` or `tenths`",
                        "leave it out for whole numbers",
                    ),
                },
                "multiplier" => range.multiplier = self.number(value, "`multiplier`"),
                "digits" => range.digits = self.flag(value, "`digits`").unwrap_or(true),
                "words" => range.words = self.flag(value, "`words`").unwrap_or(true),
                "type" => match text_of(value) {
                    Some("number" | "percentage" | "temperature") => {}
                    _ => self.wrong(
                        value,
                        "`type` is `number`, `percentage` or `temperature`",
                        "leave it out for `number`",
                    ),
                },
                _ => drop(self.text(value, "`words_language`")),
            }
        }
        let (Some(from), Some(to)) = (from, to) else {
            if right && self.problems.len() == problems_before {
                self.wrong(
                    yaml,
                    "a range needs whole numbers `from` and `to`",
                    "as `from: 0` and `to: 100`",
                );
            }
            return None;
        };
        if from > to {
            self.wrong(
                yaml,
                format!("`from` is {from}, which is more than `to` ({to})"),
                "swap them",
            );
            return None;
        }
        if !range.digits && !range.words {
            self.wrong(
                yaml,
                "a range without `digits` and `words` matches nothing",
                "allow one of them",
            );
        }
        (range.from, range.to) = (from, to);
        right.then_some(range)
    }
}
