//! What smart-turn sees of the sound: the features of OpenAI's Whisper.
//!
//! ```text
//! 25 ms, Hann ─▶ power spectrum ─▶ 80 mel bands ─▶ log₁₀, at most 80 dB below the loudest
//! ```
//!
//! As the network was trained, they cover its last 8 s, silence before what is shorter, all of it
//! scaled to unit variance; a row every 10 ms (Radford et al. 2023; mel bands as by Slaney 1998).

use std::f32::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use crate::units::SAMPLE_RATE_HZ;

/// Rows of the features, and numbers of each.
pub const ROWS: usize = 800;
pub const BANDS: usize = 80;
/// Samples from row to row, samples that one row sees, and all that are seen.
const HOP_LEN: usize = SAMPLE_RATE_HZ as usize / 100;
const WINDOW_LEN: usize = SAMPLE_RATE_HZ as usize / 40;
const SEEN_LEN: usize = ROWS * HOP_LEN;
/// A window is centred on its row's time, so the first and the last reach so far beyond the sound,
/// which is mirrored there.
const MIRRORED_LEN: usize = WINDOW_LEN / 2;
/// Keeps silence finite: on the variance, and on the power of a band.
const LEAST_VARIANCE: f32 = 1e-7;
const LEAST_POWER: f32 = 1e-10;
/// In decades of power.
const DEPTH: f32 = 8.0;

/// Sound → features. Allocates nothing after it was made.
pub struct LogMel {
    transform: Arc<dyn RealToComplex<f32>>,
    window: [f32; WINDOW_LEN],
    bands: Vec<Band>,
    /// The sound that is seen, with its mirrored ends.
    sound: Vec<f32>,
    windowed: Vec<f32>,
    bins: Vec<Complex32>,
    room: Vec<Complex32>,
}

/// A triangle of unit area over some bins.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Default for LogMel {
    fn default() -> Self {
        let transform = RealFftPlanner::new().plan_fft_forward(WINDOW_LEN);
        let hann = |i: usize| 0.5 - 0.5 * (2.0 * PI * i as f32 / WINDOW_LEN as f32).cos();
        Self {
            window: std::array::from_fn(hann),
            bands: (0..BANDS).map(Band::new).collect(),
            sound: vec![0.0; SEEN_LEN + 2 * MIRRORED_LEN],
            windowed: transform.make_input_vec(),
            bins: transform.make_output_vec(),
            room: transform.make_scratch_vec(),
            transform,
        }
    }
}

impl LogMel {
    /// The features of the last 8 s of `sound` (mono, 16 kHz) into `rows`, which are [`ROWS`] of
    /// [`BANDS`] numbers.
    pub fn of(&mut self, sound: &[f32], rows: &mut [f32]) {
        let silence = self.take(sound);
        // Rows that see nothing but the silence before the sound are all alike.
        let alike = if silence < MIRRORED_LEN { 0 } else { (silence - MIRRORED_LEN) / HOP_LEN + 1 };
        let mut loudest = f32::NEG_INFINITY;
        for row in 0..ROWS {
            if (1..alike).contains(&row) {
                rows.copy_within(..BANDS, row * BANDS);
                continue;
            }
            let row_of = &mut rows[row * BANDS..][..BANDS];
            self.row(row * HOP_LEN, row_of);
            loudest = row_of.iter().copied().fold(loudest, f32::max);
        }
        let floor = loudest - DEPTH;
        rows.iter_mut().for_each(|level| *level = (level.max(floor) + 4.0) / 4.0);
    }

    /// Takes in the end of `sound`, scaled; returns how many samples of silence come before it.
    fn take(&mut self, sound: &[f32]) -> usize {
        let sound = &sound[sound.len().saturating_sub(SEEN_LEN)..];
        let silence = SEEN_LEN - sound.len();
        let share = 1.0 / SEEN_LEN as f64;
        let mean = sound.iter().map(|x| f64::from(*x)).sum::<f64>() * share;
        let power = sound.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() * share;
        let (mean, variance) = (mean as f32, (power - mean * mean).max(0.0) as f32);
        let scale = 1.0 / (variance + LEAST_VARIANCE).sqrt();
        let (before, seen) = self.sound[MIRRORED_LEN..][..SEEN_LEN].split_at_mut(silence);
        before.fill(-mean * scale);
        for (to, from) in seen.iter_mut().zip(sound) {
            *to = (from - mean) * scale;
        }
        for i in 1..=MIRRORED_LEN {
            self.sound[MIRRORED_LEN - i] = self.sound[MIRRORED_LEN + i];
            let last = MIRRORED_LEN + SEEN_LEN - 1;
            // One sample less than at the beginning is needed here.
            self.sound[last + i] = self.sound[last - i];
        }
        silence
    }

    /// The levels of the window that begins at `at`, in decades of power.
    fn row(&mut self, at: usize, levels: &mut [f32]) {
        let sound = &self.sound[at..][..WINDOW_LEN];
        for ((to, from), weight) in self.windowed.iter_mut().zip(sound).zip(&self.window) {
            *to = from * weight;
        }
        self.transform
            .process_with_scratch(&mut self.windowed, &mut self.bins, &mut self.room)
            .expect("lengths are the transform's own");
        for (level, Band { first, weights }) in levels.iter_mut().zip(&self.bands) {
            let bins = self.bins[*first..].iter().zip(weights);
            let power: f32 = bins.map(|(bin, weight)| bin.norm_sqr() * weight).sum();
            *level = power.max(LEAST_POWER).log10();
        }
    }
}

impl Band {
    fn new(band: usize) -> Self {
        let most = mel(SAMPLE_RATE_HZ as f32 / 2.0);
        let corner = |i: usize| hertz(most * i as f32 / (BANDS + 1) as f32);
        let [low, top, high] = [0, 1, 2].map(|i| corner(band + i));
        let weight = |bin: usize| {
            let hz = bin as f32 * SAMPLE_RATE_HZ as f32 / WINDOW_LEN as f32;
            let part = ((hz - low) / (top - low)).min((high - hz) / (high - top));
            2.0 / (high - low) * part.max(0.0)
        };
        let bins = 0..=WINDOW_LEN / 2;
        let first = bins.clone().find(|bin| weight(*bin) > 0.0).unwrap_or(0);
        let weights =
            (first..=*bins.end()).map(weight).take_while(|weight| *weight > 0.0).collect();
        Self { first, weights }
    }
}

/// Below 1 kHz linear, above logarithmic.
fn mel(hz: f32) -> f32 {
    if hz < 1000.0 { hz * 3.0 / 200.0 } else { 15.0 + 27.0 * (hz / 1000.0).log(6.4) }
}

fn hertz(mel: f32) -> f32 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * 6.4f32.powf((mel - 15.0) / 27.0) }
}
