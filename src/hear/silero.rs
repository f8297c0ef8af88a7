//! The judge: how probable is it that somebody is speaking? Silero VAD as a tract plan.
//!
//! The network judges windows of 512 samples (32 ms), our frames have 320 (20 ms): eight frames
//! make five windows. A stretch of sound is therefore judged at most 448 samples (28 ms) after the
//! frame that completes it; every verdict carries the span it is about, so no position depends on
//! that delay.

use std::sync::Arc;

use tract_onnx::prelude::*;

use super::HearError;
use super::endpoint::Evidence;
use crate::models::ModelStore;
use crate::nn::{self, NnError, Plan, Session};
use crate::units::{SamplePos, Span};

/// Name of the model in the store.
pub const MODEL_FILE: &str = "vad/silero.onnx";

/// Samples per verdict.
pub const WINDOW_LEN: usize = 512;
/// Samples before the window that the network also sees.
const CONTEXT_LEN: usize = 64;
const SEEN_LEN: usize = CONTEXT_LEN + WINDOW_LEN;
/// Behind the window the network sees its end once more, mirrored.
const MIRRORED_LEN: usize = 64;
const INPUT_SHAPE: [usize; 3] = [1, SEEN_LEN + MIRRORED_LEN, 1];
/// Hidden and cell state of the recurrent layer.
const STATE_SHAPE: [usize; 3] = [1, 1, 256];

/// The network's weights and plan; immutable and shared.
pub struct SileroModel {
    plan: Arc<Plan>,
}

impl SileroModel {
    /// Loads, optimises and tries out the network.
    pub fn load(store: &ModelStore) -> Result<Arc<Self>, HearError> {
        Self::from_onnx(store.bytes(MODEL_FILE)?)
    }

    fn from_onnx(bytes: Vec<u8>) -> Result<Arc<Self>, HearError> {
        let model = Arc::new(Self { plan: nn::load(MODEL_FILE, bytes)? });
        // One window of silence, so that a model of another shape fails here and not in a turn.
        let p = SileroStream::new(Arc::clone(&model))?
            .judge(&[0.0; SEEN_LEN])
            .map_err(|error| unusable(format!("{error:#}")))?;
        if !(0.0..=1.0).contains(&p) {
            return Err(unusable(format!("silence is speech with probability {p}")));
        }
        Ok(model)
    }
}

fn unusable(why: String) -> HearError {
    HearError::Nn(NnError::Unusable { model: MODEL_FILE.to_owned(), why })
}

/// Listens to one stream.
pub struct SileroStream {
    session: Session,
    /// No memory at all; shared with whatever begins.
    blank: TValue,
    memory: TValue,
    windows: Windows,
    /// Position of the next sample.
    at: SamplePos,
}

impl SileroStream {
    /// A stream that starts at position zero with no memory.
    pub fn new(model: Arc<SileroModel>) -> Result<Self, HearError> {
        let blank: TValue =
            Tensor::zero::<f32>(&STATE_SHAPE).expect("a kilobyte of a fixed shape").into();
        Ok(Self {
            session: Session::new(&model.plan).map_err(|error| unusable(format!("{error:#}")))?,
            memory: blank.clone(),
            blank,
            windows: Windows::default(),
            at: SamplePos::default(),
        })
    }

    /// Forgets everything; the next sample lies at `at`.
    pub fn restart(&mut self, at: SamplePos) {
        self.memory = self.blank.clone();
        self.windows = Windows::default();
        self.at = at;
    }

    /// Takes any number of samples and reports each window they complete.
    pub fn push(&mut self, samples: &[f32], mut report: impl FnMut(Evidence)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let taken = self.windows.take(rest);
            rest = &rest[taken..];
            self.at = self.at + taken as u64;
            if let Some(window) = self.windows.whole() {
                let probability = self.judge(&window).expect("shapes were tried out at load");
                let span = Span::new(self.at.back(WINDOW_LEN as u64), self.at);
                report(Evidence { span, probability });
            }
        }
    }

    fn judge(&mut self, window: &[f32; SEEN_LEN]) -> TractResult<f32> {
        let input = self.session.input(&INPUT_SHAPE, |input| {
            let (seen, mirrored) = input.split_at_mut(SEEN_LEN);
            seen.copy_from_slice(window);
            for (to, from) in mirrored.iter_mut().zip(window[..SEEN_LEN - 1].iter().rev()) {
                *to = *from;
            }
        })?;
        let mut outputs = self.session.run(tvec!(input, self.memory.clone()))?;
        let (Some(memory), Some(probability)) = (outputs.pop(), outputs.pop()) else {
            return Err(TractError::msg("it must have two outputs, probability and state"));
        };
        if (probability.len(), memory.shape()) != (1, &STATE_SHAPE[..]) {
            let shapes = format!("{:?} and {:?}", probability.shape(), memory.shape());
            return Err(TractError::msg(format!("outputs have shapes {shapes}")));
        }
        self.memory = memory;
        Ok(probability.try_as_plain_ram()?.as_slice::<f32>()?[0])
    }
}

