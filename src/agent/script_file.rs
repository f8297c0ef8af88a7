//! `dialogue.yaml`: how each intent is talked through.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::diagnostic::{Diagnostic, Source};
use crate::config::yaml::Yaml;
use crate::dialogue::{
    Action, Confirm, IntentScript, Phrase, Phrases, Prompts, Replies, Reply, Script, SlotScript,
    Template, Then, Wording,
};
use crate::nlu::{Grammar, SlotValue};

use super::section::{Page, Section, Text};
use super::wording::{KnownSlot, Scope, prompts, template};

/// What an action's program may take when the deployer says nothing, in seconds.
const DEFAULT_TIME_LIMIT_S: f64 = 10.0;
/// Asked before acting on something half understood when the deployer wrote no question.
const DEFAULT_CONFIRM_QUESTION: &str = "I heard: {{ said }}. Is that right?";

/// Words that only a wildcard takes.
const NO_VALUE: &str = "qwxz vkjq";

/// What the grammar offers for one slot of an intent.
struct OfferedSlot {
    name: String,
    lists: Vec<String>,
    takes_any_words: bool,
    /// Of its lists, in the order written.
    values: Vec<SlotValue>,
}

impl OfferedSlot {
    fn known(&self) -> KnownSlot {
        KnownSlot { name: self.name.clone(), values: self.values.clone() }
    }

    fn without_question(&self) -> SlotScript {
        SlotScript {
            name: self.name.clone(),
            lists: self.lists.clone(),
            takes_any_words: self.takes_any_words,
            question: None,
            spoken_names: vec![spoken_name(&self.name)],
        }
    }
}

/// Reads `dialogue.yaml` against the grammar's intents. Everything wrong goes to `problems`.
pub fn read(
    source: &Source,
    folder: &Path,
    grammar: &Grammar,
    problems: &mut Vec<Diagnostic>,
) -> Option<Script> {
    let before = problems.len();
    let root = match Yaml::parse(source) {
        Ok(root) => root,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let offered = offered_by(grammar);
    let mut reader = Reader { page: Page { source, problems }, folder, offered: &offered };
    let mut top = reader.page.section(&root, "dialogue.yaml")?;
    let replies = top.take("replies").map_or_else(Replies::default, |node| reader.replies(node));
    let own_phrases = top.take("phrases").map(|node| reader.phrases(node)).unwrap_or_default();
    let intents = match top.require("intents", &mut reader.page) {
        Some(node) => reader.intents(node),
        None => BTreeMap::new(),
    };
    top.finish(&mut reader.page);
    match Phrases::new(source, &own_phrases, &slot_names(&intents)) {
        Ok(phrases) if problems.len() == before => Some(Script { replies, phrases, intents }),
        Ok(_) => None,
        Err(more) => {
            problems.extend(more);
            None
        }
    }
}

/// Intents of the grammar with their slots.
fn offered_by(grammar: &Grammar) -> BTreeMap<String, Vec<OfferedSlot>> {
    grammar
        .intents()
        .map(|intent| {
            let slots = grammar
                .slots_of(intent)
                .map(|slot| OfferedSlot {
                    name: slot.name.to_owned(),
                    lists: slot.lists.iter().map(|list| (*list).to_owned()).collect(),
                    takes_any_words: slot
                        .lists
                        .iter()
                        .any(|list| grammar.interpret_slot(list, slot.name, NO_VALUE).is_some()),
                    values: slot
                        .lists
                        .iter()
                        .flat_map(|list| grammar.values(list))
                        .map(|item| item.value.clone())
                        .collect(),
                })
                .collect();
            (intent.to_owned(), slots)
        })
        .collect()
}

/// What people call the slots of all intents.
fn slot_names(intents: &BTreeMap<String, IntentScript>) -> BTreeSet<String> {
    let slots = intents.values().flat_map(|intent| &intent.slots);
    slots.flat_map(|slot| &slot.spoken_names).cloned().collect()
}

struct Reader<'a> {
    page: Page<'a>,
    folder: &'a Path,
    offered: &'a BTreeMap<String, Vec<OfferedSlot>>,
}

