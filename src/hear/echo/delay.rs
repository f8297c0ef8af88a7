//! How long our voice takes from being played until the microphone hears it.
//!
//! Generalised cross-correlation with phase transform (Knapp & Carter 1976): of the product of two
//! spectra only the phases count, so that a voice, which is all peaks, has one sharp peak where the
//! two recordings agree, and a room's answer a low one behind it.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::units::{Frame, SAMPLE_RATE_HZ, rms_dbfs};

/// Samples of the microphone that are compared at a time: half a second holds some syllables.
const WINDOW: usize = 8_192;
/// Longest delay that is found, in samples of the reference: half a second.
pub const LONGEST: usize = 8_192;
const FFT_LEN: usize = WINDOW + LONGEST;
const BINS: usize = FFT_LEN / 2 + 1;
/// A comparison is made every so many frames: four a second.
const EVERY: usize = 13;
/// How much of earlier comparisons stays: about a second of them.
const KEEP: f32 = 0.75;
/// What is quieter than this is not compared: nothing is played, or nothing heard.
const QUIET_DBFS: f32 = -60.0;
/// A peak counts when it stands out of the rest by so much: of 8,192 places without any echo none
/// does (their root mean square is one, their largest about four).
const STANDS_OUT: f32 = 8.0;
/// Speech lies between these, in hertz; elsewhere phases are noise.
const BAND_HZ: (usize, usize) = (200, 6_000);
/// Two findings that differ by less than this are of the same delay, in samples: 1 ms, which is
/// more than any drift makes of it in a second.
const SAME: f32 = SAMPLE_RATE_HZ as f32 / 1000.0;

const fn bin(hz: usize) -> usize {
    hz * FFT_LEN / SAMPLE_RATE_HZ as usize
}

/// Finds and follows the delay.
pub struct DelayTracker {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// The newest [`FFT_LEN`] samples played, and [`WINDOW`] samples heard, as rings that are
    /// written at `at`, which counts samples.
    played: Vec<f32>,
    heard: Vec<f32>,
    at: usize,
    frames: usize,
    /// Smoothed product of the spectra.
    product: Vec<Complex<f32>>,
    spectrum: [Vec<Complex<f32>>; 2],
    time: Vec<f32>,
    scratch: Vec<Complex<f32>>,
    delay: Option<f32>,
    /// The last finding, while it is not that of `delay`.
    other: Option<f32>,
}

impl Default for DelayTracker {
    fn default() -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(FFT_LEN);
        let inverse = planner.plan_fft_inverse(FFT_LEN);
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        let empty = vec![Complex::default(); BINS];
        Self {
            forward,
            inverse,
            played: vec![0.0; FFT_LEN],
            heard: vec![0.0; WINDOW],
            at: 0,
            frames: 0,
            product: empty.clone(),
            spectrum: [empty.clone(), empty],
            time: vec![0.0; FFT_LEN],
            scratch: vec![Complex::default(); scratch],
            delay: None,
            other: None,
        }
    }
}

impl DelayTracker {
    /// Takes a frame played and the one heard with it. Returns the delay in samples when it was
    /// found for the first time or is another one than before.
    pub fn push(&mut self, played: &Frame, heard: &Frame) -> Option<f32> {
        for (played, heard) in played.iter().zip(heard) {
            self.played[self.at % FFT_LEN] = *played;
            self.heard[self.at % WINDOW] = *heard;
            self.at += 1;
        }
        self.frames += 1;
        if self.frames < EVERY {
            return None;
        }
        self.frames = 0;
        if rms_dbfs(&self.played) < QUIET_DBFS || rms_dbfs(&self.heard) < QUIET_DBFS {
            return None;
        }
        self.compare();
        let found = self.peak()?;
        self.settle(found)
    }

    /// From the playing of a sample to its being heard, in samples.
    pub fn delay(&self) -> Option<f32> {
        self.delay
    }

    /// The reference was moved: what was found before is void.
    pub fn restart(&mut self) {
        self.played.fill(0.0);
        self.heard.fill(0.0);
        self.product.fill(Complex::default());
        (self.frames, self.delay, self.other) = (0, None, None);
    }

    /// What was found before now takes so many samples more.
    pub fn shift(&mut self, longer: f32) {
        let delay = self.delay.map(|delay| (delay + longer).max(0.0));
        self.restart();
        self.delay = delay;
    }

    fn compare(&mut self) {
        let oldest = self.at % FFT_LEN;
        let (newer, older) = self.played.split_at(oldest);
        self.time[..older.len()].copy_from_slice(older);
        self.time[older.len()..].copy_from_slice(newer);
        transform(&*self.forward, &mut self.time, &mut self.spectrum[0], &mut self.scratch);

        // What is heard lies at the end of the stretch that is played.
        let oldest = self.at % WINDOW;
        let (newer, older) = self.heard.split_at(oldest);
        self.time[..LONGEST].fill(0.0);
        self.time[LONGEST..][..older.len()].copy_from_slice(older);
        self.time[LONGEST + older.len()..].copy_from_slice(newer);
        transform(&*self.forward, &mut self.time, &mut self.spectrum[1], &mut self.scratch);

        let [played, heard] = &self.spectrum;
        for ((sum, played), heard) in self.product.iter_mut().zip(played).zip(heard) {
            *sum = *sum * KEEP + heard * played.conj() * (1.0 - KEEP);
        }
    }

