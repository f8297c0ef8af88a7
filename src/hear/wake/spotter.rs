//! The always-on ear for phrases that a small network knows.

use std::sync::Arc;

use serde::Deserialize;

use super::bands::BANDS;
use super::features::{Features, FrontEnd, STEP_LEN};
use crate::hear::HearError;
use crate::models::ModelStore;
use crate::nn::NnError;
use crate::nn::streaming::{LayerShape, Streaming, StreamingNetwork};
use crate::units::{FRAME_LEN, Frame, SAMPLE_RATE_HZ, SamplePos};

/// Describes every phrase in the store.
const PHRASES_FILE: &str = "wake/phrases.json";
/// Layout of that file; the converter writes the same number.
const FORMAT: u32 = 1;
/// A feature's step in the unit that the networks' input is given in.
const FEATURE_UNIT: f32 = 10.0 / 256.0;
/// Most steps a network takes a run, and most of its judgements that are averaged.
const MOST_STEPS: usize = 8;
const MOST_MEANT: usize = 32;
/// After a phrase was spotted its network is deaf to it for so long: longer than the phrase, which
/// would otherwise be spotted again on its last sounds.
const REFRACTORY_MS: u64 = 1_500;
/// No judgement counts before the stream is so old: the estimate of noise begins at nothing.
const SETTLING_MS: u64 = 500;

#[derive(Deserialize)]
struct Written {
    format: u32,
    phrases: Vec<WrittenPhrase>,
}

#[derive(Deserialize)]
struct WrittenPhrase {
    phrase: String,
    weights: String,
    cutoff: f32,
    mean_of: usize,
    new_steps: usize,
    input_scale: f32,
    input_zero: i8,
    output_scale: f32,
    layers: Vec<LayerShape>,
}

/// What is known of one phrase; immutable and shared.
pub struct WakeModel {
    phrase: String,
    network: Arc<StreamingNetwork>,
    cutoff: f32,
    mean_of: usize,
    new_steps: usize,
    input_scale: f32,
    input_zero: i8,
    output_scale: f32,
}

impl WakeModel {
    /// All that are in `store`: a hundred kilobytes.
    pub fn load_all(store: &ModelStore) -> Result<Vec<Arc<Self>>, HearError> {
        read(store)?.into_iter().map(|written| Self::load(store, written)).collect()
    }

    fn load(store: &ModelStore, written: WrittenPhrase) -> Result<Arc<Self>, HearError> {
        let WrittenPhrase { phrase, weights, cutoff, mean_of, new_steps, .. } = written;
        let file = format!("wake/{weights}");
        let bytes = store.bytes(&file)?;
        let network = StreamingNetwork::new(&file, new_steps, &written.layers, &bytes)?;
        let fits = (1..=MOST_STEPS).contains(&new_steps)
            && (1..=MOST_MEANT).contains(&mean_of)
            && network.input_len() == new_steps * BANDS
            && (0.0..1.0).contains(&cutoff);
        if !fits {
            return Err(unusable("a phrase is not as this program can hear it".into()));
        }
        let WrittenPhrase { input_scale, input_zero, output_scale, .. } = written;
        Ok(Arc::new(Self {
            phrase,
            network,
            cutoff,
            mean_of,
            new_steps,
            input_scale,
            input_zero,
            output_scale,
        }))
    }

    /// In lower case.
    pub fn phrase(&self) -> &str {
        &self.phrase
    }

    /// How probable the phrase must be, 0..1, as the network's authors recommend.
    pub fn cutoff(&self) -> f32 {
        self.cutoff
    }

    fn quantised(&self, feature: u16) -> i8 {
        let value = f32::from(feature) * FEATURE_UNIT / self.input_scale;
        (value.round_ties_even() + f32::from(self.input_zero)).clamp(-128.0, 127.0) as i8
    }

    /// What the last unit says, as a probability in steps of 1/256.
    fn probability(&self, unit: i8) -> f32 {
        let logit = f32::from(i16::from(unit) - i16::from(self.network.zero_out()));
        let probability = 1.0 / (1.0 + (-logit * self.output_scale).exp());
        (probability * 256.0).round().min(255.0) / 256.0
    }
}

fn read(store: &ModelStore) -> Result<Vec<WrittenPhrase>, HearError> {
    let bytes = store.bytes(PHRASES_FILE)?;
    let written: Written = serde_json::from_slice(&bytes).map_err(|e| unusable(e.to_string()))?;
    if written.format != FORMAT {
        return Err(unusable(format!("format {}, this program reads {FORMAT}", written.format)));
    }
    Ok(written.phrases)
}

fn unusable(why: String) -> HearError {
    HearError::Nn(NnError::Unusable { model: PHRASES_FILE.to_owned(), why })
}

