//! Phoneme ids to spectra: three tract plans and the repetition by duration between them.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::ensure;

use super::TtsError;
use super::stream::{Passage, Stack};
use super::vocoder::BINS;
use crate::models::ModelStore;
use crate::nn::{self, Session};

/// Values in one frame of the decoder's output: five runs of [`BINS`].
pub const SPECTRUM: usize = 5 * BINS;

/// Numbers that describe how a phoneme is intoned. Fixed by the weights, as are the next two.
const MELODY: usize = 192;

/// Numbers in a frame inside the decoder.
const FEATURES: usize = 256;

/// Frames that the decoder's first layer sees at a time, the middle one its own.
const TAPS: usize = 7;

/// Phoneme ids the encoder knows: 0 is the pad.
const IDS: std::ops::Range<i64> = 0..178;

/// Frames (12.5 ms) that leave one column (25 ms).
const FRAMES_PER_COLUMN: usize = 2;

const ENCODER: &str = "tts/encoder.onnx";
const PROSODY: &str = "tts/prosody.onnx";
const DECODER: &str = "tts/decoder.onnx";

/// The networks of the voice. Weights only: a clause's state lives in [`Score`] and [`Decoding`].
pub struct Acoustic {
    encoder: Session,
    prosody: Session,
    decoder: Stack,
}

/// What the text encoder says about L phonemes.
struct Encoded {
    /// In columns, as predicted.
    durations: Vec<f32>,
    /// `[L, TAPS, FEATURES]`: what a phoneme that stands under a tap of the decoder's first layer
    /// adds to that layer's output.
    timbre: Vec<f32>,
    /// `[L, MELODY]`
    melody: Vec<f32>,
}

impl Encoded {
    /// For each column the index of its phoneme.
    fn columns(&self) -> Vec<usize> {
        let of = |(phoneme, &duration)| std::iter::repeat_n(phoneme, columns_of(duration));
        self.durations.iter().enumerate().flat_map(of).collect()
    }

    /// Adds to `features`, `[frames, FEATURES]`, what the phonemes around each frame give it, which
    /// `columns` lists.
    fn add_timbre(&self, columns: &[usize], features: &mut [f32]) {
        for (frame, features) in features.chunks_exact_mut(FEATURES).enumerate() {
            for tap in 0..TAPS {
                let seen = (frame + tap).checked_sub(TAPS / 2).map(|at| at / FRAMES_PER_COLUMN);
                let Some(phoneme) = seen.and_then(|column| columns.get(column)) else {
                    continue;
                };
                let given = &self.timbre[(phoneme * TAPS + tap) * FEATURES..][..FEATURES];
                features.iter_mut().zip(given).for_each(|(sum, value)| *sum += value);
            }
        }
    }
}

/// One clause, timed and intoned, ready to be decoded into spectra.
pub struct Score {
    /// Frames of the pads before and after the phonemes, which are silent.
    pads: (usize, usize),
    /// The frame that each phoneme id ends before.
    ends: Vec<usize>,
    /// Pitch in hertz per frame of 12.5 ms; below 40 is unvoiced.
    pub f0: Vec<f32>,
    /// `[frames, FEATURES]`: the decoder's first layer.
    features: Vec<f32>,
}

/// Silent frames that stay before and after the phonemes at the voice's own pace: 125 and 150 ms, room
/// for the first sound to begin and for the last to die away. The network gives 0.3 and 0.4 s.
const LEAD_FRAMES: f32 = 10.0;
const TAIL_FRAMES: f32 = 12.0;

impl Score {
    /// The frame that the first `ids` phoneme ids end before.
    pub fn end(&self, ids: usize) -> usize {
        ids.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }

    /// Takes off silence that nobody is to hear, so that it need not be made. `speed` is what the
    /// clause was timed with.
    pub fn trim(&mut self, speed: f32) {
        // Where speech is stretched, its first sound reaches further into the pad than in proportion.
        let stretch = 1.0 / speed.min(1.0).powi(2);
        let (lead, tail) = ((LEAD_FRAMES * stretch) as usize, (TAIL_FRAMES * stretch) as usize);
        let frames = self.f0.len();
        let from = self.pads.0.saturating_sub(lead);
        let to = frames - self.pads.1.saturating_sub(tail);
        if from >= to {
            return;
        }
        self.pads = (self.pads.0 - from, self.pads.1 - (frames - to));
        self.ends.iter_mut().for_each(|end| *end = (*end).min(to).saturating_sub(from));
        for (values, width) in [(&mut self.f0, 1), (&mut self.features, FEATURES)] {
            values.truncate(to * width);
            values.drain(..from * width);
        }
    }
}

