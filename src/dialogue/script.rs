//! What a deployer wrote in `dialogue.yaml`, checked: the script a conversation follows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::phrases::Phrases;
use super::template::Template;

/// Wordings of one thing to say. Said again, the next wording is used; the last one stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompts(Vec<Template>);

impl Prompts {
    /// `None` when there is no wording at all.
    pub fn new(wordings: Vec<Template>) -> Option<Self> {
        (!wordings.is_empty()).then_some(Self(wordings))
    }

    /// The wording for the `nth` time, counted from 0.
    pub fn nth(&self, nth: u32) -> &Template {
        &self.0[(nth as usize).min(self.0.len() - 1)]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Template> {
        self.0.iter()
    }
}

/// Things every agent says, whatever it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    Greeting,
    Help,
    NotUnderstood,
    GiveUp,
    Cancelled,
    NothingToCancel,
    StartOver,
    AskChange,
    Busy,
    Failed,
    TimedOut,
    Welcome,
    Goodbye,
    Deaf,
}

impl Reply {
    /// Every reply with its key in `dialogue.yaml` and what is said when the key is not there.
    pub const ALL: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Greeting, "greeting", &["Hello. How can I help?"]),
        (Self::Help, "help", &["Just say what you would like."]),
        (
            Self::NotUnderstood,
            "not_understood",
            &["Sorry, I did not get that.", "Sorry, I still did not understand."],
        ),
        (
            Self::GiveUp,
            "give_up",
            &["I am sorry, I do not understand. Please ask a member of staff."],
        ),
        (Self::Cancelled, "cancelled", &["All right, I have cancelled that."]),
        (Self::NothingToCancel, "nothing_to_cancel", &["There is nothing to cancel."]),
        (Self::StartOver, "start_over", &["All right, let us start again. What would you like?"]),
        (Self::AskChange, "ask_change", &["What would you like to change?"]),
        (Self::Busy, "busy", &["One moment, please."]),
        (Self::Failed, "failed", &["I am sorry, that did not work."]),
        (Self::TimedOut, "timed_out", &["I have not heard from you, so I will stop here."]),
        (Self::Welcome, "welcome", &["You are welcome."]),
        (Self::Goodbye, "goodbye", &["Goodbye."]),
        (Self::Deaf, "deaf", &["I am sorry, I can't hear you: my microphone does not work."]),
    ];
}

/// The wording of every [`Reply`].
#[derive(Clone, Debug)]
pub struct Replies(BTreeMap<Reply, Prompts>);

impl Default for Replies {
    fn default() -> Self {
        let of = |texts: &[&str]| {
            let templates = texts
                .iter()
                .map(|text| Template::new(*text).expect("the built-in replies are plain text"));
            Prompts::new(templates.collect()).expect("every built-in reply has a wording")
        };
        Self(Reply::ALL.iter().map(|(reply, _, texts)| (*reply, of(texts))).collect())
    }
}

impl Replies {
    pub fn set(&mut self, reply: Reply, prompts: Prompts) {
        self.0.insert(reply, prompts);
    }

    pub fn get(&self, reply: Reply) -> &Prompts {
        self.0.get(&reply).expect("every reply has a default")
    }
}

/// When to ask "is that right?" before acting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confirm {
    Always,
    Never,
    /// When something was understood with too little confidence to act on it.
    #[default]
    WhenUnsure,
}

impl Confirm {
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("always", Self::Always), ("never", Self::Never), ("when_unsure", Self::WhenUnsure)];
}

/// What the agent does after it has answered an intent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Listen for another request until the visitor seems to be gone.
    #[default]
    Listen,
    /// End the session at once.
    End,
}

impl Then {
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("listen", Self::Listen), ("end", Self::End)];
}

/// What an intent does in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its name in events.
    pub name: String,
    /// The program to run and its arguments; without one the event is all that happens.
    pub program: Option<Vec<String>>,
    pub time_limit: Duration,
}

/// One slot of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotScript {
    pub name: String,
    /// The lists of the sentence templates that answers are read with; empty when only a whole
    /// sentence sets the slot.
    pub lists: Vec<String>,
    /// One of the lists is a wildcard: whatever is said is a value.
    pub takes_any_words: bool,
    /// What to ask when the slot is missing; a slot without a question is optional.
    pub question: Option<Prompts>,
    /// How people call the slot ("size", "kind of milk").
    pub spoken_names: Vec<String>,
}

impl SlotScript {
    pub fn is_required(&self) -> bool {
        self.question.is_some()
    }
}

/// How one intent is talked through.
#[derive(Clone, Debug)]
pub struct IntentScript {
    /// In the order in which they are asked for.
    pub slots: Vec<SlotScript>,
    /// What is known so far in words; other templates of the intent use it as `summary`.
    pub summary: Option<Template>,
    pub confirm: Confirm,
    pub confirm_question: Prompts,
    pub action: Option<Action>,
    /// Said while the action's program runs.
    pub working: Option<Prompts>,
    pub reply: Prompts,
    /// Said when the program failed; the agent's own `failed` reply when not given.
    pub failed: Option<Prompts>,
    pub then: Then,
}

impl IntentScript {
    pub fn slot(&self, name: &str) -> Option<&SlotScript> {
        self.slots.iter().find(|slot| slot.name == name)
    }

    /// Answered at once, nothing to ask: such an intent may come in the middle of another.
    pub fn is_aside(&self) -> bool {
        self.confirm != Confirm::Always && !self.slots.iter().any(SlotScript::is_required)
    }
}

/// The script of one agent.
#[derive(Clone, Debug)]
pub struct Script {
    pub replies: Replies,
    pub phrases: Phrases,
    pub intents: BTreeMap<String, IntentScript>,
}
