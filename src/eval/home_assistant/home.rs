//! The made-up home that sentences are tested in, and the tests themselves, as their files say.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{FolderError, Test};
use crate::nlu::{Context, Entry, SlotValue, Slots};

/// Rooms, devices and the rest of one home.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Home {
    #[serde(default)]
    pub floors: Vec<Place>,
    #[serde(default)]
    pub areas: Vec<Place>,
    #[serde(default)]
    pub entities: Vec<Entity>,
    #[serde(default)]
    pub timers: Option<Vec<Timer>>,
    #[serde(default)]
    pub media: Option<Vec<BTreeMap<String, SlotValue>>>,
}

/// A floor, or a room on one.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    pub name: String,
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub floor: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Entity {
    pub name: String,
    /// `light.bedroom`.
    #[serde(default)]
    pub id: Option<String>,
    /// Where there is no id to read it from.
    #[serde(default)]
    pub domain: Option<String>,
    #[serde(default)]
    pub area: Option<String>,
    #[serde(default)]
    pub state: Option<State>,
    /// The state as it is told, where the file says so.
    #[serde(default)]
    pub state_with_unit: Option<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, SlotValue>,
}

/// A state, and how it is said where that differs.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum State {
    Said {
        #[serde(rename = "in")]
        said: SlotValue,
        out: SlotValue,
    },
    Plain(SlotValue),
}

/// A running timer; all keys are what its reply speaks of.
pub type Timer = BTreeMap<String, SlotValue>;

/// A file of tests in either layout.
#[derive(Debug, Deserialize)]
pub struct TestFile {
    #[serde(flatten)]
    pub home: Home,
    tests: Vec<TestBlock>,
}

#[derive(Debug, Deserialize)]
struct TestBlock {
    sentences: Vec<String>,
    #[serde(default)]
    intent: Option<TestIntent>,
    /// In the newer layout, beside the sentences.
    #[serde(default)]
    slots: BTreeMap<String, Wanted>,
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    media: Option<Vec<BTreeMap<String, SlotValue>>>,
    #[serde(default)]
    timers: Option<Vec<Timer>>,
}

/// What a sentence must be understood as, where.
#[derive(Clone, Debug, Deserialize)]
pub struct TestIntent {
    pub name: String,
    #[serde(default)]
    pub slots: BTreeMap<String, Wanted>,
    #[serde(default)]
    pub context: Context,
}

/// One or several values that a slot may have.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Wanted {
    Any(Vec<SlotValue>),
    One(SlotValue),
}

/// One or several texts that a reply may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Response {
    Any(Vec<String>),
    One(String),
}

impl Wanted {
    /// Compared as they print, as Home Assistant's own tests do: 50 is "50". Case aside: what a
    /// recogniser writes has none to rely on.
    pub fn allows(&self, value: &SlotValue) -> bool {
        let text = |value: &SlotValue| value.to_string().to_lowercase();
        let same = |wanted: &SlotValue| text(wanted).trim() == text(value).trim();
        match self {
            Self::Any(values) => values.iter().any(same),
            Self::One(wanted) => same(wanted),
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(value) => value.fmt(f),
            Self::Any(values) => {
                let shown: Vec<String> = values.iter().map(SlotValue::to_string).collect();
                f.write_str(&shown.join(" or "))
            }
        }
    }
}

impl TestFile {
    /// Its sentences; `folder` names the intent where the layout has a folder for each.
    pub fn tests(self, file: &Path, folder: Option<&str>) -> Result<Vec<Test>, FolderError> {
        let mut tests = Vec::new();
        for block in self.tests {
            let intent = match (block.intent, folder) {
                (Some(intent), _) => intent,
                (None, Some(name)) => TestIntent {
                    name: name.to_owned(),
                    slots: block.slots,
                    context: Context::new(),
                },
                (None, None) => {
                    let what = "a test has no `intent`; write `intent: {name: …}`".to_owned();
                    return Err(FolderError::File { path: file.to_owned(), what });
                }
            };
            let home = (block.media.is_some() || block.timers.is_some()).then(|| Home {
                media: block.media.or_else(|| self.home.media.clone()),
                timers: block.timers.or_else(|| self.home.timers.clone()),
                ..self.home.clone()
            });
            let response = block.response.map(|response| match response {
                Response::One(text) => text,
                Response::Any(texts) => texts.into_iter().next().unwrap_or_default(),
            });
            tests.extend(block.sentences.into_iter().map(|sentence| Test {
                file: file.to_owned(),
                sentence,
                intent: intent.clone(),
                response: response.clone(),
                home: home.clone(),
            }));
        }
        Ok(tests)
    }
}

impl Home {
    /// The lists that the program gives a grammar: names of devices, rooms and floors.
    pub fn lists(&self) -> Vec<(&'static str, Vec<Entry>)> {
        let places = |places: &[Place]| places.iter().map(|p| Entry::named(&p.name)).collect();
        let names = self.entities.iter().map(Entity::entry).collect();
        vec![("name", names), ("area", places(&self.areas)), ("floor", places(&self.floors))]
    }
}

impl Home {
    /// How many characters name a device of this home in the slot `name`: of readings that fit as
    /// well, Home Assistant takes the one with the longest name.
    pub fn named(&self, slots: &Slots) -> usize {
        let Some(slot) = slots.get("name") else { return 0 };
        let is_ours = |e: &Entity| Entry::named(&e.name).value.as_ref() == Some(&slot.value);
        if self.entities.iter().any(is_ours) { slot.text.len() } else { 0 }
    }
}

impl Entity {
    /// `light` of `light.bedroom`.
    pub fn domain(&self) -> &str {
        let of_id = self.id.as_deref().and_then(|id| id.split('.').next());
        self.domain.as_deref().or(of_id).unwrap_or_default()
    }

    fn entry(&self) -> Entry {
        let domain = SlotValue::Text(self.domain().to_owned());
        let mut entry = Entry::named(&self.name).with("domain", domain);
        entry.context.extend(self.attributes.clone());
        entry
    }
}