/// How far the decoding of a [`Score`] has come.
pub struct Decoding(Passage);

/// Some frames of spectra.
pub struct Spectra(TValue);

impl Spectra {
    /// The frames, each a slice of [`SPECTRUM`] values.
    pub fn frames(&self) -> impl Iterator<Item = &[f32]> {
        let values = self.0.try_as_plain_ram().and_then(|v| v.as_slice::<f32>());
        values.expect("the decoder's output is f32, as its plan says").chunks_exact(SPECTRUM)
    }
}

impl Acoustic {
    pub fn load(store: &ModelStore) -> Result<Self, TtsError> {
        let session = |name| -> Result<Session, TtsError> {
            let plan = nn::load(name, store.bytes(name)?)?;
            Session::new(&plan).map_err(|e| TtsError::plan(name, e))
        };
        let (encoder, prosody) = (session(ENCODER)?, session(PROSODY)?);
        Ok(Self { encoder, prosody, decoder: Stack::load(store, DECODER, FEATURES)? })
    }

    /// Times and intones a clause: phoneme ids between two pads. `speed` 1 is the voice's own pace,
    /// 2 twice as fast.
    pub fn score(&mut self, ids: &[i64], speed: f32) -> Result<Score, TtsError> {
        let encoded = self.encode(ids, speed).map_err(|e| TtsError::plan(ENCODER, e))?;
        self.intone(&encoded).map_err(|e| TtsError::plan(PROSODY, e))
    }

    /// Repeats every phoneme over its duration and adds pitch and energy.
    fn intone(&mut self, encoded: &Encoded) -> TractResult<Score> {
        let columns = encoded.columns();
        let melody = self.prosody.input(&[1, columns.len(), MELODY], |melody| {
            for (row, phoneme) in melody.chunks_exact_mut(MELODY).zip(&columns) {
                row.copy_from_slice(&encoded.melody[phoneme * MELODY..][..MELODY]);
            }
        })?;
        let outputs = self.prosody.run(tvec!(melody))?;
        let (f0, mut features) = (floats(&outputs[0])?, floats(&outputs[1])?);
        let frames = FRAMES_PER_COLUMN * columns.len();
        ensure!(f0.len() == frames, "two frames of pitch per column");
        ensure!(features.len() == FEATURES * frames, "two frames of {FEATURES} numbers per column");
        encoded.add_timbre(&columns, &mut features);
        let pad = |duration: Option<&f32>| {
            FRAMES_PER_COLUMN * duration.map_or(0, |duration| columns_of(*duration))
        };
        let pads = (pad(encoded.durations.first()), pad(encoded.durations.last()));
        let mut end = 0;
        let ends = encoded.durations.iter().map(|duration| {
            end += FRAMES_PER_COLUMN * columns_of(*duration);
            end
        });
        Ok(Score { pads, ends: ends.collect(), f0, features })
    }

    fn encode(&mut self, ids: &[i64], speed: f32) -> TractResult<Encoded> {
        ensure!(ids.iter().all(|id| IDS.contains(id)), "a phoneme id outside {IDS:?}");
        let tokens = Tensor::from_shape(&[1, ids.len()], ids)?;
        let outputs = self.encoder.run(tvec!(tokens.into(), tensor1(&[speed]).into()))?;
        let read = |k: usize| floats(&outputs[k]);
        let encoded = Encoded { durations: read(0)?, timbre: read(1)?, melody: read(2)? };
        ensure!(encoded.durations.len() == ids.len(), "one duration per phoneme");
        let timbre = TAPS * FEATURES;
        ensure!(encoded.timbre.len() == timbre * ids.len(), "{timbre} numbers of timbre");
        ensure!(encoded.melody.len() == MELODY * ids.len(), "{MELODY} numbers of melody");
        Ok(encoded)
    }

    /// Starts decoding a score.
    pub fn begin(&self) -> Decoding {
        Decoding(self.decoder.begin())
    }

    /// The next frames of the clause; `None` when all have been given.
    pub fn decode(
        &mut self,
        decoding: &mut Decoding,
        score: &Score,
    ) -> Result<Option<Spectra>, TtsError> {
        Ok(self.decoder.step(&mut decoding.0, &score.features)?.map(Spectra))
    }
}

