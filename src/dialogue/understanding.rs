//! From the sound of one utterance to what it means at this point of a talk.

use std::time::{Duration, Instant};

use super::conversation::Conversation;
use super::expectations::Expectations;
use crate::asr::{AsrError, Listening, Recognition, Recognizer, Spellings, Tokenizer};
use crate::cancel::CancelToken;
use crate::nlu::{Behind, Call, Calling, Decision, normal};

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

    /// The same of what follows the `call` with which `sound` begins; `None` when nothing does.
    ///
    /// # Errors
    /// Those of the recogniser, being cancelled included.
    pub fn understand_behind(
        &mut self,
        conversation: &Conversation,
        recognizer: &mut Recognizer,
        sound: &[f32],
        (calling, call): (&Calling, &Call),
        cancel: &CancelToken,
    ) -> Result<Option<Understood>, AsrError> {
        let start = Instant::now();
        let heard = recognizer.recognize(sound, cancel)?;
        let end = calling.beginning(call.phrase, &heard.best.text).end;
        let called = normal(&heard.best.text[..end]);
        if normal(&heard.best.text[end..]).is_empty() {
            return Ok(None);
        }
        let mut spellings = Spellings::default();
        let recognition = match self.listening(conversation) {
            Some(Listening { language, start, options, .. }) if !called.is_empty() => {
                let mut behind = Behind::new(&called, language, start);
                let listening = Listening {
                    language: &mut behind,
                    start: Behind::START,
                    spellings: &mut spellings,
                    options,
                };
                recognizer.listen(sound, Some(listening), cancel)?
            }
            Some(listening) => recognizer.listen(sound, Some(listening), cancel)?,
            None => heard,
        };
        let recognition = without(recognition, &called, recognizer.tokenizer());
        let recognised = Instant::now();
        let decision = conversation.understand(&recognition);
        Ok(Some(Understood {
            recognition,
            decision,
            recognising: recognised - start,
            interpreting: recognised.elapsed(),
        }))
    }
}

/// What was heard without its first words, `called` in normal spelling. Probabilities stay those of
/// the whole: in all that is compared those words are the same.
fn without(mut heard: Recognition, called: &str, tokenizer: &Tokenizer) -> Recognition {
    let begins = |tokens: &[u32]| {
        let is_called = |count: &usize| normal(&tokenizer.decode(&tokens[..*count])) == called;
        // A mark behind the last word belongs to it.
        (0..=tokens.len()).take_while(|count| *count <= called.len() + 2).filter(is_called).last()
    };
    let cut = |tokens: &mut Vec<u32>, text: &mut String| {
        if let Some(count) = begins(tokens) {
            tokens.drain(..count);
            *text = tokenizer.decode(tokens).trim_start().to_owned();
        }
    };
    if !called.is_empty() {
        cut(&mut heard.best.tokens, &mut heard.best.text);
        for path in &mut heard.paths {
            cut(&mut path.tokens, &mut path.written);
            if let Some(rest) = path.text.strip_prefix(called) {
                path.text = rest.trim_start().to_owned();
            }
        }
    }
    heard
}
