//! From the sound of one utterance to what it means at this point of a talk.

use std::time::{Duration, Instant};

use super::conversation::Conversation;
use super::expectations::Expectations;
use crate::asr::{AsrError, Recognition, Recognizer};
use crate::cancel::CancelToken;
use crate::nlu::Decision;

/// What the sound of an utterance was taken for.
#[derive(Debug)]
pub struct Understood {
    pub recognition: Recognition,
    pub decision: Decision,
    /// Wall time of recognition.
    pub recognising: Duration,
    /// Wall time from words to meaning.
    pub interpreting: Duration,
}

impl Expectations {
    /// Recognises `sound`, mono at 16 kHz, and decides what it means to `conversation`.
    ///
    /// # Errors
    /// Those of the recogniser, being cancelled included.
    pub fn understand(
        &mut self,
        conversation: &Conversation,
        recognizer: &mut Recognizer,
        sound: &[f32],
        cancel: &CancelToken,
    ) -> Result<Understood, AsrError> {
        let start = Instant::now();
        let recognition = recognizer.listen(sound, self.listening(conversation), cancel)?;
        let recognised = Instant::now();
        let decision = conversation.understand(&recognition);
        Ok(Understood {
            recognition,
            decision,
            recognising: recognised - start,
            interpreting: recognised.elapsed(),
        })
    }
}
