//! Bands against a noisy room: the steady part of each taken away, the rest weighed against it, and
//! the logarithm of that. In fixed point.
//!
//! Per-channel amplitude normalisation (Wang et al. 2017, "Trainable Frontend For Robust and
//! Far-Field Keyword Spotting") with tables in place of powers, as TensorFlow's microfrontend has it,
//! whose rounding is kept bit by bit.

use super::bands::{BANDS, WEIGHT_BITS};
use super::spectrum::LEN;

/// Bits of fraction of the estimate of noise, and of the weights it is smoothed with.
const ESTIMATE_BITS: u32 = 10;
const SMOOTHING_BITS: u32 = 14;
/// How fast the estimate follows, for every other band; a neighbour tells what it misses.
const SMOOTHING: [u64; 2] = [smoothing(0.025), smoothing(0.06)];
/// The least share of a band that is left.
const LEAST_LEFT: u64 = smoothing(0.05);

const STRENGTH: f32 = 0.95;
const OFFSET: f32 = 80.0;
const GAIN_BITS: u32 = 21;
const RATIO_BITS: u32 = 12;
const OUT_BITS: u32 = 6;
/// What the transform and the weights of the bands have scaled the loudness down by.
const CORRECTION_BITS: u32 = LEN.ilog2() - WEIGHT_BITS / 2;

/// Steps of a feature per unit of the natural logarithm, as a power of two.
const LOG_BITS: u32 = 6;
/// Straight pieces of the logarithm between two powers of two.
const SEGMENTS: usize = 128;

const fn smoothing(share: f32) -> u64 {
    (share * (1 << SMOOTHING_BITS) as f32) as u64
}

/// The state of all bands.
pub struct Gain {
    estimates: [u32; BANDS],
    /// Over an estimate of 0 and of 1, and of each power of two to the next.
    least: [i16; 2],
    table: [Piece; 32],
    /// By how much log₂(1 + x) lies above x at every 128th of x from 0 to 1, in steps of 2⁻¹⁶.
    above_chord: [u16; SEGMENTS + 1],
}

/// The gain between two powers of two: a parabola through three points.
#[derive(Clone, Copy, Default)]
struct Piece {
    start: i16,
    slope: i16,
    bend: i16,
}

/// The gain over an estimate of noise of `x`.
fn gain(x: u32) -> i16 {
    let noise = x as f32 / (1u32 << (ESTIMATE_BITS - CORRECTION_BITS)) as f32;
    let gain = (1u32 << GAIN_BITS) as f32 * (noise + OFFSET).powf(-STRENGTH);
    // Saturates, as the original does.
    if gain > f32::from(i16::MAX) { i16::MAX } else { (gain + 0.5) as i16 }
}

impl Default for Gain {
    fn default() -> Self {
        let piece = |bits: usize| {
            if bits == 0 {
                return Piece::default();
            }
            let from = 1u32 << bits;
            let to = if bits == 31 { u32::MAX } else { 2 * from };
            let start = gain(from);
            let rise = |to| i32::from(gain(to)) - i32::from(start);
            let (half, whole) = (rise(from + from / 2), rise(to));
            let slope = 4 * half - whole;
            Piece { start, slope: slope as i16, bend: (whole - slope) as i16 }
        };
        let above_chord = |segment: usize| {
            let x = segment as f64 / SEGMENTS as f64;
            (65_536.0 * ((1.0 + x).log2() - x)).round() as u16
        };
        Self {
            estimates: [0; BANDS],
            least: [gain(0), gain(1)],
            table: std::array::from_fn(piece),
            above_chord: std::array::from_fn(above_chord),
        }
    }
}

impl Gain {
    /// Forgets the noise.
    pub fn restart(&mut self) {
        self.estimates = [0; BANDS];
    }

    /// The features of one frame.
    pub fn push(&mut self, bands: &[u32; BANDS]) -> [u16; BANDS] {
        std::array::from_fn(|band| {
            let left = self.without_noise(band, bands[band]);
            let gain = u64::from(self.gain_of(self.estimates[band]).unsigned_abs());
            let ratio = (u64::from(left) * gain) >> (GAIN_BITS - CORRECTION_BITS - RATIO_BITS);
            logarithm(shrunk(ratio as u32), &self.above_chord)
        })
    }

