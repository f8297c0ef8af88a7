//! What the search makes of sentences that our own voice says.

use std::sync::Arc;

use super::studio::Studio;
use crate::agent::Agent;
use crate::agent::training::{Kind, Sentence};
use crate::asr::{AsrError, Recognizer};
use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::dialogue::{Conversation, Expectations};
use crate::nlu::{Interpretation, Observed};
use crate::tts::{TtsError, Voice};

#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error(transparent)]
    Asr(#[from] AsrError),
    #[error(transparent)]
    Tts(#[from] TtsError),
}

/// An agent that hears sentences at the start of a talk, one after the other.
pub struct Trials {
    conversation: Conversation,
    expectations: Expectations,
    studio: Studio,
}

impl Trials {
    /// The same seed gives the same trials.
    pub fn new(agent: Arc<Agent>, seed: u64) -> Self {
        Self {
            conversation: Conversation::new(Arc::clone(&agent), Clock::default()),
            expectations: Expectations::new(agent),
            studio: Studio::new(seed),
        }
    }

    /// Has a sentence said and heard. `None` when the search found nothing to judge.
    pub fn hear(
        &mut self,
        sentence: &Sentence,
        voice: &mut Voice,
        recognizer: &mut Recognizer,
    ) -> Result<Option<Observed>, SimulateError> {
        let sound = self.studio.utterance(voice, &sentence.text)?;
        let listening = self.expectations.listening(&self.conversation);
        let heard = recognizer.listen(&sound, listening, &CancelToken::never())?;
        let Some(found) = self.conversation.searched(&heard) else { return Ok(None) };
        let meant = self.conversation.interpret_as_written(&sentence.text);
        let Interpretation { intent, slots, .. } = &found.meaning;
        let observed = found.observed(meant.means(intent.as_deref(), slots));
        Ok(Some(match sentence.kind {
            Kind::Own => observed,
            Kind::NearMiss | Kind::Other => observed.of_nothing(),
        }))
    }
}
