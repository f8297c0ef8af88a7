//! What an utterance means: the one type every understanding stage fills and the dialogue reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::turn::Completeness;

/// Shall the agent act on it?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Understood well enough to act.
    Accepted,
    /// Understood, but ask before acting.
    Confirm,
    /// Not understood, or not meant for this agent.
    Rejected,
}

/// A slot's typed value. `1`, `1.0` and `"1"` are different values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SlotValue {
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

impl std::fmt::Display for SlotValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool(v) => v.fmt(f),
            Self::Integer(v) => v.fmt(f),
            Self::Number(v) => v.fmt(f),
            Self::Text(v) => v.fmt(f),
        }
    }
}

/// One filled slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// The value the agent works with (a list's `out`, a number).
    pub value: SlotValue,
    /// The words that were said for it; empty when the template set it without words.
    pub text: String,
}

/// Slots by name, in name order so that events are the same on every run.
pub type Slots = BTreeMap<String, Slot>;

/// A reading that lost against the best one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    pub intent: String,
    pub slots: Slots,
    /// Probability that this reading is right, 0..1.
    pub confidence: f32,
}

/// Why a text was not read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GaveUp {
    /// More words than anybody says in one request.
    TooLong,
    /// The sentences can take it in so many ways that the search was ended.
    TooAmbiguous,
}

impl std::fmt::Display for GaveUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "too long for a request",
            Self::TooAmbiguous => "too many ways to read it with these sentences",
        })
    }
}

/// The meaning of one utterance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interpretation {
    pub status: Status,
    pub completeness: Completeness,
    /// Most slots that more words could fill behind a whole request: 2 after "a latte" where milk
    /// and sugar may follow, 1 after "a latte with milk".
    #[serde(default)]
    pub slots_ahead: u8,
    /// `None` exactly when nothing in the agent fits, which implies [`Status::Rejected`].
    pub intent: Option<String>,
    pub slots: Slots,
    /// Probability that intent and slots are right, 0..1.
    pub confidence: f32,
    /// Other readings, best first.
    pub nbest: Vec<Alternative>,
    /// Set when nothing was understood because the search was ended before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<GaveUp>,
}

impl Interpretation {
    /// Nothing in the agent fits.
    pub fn not_understood(completeness: Completeness) -> Self {
        Self {
            status: Status::Rejected,
            completeness,
            slots_ahead: 0,
            intent: None,
            slots: Slots::new(),
            confidence: 0.0,
            nbest: Vec::new(),
            gave_up: None,
        }
    }

    /// Is it this intent with these values? The words for them may differ.
    pub fn means(&self, intent: Option<&str>, slots: &Slots) -> bool {
        let mut pairs = self.slots.iter().zip(slots);
        self.intent.as_deref() == intent
            && self.slots.len() == slots.len()
            && pairs.all(|((a, x), (b, y))| a == b && x.value == y.value)
    }
}
