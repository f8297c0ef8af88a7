//! What the room makes of our voice, learned while it sounds: an adaptive filter that knows how
//! sure it is of itself.
//!
//! A Kalman filter in the frequency domain, in partitions of one block (Enzner & Vary 2006;
//! Kuech, Mabande & Enzner 2014). For each bin of each partition it keeps the weight and its
//! doubt, the variance of the weight's error. What it cannot explain is a visitor or its own
//! error, and it learns in proportion to the part that doubt makes the latter: in the midst of a
//! visitor's words it goes on learning, slowly, instead of unlearning. The same doubt, times what
//! is played, tells how much of our voice is left in its output.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::units::{FRAME_LEN, FRAME_MS, mean_power};

/// Samples taken at a time: 10 ms.
pub const BLOCK: usize = FRAME_LEN / 2;
pub const FFT_LEN: usize = 2 * BLOCK;
pub const BINS: usize = BLOCK + 1;
/// The room's answer is followed for 320 ms. In a room of 0.8 s, what comes later is 24 dB softer
/// than what came before.
const PARTS: usize = 32;
/// Samples played that the filter looks back on, with the newest block.
pub const SPAN: usize = (PARTS + 1) * BLOCK;
const BLOCK_MS: f32 = FRAME_MS as f32 / 2.0;

/// Doubt of the first partition's weights before anything is known, and of each further one: no
/// loudspeaker reaches the microphone much louder than full scale, and rooms fade.
const FIRST_DOUBT: f32 = 0.5;
const FADING: f32 = 0.9;
/// Weights are trusted that much less with every block: people walk about and doors open.
const STAYS: f32 = 0.9997;
/// How much of the last blocks' power counts as that of what cannot be explained.
const SMOOTH: f32 = 0.875;
/// Half of a transform's power is that of the block; the other half is padding.
const PADDING: f32 = 0.5;
/// Doubt falls by this much of what the theory says. Neighbouring bins and blocks tell much the
/// same, so a filter that believed each in full would stop learning too soon, and be more wrong
/// than it thinks: with a voice, ten times in its first seconds.
const PERSUADED: f32 = 0.3;
/// Keeps divisions by silence finite: far below what 16 bits can hold.
const LEAST: f32 = 1e-10;
/// The filter is lost when for about 200 ms it has made louder what it should make softer, by so
/// much: the way to the microphone has changed. A visitor makes both sides louder alike.
const LOST: f32 = 1.25;
const LOST_SMOOTH: f32 = 1.0 - BLOCK_MS / 200.0;
/// Blocks between two losses at least, for the smoothing to settle: 300 ms.
const LOST_AGAIN: u32 = 30;
/// What is softer than this, as mean power, tells nothing: -60 dB.
const QUIET: f32 = 1e-6;

/// The filter.
pub struct EchoFilter {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    scratch: Vec<Complex<f32>>,
    /// The last two blocks played.
    played: [f32; FFT_LEN],
    /// Spectra of what was played, `PARTS` rows of `BINS`, a ring whose newest row is `newest`.
    spectra: Vec<Complex<f32>>,
    newest: usize,
    /// Row 0 belongs to what was played last.
    weights: Vec<Complex<f32>>,
    doubt: Vec<f32>,
    unexplained: [f32; BINS],
    residue: [f32; BINS],
    time: [f32; FFT_LEN],
    spectrum: [Complex<f32>; BINS],
    gain: [Complex<f32>; BINS],
    /// Smoothed power of what was heard and of what was left of it.
    power: (f32, f32),
    blocks: u32,
}

/// How a block went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    Well,
    /// What was learned was wrong, and is forgotten.
    Lost,
}

