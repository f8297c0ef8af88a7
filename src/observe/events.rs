//! Everything the agent reports, as one enum that serialises to one JSON object per line.
//!
//! Positions (`at`, spans) are [`SamplePos`]: samples at 16 kHz since the stream opened. Two
//! replays of the same sound give byte-identical lines except for [`Event::Turn`]'s `wall_ms`.

use serde::Serialize;

use crate::audio::devices::Direction;
use crate::audio::levels::LevelError;
use crate::audio::signal::Signal;
use crate::hear::echo::EchoState;
use crate::nlu::{Alternative, GaveUp, SearchEvidence, Slots, Status};
use crate::turn::{Completeness, EndReason, Prosody};
use crate::units::{SamplePos, Span};

/// Version of the event format, carried by every line as `"schema"`.
pub const EVENT_SCHEMA: u32 = 1;

/// One reported fact.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The agent listens, `after_ms` of wall time after the program began.
    Ready { microphone: String, speaker: String, after_ms: u64 },
    /// Somebody began to speak.
    SpeechStart { at: SamplePos },
    /// What is said is for the agent from here on: it was called, by a phrase that the small network
    /// is `spotted` sure of (where one knows it) and the recogniser `verified`, or somebody pressed.
    Wake {
        at: SamplePos,
        by: WokenBy,
        #[serde(skip_serializing_if = "Option::is_none")]
        phrase: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        spotted: Option<f32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        verified: Option<f32>,
    },
    /// The small network heard a phrase; whether the agent wakes is for the recogniser to say.
    Spotted { at: SamplePos, phrase: String, probability: f32 },
    /// What is said is no longer for the agent.
    Asleep { at: SamplePos },
    /// The words so far, while the utterance is still open.
    Partial { at: SamplePos, text: String },
    /// The utterance was closed at `at`; `true_silence_ms` is the silence that had passed then.
    SpeechEnd { at: SamplePos, why: EndReason, true_silence_ms: u64 },
    /// How `span` was said, apart from the words: what there is of an utterance that is still
    /// `open`, or a whole one.
    Prosody {
        at: SamplePos,
        open: bool,
        span: Span,
        #[serde(flatten)]
        prosody: Prosody,
    },
    /// The words of a closed utterance. `nbest` holds other hypotheses, best first.
    Transcript { text: String, confidence: f32, nbest: Vec<String>, span: Span },
    /// The meaning of a closed utterance.
    Intent {
        intent: Option<String>,
        slots: Slots,
        confidence: f32,
        status: Status,
        completeness: Completeness,
        nbest: Vec<Alternative>,
        /// Why the words were not searched to the end.
        #[serde(skip_serializing_if = "Option::is_none")]
        gave_up: Option<GaveUp>,
        /// What it rests on, when the recogniser's search found it.
        #[serde(skip_serializing_if = "Option::is_none")]
        evidence: Option<SearchEvidence>,
    },
    /// The dialogue moved: the state it is in now, and the act that brought it there.
    Dialogue { state: String, act: String },
    /// An action for the outside world. `program` actions report again when they end.
    Action {
        name: String,
        slots: Slots,
        #[serde(skip_serializing_if = "Option::is_none")]
        outcome: Option<String>,
    },
    /// The agent decided to say this.
    Say { text: String },
    /// The first sample of a reply left for the speaker.
    AudioStart { at: SamplePos },
    /// The last sample of a reply left for the speaker.
    AudioEnd { at: SamplePos },
    /// Somebody may speak over the reply: it grows softer.
    Ducked { at: SamplePos },
    /// It was nothing: the reply goes on, as loud as before.
    Unducked { at: SamplePos },
    /// Somebody spoke over the reply, which ended at `at`: what was said of it by then, and what
    /// was not.
    BargeIn { at: SamplePos, said: String, unsaid: String },
    /// A turn is answered: where its time went.
    Turn {
        at: SamplePos,
        /// Silence waited for before the endpoint fell, in milliseconds of sound.
        endpoint_ms: u64,
        /// Wall-clock milliseconds per stage; differs from run to run.
        wall_ms: StageTimes,
    },
    /// A microphone or speaker went, came back, or delivers something that is no sound.
    Device {
        at: SamplePos,
        device: Direction,
        name: String,
        state: DeviceState,
        what: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// Sound was missing since the last such event, for a moment each time: `xruns` times in the
    /// device, `gaps` times because this program was late.
    Dropout { at: SamplePos, device: Direction, xruns: u64, gaps: u64 },
    /// Something is wrong, and what to do about it.
    Fault { what: String, hint: String },
    /// Counters since start.
    Metrics {
        turns: u64,
        not_understood: u64,
        dropped_samples: u64,
        dropped_events: u64,
        /// What went wrong with the devices; nothing in a replay.
        microphone: DeviceCounters,
        speaker: DeviceCounters,
        /// How the echo canceller fares, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        echo: Option<EchoState>,
    },
}

/// What woke the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WokenBy {
    Phrase,
    Press,
}

/// How a device fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// It works no more; it is being tried again.
    Lost,
    /// The lost one is open again.
    Back,
    /// Another one of the list is open.
    Replaced,
    /// The microphone delivers silence without end.
    Flat,
    /// Its peaks are cut off.
    Clipped,
    /// A constant lies under its sound.
    Offset,
    /// What it delivers is sound again.
    Sound,
}

impl From<Signal> for DeviceState {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Sound => Self::Sound,
            Signal::Flat => Self::Flat,
            Signal::Clipped => Self::Clipped,
            Signal::Offset => Self::Offset,
        }
    }
}

/// What went wrong with a device since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceCounters {
    /// How often it was lost, and for how long it was away together.
    pub lost: u64,
    pub away_ms: u64,
    /// How often the device itself lost or lacked sound.
    pub xruns: u64,
    /// How often this program was late: took no sound from a microphone, had none for a speaker in
    /// the middle of a reply.
    pub gaps: u64,
    /// Other errors that it reported.
    pub errors: u64,
}

/// Wall-clock milliseconds of one turn, by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StageTimes {
    /// Recognition of the utterance, speculative or not.
    pub recognise: f32,
    /// The part of `recognise` that ran after the endpoint fell, on the critical path.
    pub recognise_after_end: f32,
    pub interpret: f32,
    pub decide: f32,
    /// Until the first clause of the reply was ready to play.
    pub synthesise_first: f32,
    /// Until the whole reply was ready.
    pub synthesise: f32,
    /// Endpoint decision to first reply sample handed to playback.
    pub to_first_audio: f32,
}

impl Event {
    /// A device works, and not as loud as the board profile asks for.
    pub fn level_not_set(error: &LevelError) -> Self {
        Self::Fault {
            what: error.to_string(),
            hint: "the device is used as it stands; `mynah levels` shows its controls".into(),
        }
    }

    /// The JSON line, without the newline.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            schema: u32,
            #[serde(flatten)]
            event: &'a Event,
        }
        serde_json::to_string(&Line { schema: EVENT_SCHEMA, event: self })
            .expect("events hold only strings, numbers and maps with string keys")
    }
}

#[cfg(test)]
mod tests;