impl Reader<'_> {
    fn replies(&mut self, node: &Yaml) -> Replies {
        let mut replies = Replies::default();
        let Some(mut section) = self.page.section(node, "`replies`") else { return replies };
        for (reply, key, _) in Reply::ALL {
            if let Some(node) = section.take(key)
                && let Some(prompts) = prompts(&mut self.page, node, key, &Scope::default())
            {
                replies.set(*reply, prompts);
            }
        }
        section.finish(&mut self.page);
        replies
    }

    fn phrases(&mut self, node: &Yaml) -> BTreeMap<Phrase, Vec<Wording>> {
        let mut own = BTreeMap::new();
        let Some(mut section) = self.page.section(node, "`phrases`") else { return own };
        for (phrase, key, ..) in Phrase::ALL {
            if let Some(node) = section.take(key) {
                let wordings = self
                    .page
                    .texts(node, key)
                    .into_iter()
                    .map(|Text { text, node }| Wording { text, at: node.span.clone() })
                    .collect();
                own.insert(*phrase, wordings);
            }
        }
        section.finish(&mut self.page);
        own
    }

    fn intents(&mut self, node: &Yaml) -> BTreeMap<String, IntentScript> {
        let mut intents = BTreeMap::new();
        let Some(section) = self.page.section(node, "`intents`") else { return intents };
        for (name, key, value) in section.names() {
            let Some(offered) = self.offered.get(name) else {
                let message = format!("no file in intents/ has an intent `{name}`");
                let known = self.offered.keys().map(String::as_str);
                self.page.unknown(&key.span, message, name, known);
                continue;
            };
            if let Some(intent) = self.intent(name, offered, value) {
                intents.insert(name.to_owned(), intent);
            }
        }
        let talked_through: Vec<&str> = section.names().map(|(name, ..)| name).collect();
        for name in self.offered.keys() {
            if !talked_through.contains(&name.as_str()) {
                self.page.wrong(
                    &(node.span.start..node.span.start),
                    format!("the intent `{name}` of intents/ is not in dialogue.yaml"),
                    format!("add `{name}:` with at least a `reply:` under `intents:`"),
                );
            }
        }
        intents
    }

    fn intent(&mut self, name: &str, offered: &[OfferedSlot], node: &Yaml) -> Option<IntentScript> {
        let what = format!("`{name}`");
        let mut section = self.page.section(node, &what)?;
        let own_summary = section.take("summary");
        let own_action = section.take("action");
        let action = own_action.and_then(|node| self.action(name, node));
        let scope = Scope {
            slots: Some(offered.iter().map(OfferedSlot::known).collect()),
            summary: own_summary.is_some(),
            outcome: false,
        };
        let summary = own_summary.and_then(|node| {
            let text = self.page.text(node, "summary")?;
            template(&mut self.page, &text, "summary", &Scope { summary: false, ..scope.clone() })
        });
        let slots = section.take("slots");
        let slots = self.slots(slots, offered, &scope);
        let confirm = section
            .take("confirm")
            .and_then(|node| self.page.choice(node, "confirm", Confirm::NAMES))
            .unwrap_or_default();
        let confirm_question = self.confirm_question(&mut section, confirm, &scope, node, &what);
        let working = self.optional(&mut section, "working", &scope);
        let failed = self.optional(&mut section, "failed", &scope);
        let with_outcome = Scope {
            outcome: action.as_ref().is_some_and(|action| action.program.is_some()),
            ..scope.clone()
        };
        let reply = section
            .require("reply", &mut self.page)
            .and_then(|node| prompts(&mut self.page, node, "reply", &with_outcome));
        let then = section
            .take("then")
            .and_then(|node| self.page.choice(node, "then", Then::NAMES))
            .unwrap_or_default();
        section.finish(&mut self.page);
        Some(IntentScript {
            slots,
            summary,
            confirm,
            confirm_question: confirm_question?,
            action,
            working,
            reply: reply?,
            failed,
            then,
        })
    }

    fn optional(
        &mut self,
        section: &mut Section,
        key: &'static str,
        scope: &Scope,
    ) -> Option<Prompts> {
        section.take(key).and_then(|node| prompts(&mut self.page, node, key, scope))
    }

    fn confirm_question(
        &mut self,
        section: &mut Section,
        confirm: Confirm,
        scope: &Scope,
        node: &Yaml,
        what: &str,
    ) -> Option<Prompts> {
        if let Some(node) = section.take("confirm_question") {
            return prompts(&mut self.page, node, "confirm_question", scope);
        }
        if confirm == Confirm::Always {
            self.page.wrong(
                &(node.span.start..node.span.start),
                format!("{what} has `confirm: always` and no `confirm_question`"),
                "add a line like `confirm_question: \"{{ summary }}, is that right?\"`",
            );
            return None;
        }
        let default = Template::new(DEFAULT_CONFIRM_QUESTION)
            .expect("the built-in confirmation is a valid template");
        Prompts::new(vec![default])
    }

    /// The slots in the order written, then those that only the grammar knows.
    fn slots(
        &mut self,
        node: Option<&Yaml>,
        offered: &[OfferedSlot],
        scope: &Scope,
    ) -> Vec<SlotScript> {
        let mut slots: Vec<SlotScript> = Vec::new();
        if let Some(section) = node.and_then(|node| self.page.section(node, "`slots`")) {
            for (name, key, value) in section.names() {
                match offered.iter().find(|slot| slot.name == name) {
                    Some(known) => slots.extend(self.slot(known, value, scope)),
                    None => {
                        let message = format!("no sentence of this intent has a slot `{name}`");
                        let names = offered.iter().map(|slot| slot.name.as_str());
                        self.page.unknown(&key.span, message, name, names);
                    }
                }
            }
        }
        for known in offered {
            if !slots.iter().any(|slot| slot.name == known.name) {
                slots.push(known.without_question());
            }
        }
        slots
    }

    /// `size: "What size?"`, or a block with `ask` and `names`.
    fn slot(&mut self, known: &OfferedSlot, node: &Yaml, scope: &Scope) -> Option<SlotScript> {
        let mut slot = known.without_question();
        if !matches!(node.kind, crate::config::yaml::Kind::Mapping(_)) {
            slot.question = prompts(&mut self.page, node, &known.name, scope);
            return Some(slot);
        }
        let mut section = self.page.section(node, &format!("`{}`", known.name))?;
        slot.question = self.optional(&mut section, "ask", scope);
        if let Some(node) = section.take("names") {
            slot.spoken_names =
                self.page.texts(node, "names").into_iter().map(|text| text.text).collect();
        }
        section.finish(&mut self.page);
        Some(slot)
    }

    fn action(&mut self, intent: &str, node: &Yaml) -> Option<Action> {
        let mut section = self.page.section(node, "`action`")?;
        let name = section.take("name").and_then(|node| self.page.text(node, "name"));
        let argv: Option<Vec<Text>> = section.take("program").map(|node| {
            let items = self.page.list(node, "program");
            if items.is_empty() {
                self.page.wrong(
                    &node.span,
                    "program is empty: its first item is the program",
                    "write it like `program: [./order.sh]`",
                );
            }
            items.iter().filter_map(|item| self.page.text(item, "program")).collect()
        });
        if let Some(program) = argv.as_ref().and_then(|argv| argv.first()) {
            self.check_program(program);
        }
        let limit = section.take("time_limit_s").and_then(|node| {
            if argv.is_none() {
                self.page.wrong(
                    &node.span,
                    "time_limit_s limits a program, and this action has none",
                    "add `program: […]` or delete this line",
                );
            }
            self.page.seconds(node, "time_limit_s", 0.1..=120.0)
        });
        section.finish(&mut self.page);
        Some(Action {
            name: name.map_or_else(|| intent.to_owned(), |text| text.text),
            program: argv.map(|argv| argv.into_iter().map(|text| text.text).collect()),
            time_limit: Duration::from_secs_f64(limit.unwrap_or(DEFAULT_TIME_LIMIT_S)),
        })
    }

    fn check_program(&mut self, program: &Text) {
        let name = &program.text;
        let (found, looked): (Option<PathBuf>, String) = if name.contains('/') {
            let path = self.folder.join(name);
            (Some(path.clone()).filter(|path| path.is_file()), path.display().to_string())
        } else {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&folders).map(|dir| dir.join(name));
            (found.into_iter().find(|path| path.is_file()), "the folders of PATH".to_owned())
        };
        match found {
            None => self.page.wrong(
                &program.node.span,
                format!("the program `{name}` is not there: looked in {looked}"),
                "a program in the agent's folder is written with its path: `./order.sh`",
            ),
            Some(path) if !is_executable(&path) => self.page.wrong(
                &program.node.span,
                format!("the program `{name}` may not be run"),
                format!("make it executable: chmod +x {}", path.display()),
            ),
            Some(_) => {}
        }
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

/// `numberOfShots` and `number_of_shots` → "number of shots".
fn spoken_name(slot: &str) -> String {
    let mut words = String::with_capacity(slot.len() + 4);
    for c in slot.chars() {
        if c.is_uppercase() && !words.is_empty() && !words.ends_with(' ') {
            words.push(' ');
        }
        if c == '_' || c == '-' {
            words.push(' ');
        } else {
            words.extend(c.to_lowercase());
        }
    }
    words.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_called_by_their_words() {
        for (slot, spoken) in [
            ("size", "size"),
            ("numberOfShots", "number of shots"),
            ("milk_amount", "milk amount"),
            ("Size", "size"),
        ] {
            assert_eq!(spoken_name(slot), spoken);
        }
    }
}
