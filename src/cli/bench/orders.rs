//! Sentences of the agent in our own voice: what the search for them costs beside free decoding.

use std::sync::Arc;

use crate::agent::Agent;
use crate::asr::Recognizer;
use crate::audio::file::Clip;
use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::dialogue::{Conversation, Expectations};
use crate::tts::{Style, VOICE_RATE_HZ, Voice};
use crate::units::SAMPLE_RATE_HZ;

/// Sentences that are spoken: enough for a mean that another dozen does not change much.
const SENTENCES: usize = 12;
/// Sentences that are drawn to find as many different ones.
const DRAWS: u64 = 200;

/// The beginning of a conversation, and what is said there.
pub struct Orders {
    conversation: Conversation,
    expectations: Expectations,
    /// At 16 kHz.
    sounds: Vec<Vec<f32>>,
}

impl Orders {
    /// Draws and speaks sentences, the same ones every time; fewer where an agent has fewer.
    pub fn speak(agent: Agent, voice: &mut Voice) -> Result<Self, anyhow::Error> {
        let mut texts: Vec<String> = Vec::new();
        for seed in 0..DRAWS {
            match agent.grammar.sample(seed) {
                Some(sample) if !texts.contains(&sample.text) => texts.push(sample.text),
                _ => {}
            }
            if texts.len() == SENTENCES {
                break;
            }
        }
        let agent = Arc::new(agent);
        let mut sounds = Vec::new();
        for text in texts {
            let samples = voice.read_out(&text, &Style::default())?;
            sounds.push(Clip { rate_hz: VOICE_RATE_HZ, samples }.to_rate(SAMPLE_RATE_HZ).samples);
        }
        let conversation = Conversation::new(Arc::clone(&agent), Clock::default());
        let expectations = Expectations::new(agent);
        Ok(Self { conversation, expectations, sounds })
    }

    pub fn len(&self) -> usize {
        self.sounds.len()
    }

    /// Recognises them all; with the search for sentences if so told.
    pub fn hear(
        &mut self,
        recognizer: &mut Recognizer,
        searching: bool,
    ) -> Result<(), anyhow::Error> {
        for sound in &self.sounds {
            let listening = self.expectations.listening(&self.conversation);
            let listening = listening.filter(|_| searching);
            recognizer.listen(sound, listening, &CancelToken::never())?;
        }
        Ok(())
    }
}
