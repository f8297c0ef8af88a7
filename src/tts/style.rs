//! How a clause is spoken.

use std::ops::RangeInclusive;

use super::TtsError;

/// Bounds within which the voice stays intelligible.
pub const PACE: RangeInclusive<f32> = 0.5..=2.0;
pub const PITCH: RangeInclusive<f32> = 0.7..=1.4;

/// Pace, pitch and the seed of the noise in the voice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// 1 is the voice's own pace, 2 twice as fast. Within [`PACE`].
    pub pace: f32,
    /// Factor on pitch and formants together, as of a smaller (> 1) or larger speaker; the pace is
    /// kept. Within [`PITCH`].
    pub pitch: f32,
    /// The same clause, style and seed give the same samples.
    pub seed: u64,
}

impl Default for Style {
    fn default() -> Self {
        Self { pace: 1.0, pitch: 1.0, seed: 0 }
    }
}

impl Style {
    pub fn check(&self) -> Result<(), TtsError> {
        for (field, value, bounds) in [("pace", self.pace, PACE), ("pitch", self.pitch, PITCH)] {
            if !bounds.contains(&value) {
                let (low, high) = bounds.into_inner();
                return Err(TtsError::Style { field, value, low, high });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_out_of_bounds_is_named() {
        let style = Style::default();
        assert!(style.check().is_ok());
        for (style, message) in [
            (Style { pace: 3.0, ..style }, "pace is 3; it must lie between 0.5 and 2"),
            (Style { pace: f32::NAN, ..style }, "pace is NaN; it must lie between 0.5 and 2"),
            (Style { pitch: 0.1, ..style }, "pitch is 0.1; it must lie between 0.7 and 1.4"),
        ] {
            assert_eq!(style.check().unwrap_err().to_string(), message);
        }
    }
}
