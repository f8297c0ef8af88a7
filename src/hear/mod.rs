//! From frames to turns: is somebody speaking, and are they done?
//!
//! Five parts, each of which can be read alone: the [`gate`] lets the judge sleep through a quiet
//! room, the judge ([`silero`]) says how probable speech is, [`foreground`] whether it is near, the
//! [`endpoint`] policy makes turns of that, and [`prosody`] measures how they are said. [`Ear`] joins
//! them. A sixth, [`SmartTurn`], is the thinker's: too slow for every frame, it is asked in pauses.

use std::sync::Arc;

use crate::models::ModelError;
use crate::nn::NnError;
use crate::turn::{Heard, Prosody, View};
use crate::units::{FRAME_LEN, FRAME_MS, Frame, SamplePos, Span};

pub mod barge_in;
pub mod echo;
pub mod endpoint;
mod foreground;
pub mod gate;
mod high_pass;
mod log_mel;
pub mod prosody;
pub mod silero;
mod smart_turn;
pub mod wake;

pub use endpoint::{EndpointSettings, HeardNow};
pub use silero::SileroModel;
pub use smart_turn::{SUMMARY_LEN, SmartTurn, Summary};

use endpoint::{EndpointPolicy, Evidence, MAX_SILENCE_MS, MAX_SPAN_MS};
use gate::{Gate, HISTORY_LEN, Passage};
use prosody::{Closing, Track};
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
        "endpoint.{field} is {ms} ms; it must not be more than {MAX_SILENCE_MS} ms, after which \
         nobody waits any more"
    )]
    TooMuchSilence { field: &'static str, ms: u32 },
    #[error(
        "endpoint.others_ms is {ms} ms; it must be at least {least_ms} ms: shorter, the soft end of a \
         word would pass for others"
    )]
    OthersTooSoon { ms: u32, least_ms: u32 },
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
    #[error(transparent)]
    Nn(#[from] NnError),
    #[error(
        "cannot start a thread that listens in pauses ({0}); is the limit on processes reached?"
    )]
    Thread(#[from] std::io::Error),
}

/// Hears turns in a stream of frames. Lives on the thread that made it.
pub struct Ear {
    gate: Gate,
    judge: SileroStream,
    policy: EndpointPolicy,
    track: Track,
    /// Where the next frame should begin; `None` before the first.
    next: Option<SamplePos>,
    /// What the judge said last.
    probability: f32,
}

/// The speech of a whole recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speech {
    pub span: Span,
    /// See [`EndReason::longer`](crate::turn::EndReason::longer).
    pub longer: Option<Span>,
}

impl Ear {
    pub fn new(model: Arc<SileroModel>, settings: EndpointSettings) -> Result<Self, HearError> {
        let judge = SileroStream::new(model)?;
        let policy = EndpointPolicy::new(settings)?;
        let (gate, track) = (Gate::default(), Track::default());
        Ok(Self { gate, judge, policy, track, next: None, probability: 0.0 })
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
        self.track.push(at, frame, self.policy.is_speaking());
        let policy = &mut self.policy;
        policy.measure(at, frame);
        let probability = &mut self.probability;
        let mut hear = |policy: &mut EndpointPolicy, evidence: Evidence| {
            *probability = evidence.probability;
            policy.hear(evidence);
        };
        match self.gate.push(frame, policy.is_busy()) {
            Passage::Closed => {
                hear(policy, Evidence { span: Span::new(at, end), probability: 0.0 });
            }
            Passage::Opening => {
                let mut samples = [0.0; HISTORY_LEN];
                let history = self.gate.history(&mut samples);
                self.judge.restart(end.back(history.len() as u64));
                self.judge.push(history, |evidence| hear(policy, evidence));
            }
            Passage::Open => self.judge.push(frame, |evidence| hear(policy, evidence)),
        }
        policy.decide(end, view)
    }

    /// Whether our own voice sounds, from the next frame on: see
    /// [`EndpointSettings::min_interruption_ms`].
    pub fn set_speaking(&mut self, speaking: bool) {
        self.policy.set_speaking(speaking);
    }