/// A phrase was heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spotted {
    /// Which of the spotter's phrases.
    pub phrase: usize,
    /// The end of the sound that made sure of it, shortly behind the phrase.
    pub at: SamplePos,
    /// Mean of the last judgements, 0..1.
    pub probability: f32,
}

/// Listens for phrases in one stream, all the time. Allocates nothing after it was made.
pub struct Spotter {
    front_end: FrontEnd,
    detectors: Vec<Detector>,
    /// Where the next sample should lie.
    next: Option<SamplePos>,
    began: SamplePos,
}

struct Detector {
    model: Arc<WakeModel>,
    stream: Streaming,
    /// Features since the last run.
    features: heapless::Vec<i8, { MOST_STEPS * BANDS }>,
    judgements: heapless::Deque<f32, MOST_MEANT>,
    deaf_until: SamplePos,
    /// Above this the phrase was said.
    cutoff: f32,
    /// The highest mean since the detector was made.
    peak: f32,
}

impl Spotter {
    pub fn new(models: Vec<Arc<WakeModel>>) -> Self {
        Self {
            front_end: FrontEnd::default(),
            detectors: models.into_iter().map(Detector::new).collect(),
            next: None,
            began: SamplePos(0),
        }
    }

    /// The same, but a phrase must also be more probable than `bound`, 0..1.
    pub fn above(mut self, bound: f32) -> Self {
        for detector in &mut self.detectors {
            detector.cutoff = detector.model.cutoff.max(bound);
        }
        self
    }

    /// How probable each phrase was at most in all that was heard, 0..1, spotted or not.
    pub fn peaks(&self) -> impl Iterator<Item = f32> {
        self.detectors.iter().map(|detector| detector.peak)
    }

    /// Takes the frame that begins at `at`; after a jump it starts afresh. Returns what was spotted
    /// at its end, the surest where several were.
    pub fn push(&mut self, at: SamplePos, frame: &Frame) -> Option<Spotted> {
        if self.next != Some(at) {
            self.front_end.restart();
            self.detectors.iter_mut().for_each(Detector::restart);
            self.began = at;
        }
        let end = at + FRAME_LEN as u64;
        self.next = Some(end);
        let mut samples = [0i16; FRAME_LEN];
        for (fixed, sample) in samples.iter_mut().zip(frame) {
            // Saturates beyond full scale, and takes what is no number for silence.
            *fixed = (sample * 32_768.0) as i16;
        }
        let settled = end >= self.began + SamplePos::from_ms(SETTLING_MS).0;
        let mut surest: Option<Spotted> = None;
        let Self { front_end, detectors, .. } = self;
        front_end.push(&samples, |features| {
            for (phrase, detector) in detectors.iter_mut().enumerate() {
                let mean = detector.mean(&features).filter(|_| settled);
                let Some(probability) = mean.and_then(|mean| detector.judge(mean, end)) else {
                    continue;
                };
                detector.deaf_until = end + SamplePos::from_ms(REFRACTORY_MS).0;
                if surest.is_none_or(|other| other.probability < probability) {
                    surest = Some(Spotted { phrase, at: end, probability });
                }
            }
        });
        surest
    }
}

impl Detector {
    fn new(model: Arc<WakeModel>) -> Self {
        Self {
            stream: Streaming::new(Arc::clone(&model.network)),
            cutoff: model.cutoff,
            peak: 0.0,
            model,
            features: heapless::Vec::new(),
            judgements: heapless::Deque::new(),
            deaf_until: SamplePos(0),
        }
    }

    fn restart(&mut self) {
        self.stream.restart();
        self.features.clear();
        self.judgements.clear();
        self.deaf_until = SamplePos(0);
    }

    /// How probable the phrase is where it now has been said.
    fn judge(&mut self, mean: f32, now: SamplePos) -> Option<f32> {
        self.peak = self.peak.max(mean);
        (mean > self.cutoff && now >= self.deaf_until).then_some(mean)
    }

    /// Takes one frame of features; returns the mean of the last judgements, after every run and
    /// once there are enough.
    fn mean(&mut self, features: &Features) -> Option<f32> {
        for feature in features {
            let value = self.model.quantised(*feature);
            self.features.push(value).expect("emptied below before it is full");
        }
        if self.features.len() < self.model.new_steps * BANDS {
            return None;
        }
        let probability = self.model.probability(self.stream.push(&self.features));
        self.features.clear();
        if self.judgements.len() == self.model.mean_of {
            self.judgements.pop_front();
        }
        self.judgements.push_back(probability).expect("one was taken out");
        let sum: f32 = self.judgements.iter().sum();
        (self.judgements.len() == self.model.mean_of).then(|| sum / self.model.mean_of as f32)
    }
}

const _: () = assert!(FRAME_LEN.is_multiple_of(STEP_LEN), "a frame completes whole steps");
const _: () = assert!(SAMPLE_RATE_HZ == 16_000, "the networks were trained on it");

#[cfg(test)]
mod tests;