impl Default for EchoFilter {
    fn default() -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(FFT_LEN);
        let inverse = planner.plan_fft_inverse(FFT_LEN);
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        let mut filter = Self {
            forward,
            inverse,
            scratch: vec![Complex::default(); scratch],
            played: [0.0; FFT_LEN],
            spectra: vec![Complex::default(); PARTS * BINS],
            newest: 0,
            weights: vec![Complex::default(); PARTS * BINS],
            doubt: vec![0.0; PARTS * BINS],
            unexplained: [0.0; BINS],
            residue: [0.0; BINS],
            time: [0.0; FFT_LEN],
            spectrum: [Complex::default(); BINS],
            gain: [Complex::default(); BINS],
            power: (0.0, 0.0),
            blocks: 0,
        };
        filter.doubt_all();
        filter
    }
}

impl EchoFilter {
    /// Takes our voice out of a block, and learns from it unless `distorted`: a microphone that
    /// clips tells nothing of the room.
    pub fn push(
        &mut self,
        played: &[f32; BLOCK],
        heard: &[f32; BLOCK],
        distorted: bool,
        left: &mut [f32; BLOCK],
    ) -> Learned {
        self.played.copy_within(BLOCK.., 0);
        self.played[BLOCK..].copy_from_slice(played);
        self.newest = (self.newest + PARTS - 1) % PARTS;
        self.time = self.played;
        let newest = self.newest * BINS;
        transform(&*self.forward, &mut self.time, &mut self.spectrum, &mut self.scratch);
        self.spectra[newest..newest + BINS].copy_from_slice(&self.spectrum);

        self.explain();
        for ((left, heard), echo) in left.iter_mut().zip(heard).zip(&self.time[BLOCK..]) {
            *left = heard - echo;
        }
        let (heard, now) = (mean_power(heard), mean_power(left));
        self.power.0 = LOST_SMOOTH * self.power.0 + (1.0 - LOST_SMOOTH) * heard;
        self.power.1 = LOST_SMOOTH * self.power.1 + (1.0 - LOST_SMOOTH) * now;
        self.blocks = self.blocks.saturating_add(1);
        if !distorted {
            self.learn(left);
        }
        let lost = self.power.1 > LOST * self.power.0.max(QUIET) && self.blocks > LOST_AGAIN;
        if !lost {
            return Learned::Well;
        }
        self.forget();
        Learned::Lost
    }

    /// Begins anew.
    pub fn forget(&mut self) {
        self.weights.fill(Complex::default());
        self.doubt_all();
        (self.power, self.blocks) = ((0.0, 0.0), 0);
    }

    /// How many blocks were worked on since the filter began.
    #[cfg(test)]
    pub fn blocks(&self) -> u32 {
        self.blocks
    }

    /// How much of our voice is left in the last block by the filter's own doubt, as power in each
    /// bin of a transform of [`FFT_LEN`].
    pub fn residue(&self) -> &[f32; BINS] {
        &self.residue
    }

    /// What is played does not go on from what was played before: nothing that was learned is
    /// certain any more.
    pub fn doubt_all(&mut self) {
        let mut doubt = FIRST_DOUBT;
        for part in self.doubt.chunks_exact_mut(BINS) {
            part.iter_mut().for_each(|kept| *kept = kept.max(doubt));
            doubt *= FADING;
        }
    }

    /// The way to the microphone is what it was, except for its length: what was played is to be
    /// seen as in `history`. Between two samples there is still something to learn, in proportion to what
    /// half of one changes.
    pub fn shift(&mut self, history: &[f32; SPAN]) {
        let blocks = history.as_chunks::<BLOCK>().0;
        for (part, blocks) in blocks.windows(2).rev().enumerate() {
            self.time[..BLOCK].copy_from_slice(&blocks[0]);
            self.time[BLOCK..].copy_from_slice(&blocks[1]);
            transform(&*self.forward, &mut self.time, &mut self.spectrum, &mut self.scratch);
            let row = self.row(part);
            self.spectra[row].copy_from_slice(&self.spectrum);
        }
        self.played[..BLOCK].copy_from_slice(&blocks[PARTS - 1]);
        self.played[BLOCK..].copy_from_slice(&blocks[PARTS]);
        let learned = self.weights.chunks_exact(BINS).zip(self.doubt.chunks_exact_mut(BINS));
        for (weights, doubts) in learned {
            for (bin, (weight, doubt)) in weights.iter().zip(doubts).enumerate() {
                let turned = std::f32::consts::PI * bin as f32 / BINS as f32 / 4.0;
                *doubt += (2.0 * turned.sin()).powi(2) * weight.norm_sqr();
            }
        }
        (self.power, self.blocks) = ((0.0, 0.0), 0);
    }

