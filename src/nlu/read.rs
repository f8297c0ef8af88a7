//! YAML to [`Draft`]: every key of the format, every mistake with its place.

use std::collections::BTreeMap;

use super::draft::{
    Block, Context, Draft, Fractions, List, ListKind, Lists, NumberRange, Place, Requirement,
    Rules, Template, Value,
};
use super::interpretation::SlotValue;
use super::template;
use crate::config::diagnostic::{Diagnostic, Source, nearest};
use crate::config::yaml::{Kind, Typed, Yaml};

/// Reads all files into one draft; mistakes go to `problems`, and what they touch is left out.
pub(super) fn read(sources: &[Source], problems: &mut Vec<Diagnostic>) -> Draft {
    let mut draft = Draft::default();
    for (index, source) in sources.iter().enumerate() {
        match Yaml::parse(source) {
            Ok(yaml) => Reader { sources, index, problems }.file(&yaml, &mut draft),
            Err(problem) => problems.push(problem),
        }
    }
    draft
}

struct Reader<'a> {
    sources: &'a [Source],
    /// Of the file at hand.
    index: usize,
    problems: &'a mut Vec<Diagnostic>,
}

const FILE_KEYS: &[&str] = &[
    "language",
    "intents",
    "data",
    "lists",
    "expansion_rules",
    "skip_words",
    "settings",
    "responses",
];
const BLOCK_KEYS: &[&str] = &[
    "sentences",
    "slots",
    "response",
    "requires_context",
    "excludes_context",
    "expansion_rules",
    "lists",
    "metadata",
    "required_keywords",
    "settings",
    "inferred_domain",
    "name_domains",
];
const LIST_KEYS: &[&str] = &["values", "range", "wildcard", "metadata"];
const VALUE_KEYS: &[&str] = &["in", "out", "context", "metadata"];
const RANGE_KEYS: &[&str] =
    &["type", "from", "to", "step", "fractions", "multiplier", "digits", "words", "words_language"];
const SETTING_KEYS: &[&str] = &["ignore_whitespace", "filter_with_regex"];

impl<'a> Reader<'a> {
    fn file(&mut self, yaml: &Yaml, draft: &mut Draft) {
        for (key, at, value) in self.keys(yaml, "a template file", FILE_KEYS) {
            match key {
                "intents" => {
                    for (name, _, intent) in self.entries(value, "`intents`") {
                        for (key, _, data) in self.keys(intent, "an intent", &["data"]) {
                            debug_assert_eq!(key, "data");
                            let blocks = self.blocks(data);
                            draft.intent(name).blocks.extend(blocks);
                        }
                    }
                }
                "data" => match self.folder_intent() {
                    Some(name) => {
                        let blocks = self.blocks(value);
                        draft.intent(&name).blocks.extend(blocks);
                    }
                    None => self.wrong(
                        at,
                        "`data` at the top needs a folder named as its intent",
                        "write it under `intents:` and the intent's name",
                    ),
                },
                "lists" => {
                    let lists = self.lists(value);
                    self.merge_lists(&mut draft.lists, lists);
                }
                "expansion_rules" => {
                    let rules = self.rules(value);
                    self.merge_rules(&mut draft.rules, rules);
                }
                "skip_words" => draft.skip_words.extend(self.texts(value, "`skip_words`")),
                "settings" => self.settings(value),
                "language" => drop(self.text(value, "`language`")),
                // Answers belong to the dialogue; Home Assistant keeps its error texts here.
                _ => drop(self.entries(value, "`responses`")),
            }
        }
    }

    /// Home Assistant's newer layout keeps each intent's blocks in a folder of its name.
    fn folder_intent(&self) -> Option<String> {
        let folder = self.sources[self.index].path.parent()?.file_name()?.to_str()?;
        (folder != "intents").then(|| folder.to_owned())
    }

    fn blocks(&mut self, yaml: &Yaml) -> Vec<Block> {
        let items = self.items(yaml, "`data`", "blocks that start with `- sentences:`");
        items.iter().map(|block| self.block(block)).collect()
    }

