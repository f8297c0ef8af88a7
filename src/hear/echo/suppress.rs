//! What the filter leaves of our voice, made softer, band by band: for the judge, who hears speech
//! however soft it is.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::filter::{BINS, BLOCK, FFT_LEN, back, transform};

/// A bin is let through in so far as it holds more than this many times what the filter expects
/// of our voice: its estimate is right on average, and speech leaps.
pub const TIMES: f32 = 8.0;
/// The least gain: -26 dB. Softer, and a visitor's words would come in shreds.
const LEAST_GAIN: f32 = 0.05;

/// What was ours dies away this much a block at the fastest, in power: 0.45 dB in 10 ms, as in a
/// room of more than a second. The end of the room's answer lies beyond the filter.
const DIES: f32 = 0.9;

/// Makes our voice softer in block after block, and hands it on a block later.
pub struct Suppressor {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    scratch: Vec<Complex<f32>>,
    /// Its square and that of the same half a window later add up to one.
    window: [f32; FFT_LEN],
    before: [f32; BLOCK],
    residue: [f32; BINS],
    /// What the last window adds to the next block.
    tail: [f32; BLOCK],
}

impl Default for Suppressor {
    fn default() -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(FFT_LEN);
        let inverse = planner.plan_fft_inverse(FFT_LEN);
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        let step = std::f32::consts::PI / FFT_LEN as f32;
        Self {
            forward,
            inverse,
            scratch: vec![Complex::default(); scratch],
            window: std::array::from_fn(|i| (step * (i as f32 + 0.5)).sin()),
            before: [0.0; BLOCK],
            residue: [0.0; BINS],
            tail: [0.0; BLOCK],
        }
    }
}

impl Suppressor {
    /// Lets a block through as it is. Returns the one before.
    pub fn pass(&mut self, block: &[f32; BLOCK]) -> [f32; BLOCK] {
        // As a window that changes nothing leaves it.
        let falling = &self.window[BLOCK..];
        self.tail = std::array::from_fn(|i| block[i] * falling[i] * falling[i]);
        self.residue.fill(0.0);
        std::mem::replace(&mut self.before, *block)
    }

    /// Takes what is left of a block, and how much of that is ours, `times` over. Returns the one
    /// before, as it was left and with our part made softer.
    pub fn push(
        &mut self,
        left: &[f32; BLOCK],
        residue: &[f32; BINS],
        times: f32,
    ) -> ([f32; BLOCK], [f32; BLOCK]) {
        let mut time = [0.0; FFT_LEN];
        time[..BLOCK].copy_from_slice(&self.before);
        time[BLOCK..].copy_from_slice(left);
        time.iter_mut().zip(&self.window).for_each(|(sample, window)| *sample *= window);
        let mut spectrum = [Complex::default(); BINS];
        transform(&*self.forward, &mut time, &mut spectrum, &mut self.scratch);
        for (bin, (now, kept)) in spectrum.iter_mut().zip(residue.iter().zip(&mut self.residue)) {
            *kept = now.max(DIES * *kept);
            let ours = times * *kept;
            *bin *= (1.0 - ours / bin.norm_sqr().max(f32::MIN_POSITIVE)).max(LEAST_GAIN);
        }
        back(&*self.inverse, &mut spectrum, &mut time, &mut self.scratch);
        time.iter_mut().zip(&self.window).for_each(|(sample, window)| *sample *= window);
        let softer = std::array::from_fn(|i| self.tail[i] + time[i]);
        self.tail.copy_from_slice(&time[BLOCK..]);
        (std::mem::replace(&mut self.before, *left), softer)
    }
}
