//! How a voice closes before a pause.
//!
//! Who is done lets the voice fall over the last syllables; who stops in the midst of a sentence
//! stops at its height.

use serde::Serialize;

use crate::hear::foreground::Foreground;
use crate::units::SamplePos;

/// The last syllable, and the last two or three, in milliseconds.
const LAST_MS: u32 = 100;
const LATE_MS: u32 = 400;
/// Nothing lies further below the voice: a room is no voice, however quiet.
const LEAST_DB: f32 = -40.0;

/// How loud the voice was at last, in dB over how loud it is where it is loud; below zero as a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Closing {
    /// The loudest of the last 100 ms.
    pub last_db: f32,
    /// The loudest of the last 400 ms.
    pub late_db: f32,
}

impl Closing {
    /// That of the utterance from `start`, whose voice was last heard at `last`.
    pub(in crate::hear) fn of(foreground: &Foreground, start: SamplePos, last: SamplePos) -> Self {
        let loud = foreground.speaker(start);
        let over = |ms| match foreground.loudest(last, ms) {
            Some(level) if loud.is_finite() => (level - loud).max(LEAST_DB),
            _ => 0.0,
        };
        Self { last_db: over(LAST_MS), late_db: over(LATE_MS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{FRAME_LEN, SAMPLE_RATE_HZ};

    /// Two seconds of a tone of 500 Hz that falls by `fall_db` at the end, over `ms`, and silence.
    fn closing(fall_db: f32, ms: usize) -> Closing {
        let mut foreground = Foreground::default();
        let (voice, fall) = (2 * SAMPLE_RATE_HZ as usize, ms * 16);
        for index in 0..(voice + 4_800) / FRAME_LEN {
            let frame = std::array::from_fn(|i| {
                let at = index * FRAME_LEN + i;
                let gone = (at + fall).saturating_sub(voice) as f32 / fall as f32;
                let tone = (at as f32 * 500.0 * std::f32::consts::TAU / 16_000.0).sin();
                if at < voice { 0.1 * tone * 10f32.powf(-fall_db * gone / 20.0) } else { 0.0 }
            });
            foreground.push(SamplePos((index * FRAME_LEN) as u64), &frame);
        }
        Closing::of(&foreground, SamplePos(0), SamplePos(voice as u64))
    }

    #[test]
    fn a_voice_that_falls_is_told_from_one_that_stops() {
        let stops = closing(0.0, 400);
        assert!(stops.last_db.abs() < 0.5 && stops.late_db.abs() < 0.5, "{stops:?}");
        // The loudest of the last 100 ms of a fall of 20 dB over 400, smoothed over 100 more.
        let falls = closing(20.0, 400);
        assert!((falls.last_db + 13.0).abs() < 2.0, "{falls:?}");
        assert!(falls.late_db > -1.0, "{falls:?}");
        let long = closing(20.0, 1_000);
        assert!((long.late_db + 11.0).abs() < 2.0, "{long:?}");
    }

    #[test]
    fn without_sound_nothing_is_told() {
        let nothing = Closing::of(&Foreground::default(), SamplePos(0), SamplePos(0));
        assert_eq!(nothing, Closing::default());
    }
}