    fn block(&mut self, yaml: &Yaml) -> Block {
        let mut block = Block {
            sentences: Vec::new(),
            slots: BTreeMap::new(),
            response: None,
            requires: Vec::new(),
            excludes: Vec::new(),
            rules: Rules::new(),
            lists: Lists::new(),
            keywords: Vec::new(),
        };
        let mut has_sentences = false;
        let problems_before = self.problems.len();
        for (key, _, value) in self.keys(yaml, "a block of sentences", BLOCK_KEYS) {
            match key {
                "sentences" => {
                    has_sentences = true;
                    let items = self.items(value, "`sentences`", "templates, one per line");
                    if items.is_empty() {
                        self.wrong(value, "`sentences` is empty", "write at least one template");
                    }
                    let read = items.iter().filter_map(|s| self.template(s, "a sentence"));
                    block.sentences = read.collect();
                }
                "slots" => {
                    for (slot, _, value) in self.entries(value, "`slots`") {
                        if let Some(value) = self.value(value, "a slot") {
                            block.slots.insert(slot.to_owned(), value);
                        }
                    }
                }
                "response" => block.response = self.text(value, "`response`"),
                "requires_context" => block.requires.extend(self.requirements(value)),
                "excludes_context" => block.excludes.extend(self.requirements(value)),
                "expansion_rules" => block.rules = self.rules(value),
                "lists" => block.lists = self.lists(value),
                "required_keywords" => {
                    block.keywords = self.texts(value, "`required_keywords`");
                }
                "settings" => self.settings(value),
                "inferred_domain" => {
                    if let Some(domain) = self.text(value, "`inferred_domain`") {
                        block.slots.insert("domain".to_owned(), SlotValue::Text(domain));
                    }
                }
                "name_domains" => {
                    let domains = self.texts(value, "`name_domains`");
                    let values = domains.into_iter().map(SlotValue::Text).collect();
                    block.requires.push(Requirement { key: "domain".into(), values, slot: None });
                }
                // Free data for programs that read the file themselves.
                _ => drop(self.entries(value, "`metadata`")),
            }
        }
        // A mistyped `sentences` was reported as such.
        if !has_sentences && self.problems.len() == problems_before {
            self.wrong(yaml, "this block has no `sentences`", "add `sentences:` with a template");
        }
        block
    }

    fn rules(&mut self, yaml: &Yaml) -> Rules {
        let mut rules = Rules::new();
        for (name, _, body) in self.entries(yaml, "`expansion_rules`") {
            // A broken rule keeps its name, so that its uses are not reported as well.
            let template = self.template(body, "an expansion rule").unwrap_or_else(|| {
                let expr = template::Expr::Text(name.to_owned());
                let tree = template::Node { at: 0..0, expr };
                Template { text: name.to_owned(), tree, place: self.place(body) }
            });
            rules.insert(name.to_owned(), template);
        }
        rules
    }

