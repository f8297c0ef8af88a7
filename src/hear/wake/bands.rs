//! From a spectrum to the loudness of 40 bands, evenly spaced in mel, in fixed point.
//!
//! Triangles that overlap by half: every bin is shared between the band it rises in and the one it
//! falls in. Weights have 12 bits; sums are exact; the root of a sum is rounded as the original does.

use std::hint::black_box;

use super::spectrum::{BINS, Complex, LEN};
use crate::units::SAMPLE_RATE_HZ;

/// Bands.
pub const BANDS: usize = 40;
const LOWEST_HZ: f32 = 125.0;
const HIGHEST_HZ: f32 = 7_500.0;
const HZ_PER_BIN: f32 = SAMPLE_RATE_HZ as f32 / LEN as f32;
/// Bits of a weight's fraction.
pub const WEIGHT_BITS: u32 = 12;

/// What one bin gives.
#[derive(Clone, Copy)]
struct Share {
    /// The band that falls here; the one that rises is the next. Band 0 is none.
    band: usize,
    falls: u64,
    rises: u64,
}

/// The triangles.
pub struct Bands {
    first: usize,
    shares: Vec<Share>,
}

fn mel(hz: f32) -> f32 {
    1127.0 * (hz / 700.0).ln_1p()
}

impl Default for Bands {
    fn default() -> Self {
        // A compiler that computes these two logarithms itself does so to the last bit, and the
        // library that the networks were trained with did not.
        let [lowest, highest] = black_box([LOWEST_HZ, HIGHEST_HZ]).map(mel);
        let spacing = (highest - lowest) / (BANDS + 1) as f32;
        let centre = |band: usize| lowest + spacing * (band + 1) as f32;
        // The bin at 0 Hz counts nowhere.
        let first = (1.5 + LOWEST_HZ / HZ_PER_BIN) as usize;
        let mut shares = Vec::new();
        let mut band = 0;
        for bin in first..BINS {
            let here = mel(bin as f32 * HZ_PER_BIN);
            while band <= BANDS && here > centre(band) {
                band += 1;
            }
            if band > BANDS {
                break;
            }
            let before = if band == 0 { lowest } else { centre(band - 1) };
            let falls = (centre(band) - here) / (centre(band) - before);
            let fixed = |part: f32| (part * (1 << WEIGHT_BITS) as f32 + 0.5).floor() as u64;
            shares.push(Share { band, falls: fixed(falls), rises: fixed(1.0 - falls) });
        }
        Self { first, shares }
    }
}

impl Bands {
    /// The loudness of every band, `shift` bits smaller than the spectrum has it.
    pub fn of(&self, bins: &[Complex; BINS], shift: u32) -> [u32; BANDS] {
        // One more at either end: what falls below the first band, and what rises above the last.
        let mut energies = [0u64; BANDS + 2];
        for (share, bin) in self.shares.iter().zip(&bins[self.first..]) {
            let square = |x: i16| i64::from(x) * i64::from(x);
            let energy = (square(bin.re) + square(bin.im)) as u64;
            energies[share.band] += share.falls * energy;
            energies[share.band + 1] += share.rises * energy;
        }
        std::array::from_fn(|band| root(energies[band + 1]) >> shift)
    }
}

/// The square root, rounded; for less than 2³² it never leaves 16 bits.
fn root(energy: u64) -> u32 {
    let root = energy.isqrt();
    let rest = energy - root * root;
    let most = if energy >> 32 == 0 { u64::from(u16::MAX) } else { u64::from(u32::MAX) };
    (root + u64::from(rest > root && root < most)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_rounded() {
        for (energy, expected) in [
            (0, 0),
            (1, 1),
            (2, 1),
            (3, 2),
            (6, 2),
            (7, 3),
            (u64::from(u32::MAX), 65_535),
            (1 << 40, 1 << 20),
        ] {
            assert_eq!(root(energy), expected, "{energy}");
        }
    }

    #[test]
    fn a_bin_belongs_to_two_bands_and_not_more() {
        let bands = Bands::default();
        for share in &bands.shares {
            let whole = share.falls + share.rises;
            assert!(whole.abs_diff(1 << WEIGHT_BITS) <= 1, "{whole}");
        }
        let mut bins = [Complex::default(); BINS];
        bins[64] = Complex { re: 1000, im: 0 };
        let loud: Vec<usize> = bands
            .of(&bins, 0)
            .iter()
            .enumerate()
            .filter(|(_, l)| **l > 0)
            .map(|(b, _)| b)
            .collect();
        // 2000 Hz.
        assert!(loud.len() == 2 && loud[1] == loud[0] + 1, "{loud:?}");
    }
}
