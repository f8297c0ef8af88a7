//! From frames to turns: is somebody speaking, and are they done?
//!
//! Three parts, each of which can be read alone: the [`gate`] lets the judge sleep through a quiet
//! room, the judge ([`silero`]) says how probable speech is, the [`endpoint`] policy makes turns
//! of that. [`Ear`] joins them.

use std::sync::Arc;

use crate::models::ModelError;
use crate::turn::View;
use crate::units::{FRAME_LEN, FRAME_MS, Frame, SamplePos, Span};

pub mod endpoint;
pub mod gate;
pub mod silero;

pub use endpoint::{EndpointSettings, HeardNow};
pub use silero::SileroModel;

use endpoint::{EndpointPolicy, Evidence, MAX_SPAN_MS};
use gate::{Gate, HISTORY_LEN, Passage};
use silero::SileroStream;

#[derive(Debug, thiserror::Error)]
pub enum HearError {
    #[error("endpoint.{field} is {ms} ms; it must be a positive multiple of {FRAME_MS} ms")]
    NotWholeFrames { field: &'static str, ms: u32 },
    #[error(
        "endpoint.{field} is {ms} ms; it must not be longer than endpoint.{limit_field}, which is \
         {limit_ms} ms"
    )]
    LongerThan { field: &'static str, ms: u32, limit_field: &'static str, limit_ms: u32 },
    #[error(
        "endpoint.pre_roll_ms + max_utterance_ms + max_grace_ms is {ms} ms; it must not be more \
         than {MAX_SPAN_MS} ms, which is what the sound buffer holds"
    )]
    SpanTooLong { ms: u32 },
    #[error("endpoint.{field} is {value}; it must lie between 0 and 1")]
    NotAProbability { field: &'static str, value: f32 },
    #[error(
        "endpoint.silence_probability is {silence}; it must not be more than \
         endpoint.speech_probability, which is {speech}"
    )]
    ProbabilitiesCrossed { silence: f32, speech: f32 },
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("model {file}: {why}. Run `make models` again to rebuild the models")]
    Unusable { file: &'static str, why: String },
}

/// Hears turns in a stream of frames. Lives on the thread that made it.
pub struct Ear {
    gate: Gate,
    judge: SileroStream,
    policy: EndpointPolicy,
    /// Where the next frame should begin; `None` before the first.
    next: Option<SamplePos>,
}

impl Ear {
    pub fn new(model: Arc<SileroModel>, settings: EndpointSettings) -> Result<Self, HearError> {
        let judge = SileroStream::new(model)
            .map_err(|e| HearError::Unusable { file: silero::MODEL_FILE, why: format!("{e:#}") })?;
        let policy = EndpointPolicy::new(settings)?;
        Ok(Self { gate: Gate::default(), judge, policy, next: None })
    }

    /// Takes the frame that begins at `at`, and the thinker's latest opinion if it has one.
    ///
    /// Frames follow one another; a jump (a device that was reopened) makes the judge start
    /// afresh and leaves an open utterance open.
    pub fn push(&mut self, at: SamplePos, frame: &Frame, view: Option<&View>) -> HeardNow {
        if self.next != Some(at) {
            self.gate.restart();
            self.judge.restart(at);
        }
        let end = at + FRAME_LEN as u64;
        self.next = Some(end);
        let policy = &mut self.policy;
        match self.gate.push(frame, policy.is_busy()) {
            Passage::Closed => {
                policy.hear(Evidence { span: Span::new(at, end), probability: 0.0 });
            }
            Passage::Opening => {
                let mut samples = [0.0; HISTORY_LEN];
                let history = self.gate.history(&mut samples);
                self.judge.restart(end.back(history.len() as u64));
                self.judge.push(history, |evidence| policy.hear(evidence));
            }
            Passage::Open => self.judge.push(frame, |evidence| policy.hear(evidence)),
        }
        policy.decide(end, view)
    }

    /// The sound is over: closes an open utterance and reports the end of sound.
    pub fn finish(&mut self) -> HeardNow {
        self.policy.finish(self.next.unwrap_or_default())
    }
}