    /// The row of what was played `part` blocks ago.
    fn row(&self, part: usize) -> std::ops::Range<usize> {
        let row = (self.newest + part) % PARTS * BINS;
        row..row + BINS
    }

    /// Puts what the filter makes of what was played into the second half of `time`.
    fn explain(&mut self) {
        let mut sum = [Complex::default(); BINS];
        self.residue.fill(0.0);
        for part in 0..PARTS {
            let (own, row) = (part * BINS..(part + 1) * BINS, self.row(part));
            let learned = self.weights[own.clone()].iter().zip(&self.doubt[own]);
            for (((sum, residue), played), (weight, doubt)) in
                sum.iter_mut().zip(&mut self.residue).zip(&self.spectra[row]).zip(learned)
            {
                *sum += weight * played;
                *residue += PADDING * doubt * played.norm_sqr();
            }
        }
        back(&*self.inverse, &mut sum, &mut self.time, &mut self.scratch);
    }

    fn learn(&mut self, left: &[f32; BLOCK]) {
        self.time[..BLOCK].fill(0.0);
        self.time[BLOCK..].copy_from_slice(left);
        transform(&*self.forward, &mut self.time, &mut self.spectrum, &mut self.scratch);
        for (kept, left) in self.unexplained.iter_mut().zip(&self.spectrum) {
            *kept = SMOOTH * *kept + (1.0 - SMOOTH) * left.norm_sqr();
        }
        for part in 0..PARTS {
            let (own, row) = (part * BINS..(part + 1) * BINS, self.row(part));
            let doubts = self.doubt[own.clone()].iter_mut();
            for (bin, (doubt, played)) in doubts.zip(&self.spectra[row]).enumerate() {
                let all = self.residue[bin] + self.unexplained[bin] + LEAST;
                let step = *doubt / all;
                self.gain[bin] = self.spectrum[bin] * played.conj() * step;
                let sure = (1.0 - PERSUADED * PADDING * step * played.norm_sqr()).max(0.0);
                *doubt *= STAYS * STAYS * sure;
            }
            // Only the first half of the answer is this partition's.
            back(&*self.inverse, &mut self.gain, &mut self.time, &mut self.scratch);
            self.time[BLOCK..].fill(0.0);
            transform(&*self.forward, &mut self.time, &mut self.gain, &mut self.scratch);
            let learned = self.weights[own.clone()].iter_mut().zip(&mut self.doubt[own]);
            for ((weight, doubt), gain) in learned.zip(&self.gain) {
                *weight += gain;
                *doubt += (1.0 - STAYS * STAYS) * weight.norm_sqr() + LEAST * LEAST;
            }
        }
    }
}

/// The spectrum of `time`, which is used up.
pub(super) fn transform(
    forward: &dyn RealToComplex<f32>,
    time: &mut [f32; FFT_LEN],
    spectrum: &mut [Complex<f32>; BINS],
    scratch: &mut [Complex<f32>],
) {
    let done = forward.process_with_scratch(time, spectrum, scratch);
    done.expect("lengths are those of the plan");
}

/// The sound of `spectrum`, which is used up.
pub(super) fn back(
    inverse: &dyn ComplexToReal<f32>,
    spectrum: &mut [Complex<f32>; BINS],
    time: &mut [f32; FFT_LEN],
    scratch: &mut [Complex<f32>],
) {
    // Rounding leaves traces where a real signal has none.
    (spectrum[0].im, spectrum[BINS - 1].im) = (0.0, 0.0);
    let done = inverse.process_with_scratch(spectrum, time, scratch);
    done.expect("lengths are those of the plan");
    time.iter_mut().for_each(|sample| *sample /= FFT_LEN as f32);
}