    fn without_noise(&mut self, band: usize, loudness: u32) -> u32 {
        let weight = SMOOTHING[band % 2];
        let scaled = loudness << ESTIMATE_BITS;
        let before = u64::from(self.estimates[band]);
        let smoothed = u64::from(scaled) * weight + before * ((1 << SMOOTHING_BITS) - weight);
        let estimate = (smoothed >> SMOOTHING_BITS) as u32;
        self.estimates[band] = estimate;
        let least = ((u64::from(loudness) * LEAST_LEFT) >> SMOOTHING_BITS) as u32;
        ((scaled - estimate.min(scaled)) >> ESTIMATE_BITS).max(least)
    }

    fn gain_of(&self, estimate: u32) -> i16 {
        if let Some(gain) = self.least.get(estimate as usize) {
            return *gain;
        }
        let bits = estimate.ilog2();
        let Piece { start, slope, bend } = self.table[bits as usize];
        let fraction =
            if bits < 10 { estimate << (10 - bits) } else { estimate >> (bits - 10) } & 0x3ff;
        let fraction = fraction as i32;
        let rise = ((i32::from(bend) * fraction) >> 5) + (i32::from(slope) << 5);
        let rise = (rise.wrapping_mul(fraction).wrapping_add(1 << 14)) >> 15;
        (rise + i32::from(start)) as i16
    }
}

/// What is small counts by its square, what is large as it is.
fn shrunk(ratio: u32) -> u32 {
    if ratio < 2 << RATIO_BITS {
        ratio.wrapping_mul(ratio) >> (2 + 2 * RATIO_BITS - OUT_BITS)
    } else {
        (ratio >> (RATIO_BITS - OUT_BITS)) - (1 << OUT_BITS)
    }
}

/// 64 times the natural logarithm, in integers; of 0 and 1 it is 0.
fn logarithm(value: u32, above_chord: &[u16; SEGMENTS + 1]) -> u16 {
    const ONE: u64 = 1 << 16;
    /// ln 2.
    const LN_2: u64 = 45_426;
    let value = value << CORRECTION_BITS;
    if value <= 1 {
        return 0;
    }
    let whole = value.ilog2();
    let rest = value - (1 << whole);
    let fraction = if whole < 16 { rest << (16 - whole) } else { rest >> (whole - 16) };
    let segment = (fraction >> 9) as usize;
    let (from, to) = (i32::from(above_chord[segment]), i32::from(above_chord[segment + 1]));
    // Seven bits less than the line between the two has: so the networks were trained.
    let rise = ((to - from) * (fraction & 0x1ff) as i32) >> 16;
    let log_2 = (u64::from(whole) << 16) + u64::from(fraction) + (from + rise) as u64;
    let natural = (LN_2 * log_2 + ONE / 2) >> 16;
    let scaled = ((natural << LOG_BITS) + ONE / 2) >> 16;
    scaled.min(u16::MAX.into()) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_near() {
        let gain = Gain::default();
        assert_eq!(logarithm(0, &gain.above_chord), 0);
        for value in [1u32, 2, 3, 100, 1_000, 12_345, 1 << 20] {
            let exact = 64.0 * f64::from(value << CORRECTION_BITS).ln();
            let ours = f64::from(logarithm(value, &gain.above_chord));
            assert!((ours - exact).abs() < 1.0, "{value}: {ours} for {exact}");
        }
    }

    #[test]
    fn what_is_steady_fades_and_what_is_new_stands_out() {
        let mut gain = Gain::default();
        let steady = [20_000; BANDS];
        let first = gain.push(&steady);
        let last = (0..300).map(|_| gain.push(&steady)).last().unwrap();
        assert!(last.iter().zip(&first).all(|(last, first)| last < first), "{last:?} {first:?}");
        let mut louder = steady;
        louder[7] *= 8;
        let heard = gain.push(&louder);
        assert!(heard[7] > last[7] + 100, "{heard:?}");
        assert_eq!(heard[8], gain.push(&steady)[8].max(heard[8]));
    }
}