fn floats(value: &TValue) -> TractResult<Vec<f32>> {
    Ok(value.try_as_plain_ram()?.as_slice()?.to_vec())
}

/// Columns that a predicted duration stands for: rounded to even, never less than one.
fn columns_of(duration: f32) -> usize {
    // A phoneme of ten seconds is a broken prediction; the bound keeps memory finite.
    (duration.round_ties_even() as usize).clamp(1, 400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tts::golden::Golden;

    #[test]
    fn durations_round_to_even_and_are_at_least_one_column() {
        for (predicted, columns) in [
            (-1.0, 1),
            (0.0, 1),
            (0.5, 1),
            (1.5, 2),
            (2.5, 2),
            (2.51, 3),
            (1e9, 400),
            (f32::NAN, 1),
        ] {
            assert_eq!(columns_of(predicted), columns, "{predicted}");
        }
    }

    #[test]
    fn silent_ends_are_cut_to_what_is_heard() {
        let numbers = |frames: std::ops::Range<usize>, width: usize| {
            (frames.start * width..frames.end * width).map(|i| i as f32).collect::<Vec<_>>()
        };
        let score = |pads, frames| Score {
            pads,
            ends: vec![frames / 2, frames],
            f0: numbers(0..frames, 1),
            features: numbers(0..frames, FEATURES),
        };
        let mut plain = score((14, 16), 40);
        for _ in 0..2 {
            plain.trim(1.0);
            assert_eq!(plain.f0, numbers(4..36, 1));
            assert_eq!(plain.features, numbers(4..36, FEATURES));
            assert_eq!((plain.end(0), plain.end(1), plain.end(2)), (0, 16, 32));
            assert_eq!(plain.pads, (10, 12), "the second time nothing is left to cut");
        }
        let mut slow = score((50, 60), 200);
        slow.trim(0.5);
        assert_eq!(slow.pads, (40, 48), "slow speech begins earlier in its pad");
        let mut short = score((30, 30), 30);
        short.trim(2.0);
        assert_eq!(short.f0.len(), 30, "all pad: as it was");
    }

    #[test]
    fn a_frame_gets_what_the_phonemes_around_it_give() {
        // Phoneme p under tap t gives 10^t, times p + 1.
        let given = |phoneme: usize, tap: u32| (phoneme + 1) as f32 * 10f32.powi(tap as i32);
        let rows = (0..2).flat_map(|p| (0..TAPS as u32).map(move |tap| given(p, tap)));
        let timbre = rows.flat_map(|value| [value; FEATURES]).collect();
        let encoded = Encoded { durations: vec![], timbre, melody: vec![] };
        let mut features = vec![0.0; 6 * FEATURES];
        encoded.add_timbre(&[0, 1, 1], &mut features);
        let first: Vec<f32> = features.iter().step_by(FEATURES).copied().collect();
        // From the last tap to the first: what comes after the frame, and what came before.
        let want = [2_211_000, 2_221_100, 2_222_110, 222_211, 22_221, 2_222].map(|n| n as f32);
        assert_eq!(first, want);
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn optimised_plans_agree_with_onnxruntime() {
        let store = ModelStore::open(None).unwrap();
        let mut acoustic = Acoustic::load(&store).unwrap();
        for case in Golden::all(&store) {
            // The reference computes with floats, the plans with 8-bit activations. Each stage is
            // given the reference's timing, for one duration rounded otherwise moves all the rest.
            let encoded = acoustic.encode(&case.i64("ids"), case.speed).unwrap();
            case.assert_near("durations", &encoded.durations, 0.03);
            case.assert_near("timbre", &encoded.timbre, 1e-3);
            case.assert_near("melody", &encoded.melody, 1e-2);
            let durations = case.f32("durations");
            let score = acoustic.intone(&Encoded { durations, ..encoded }).unwrap();
            case.assert_near("f0", &score.f0, 1.5);
            let mut decoding = acoustic.begin();
            let mut spectra = Vec::new();
            while let Some(chunk) = acoustic.decode(&mut decoding, &score).unwrap() {
                spectra.extend(chunk.frames().flatten());
            }
            assert_eq!(spectra.len(), SPECTRUM * score.f0.len(), "{}", case.name);
            case.assert_near("spectra", &spectra, 0.08);
        }
    }
}
