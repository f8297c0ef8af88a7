//! The neural engines, loaded once and shared by everything that runs in this process.

use std::sync::Arc;

use crate::asr::{AsrError, Recognizer};
use crate::cancel::CancelToken;
use crate::hear::wake::WakeModel;
use crate::hear::{HearError, SileroModel, SmartTurn};
use crate::models::ModelStore;
use crate::nn::Team;
use crate::tts::{Style, TtsError, Voice};
use crate::units::SAMPLE_RATE_HZ;

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Hear(#[from] HearError),
    #[error(transparent)]
    Asr(#[from] AsrError),
    #[error(transparent)]
    Tts(#[from] TtsError),
    #[error("cannot start the threads that compute ({0}); is the limit on processes reached?")]
    Threads(#[from] std::io::Error),
}

/// Everything neural that one agent needs.
pub struct Engines {
    pub silero: Arc<SileroModel>,
    /// The phrases that a small network knows.
    pub wake: Vec<Arc<WakeModel>>,
    pub smart_turn: SmartTurn,
    pub recognizer: Recognizer,
    pub voice: Voice,
}

impl Engines {
    /// Loads all models, the recogniser and the voice beside one another: loading is what a
    /// start waits for. `encoder_threads` is what the board says.
    pub fn load(store: &ModelStore, encoder_threads: u32) -> Result<Self, EngineError> {
        let team = Team::of(encoder_threads)?;
        std::thread::scope(|scope| {
            let voice = scope.spawn(|| Voice::load(store));
            let silero = SileroModel::load(store)?;
            let wake = WakeModel::load_all(store)?;
            let smart_turn = SmartTurn::load(store)?;
            let recognizer = Recognizer::with_team(store, team)?;
            let voice = match voice.join() {
                Ok(voice) => voice?,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            Ok(Self { silero, wake, smart_turn, recognizer, voice })
        })
    }

    /// Runs each engine once, so that the first visitor does not wait for plans to be built.
    pub fn warm_up(&mut self) -> Result<(), EngineError> {
        let silence = vec![0.0; 2 * SAMPLE_RATE_HZ as usize];
        let never = CancelToken::never();
        self.recognizer.recognize(&silence, &never)?;
        self.voice.read_out("One moment, please.", &Style::default())?;
        Ok(())
    }
}
