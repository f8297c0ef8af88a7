//! `tests/*.yaml`: conversations as a deployer writes them down.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::clock::{Clock, Moment};
use crate::config::diagnostic::{Diagnostic, Source};
use crate::config::yaml::{Kind, Yaml};
use crate::dialogue::{ACTS, ActionResult, NAMED_SLOT, Phrase, Script};
use crate::nlu::Status;

use super::section::{Page, Section};

/// One conversation.
#[derive(Clone, Debug)]
pub struct TestConversation {
    pub file: PathBuf,
    pub line: u32,
    pub name: String,
    /// Begins at `now:`, or at the default moment of a clock.
    pub clock: Clock,
    pub turns: Vec<Turn>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub line: u32,
    pub happening: Happening,
    pub expect: Expectation,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// The visitor says this.
    Say(String),
    /// Nothing is said for so many seconds.
    Wait(f64),
    /// The program of the last action ends like this. No program is run in a test.
    ProgramEnds(ActionResult),
}

/// What must follow. Fields that were not written are not looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    pub intent: Option<String>,
    /// Exactly these slots were understood in the words just said; values are compared as text,
    /// case aside.
    pub slots: Option<Vec<(String, String)>>,
    pub status: Option<Status>,
    /// The whole answer.
    pub reply: Option<String>,
    /// Pieces of the answer, case aside.
    pub reply_has: Vec<String>,
    pub reply_lacks: Vec<String>,
    pub state: Option<String>,
    pub act: Option<String>,
    /// Names of the actions that were started, in order; empty for "none".
    pub actions: Option<Vec<String>>,
    pub ended: Option<bool>,
}

const STATUSES: &[(&str, Status)] =
    &[("accepted", Status::Accepted), ("confirm", Status::Confirm), ("rejected", Status::Rejected)];

const STATES: &[(&str, ())] = &[
    ("idle", ()),
    ("listening", ()),
    ("asking_slot", ()),
    ("confirming", ()),
    ("changing", ()),
    ("acting", ()),
];

/// Longest wait of a test, in seconds: an hour.
const MAX_WAIT_S: f64 = 3600.0;

/// Reads all test files. Names are checked against `script` when there is one.
pub fn read(
    sources: &[Source],
    script: Option<&Script>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<TestConversation> {
    let mut conversations = Vec::new();
    for source in sources {
        match Yaml::parse(source) {
            Ok(root) => {
                let mut reader = Reader { page: Page { source, problems }, script };
                conversations.extend(reader.file(&root));
            }
            Err(problem) => problems.push(problem),
        }
    }
    conversations
}

struct Reader<'a> {
    page: Page<'a>,
    script: Option<&'a Script>,
}

