//! What the wake networks see of the sound: 40 loudnesses every 10 ms.
//!
//! ```text
//! 30 ms, Hann ─▶ Spectrum ─▶ Bands ─▶ Gain ─▶ 64 · ln
//! ```
//!
//! The arithmetic of TensorFlow's microfrontend, for which the networks were trained, number for
//! number: the tests hold it against what its authors' program gives.

use std::f32::consts::PI;

use super::bands::{BANDS, Bands};
use super::gain::Gain;
use super::spectrum::Spectrum;
use crate::units::SAMPLE_RATE_HZ;

/// Features of one frame, 1/25.6 of the networks' own unit each.
pub type Features = [u16; BANDS];

/// Samples from one frame to the next, and samples of one.
pub const STEP_LEN: usize = SAMPLE_RATE_HZ as usize / 100;
const FRAME_LEN: usize = 3 * STEP_LEN;
/// Bits of fraction of the window.
const WINDOW_BITS: u32 = 12;

/// The features of one stream. Allocates nothing after it was made.
pub struct FrontEnd {
    window: [i16; FRAME_LEN],
    samples: [i16; FRAME_LEN],
    filled: usize,
    spectrum: Spectrum,
    bands: Bands,
    gain: Gain,
}

impl Default for FrontEnd {
    fn default() -> Self {
        let coefficient = |i: usize| {
            let phase = PI * 2.0 / FRAME_LEN as f32 * (i as f32 + 0.5);
            let value = 0.5 - 0.5 * phase.cos();
            (value * (1 << WINDOW_BITS) as f32 + 0.5).floor() as i16
        };
        Self {
            window: std::array::from_fn(coefficient),
            samples: [0; FRAME_LEN],
            filled: 0,
            spectrum: Spectrum::default(),
            bands: Bands::default(),
            gain: Gain::default(),
        }
    }
}

impl FrontEnd {
    /// Forgets all sound and all noise.
    pub fn restart(&mut self) {
        self.filled = 0;
        self.gain.restart();
    }

    /// Takes any number of samples and reports each frame they complete.
    pub fn push(&mut self, samples: &[i16], mut report: impl FnMut(Features)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let taken = rest.len().min(FRAME_LEN - self.filled);
            let (now, later) = rest.split_at(taken);
            self.samples[self.filled..][..taken].copy_from_slice(now);
            self.filled += taken;
            rest = later;
            if self.filled == FRAME_LEN {
                report(self.frame());
                self.samples.copy_within(STEP_LEN.., 0);
                self.filled -= STEP_LEN;
            }
        }
    }

    fn frame(&mut self) -> Features {
        let mut windowed = [0i16; FRAME_LEN];
        let mut loudest = 0;
        for ((windowed, sample), window) in windowed.iter_mut().zip(&self.samples).zip(&self.window)
        {
            *windowed = ((i32::from(*sample) * i32::from(*window)) >> WINDOW_BITS) as i16;
            loudest = loudest.max(windowed.wrapping_abs());
        }
        // As large as 16 bits hold, for the sake of what is soft.
        let shift = 15 - (u16::BITS - loudest.unsigned_abs().leading_zeros());
        windowed.iter_mut().for_each(|sample| *sample <<= shift);
        let bands = self.bands.of(self.spectrum.of(&windowed), shift);
        self.gain.push(&bands)
    }
}