    /// The open utterance as it stands at the end of the newest frame, with pre-roll and tail.
    pub fn open(&self) -> Option<Span> {
        self.policy.open(self.next?)
    }

    /// How what was heard in `span` was said; `None` where nothing stands out of the room.
    pub fn prosody(&self, span: Span) -> Option<Prosody> {
        prosody::measure(&self.track, span)
    }

    /// How sure the judge is of the newest sound it heard whole that there is speech in it, 0..1.
    pub fn probability(&self) -> f32 {
        self.probability
    }

    /// Where the voice of the open utterance was last heard, and how it closed; only in a pause,
    /// and not in a lull of which is not known yet whether others talk.
    pub fn pause(&self) -> Option<(SamplePos, Closing)> {
        self.policy.pause()
    }

    /// From the first word to the last in `sound`, a whole recording, with pre-roll and tail and
    /// without what others, further away, say before and after; `None` where nobody speaks.
    pub fn speech(
        model: Arc<SileroModel>,
        settings: EndpointSettings,
        sound: &[f32],
    ) -> Result<Option<Speech>, HearError> {
        let mut ear = Self::new(model, settings)?;
        let mut utterances: Vec<(Speech, f32)> = Vec::new();
        let mut take = |ear: &Self, heard: HeardNow| {
            for event in heard {
                if let Heard::SpeechEnd { span, decided_at, why, .. } = event {
                    let longer = why.longer(span, decided_at);
                    utterances.push((Speech { span, longer }, ear.policy.loudness(span.start)));
                }
            }
        };
        for (at, frame) in (0..).step_by(FRAME_LEN).zip(sound.as_chunks::<FRAME_LEN>().0) {
            let heard = ear.push(SamplePos(at), frame, None);
            take(&ear, heard);
        }
        let heard = ear.finish();
        take(&ear, heard);
        let loudest = utterances.iter().map(|(_, level)| *level).fold(f32::MIN, f32::max);
        let near = |(_, level): &&(Speech, f32)| *level >= loudest - foreground::LEAST_DB;
        let first = utterances.iter().find(near);
        let last = utterances.iter().rfind(near);
        Ok(first.zip(last).map(|((first, _), (last, _))| {
            let until = |last: Span| Span::new(first.span.start, last.end);
            Speech { span: until(last.span), longer: last.longer.map(until) }
        }))
    }