    /// Where the phases agree, between samples; `None` if they do not.
    fn peak(&mut self) -> Option<f32> {
        let band = bin(BAND_HZ.0)..bin(BAND_HZ.1);
        let product = self.product.iter().enumerate();
        for (phase, (bin, product)) in self.spectrum[0].iter_mut().zip(product) {
            let level = product.norm();
            *phase = if band.contains(&bin) && level > 0.0 {
                *product / level
            } else {
                Complex::default()
            };
        }
        let [phases, _] = &mut self.spectrum;
        self.inverse
            .process_with_scratch(phases, &mut self.time, &mut self.scratch)
            .expect("all buffers have the lengths of the plan");
        let places = &self.time[..LONGEST];
        let power = places.iter().map(|place| place * place).sum::<f32>() / LONGEST as f32;
        let (at, peak) =
            places.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
        if peak.abs() < STANDS_OUT * power.sqrt() {
            return None;
        }
        let around = |step: usize| {
            at.checked_sub(1)
                .and_then(|first| places.get(first + step))
                .map_or(0.0, |place| place.abs())
        };
        let (before, after) = (around(0), around(2));
        let bend = before - 2.0 * peak.abs() + after;
        let between = if bend < 0.0 { 0.5 * (before - after) / bend } else { 0.0 };
        Some(at as f32 + between)
    }

    /// Follows what moves slowly, and believes in a jump when it is seen twice.
    fn settle(&mut self, found: f32) -> Option<f32> {
        if self.delay.is_some_and(|delay| (found - delay).abs() <= SAME) {
            (self.delay, self.other) = (Some(found), None);
            return None;
        }
        if self.other.is_some_and(|other| (found - other).abs() <= SAME) {
            (self.delay, self.other) = (Some(found), None);
            return Some(found);
        }
        self.other = Some(found);
        None
    }
}

fn transform(
    forward: &dyn RealToComplex<f32>,
    time: &mut [f32],
    spectrum: &mut [Complex<f32>],
    scratch: &mut [Complex<f32>],
) {
    forward
        .process_with_scratch(time, spectrum, scratch)
        .expect("all buffers have the lengths of the plan");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;
    use crate::units::FRAME_LEN;

    /// Sound with the peaks of a voice: noise through a resonance, in syllables.
    fn voice(len: usize) -> Vec<f32> {
        let mut draw = Draw::new(1);
        let (mut a, mut b) = (0.0, 0.0);
        (0..len)
            .map(|i| {
                let next = 1.8 * a - 0.9 * b + draw.between(-0.01, 0.01);
                (b, a) = (a, next);
                if i % 4_000 < 2_800 { next } else { 0.01 * next }
            })
            .collect()
    }

    /// Frames until each change of the delay, and the last delay.
    fn follow(
        tracker: &mut DelayTracker,
        played: &[f32],
        heard: &[f32],
    ) -> (Vec<usize>, Option<f32>) {
        let pairs = played.as_chunks::<FRAME_LEN>().0.iter().zip(heard.as_chunks().0).enumerate();
        let changes = pairs
            .filter_map(|(i, (played, heard))| tracker.push(played, heard).map(|_| i))
            .collect();
        (changes, tracker.delay())
    }

    /// `sound` as late, with what a room adds, and noise.
    fn room(sound: &[f32], delay: usize) -> Vec<f32> {
        let mut draw = Draw::new(2);
        let at = |i: usize| sound.get(i).copied().unwrap_or(0.0);
        (0..sound.len())
            .map(|i| {
                let answer = [(0, 1.0), (211, 0.5), (577, -0.4), (1_901, 0.3)];
                let echo: f32 =
                    answer.iter().map(|(more, gain)| gain * at(i.wrapping_sub(delay + more))).sum();
                0.3 * echo + draw.between(-0.003, 0.003)
            })
            .collect()
    }

    #[test]
    fn any_delay_within_half_a_second_is_found_soon() {
        let played = voice(48_000);
        for delay in [0, 1, 64, 640, 3_333, 8_000] {
            let mut tracker = DelayTracker::default();
            let (changes, found) = follow(&mut tracker, &played, &room(&played, delay));
            assert_eq!(changes.len(), 1, "{delay}: {changes:?}");
            assert!(changes[0] <= 6 * EVERY, "{delay}: {changes:?}");
            assert!(found.is_some_and(|found| (found - delay as f32).abs() < 0.6), "{found:?}");
        }
    }

    #[test]
    fn a_jump_is_noticed_within_a_second_and_a_half_and_a_drift_is_followed() {
        let played = voice(160_000);
        let (before, after) = (room(&played, 640), room(&played, 1_280));
        let heard = [&before[..80_000], &after[80_000..]].concat();
        let mut tracker = DelayTracker::default();
        let (changes, found) = follow(&mut tracker, &played, &heard);
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert!((250..325).contains(&changes[1]), "{changes:?}");
        assert!(found.is_some_and(|found| (found - 1_280.0).abs() < 0.6), "{found:?}");

        // 200 ppm: a sample every 5,000.
        let slow: Vec<f32> = (0..played.len()).map(|i| before[i - i / 5_000]).collect();
        let mut tracker = DelayTracker::default();
        let (changes, found) = follow(&mut tracker, &played, &slow);
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert!(found.is_some_and(|found| (found - 670.0).abs() < 6.0), "{found:?}");
    }

    #[test]
    fn without_an_echo_none_is_found() {
        let played = voice(160_000);
        let mut draw = Draw::new(3);
        let noise: Vec<f32> = (0..played.len()).map(|_| draw.between(-0.1, 0.1)).collect();
        for heard in [&noise, &vec![0.0; played.len()]] {
            assert_eq!(follow(&mut DelayTracker::default(), &played, heard), (vec![], None));
        }
        let silence = vec![0.0; noise.len()];
        assert_eq!(follow(&mut DelayTracker::default(), &silence, &noise), (vec![], None));
    }
}