impl Reader<'_> {
    fn file(&mut self, root: &Yaml) -> Vec<TestConversation> {
        let Some(mut top) = self.page.section(root, "a test file") else { return Vec::new() };
        let items = match top.require("conversations", &mut self.page) {
            Some(node) => self.page.list(node, "`conversations`"),
            None => &[],
        };
        let conversations = items.iter().filter_map(|item| self.conversation(item)).collect();
        top.finish(&mut self.page);
        conversations
    }

    fn conversation(&mut self, node: &Yaml) -> Option<TestConversation> {
        let mut section = self.page.section(node, "a conversation")?;
        let name = section
            .require("name", &mut self.page)
            .and_then(|node| self.page.text(node, "name"))
            .map(|text| text.text);
        let clock = section.take("now").and_then(|node| self.moment(node)).map(Clock::From);
        let turns = match section.require("turns", &mut self.page) {
            Some(node) => {
                let turns = self.page.list(node, "`turns`");
                if turns.is_empty() && matches!(node.kind, Kind::Sequence(_)) {
                    let message = "a conversation without turns tests nothing";
                    self.page.wrong(&node.span, message, "add a turn like `- say: hello`");
                }
                turns
            }
            None => &[],
        };
        let turns = turns.iter().filter_map(|item| self.turn(item)).collect();
        section.finish(&mut self.page);
        let source = self.page.source;
        let line = source.line_of(node.span.start);
        let (file, clock) = (source.path.clone(), clock.unwrap_or_default());
        Some(TestConversation { file, line, name: name?, clock, turns })
    }

    fn moment(&mut self, node: &Yaml) -> Option<Moment> {
        let text = self.page.text(node, "now")?;
        match text.text.parse() {
            Ok(moment) => Some(moment),
            Err(error) => {
                self.page.wrong(
                    &node.span,
                    format!("now: {error}"),
                    "leave it out where the time does not matter",
                );
                None
            }
        }
    }

    fn turn(&mut self, node: &Yaml) -> Option<Turn> {
        let mut section = self.page.section(node, "a turn")?;
        let said = section.take("say").and_then(|node| self.page.text(node, "say"));
        let waited = section
            .take("wait_s")
            .and_then(|node| self.page.seconds(node, "wait_s", 0.0..=MAX_WAIT_S));
        let ends = self.program_ends(&mut section);
        let expect = self.expectation(&mut section);
        section.finish(&mut self.page);
        let happening = match (said, waited, ends) {
            (Some(said), None, None) => Happening::Say(said.text),
            (None, Some(seconds), None) => Happening::Wait(seconds),
            (None, None, Some(result)) => Happening::ProgramEnds(result),
            _ => {
                self.page.wrong(
                    &(node.span.start..node.span.start),
                    "a turn needs exactly one of `say`, `wait_s` and `program_ends`",
                    "begin a new turn with `- ` for each thing that happens",
                );
                return None;
            }
        };
        Some(Turn { line: self.page.source.line_of(node.span.start), happening, expect })
    }

    fn program_ends(&mut self, section: &mut Section) -> Option<ActionResult> {
        let output = section
            .take("output")
            .and_then(|node| self.page.text(node, "output"))
            .map(|text| text.text)
            .unwrap_or_default();
        let results = [
            ("ok", ActionResult::Ok { output }),
            ("failed", ActionResult::Failed { why: "the test says so".to_owned() }),
            ("timed_out", ActionResult::TimedOut),
        ];
        let node = section.take("program_ends")?;
        let names: Vec<(&str, usize)> =
            results.iter().enumerate().map(|(index, (name, _))| (*name, index)).collect();
        let chosen = self.page.choice(node, "program_ends", &names)?;
        results.into_iter().nth(chosen).map(|(_, result)| result)
    }

    fn expectation(&mut self, section: &mut Section) -> Expectation {
        let intent = section.take("intent").and_then(|node| {
            let text = self.page.text(node, "intent")?;
            self.known_intent(node, &text.text);
            Some(text.text)
        });
        let slots = section.take("slots").and_then(|node| self.slots(node, intent.as_deref()));
        let text = |page: &mut Page, node: Option<&Yaml>, what| {
            node.and_then(|node| page.text(node, what)).map(|text| text.text)
        };
        let texts = |page: &mut Page, node: Option<&Yaml>, what| -> Vec<String> {
            let texts = node.map(|node| page.texts(node, what)).unwrap_or_default();
            texts.into_iter().map(|text| text.text).collect()
        };
        let page = &mut self.page;
        Expectation {
            intent,
            slots,
            status: section.take("status").and_then(|node| page.choice(node, "status", STATUSES)),
            reply: text(page, section.take("reply"), "reply"),
            reply_has: texts(page, section.take("reply_has"), "reply_has"),
            reply_lacks: texts(page, section.take("reply_lacks"), "reply_lacks"),
            state: section.take("state").and_then(|node| {
                page.choice(node, "state", STATES)?;
                page.text(node, "state").map(|text| text.text)
            }),
            act: section.take("act").and_then(|node| {
                let acts: Vec<(&str, &str)> = ACTS.iter().map(|act| (*act, *act)).collect();
                page.choice(node, "act", &acts).map(str::to_owned)
            }),
            ended: section.take("ended").and_then(|node| page.flag(node, "ended")),
            actions: section.take("actions").map(|node| self.actions(node)),
        }
    }

    fn actions(&mut self, node: &Yaml) -> Vec<String> {
        let items = self.page.list(node, "actions");
        let named: Vec<_> =
            items.iter().filter_map(|item| self.page.text(item, "actions")).collect();
        if let Some(script) = self.script {
            let actions = script.intents.values().filter_map(|intent| intent.action.as_ref());
            let known: BTreeSet<&str> = actions.map(|action| action.name.as_str()).collect();
            for text in named.iter().filter(|text| !known.contains(text.text.as_str())) {
                let message = format!("no intent has an action `{}`", text.text);
                self.page.unknown(&text.node.span, message, &text.text, known.iter().copied());
            }
        }
        named.into_iter().map(|text| text.text).collect()
    }

    fn known_intent(&mut self, node: &Yaml, name: &str) {
        let Some(script) = self.script else { return };
        if script.intents.contains_key(name) || Phrase::of_intent(name).is_some() {
            return;
        }
        let phrases = Phrase::ALL.iter().map(|(_, _, intent, _)| *intent);
        let known = script.intents.keys().map(String::as_str).chain(phrases);
        self.page.unknown(&node.span, format!("there is no intent `{name}`"), name, known);
    }

    /// Slots that may be understood: of `intent`, or of any when the turn does not say which.
    fn known_slots(&self, intent: Option<&str>) -> Option<BTreeSet<&str>> {
        let script = self.script?;
        let mut known = BTreeSet::new();
        if intent.is_none_or(|intent| Phrase::of_intent(intent).is_some()) {
            known.insert(NAMED_SLOT);
        }
        let intents = script.intents.iter().filter(|(name, _)| intent.is_none_or(|i| i == *name));
        known.extend(intents.flat_map(|(_, i)| &i.slots).map(|slot| slot.name.as_str()));
        Some(known)
    }

    fn slots(&mut self, node: &Yaml, intent: Option<&str>) -> Option<Vec<(String, String)>> {
        let section = self.page.section(node, "`slots`")?;
        // A misspelt intent is reported as such, and says nothing about its slots.
        let is_known = |intent: &str| {
            Phrase::of_intent(intent).is_some()
                || self.script.is_some_and(|script| script.intents.contains_key(intent))
        };
        let known = if intent.is_none_or(is_known) { self.known_slots(intent) } else { None };
        let known: Option<Vec<String>> =
            known.map(|known| known.into_iter().map(str::to_owned).collect());
        let mut slots = Vec::new();
        for (name, key, value) in section.names() {
            if let Some(known) = &known
                && !known.iter().any(|known| known == name)
            {
                let message = match intent {
                    Some(intent) => format!("the intent `{intent}` has no slot `{name}`"),
                    None => format!("no intent has a slot `{name}`"),
                };
                self.page.unknown(&key.span, message, name, known.iter().map(String::as_str));
                continue;
            }
            if let Some(value) = self.page.text(value, name) {
                slots.push((name.to_owned(), value.text));
            }
        }
        slots.sort();
        Some(slots)
    }
}