    /// The sound is over: closes an open utterance and reports the end of sound.
    pub fn finish(&mut self) -> HeardNow {
        self.policy.finish(self.next.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;
    use crate::models::ModelStore;
    use crate::turn::EndReason;

    struct Sound {
        model: Arc<SileroModel>,
        speech: Vec<f32>,
    }

    /// Ten seconds of read speech, as the golden files hold it.
    fn sound() -> Sound {
        let store = ModelStore::open(None).unwrap();
        let speech = store.golden("vad/speech.audio.f32");
        Sound { model: SileroModel::load(&store).unwrap(), speech }
    }

    fn listen(sound: &Sound, audio: &[f32]) -> Vec<Heard> {
        let mut ear = Ear::new(Arc::clone(&sound.model), EndpointSettings::default()).unwrap();
        let mut heard = Vec::new();
        for (i, frame) in audio.as_chunks::<FRAME_LEN>().0.iter().enumerate() {
            heard.extend(ear.push(SamplePos((i * FRAME_LEN) as u64), frame, None));
        }
        heard.extend(ear.finish());
        heard
    }

    fn seconds(s: f32) -> usize {
        (s * 16_000.0) as usize
    }

    fn starts(heard: &[Heard]) -> Vec<u64> {
        let start = |event: &Heard| match event {
            Heard::SpeechStart { at } => Some(at.0),
            _ => None,
        };
        heard.iter().filter_map(start).collect()
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn a_sleeping_judge_loses_no_onset() {
        let sound = sound();
        let after = |quiet: usize| -> Vec<i64> {
            let audio = [vec![0.0; quiet], sound.speech.clone()].concat();
            starts(&listen(&sound, &audio)).iter().map(|at| *at as i64 - quiet as i64).collect()
        };
        // Half a second: the judge is still awake. Five: it has long been asleep.
        let (awake, asleep) = (after(seconds(0.5)), after(seconds(5.0)));
        assert!(!awake.is_empty());
        assert_eq!(awake.len(), asleep.len());
        for (a, b) in awake.iter().zip(&asleep) {
            assert!((a - b).abs() <= silero::WINDOW_LEN as i64, "{a} awake, {b} asleep");
        }
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn neither_silence_nor_clicks_nor_noise_are_speech() {
        let sound = sound();
        let mut draw = Draw::new(1);
        let mut noise = || draw.between(-1.0, 1.0);
        let silence = vec![0.0; seconds(3.0)];
        let hiss: Vec<f32> = (0..seconds(3.0)).map(|_| 0.05 * noise()).collect();
        let clicks: Vec<f32> =
            (0..seconds(3.0)).map(|i| if i % 4000 < 160 { 0.7 * noise() } else { 0.0 }).collect();
        for (name, audio) in [("silence", silence), ("hiss", hiss), ("clicks", clicks)] {
            let end = SamplePos(audio.len() as u64);
            assert_eq!(listen(&sound, &audio), [Heard::EndOfSound { at: end }], "{name}");
        }
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn a_gap_filled_with_silence_ends_the_utterance() {
        let sound = sound();
        let mut audio = sound.speech.clone();
        let onset = starts(&listen(&sound, &audio))[0] as usize;
        let gap = onset + seconds(0.6);
        audio[gap..].fill(0.0);
        let heard = listen(&sound, &audio);
        let end = heard.iter().find_map(|event| match *event {
            Heard::SpeechEnd { last_speech, decided_at, why, .. } => {
                Some((last_speech, decided_at, why))
            }
            _ => None,
        });
        let (last_speech, decided_at, why) = end.unwrap();
        assert_eq!(why, EndReason::Silence);
        assert!(last_speech.0.abs_diff(gap as u64) < seconds(0.2) as u64, "{last_speech:?}");
        let waited_ms = decided_at.ms_since(last_speech);
        // The hangover, the rest of a window, the rest of a frame.
        assert!((400..400 + 32 + 20).contains(&waited_ms), "{waited_ms} ms");
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn a_recording_is_cut_to_its_speech() {
        let Sound { model, speech } = sound();
        let settings = EndpointSettings::default();
        let audio = [vec![0.0; seconds(2.0)], speech.clone(), vec![0.0; seconds(3.0)]].concat();
        let found =
            |audio: &[f32]| Ear::speech(Arc::clone(&model), settings.clone(), audio).unwrap();
        let Speech { span, longer } = found(&audio).expect("somebody speaks");
        assert_eq!(longer, None, "nobody else talks");
        let start = 32_000 + *starts(&listen(&sound(), &speech)).first().unwrap();
        assert!(span.start.0.abs_diff(start) < seconds(0.4) as u64, "{span:?}, from {start}");
        assert!(span.end.0 > 32_000 + 100_000 && span.end.0 < 32_000 + 170_000, "{span:?}");
        assert_eq!(found(&vec![0.0; seconds(1.0)]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn a_jump_of_the_position_keeps_the_utterance_open() {
        let sound = sound();
        let mut ear = Ear::new(Arc::clone(&sound.model), EndpointSettings::default()).unwrap();
        let onset = starts(&listen(&sound, &sound.speech))[0] as usize / FRAME_LEN;
        let frames = sound.speech.as_chunks::<FRAME_LEN>().0;
        let mut heard = Vec::new();
        for (i, frame) in frames.iter().enumerate().take(onset + 50) {
            let jump = if i > onset + 25 { seconds(0.1) } else { 0 };
            heard.extend(ear.push(SamplePos((i * FRAME_LEN + jump) as u64), frame, None));
        }
        assert_eq!(starts(&heard).len(), 1, "{heard:?}");
    }
}
