//! YAML to [`Draft`]: every key of the format, every mistake with its place.

use std::collections::BTreeMap;

use super::draft::{Block, Draft, Lists, Phrase, Requirement, Rules, Template};
use super::interpretation::SlotValue;
use super::template;
use super::words::Words;
use crate::config::diagnostic::{Diagnostic, Source};
use crate::config::yaml::{Kind, Typed, Yaml};

mod fields;
mod lists;
mod marks;

use marks::Unmarked;

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
    "pronounce",
];
/// `examples` is ours; Home Assistant passes over it here.
const INTENT_KEYS: &[&str] = &["data", "examples"];
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
const SETTING_KEYS: &[&str] = &["ignore_whitespace", "filter_with_regex"];

impl Reader<'_> {
    fn file(&mut self, yaml: &Yaml, draft: &mut Draft) {
        for (key, at, value) in self.keys(yaml, "a template file", FILE_KEYS) {
            match key {
                "intents" => {
                    for (name, _, intent) in self.entries(value, "`intents`") {
                        for (key, _, value) in self.keys(intent, "an intent", INTENT_KEYS) {
                            if key == "examples" {
                                let examples = self.phrases(value);
                                draft.intent(name).examples.extend(examples);
                            } else {
                                let blocks = self.blocks(value);
                                draft.intent(name).blocks.extend(blocks);
                            }
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
                "pronounce" => self.pronounce(value, &mut draft.respelled),
                "language" => drop(self.text(value, "`language`")),
                // Answers belong to the dialogue; Home Assistant keeps its error texts here.
                _ => drop(self.entries(value, "`responses`")),
            }
        }
    }

    /// `word: respelling, another`.
    fn pronounce(&mut self, yaml: &Yaml, all: &mut BTreeMap<String, Vec<String>>) {
        for (word, at, said) in self.entries(yaml, "`pronounce`") {
            let normal = Words::new(word).text;
            if normal.is_empty() || normal.contains(' ') || !normal.contains(char::is_alphabetic) {
                let message = format!("`{word}` is not one word of letters");
                self.wrong(at, message, "respell the words of a name one by one");
                continue;
            }
            let Some(text) = self.text(said, "a respelling") else { continue };
            let mut start = 0;
            let mut ways = Vec::new();
            for way in text.split(',') {
                if way.contains(char::is_alphabetic) {
                    ways.push(way.trim().to_owned());
                } else {
                    let place = self.place(said);
                    let problem = place
                        .wrong_at(self.sources, start..start + way.len(), "this respelling has no letters")
                        .help("write how it sounds as other words, as `lah-tay`; commas separate several");
                    self.problems.push(problem);
                }
                start += way.len() + 1;
            }
            if all.insert(normal, ways).is_some() {
                let message = format!("`{word}` is respelled twice");
                self.wrong(
                    at,
                    message,
                    "write all its respellings in one place, with commas between",
                );
            }
        }
    }

    /// Home Assistant's newer layout keeps each intent's blocks in a folder of its name.
    fn folder_intent(&self) -> Option<String> {
        let folder = self.sources[self.index].path.parent()?.file_name()?.to_str()?;
        (folder != "intents").then(|| folder.to_owned())
    }

    /// `- a phrase`, as people say it, with the words of open slots marked.
    fn phrases(&mut self, yaml: &Yaml) -> Vec<Phrase> {
        let mut phrases = Vec::new();
        for item in self.items(yaml, "`examples`", "phrases") {
            let Some(text) = self.text(item, "an example") else { continue };
            let place = self.place(item);
            match marks::unmark(&text) {
                Some(Unmarked { text, .. }) if Words::new(&text).text.is_empty() => {
                    self.wrong(item, "this example has no words", "write what somebody may say");
                }
                Some(Unmarked { text, marks }) => phrases.push(Phrase { text, marks, place }),
                None => self.wrong(
                    item,
                    "an example is learned as it is written, and this is a template",
                    "write one phrase, with brackets only as in `buy {item=oat milk}`, or move it to \
                     `sentences`",
                ),
            }
        }
        phrases
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
}
