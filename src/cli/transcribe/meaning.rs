//! What a recording means to an agent.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::super::train::{Hears, State, prepare};
use super::super::{Failure, understand};
use crate::agent::Agent;
use crate::asr::{AsrError, Hypothesis, Recognizer};
use crate::cancel::CancelToken;
use crate::clock::{Clock, Moment};
use crate::dialogue::{Conversation, Expectations, Understood};
use crate::models::ModelStore;
use crate::nlu::Interpretation;

/// Listens as the agent does to the first words of a conversation, every time.
pub struct Listener {
    conversation: Conversation,
    expectations: Expectations,
}

/// What one piece of a recording means.
#[derive(Debug, Serialize)]
pub struct Meant {
    /// Becomes the text of the piece.
    #[serde(skip)]
    pub text: String,
    pub free_text: String,
    pub meant: Interpretation,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f32>,
}

impl Listener {
    pub fn load(
        folder: &Path,
        models: &ModelStore,
        state: &State,
        now: Option<Moment>,
    ) -> Result<Self, Failure> {
        let mut agent = Agent::load(folder).map_err(Failure::input)?;
        prepare(&mut agent, models, state, Hears::Speech)?;
        let agent = Arc::new(agent);
        Ok(Self {
            conversation: Conversation::new(
                Arc::clone(&agent),
                now.map_or(Clock::Machine, Clock::From),
            ),
            expectations: Expectations::new(agent),
        })
    }

    /// What free decoding writes of a piece, and what it means.
    pub fn hear(
        &mut self,
        recognizer: &mut Recognizer,
        sound: &[f32],
    ) -> Result<(Hypothesis, Meant), AsrError> {
        let never = CancelToken::never();
        let Understood { recognition: heard, decision, .. } =
            self.expectations.understand(&self.conversation, recognizer, sound, &never)?;
        let meant = Meant {
            text: decision.text,
            free_text: heard.best.text.clone(),
            meant: decision.interpretation,
            fit: decision.evidence.map(|evidence| evidence.fit),
            margin: decision.evidence.and_then(|evidence| evidence.margin),
        };
        Ok((heard.best, meant))
    }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&understand::summary(&self.meant))?;
        if self.free_text != self.text {
            write!(f, "\n  freely: {}", self.free_text)?;
        }
        Ok(())
    }
}
