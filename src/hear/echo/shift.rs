//! The way to the microphone has grown longer or shorter, and is else what it was: a sound card lost
//! or repeated a buffer. Then what the filter learned need not be learned again, only moved.
//!
//! What the filter expected to hear is compared with what was heard. Where one is the other, later or
//! sooner, that is by how much the way has changed: a tenth of a second is enough to tell.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::filter::BLOCK;
use crate::units::SAMPLE_RATE_HZ;

/// What is compared: 80 ms.
const WINDOW: usize = 8 * BLOCK;
/// The longest way that is found, 120 ms: sound cards hold buffers of some tens of milliseconds.
const FARTHEST: usize = 12 * BLOCK;
/// A shorter way than this, 0.5 ms, is the filter's to follow.
const NEAREST: usize = SAMPLE_RATE_HZ as usize / 2_000;
const KEPT: usize = WINDOW + FARTHEST;
const FFT_LEN: usize = 4_096;
const BINS: usize = FFT_LEN / 2 + 1;
const _: () = assert!(KEPT <= FFT_LEN);
/// How alike the two must be: as our voice is to itself beside a visitor who is 4 dB softer. Vowels are
/// nearly as alike from one period to the next.
const ALIKE: f32 = 0.85;
/// What is softer than this, as mean power, tells nothing: -60 dB.
const QUIET: f32 = 1e-6;

/// Keeps the last moments, and compares them when asked.
pub struct ShiftFinder {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    scratch: Vec<Complex<f32>>,
    /// The newest [`KEPT`] samples of both, oldest first.
    expected: Vec<f32>,
    heard: Vec<f32>,
    time: Vec<f32>,
    spectra: [Vec<Complex<f32>>; 2],
}

impl Default for ShiftFinder {
    fn default() -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(FFT_LEN);
        let inverse = planner.plan_fft_inverse(FFT_LEN);
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        let empty = vec![Complex::default(); BINS];
        Self {
            forward,
            inverse,
            scratch: vec![Complex::default(); scratch],
            expected: vec![0.0; KEPT],
            heard: vec![0.0; KEPT],
            time: vec![0.0; FFT_LEN],
            spectra: [empty.clone(), empty],
        }
    }
}

impl ShiftFinder {
    /// Takes what the filter expected of a block, and what was heard.
    pub fn push(&mut self, expected: &[f32; BLOCK], heard: &[f32; BLOCK]) {
        for (kept, new) in [(&mut self.expected, expected), (&mut self.heard, heard)] {
            kept.copy_within(BLOCK.., 0);
            kept[KEPT - BLOCK..].copy_from_slice(new);
        }
    }

    /// What was expected up to now is void.
    pub fn restart(&mut self) {
        self.expected.fill(0.0);
        self.heard.fill(0.0);
    }

    /// By how many samples the way has become longer, or, below zero, shorter; `None` where it is as
    /// it was, or another one.
    pub fn find(&mut self) -> Option<isize> {
        let longer = self.compare(false);
        let shorter = self.compare(true);
        let (alike, lag) = longer.into_iter().chain(shorter).max_by(|a, b| a.0.total_cmp(&b.0))?;
        (alike >= ALIKE).then_some(lag)
    }

    /// How like the newest window of the one is to the other, most alike, and how much later it is.
    fn compare(&mut self, shorter: bool) -> Option<(f32, isize)> {
        let (newest, all) = match shorter {
            false => (&self.heard, &self.expected),
            true => (&self.expected, &self.heard),
        };
        let power = |sound: &[f32]| sound.iter().map(|s| s * s).sum::<f32>();
        let own = power(&newest[FARTHEST..]);
        if own < QUIET * WINDOW as f32 {
            return None;
        }
        self.time.fill(0.0);
        self.time[FARTHEST..KEPT].copy_from_slice(&newest[FARTHEST..]);
        self.forward
            .process_with_scratch(&mut self.time, &mut self.spectra[0], &mut self.scratch)
            .expect("lengths are those of the plan");
        self.time.fill(0.0);
        self.time[..KEPT].copy_from_slice(all);
        self.forward
            .process_with_scratch(&mut self.time, &mut self.spectra[1], &mut self.scratch)
            .expect("lengths are those of the plan");
        let [newest, other] = &mut self.spectra;
        for (newest, other) in newest.iter_mut().zip(other) {
            *newest *= other.conj();
        }
        (newest[0].im, newest[BINS - 1].im) = (0.0, 0.0);
        self.inverse
            .process_with_scratch(newest, &mut self.time, &mut self.scratch)
            .expect("lengths are those of the plan");
        // The power of the other within the window, as that moves back.
        let mut theirs = power(&all[FARTHEST..]);
        let mut most: Option<(f32, usize)> = None;
        for (lag, product) in self.time[..FARTHEST].iter().enumerate() {
            let alike = product / FFT_LEN as f32 / (own * theirs.max(QUIET)).sqrt();
            if most.is_none_or(|(most, _)| alike > most) {
                most = Some((alike, lag));
            }
            let (first, last) = (FARTHEST - lag, KEPT - lag);
            theirs += all[first - 1] * all[first - 1] - all[last - 1] * all[last - 1];
        }
        let (alike, lag) = most.filter(|(_, lag)| *lag >= NEAREST)?;
        let lag = isize::try_from(lag).expect("a lag is short");
        Some((alike, if shorter { -lag } else { lag }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// A voice's pulses through a resonance, and a visitor.
    fn sounds(len: usize) -> (Vec<f32>, Vec<f32>) {
        let mut draw = Draw::new(1);
        let mut noise = |level: f32| draw.between(-level, level);
        let (mut a, mut b) = (0.0, 0.0);
        let voice = (0..len)
            .map(|i| {
                let pulse = if i % (130 + i / 400 % 30) == 0 { 0.3 } else { noise(0.01) };
                let next = 1.6 * a - 0.8 * b + pulse;
                (b, a) = (a, next);
                next
            })
            .collect();
        (voice, (0..len).map(|_| noise(0.2)).collect())
    }

    /// What is found a while after the way has become so much longer.
    fn found(longer: isize, visitor: f32) -> Option<isize> {
        let (voice, other) = sounds(16_000);
        let mut finder = ShiftFinder::default();
        for block in 20..80 {
            let from = block * BLOCK;
            let shift = if block < 60 { 0 } else { longer };
            let heard = std::array::from_fn(|i| {
                voice[(from + i).saturating_add_signed(-shift)] + visitor * other[from + i]
            });
            let expected = std::array::from_fn(|i| voice[from + i]);
            finder.push(&expected, &heard);
        }
        finder.find()
    }

    #[test]
    fn a_longer_and_a_shorter_way_are_found_also_beside_a_visitor() {
        for longer in [-1_600, -640, -17, 17, 333, 640, 1_700] {
            for visitor in [0.0, 0.3] {
                assert_eq!(found(longer, visitor), Some(longer), "{longer} {visitor}");
            }
        }
    }

    #[test]
    fn the_same_way_another_one_and_silence_are_no_shift() {
        assert_eq!(found(0, 0.0), None);
        assert_eq!(found(3_000, 0.0), None);
        assert_eq!(found(640, 20.0), None, "a visitor who drowns us");
        assert_eq!(ShiftFinder::default().find(), None);
    }
}
