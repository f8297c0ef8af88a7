//! The shared vocabulary of quantities: positions in sound, frames, levels.

use std::ops::Add;

use serde::{Deserialize, Serialize};

/// Sample rate of everything between the capture resampler and the recogniser, in hertz.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Length of one frame in milliseconds. WebRTC VAD accepts only 10, 20 or 30.
pub const FRAME_MS: u32 = 20;

/// Samples in one frame at [`SAMPLE_RATE_HZ`].
pub const FRAME_LEN: usize = (SAMPLE_RATE_HZ * FRAME_MS / 1000) as usize;
const _: () = assert!(FRAME_MS == 10 || FRAME_MS == 20 || FRAME_MS == 30);

/// One frame of mono sound, nominally in -1.0..1.0.
pub type Frame = [f32; FRAME_LEN];

/// A position in captured sound: samples at [`SAMPLE_RATE_HZ`] since the stream opened.
///
/// The only clock of the pipeline. Wall time appears in measurements, never in decisions.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SamplePos(pub u64);

impl SamplePos {
    /// The position `ms` milliseconds after the stream opened.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * SAMPLE_RATE_HZ as u64 / 1000)
    }

    /// Whole milliseconds since the stream opened, rounded down.
    pub const fn ms(self) -> u64 {
        self.0 * 1000 / SAMPLE_RATE_HZ as u64
    }

    /// Samples from `earlier` to here; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Milliseconds from `earlier` to here; zero if `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        Self(self.since(earlier)).ms()
    }

    /// `samples` earlier, stopping at the opening of the stream.
    pub const fn back(self, samples: u64) -> Self {
        Self(self.0.saturating_sub(samples))
    }
}

impl Add<u64> for SamplePos {
    type Output = Self;
    fn add(self, samples: u64) -> Self {
        Self(self.0 + samples)
    }
}

/// A stretch of captured sound, `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: SamplePos,
    pub end: SamplePos,
}

impl Span {
    pub const fn new(start: SamplePos, end: SamplePos) -> Self {
        Self { start, end }
    }

    /// Samples inside.
    pub const fn len(self) -> u64 {
        self.end.since(self.start)
    }

    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Milliseconds inside, rounded down.
    pub const fn ms(self) -> u64 {
        self.end.ms_since(self.start)
    }
}

/// Level floor for silence: 16-bit quantisation noise lies near -98 dBFS, so nothing real is lower.
pub const SILENCE_DBFS: f32 = -100.0;

/// Mean of the squares of `samples`, full scale being 1; 0 of none.
pub fn mean_power(samples: &[f32]) -> f32 {
    samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32
}

/// The level of a mean power in dB relative to full scale.
pub fn power_dbfs(power: f32) -> f32 {
    (10.0 * power.max(1e-12).log10()).max(SILENCE_DBFS)
}

/// Root-mean-square level of `samples` in dB relative to full scale (a full-scale square wave is
/// 0).
pub fn rms_dbfs(samples: &[f32]) -> f32 {
    power_dbfs(mean_power(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_milliseconds_agree_on_frame_boundaries() {
        for frame in 0..1000u64 {
            let at = SamplePos(frame * FRAME_LEN as u64);
            assert_eq!(at.ms(), frame * u64::from(FRAME_MS));
            assert_eq!(SamplePos::from_ms(at.ms()), at);
        }
    }

    #[test]
    fn levels() {
        assert_eq!(rms_dbfs(&[1.0; 16]), 0.0);
        assert_eq!(rms_dbfs(&[]), SILENCE_DBFS);
        assert_eq!(rms_dbfs(&[0.0; 16]), SILENCE_DBFS);
        assert!((rms_dbfs(&[0.1; 16]) + 20.0).abs() < 1e-4);
    }
}
