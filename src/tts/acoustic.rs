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

/// Rows that describe how a phoneme sounds, and how it is intoned. Fixed by the weights.
const TIMBRE: usize = 128;
const MELODY: usize = 192;
const FEATURES: usize = TIMBRE + 2;

/// Phoneme ids the encoder knows: 0 is the pad.
const IDS: std::ops::Range<i64> = 0..178;

/// Frames (12.5 ms) that leave one column (25 ms).
const FRAMES_PER_COLUMN: usize = 2;

/// Columns and frames per run of the two stacks, the longest first. A long chunk uses the matrix
/// kernels better, and the first sound waits for it; the short ones are for what is left of a
/// clause.
const PROSODY_CHUNKS: [usize; 4] = [96, 48, 24, 12];
const DECODER_CHUNKS: [usize; 4] = [64, 32, 16, 8];

const ENCODER: &str = "tts/encoder.onnx";
const PROSODY: &str = "tts/prosody.onnx";
const DECODER: &str = "tts/decoder.onnx";

/// The networks of the voice. Weights only: a clause's state lives in [`Score`] and [`Decoding`].
pub struct Acoustic {
    encoder: Session,
    prosody: Stack,
    decoder: Stack,
}

/// What the text encoder says about L phonemes.
struct Encoded {
    /// In columns, as predicted.
    durations: Vec<f32>,
    /// `[TIMBRE, L]` and `[MELODY, L]`, row-major.
    timbre: Vec<f32>,
    melody: Vec<f32>,
}

impl Encoded {
    /// For each column the index of its phoneme.
    fn columns(&self) -> Vec<usize> {
        let of = |(phoneme, &duration)| std::iter::repeat_n(phoneme, columns_of(duration));
        self.durations.iter().enumerate().flat_map(of).collect()
    }
}

/// One clause, timed and intoned, ready to be decoded into spectra.
pub struct Score {
    /// Frames of the pads before and after the phonemes, which are silent.
    pads: (usize, usize),
    /// Pitch in hertz per frame of 12.5 ms; below 40 is unvoiced.
    pub f0: Vec<f32>,
    /// `[FEATURES, frames]`, row-major.
    features: Vec<f32>,
}

/// Silent frames that stay before and after the phonemes at the voice's own pace: 125 and 150 ms, room
/// for the first sound to begin and for the last to die away. The network gives 0.3 and 0.4 s.
const LEAD_FRAMES: f32 = 10.0;
const TAIL_FRAMES: f32 = 12.0;

impl Score {
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
        let rows = self.features.chunks_exact(frames);
        self.features = rows.flat_map(|row| &row[from..to]).copied().collect();
        self.f0.truncate(to);
        self.f0.drain(..from);
    }
}

/// How far the decoding of a [`Score`] has come.
pub struct Decoding(Passage);

/// Some frames of spectra.
pub struct Spectra {
    values: TValue,
    inside: std::ops::Range<usize>,
}

impl Spectra {
    /// The frames, each a slice of [`SPECTRUM`] values.
    pub fn frames(&self) -> impl Iterator<Item = &[f32]> {
        let values = self.values.try_as_plain_ram().and_then(|v| v.as_slice::<f32>());
        values
            .expect("the decoder's output is f32, as its plan says")
            .chunks_exact(SPECTRUM)
            .skip(self.inside.start)
            .take(self.inside.len())
    }
}

impl Acoustic {
    pub fn load(store: &ModelStore) -> Result<Self, TtsError> {
        let encoder = nn::load(ENCODER, store.bytes(ENCODER)?)?;
        let encoder = Session::new(&encoder).map_err(|e| TtsError::plan(ENCODER, e))?;
        let prosody = Stack::load(store, PROSODY, &PROSODY_CHUNKS)?;
        let decoder = Stack::load(store, DECODER, &DECODER_CHUNKS)?;
        Ok(Self { encoder, prosody, decoder })
    }

    /// Times and intones a clause: phoneme ids between two pads. `speed` 1 is the voice's own pace,
    /// 2 twice as fast.
    pub fn score(&mut self, ids: &[i64], speed: f32) -> Result<Score, TtsError> {
        let encoded = self.encode(ids, speed).map_err(|e| TtsError::plan(ENCODER, e))?;
        self.intone(&encoded)
    }