    fn lists(&mut self, yaml: &Yaml) -> Lists {
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
                _ => drop(self.entries(value, "`metadata`")),
            }
        }
        if kinds.len() > 1 {
            self.wrong(
                name,
                "a list has `values`, or a `range`, or is a `wildcard`, and this has several",
                "make a list of each",
            );
        }
        if kinds.is_empty() && self.problems.len() == problems_before {
            self.wrong(
                name,
                "this list is empty",
                "give it `values:`, a `range:` or `wildcard: true`",
            );
        }
        kinds.pop()
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

    fn requirements(&mut self, yaml: &Yaml) -> Vec<Requirement> {
        let mut requirements = Vec::new();
        for (key, _, value) in self.entries(yaml, "a context") {
            let mut requirement = Requirement { key: key.to_owned(), values: vec![], slot: None };
            match &value.kind {
                Kind::Mapping(_) => {
                    for (field, _, value) in self.keys(value, "a context value", &["value", "slot"])
                    {
                        if field == "value" {
                            requirement.values = self.alternatives(value);
                        } else if let Kind::Scalar(scalar) = &value.kind {
                            requirement.slot = match scalar.typed() {
                                Typed::Bool(true) => Some(key.to_owned()),
                                Typed::Text(slot) => Some(slot.to_owned()),
                                _ => None,
                            };
                        }
                    }
                }
                _ => requirement.values = self.alternatives(value),
            }
            requirements.push(requirement);
        }
        requirements
    }

    /// One value or a list of them; nothing means any.
    fn alternatives(&mut self, yaml: &Yaml) -> Vec<SlotValue> {
        match &yaml.kind {
            Kind::Sequence(items) => {
                items.iter().filter_map(|item| self.value(item, "a context value")).collect()
            }
            Kind::Scalar(scalar) if scalar.typed() == Typed::Null => Vec::new(),
            _ => self.value(yaml, "a context value").into_iter().collect(),
        }
    }

    fn settings(&mut self, yaml: &Yaml) {
        for (key, at, value) in self.keys(yaml, "`settings`", SETTING_KEYS) {
            // `filter_with_regex` tunes hassil's own search and means nothing here.
            if self.flag(value, key) == Some(true) && key == "ignore_whitespace" {
                self.wrong(
                    at,
                    "languages written without spaces are not supported",
                    "delete `ignore_whitespace`",
                );
            }
        }
    }

    fn template(&mut self, yaml: &Yaml, what: &str) -> Option<Template> {
        let Kind::Scalar(scalar) = &yaml.kind else {
            self.wrong(
                yaml,
                format!("{what} must be text, and this is {}", yaml.describe()),
                "put quotes around a template that starts with `[` or `{`",
            );
            return None;
        };
        if scalar.text.trim().is_empty() {
            self.wrong(yaml, format!("{what} is empty"), "write words, or delete the line");
            return None;
        }
        match template::parse(&scalar.text) {
            Ok(tree) => Some(Template { text: scalar.text.clone(), tree, place: self.place(yaml) }),
            Err(error) => {
                let place = self.place(yaml);
                let problem = place.wrong_at(self.sources, error.at, error.message);
                self.problems.push(problem.help(error.help));
                None
            }
        }
    }

    fn merge_lists(&mut self, all: &mut Lists, more: Lists) {
        for (name, list) in more {
            if let Some(first) = all.get(&name) {
                let problem = list
                    .place
                    .wrong(self.sources, format!("the list `{name}` is written twice"))
                    .help(format!("the first one is at {}", first.place.show(self.sources)));
                self.problems.push(problem);
            } else {
                all.insert(name, list);
            }
        }
    }

    fn merge_rules(&mut self, all: &mut Rules, more: Rules) {
        for (name, rule) in more {
            match all.get(&name) {
                // The same words twice do no harm, and shared files have them.
                Some(first) if first.text == rule.text => {}
                Some(first) => {
                    let problem = rule
                        .place
                        .wrong(self.sources, format!("the rule <{name}> is written twice"))
                        .help(format!("the first one is at {}", first.place.show(self.sources)));
                    self.problems.push(problem);
                }
                None => drop(all.insert(name, rule)),
            }
        }
    }

    fn place(&self, yaml: &Yaml) -> Place {
        Place { source: self.index, yaml: yaml.clone() }
    }

    fn wrong(&mut self, yaml: &Yaml, message: impl Into<String>, help: &str) {
        let source = &self.sources[self.index];
        self.problems.push(Diagnostic::new(source, yaml.span.clone(), message).help(help));
    }

    /// The entries of a mapping of free names.
    fn entries<'y>(&mut self, yaml: &'y Yaml, what: &str) -> Vec<(&'y str, &'y Yaml, &'y Yaml)> {
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
    fn keys<'y>(
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

    fn items<'y>(&mut self, yaml: &'y Yaml, what: &str, of: &str) -> &'y [Yaml] {
        match &yaml.kind {
            Kind::Sequence(items) => items,
            _ => {
                let message = format!("{what} must be a list, and this is {}", yaml.describe());
                self.wrong(yaml, message, &format!("write a list of {of}, each after `- `"));
                &[]
            }
        }
    }

    fn texts(&mut self, yaml: &Yaml, what: &str) -> Vec<String> {
        let items = self.items(yaml, what, "words");
        items.iter().filter_map(|item| self.text(item, what)).collect()
    }

    fn text(&mut self, yaml: &Yaml, what: &str) -> Option<String> {
        let text = text_of(yaml).map(str::to_owned);
        if text.is_none() {
            let message = format!("{what} must be text, and this is {}", yaml.describe());
            self.wrong(yaml, message, "write one word or sentence");
        }
        text
    }

    fn value(&mut self, yaml: &Yaml, what: &str) -> Option<SlotValue> {
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

    fn integer(&mut self, yaml: &Yaml, what: &str) -> Option<i64> {
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

    fn number(&mut self, yaml: &Yaml, what: &str) -> Option<f64> {
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

    fn flag(&mut self, yaml: &Yaml, what: &str) -> Option<bool> {
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

fn text_of(yaml: &Yaml) -> Option<&str> {
    match &yaml.kind {
        Kind::Scalar(scalar) if scalar.typed() != Typed::Null => Some(&scalar.text),
        _ => None,
    }
}
