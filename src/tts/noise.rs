//! A small seeded source of noise: the same seed gives the same samples.

use realfft::num_complex::Complex32;

use crate::draw::Draw;

/// White noise.
pub struct Noise(Draw);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(Draw::new(seed))
    }

    /// Real and imaginary part independent, each with mean 0 and variance 1.
    pub fn pair(&mut self) -> Complex32 {
        Complex32::new(self.value(), self.value())
    }

    /// The sum of four uniform values, bell-shaped enough: thousands of these add up in every
    /// sample of sound, and their sum is Gaussian to any measure.
    fn value(&mut self) -> f32 {
        const HALVES: f32 = 2.0 * 65_535.0;
        // Four times the variance of 0..=65535, (2^32 - 1) / 12.
        const DEVIATION: f32 = 37_837.23;
        let bits = self.0.bits();
        let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xFFFF).sum();
        (sum as f32 - HALVES) / DEVIATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_white_and_repeats_with_its_seed() {
        const N: usize = 100_000;
        let draw = |seed| {
            let mut noise = Noise::new(seed);
            (0..N).map(|_| noise.pair()).collect::<Vec<_>>()
        };
        let values = draw(7);
        assert_eq!(values, draw(7));
        assert_ne!(values, draw(8));
        let mean = values.iter().sum::<Complex32>() / N as f32;
        let variance = |part: fn(&Complex32) -> f32| {
            values.iter().map(|z| part(z) * part(z)).sum::<f32>() / N as f32
        };
        let echo = values.windows(2).map(|w| w[0] * w[1].conj()).sum::<Complex32>() / N as f32;
        // Five standard errors.
        assert!(mean.norm() < 0.02 && echo.norm() < 0.03, "{mean} {echo}");
        for v in [variance(|z| z.re), variance(|z| z.im)] {
            assert!((v - 1.0).abs() < 0.03, "{v}");
        }
    }
}