    /// Repeats every phoneme over its duration and adds pitch and energy.
    fn intone(&mut self, encoded: &Encoded) -> Result<Score, TtsError> {
        let (length, columns) = (encoded.durations.len(), encoded.columns());
        let melody = repeat(&encoded.melody, length, &columns);
        let frames = FRAMES_PER_COLUMN * columns.len();
        let mut features = Vec::with_capacity(FEATURES * frames);
        for row in repeat(&encoded.timbre, length, &columns).chunks_exact(columns.len().max(1)) {
            features.extend(row.iter().flat_map(|&v| [v; FRAMES_PER_COLUMN]));
        }
        let (mut f0, mut energy) = (Vec::with_capacity(frames), Vec::with_capacity(frames));
        let mut passage = self.prosody.begin(columns.len());
        while let Some(given) = self.prosody.step(&mut passage, &melody)? {
            let inside =
                FRAMES_PER_COLUMN * given.inside.start..FRAMES_PER_COLUMN * given.inside.end;
            let read = |k: usize| given.outputs[k].try_as_plain_ram()?.as_slice::<f32>();
            let contour = read(0).map_err(|e| TtsError::plan(PROSODY, e))?;
            let hertz = read(1).map_err(|e| TtsError::plan(PROSODY, e))?;
            f0.extend_from_slice(&hertz[inside.clone()]);
            let (pitch_row, energy_row) = contour.split_at(hertz.len());
            // The pitch row follows the timbre rows directly; energy comes after the last chunk.
            features.extend_from_slice(&pitch_row[inside.clone()]);
            energy.extend_from_slice(&energy_row[inside]);
        }
        features.append(&mut energy);
        let pad = |duration: Option<&f32>| {
            FRAMES_PER_COLUMN * duration.map_or(0, |duration| columns_of(*duration))
        };
        let pads = (pad(encoded.durations.first()), pad(encoded.durations.last()));
        Ok(Score { pads, f0, features })
    }

    fn encode(&mut self, ids: &[i64], speed: f32) -> TractResult<Encoded> {
        ensure!(ids.iter().all(|id| IDS.contains(id)), "a phoneme id outside {IDS:?}");
        let tokens = Tensor::from_shape(&[1, ids.len()], ids)?;
        let outputs = self.encoder.run(tvec!(tokens.into(), tensor1(&[speed]).into()))?;
        let read = |k: usize| -> TractResult<Vec<f32>> {
            Ok(outputs[k].try_as_plain_ram()?.as_slice()?.to_vec())
        };
        let encoded = Encoded { durations: read(0)?, timbre: read(1)?, melody: read(2)? };
        ensure!(encoded.durations.len() == ids.len(), "one duration per phoneme");
        ensure!(encoded.timbre.len() == TIMBRE * ids.len(), "{TIMBRE} rows of timbre");
        ensure!(encoded.melody.len() == MELODY * ids.len(), "{MELODY} rows of melody");
        Ok(encoded)
    }

    /// Starts decoding a score.
    pub fn begin(&self, score: &Score) -> Decoding {
        Decoding(self.decoder.begin(score.f0.len()))
    }

    /// The next frames of the clause; `None` when all have been given.
    pub fn decode(
        &mut self,
        decoding: &mut Decoding,
        score: &Score,
    ) -> Result<Option<Spectra>, TtsError> {
        let given = self.decoder.step(&mut decoding.0, &score.features)?;
        Ok(given.map(|mut given| Spectra {
            values: given.outputs.swap_remove(0),
            inside: given.inside,
        }))
    }
}

/// Columns that a predicted duration stands for: rounded to even, never less than one.
fn columns_of(duration: f32) -> usize {
    // A phoneme of ten seconds is a broken prediction; the bound keeps memory finite.
    (duration.round_ties_even() as usize).clamp(1, 400)
}

/// Repeats the columns of `[rows, length]` as `columns` lists them.
fn repeat(rows: &[f32], length: usize, columns: &[usize]) -> Vec<f32> {
    rows.chunks_exact(length.max(1)).flat_map(|row| columns.iter().map(|&c| row[c])).collect()
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
        let numbers = |count: usize| (0..count).map(|i| i as f32).collect::<Vec<_>>();
        let mut score = Score { pads: (14, 16), f0: numbers(40), features: numbers(80) };
        for _ in 0..2 {
            score.trim(1.0);
            assert_eq!(score.f0, numbers(40)[4..36]);
            assert_eq!(score.features, [&numbers(80)[4..36], &numbers(80)[44..76]].concat());
            assert_eq!(score.pads, (10, 12), "the second time nothing is left to cut");
        }
        let mut slow = Score { pads: (50, 60), f0: numbers(200), features: numbers(200) };
        slow.trim(0.5);
        assert_eq!(slow.pads, (40, 48), "slow speech begins earlier in its pad");
        let mut short = Score { pads: (30, 30), f0: numbers(30), features: numbers(30) };
        short.trim(2.0);
        assert_eq!(short.f0.len(), 30, "all pad: as it was");
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
            let mut decoding = acoustic.begin(&score);
            let mut spectra = Vec::new();
            while let Some(chunk) = acoustic.decode(&mut decoding, &score).unwrap() {
                spectra.extend(chunk.frames().flatten());
            }
            assert_eq!(spectra.len(), SPECTRUM * score.f0.len(), "{}", case.name);
            case.assert_near("spectra", &spectra, 0.08);
        }
    }
}
