//! The spectrum of a window in 16-bit fixed point.
//!
//! The wake networks were trained on features of one particular fixed-point transform, and every bit
//! that it rounds away is part of what they know: kiss_fft's real transform of 512 samples in
//! 16 bits, which is 256 complex points in four stages of four (Cooley & Tukey 1965), halved or
//! quartered before every stage so that nothing overflows.

use std::f64::consts::PI;

/// Samples of a transform, and the complex points it is computed with.
pub const LEN: usize = 512;
const POINTS: usize = LEN / 2;
/// Bins from 0 Hz to half the sample rate, both included.
pub const BINS: usize = POINTS + 1;
/// 1 in fixed point.
const ONE: i32 = 32_767;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Complex {
    pub re: i16,
    pub im: i16,
}

/// To 16 bits from a product of two such numbers, rounded.
fn round(product: i32) -> i16 {
    (product.wrapping_add(1 << 14) >> 15) as i16
}

impl Complex {
    /// The unit at `phase` in radians.
    fn unit(phase: f64) -> Self {
        let fixed = |x: f64| (0.5 + f64::from(ONE) * x).floor() as i16;
        Self { re: fixed(phase.cos()), im: fixed(phase.sin()) }
    }

    fn plus(self, other: Self) -> Self {
        Self { re: self.re.wrapping_add(other.re), im: self.im.wrapping_add(other.im) }
    }

    fn minus(self, other: Self) -> Self {
        Self { re: self.re.wrapping_sub(other.re), im: self.im.wrapping_sub(other.im) }
    }

    fn times(self, other: Self) -> Self {
        let product = |a: i16, b: i16| i32::from(a) * i32::from(b);
        Self {
            re: round(product(self.re, other.re).wrapping_sub(product(self.im, other.im))),
            im: round(product(self.re, other.im).wrapping_add(product(self.im, other.re))),
        }
    }

    fn over(self, divisor: i32) -> Self {
        let part = |x: i16| round(i32::from(x) * (ONE / divisor));
        Self { re: part(self.re), im: part(self.im) }
    }
}

/// The tables of the transform, and its working memory.
pub struct Spectrum {
    turns: [Complex; POINTS],
    /// For telling the two halves of a real signal apart.
    real_turns: [Complex; POINTS / 2],
    points: [Complex; POINTS],
    bins: [Complex; BINS],
}

impl Default for Spectrum {
    fn default() -> Self {
        let turn = |i: usize| Complex::unit(-2.0 * PI * i as f64 / POINTS as f64);
        let real_turn = |i: usize| Complex::unit(-PI * ((i + 1) as f64 / POINTS as f64 + 0.5));
        Self {
            turns: std::array::from_fn(turn),
            real_turns: std::array::from_fn(real_turn),
            points: [Complex::default(); POINTS],
            bins: [Complex::default(); BINS],
        }
    }
}

impl Spectrum {
    /// The bins of `samples`, at most [`LEN`] of them, followed by silence.
    pub fn of(&mut self, samples: &[i16]) -> &[Complex; BINS] {
        let at = |i: usize| samples.get(i).copied().unwrap_or(0);
        for (i, point) in self.points.iter_mut().enumerate() {
            // The order in which the stages below find neighbours: the base-4 digits reversed.
            let from = (i & 3) << 6 | (i & 12) << 2 | (i & 48) >> 2 | i >> 6;
            *point = Complex { re: at(2 * from), im: at(2 * from + 1) };
        }
        for quarter in [1, 4, 16, 64] {
            let stride = POINTS / (4 * quarter);
            for block in self.points.chunks_exact_mut(4 * quarter) {
                stage(block, quarter, stride, &self.turns);
            }
        }
        self.untangle();
        &self.bins
    }

    /// Two real signals went in as one complex one: every other sample each.
    fn untangle(&mut self) {
        let first = self.points[0].over(2);
        self.bins[0] = Complex { re: first.re.wrapping_add(first.im), im: 0 };
        self.bins[POINTS] = Complex { re: first.re.wrapping_sub(first.im), im: 0 };
        for k in 1..=POINTS / 2 {
            let near = self.points[k].over(2);
            let far = self.points[POINTS - k];
            let far = Complex { re: far.re, im: far.im.wrapping_neg() }.over(2);
            let even = near.plus(far);
            let odd = near.minus(far).times(self.real_turns[k - 1]);
            let half = |a: i16, b: i32| ((i32::from(a) + b) >> 1) as i16;
            let (re, im) = (i32::from(odd.re), i32::from(odd.im));
            self.bins[k] = Complex { re: half(even.re, re), im: half(even.im, im) };
            let mirrored = half(even.im.wrapping_neg(), im);
            self.bins[POINTS - k] = Complex { re: half(even.re, -re), im: mirrored };
        }
    }
}

/// Joins four neighbouring transforms of `quarter` points in `block` to one.
fn stage(block: &mut [Complex], quarter: usize, stride: usize, turns: &[Complex; POINTS]) {
    for k in 0..quarter {
        let at = |part: usize| k + part * quarter;
        let turned = |part: usize| block[at(part)].over(4).times(turns[part * k * stride]);
        let (a, b, c, d) = (block[k].over(4), turned(1), turned(2), turned(3));
        let (difference, sum) = (a.minus(c), a.plus(c));
        let (sides, apart) = (b.plus(d), b.minus(d));
        block[at(0)] = sum.plus(sides);
        block[at(2)] = sum.minus(sides);
        block[at(1)] = Complex {
            re: difference.re.wrapping_add(apart.im),
            im: difference.im.wrapping_sub(apart.re),
        };
        block[at(3)] = Complex {
            re: difference.re.wrapping_sub(apart.im),
            im: difference.im.wrapping_add(apart.re),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_one_line() {
        let tone = |i: usize| (20_000.0 * (2.0 * PI * 40.0 * i as f64 / LEN as f64).cos()) as i16;
        let samples: Vec<i16> = (0..LEN).map(tone).collect();
        let mut spectrum = Spectrum::default();
        let bins = spectrum.of(&samples);
        let power = |bin: &Complex| i32::from(bin.re).pow(2) + i32::from(bin.im).pow(2);
        // Divided by 512: half the amplitude of the tone.
        assert!((bins[40].re - 10_000).abs() < 20 && bins[40].im.abs() < 20, "{:?}", bins[40]);
        for (at, bin) in bins.iter().enumerate().filter(|(at, _)| *at != 40) {
            assert!(power(bin) < 200, "bin {at}: {bin:?}");
        }
    }
}