/// Cuts a stream into windows that overlap by the network's context.
#[derive(Debug)]
struct Windows {
    buffer: [f32; SEEN_LEN],
    filled: usize,
}

impl Default for Windows {
    /// Before the stream there was silence.
    fn default() -> Self {
        Self { buffer: [0.0; SEEN_LEN], filled: CONTEXT_LEN }
    }
}

impl Windows {
    /// Takes samples up to the end of the current window; returns how many.
    fn take(&mut self, samples: &[f32]) -> usize {
        let count = samples.len().min(SEEN_LEN - self.filled);
        self.buffer[self.filled..][..count].copy_from_slice(&samples[..count]);
        self.filled += count;
        count
    }

    /// The window, when it is full; the next one then begins.
    fn whole(&mut self) -> Option<[f32; SEEN_LEN]> {
        if self.filled < SEEN_LEN {
            return None;
        }
        let window = self.buffer;
        self.buffer.copy_within(WINDOW_LEN.., 0);
        self.filled = CONTEXT_LEN;
        Some(window)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_model_serves_many_threads() {
        fn shared<T: Send + Sync>() {}
        fn owned<T: Send>() {}
        shared::<SileroModel>();
        owned::<SileroStream>();
    }

    fn windows_of(chunks: &[&[f32]]) -> Vec<[f32; SEEN_LEN]> {
        let mut windows = Windows::default();
        let mut whole = Vec::new();
        for chunk in chunks {
            let mut rest = *chunk;
            while !rest.is_empty() {
                let taken = windows.take(rest);
                rest = &rest[taken..];
                whole.extend(windows.whole());
            }
        }
        whole
    }

    #[test]
    fn windows_overlap_by_the_context_and_begin_with_silence() {
        let samples: Vec<f32> = (1..=1100).map(|i| i as f32).collect();
        let windows = windows_of(&[&samples]);
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[0][..CONTEXT_LEN], [0.0; CONTEXT_LEN]);
        assert_eq!(windows[0][CONTEXT_LEN..], samples[..WINDOW_LEN]);
        assert_eq!(windows[1][..], samples[WINDOW_LEN - CONTEXT_LEN..2 * WINDOW_LEN]);
    }

    proptest! {
        #[test]
        fn windows_do_not_depend_on_the_chunking(cuts in prop::collection::vec(0usize..3000, 0..20)) {
            let samples: Vec<f32> = (0..3000).map(|i| i as f32).collect();
            let mut cuts = cuts;
            cuts.extend([0, samples.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[f32]> = cuts.windows(2).map(|c| &samples[c[0]..c[1]]).collect();
            prop_assert_eq!(windows_of(&chunks), windows_of(&[&samples]));
        }
    }

    #[derive(serde::Deserialize)]
    struct Cases {
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
    }

    fn golden(store: &ModelStore, name: &str) -> Vec<f32> {
        store.golden(&format!("vad/{name}.f32"))
    }

    /// The *optimised* plan against onnxruntime on the graph it was converted from. Both add in
    /// f32 in their own order, and the recurrent state carries the difference on: 1e-4 is 50 times
    /// what was seen, and a thousandth of what would change a decision.
    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn the_optimised_plan_agrees_with_onnxruntime() {
        let store = ModelStore::open(None).unwrap();
        let model = SileroModel::load(&store).unwrap();
        let cases = store.bytes("golden/vad/cases.json").unwrap();
        let cases: Cases = serde_json::from_slice(&cases).unwrap();
        assert!(cases.cases.len() >= 3);
        for Case { name } in cases.cases {
            let mut stream = SileroStream::new(Arc::clone(&model)).unwrap();
            let audio = golden(&store, &format!("{name}.audio"));
            let mut ours = Vec::new();
            for frame in audio.chunks(320) {
                stream.push(frame, |evidence| {
                    assert_eq!(evidence.span.len(), WINDOW_LEN as u64);
                    assert_eq!(evidence.span.start.0 as usize, ours.len() * WINDOW_LEN);
                    ours.push(evidence.probability);
                });
            }
            close(&ours, &golden(&store, &format!("{name}.probability")), &name);
            let state = stream.memory.try_as_plain_ram().unwrap();
            close(state.as_slice().unwrap(), &golden(&store, &format!("{name}.state")), &name);
        }
    }

    fn close(ours: &[f32], theirs: &[f32], name: &str) {
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let difference = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-4, "{name}: differs by {difference}");
    }
}
