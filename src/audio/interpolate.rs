//! Reading sound between its samples: how one clock's sound gets onto another's.

use std::f64::consts::PI;

/// Zero crossings of the kernel on either side. With the window below, what would fold back is
/// 60 dB down, a quarter of an octave above the edge of the pass band.
const CROSSINGS: f64 = 16.0;
/// Where the kernel has fallen to a half, as a part of the lower Nyquist frequency.
const PASS: f64 = 0.9;
/// Kernels are kept for this many places between two samples; between those, the two nearest are
/// mixed. That is 80 dB more exact than the sound needs to be.
const PHASES: usize = 128;

/// A windowed sinc that reads sound at any position, without what the rate it is read for cannot
/// carry.
#[derive(Debug)]
pub struct Interpolator {
    /// [`PHASES`] + 1 kernels of `2 · reach` taps.
    kernels: Vec<f32>,
    reach: usize,
}

impl Interpolator {
    /// For sound at `from_hz` that is read about `to_hz` times a second.
    pub fn new(from_hz: u32, to_hz: u32) -> Self {
        let cutoff = PASS * (f64::from(to_hz) / f64::from(from_hz)).min(1.0);
        let reach = (CROSSINGS / cutoff * PASS).ceil() as usize;
        let mut kernels = Vec::with_capacity((PHASES + 1) * 2 * reach);
        for phase in 0..=PHASES {
            let between = phase as f64 / PHASES as f64;
            kernels.extend((1 - reach as i64..=reach as i64).map(|tap| {
                let x = between - tap as f64;
                let sinc = if x.abs() < 1e-9 { cutoff } else { (PI * cutoff * x).sin() / (PI * x) };
                let window = 0.5 + 0.5 * (PI * (x / reach as f64).clamp(-1.0, 1.0)).cos();
                (sinc * window) as f32
            }));
        }
        Self { kernels, reach }
    }

    /// How many samples it reads on either side of a position.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// The value `between` (0..1) the two middle samples of `around`, which is
    /// `2 ·` [`reach`](Self::reach) samples long.
    pub fn read(&self, around: &[f32], between: f64) -> f32 {
        let taps = 2 * self.reach;
        let place = between.clamp(0.0, 1.0) * PHASES as f64;
        let phase = (place as usize).min(PHASES - 1);
        let share = (place - phase as f64) as f32;
        let (below, above) = self.kernels[phase * taps..][..2 * taps].split_at(taps);
        let (mut low, mut high) = (0.0, 0.0);
        for ((sample, below), above) in around.iter().zip(below).zip(above) {
            low += sample * below;
            high += sample * above;
        }
        low + share * (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest error of a tone of `hz`, read at `to_hz` on a clock 137 ppm too fast.
    fn error(from_hz: u32, to_hz: u32, hz: f64, gain: f64) -> f64 {
        let tone = |seconds: f64| (2.0 * PI * hz * seconds).sin();
        let sound: Vec<f32> =
            (0..from_hz / 4).map(|i| tone(f64::from(i) / f64::from(from_hz)) as f32).collect();
        let interpolator = Interpolator::new(from_hz, to_hz);
        let step = f64::from(from_hz) / f64::from(to_hz) * (1.0 + 137e-6);
        let mut worst = 0.0f64;
        for i in 0..(f64::from(to_hz) * 0.2) as usize {
            let at = interpolator.reach() as f64 + i as f64 * step;
            let first = at as usize + 1 - interpolator.reach();
            let around = &sound[first..first + 2 * interpolator.reach()];
            let read = f64::from(interpolator.read(around, at.fract()));
            worst = worst.max((read - gain * tone(at / f64::from(from_hz))).abs());
        }
        worst
    }

    #[test]
    fn what_both_rates_carry_is_kept_and_the_rest_removed() {
        for from_hz in [16_000, 24_000, 44_100, 48_000, 96_000] {
            for hz in [100.0, 1_000.0, 3_000.0, 5_500.0] {
                let error = error(from_hz, 16_000, hz, 1.0);
                assert!(error < 3e-3, "{from_hz} Hz, {hz} Hz: {error}");
            }
            if from_hz > 20_000 {
                let left = error(from_hz, 16_000, 9_000.0, 0.0);
                assert!(left < 3e-3, "{from_hz} Hz: {left}");
            }
        }
        assert!(error(8_000, 16_000, 1_000.0, 1.0) < 3e-3, "upwards too");
    }
}
