//! Whether what a microphone delivers can be sound at all: a device can be open, on time and dead.
//!
//! A muted or broken microphone delivers the same number without end, one with its gain too high
//! clips, a faulty converter adds a constant. Judged by seconds.

use serde::Serialize;

use crate::units::{FRAME_LEN, Frame, SAMPLE_RATE_HZ};

/// Frames of one second.
const SECOND: usize = SAMPLE_RATE_HZ as usize / FRAME_LEN;
/// A second whose samples differ by no more than this is flat: less than half a step of 16 bits, and
/// more than what resampling adds to a constant.
const FLAT: f32 = 1e-5;
/// A sample this large was cut off. Resampling rounds the edges of a cut, so it is less than 1.
const CLIPPED: f32 = 0.98;
/// A second with so many of them, two in a thousand, is distorted: a knock has fewer.
const CLIPPED_SAMPLES: u32 = SAMPLE_RATE_HZ / 500;
/// A mean this far from zero, -34 dB relative to full scale, halves nobody's headroom yet and is no
/// sound.
const OFFSET: f32 = 0.02;

/// Seconds without a change before a microphone counts as dead. Longer than any pause between two
/// noises in a room that people are in.
const FLAT_S: u32 = 10;
/// A microphone that comes back by itself has a gate that closes in silence, or a switch: each time it
/// is given twice as long, up to this.
const MOST_FLAT_S: u32 = 3_600;
/// Distorted seconds of the last ten that make a verdict, and shifted seconds in a row.
const CLIPPED_S: u32 = 3;
const OFFSET_S: u32 = 5;
/// Good seconds in a row that lift those two verdicts.
const GOOD_S: u32 = 10;

/// What is wrong with the signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Nothing.
    #[default]
    Sound,
    /// The same number without end: it hears nothing.
    Flat,
    /// Too loud for the microphone or its converter, again and again.
    Clipped,
    /// A constant lies under the sound.
    Offset,
}

/// One second, so far.
#[derive(Clone, Copy, Debug)]
struct Second {
    frames: usize,
    min: f32,
    max: f32,
    sum: f32,
    clipped: u32,
}

impl Default for Second {
    fn default() -> Self {
        Self { frames: 0, min: f32::INFINITY, max: f32::NEG_INFINITY, sum: 0.0, clipped: 0 }
    }
}

impl Second {
    fn verdict(&self) -> Signal {
        if self.max - self.min <= FLAT {
            Signal::Flat
        } else if self.clipped >= CLIPPED_SAMPLES {
            Signal::Clipped
        } else if (self.sum / (self.frames * FRAME_LEN) as f32).abs() >= OFFSET {
            Signal::Offset
        } else {
            Signal::Sound
        }
    }
}

/// Watches the frames of one microphone.
#[derive(Debug)]
pub struct SignalWatch {
    second: Second,
    signal: Signal,
    /// Seconds in a row that were flat, shifted, or neither distorted nor shifted.
    flat_s: u32,
    offset_s: u32,
    good_s: u32,
    /// The last ten seconds, the newest in the lowest bit: set where one was distorted.
    clipped: u16,
    /// Flat seconds that it takes now.
    patience_s: u32,
}

impl Default for SignalWatch {
    fn default() -> Self {
        Self {
            second: Second::default(),
            signal: Signal::Sound,
            flat_s: 0,
            offset_s: 0,
            good_s: 0,
            clipped: 0,
            patience_s: FLAT_S,
        }
    }
}

impl SignalWatch {
    /// Takes the next frame. The verdict, when it changes.
    pub fn push(&mut self, frame: &Frame) -> Option<Signal> {
        let second = &mut self.second;
        for sample in frame {
            second.min = second.min.min(*sample);
            second.max = second.max.max(*sample);
            second.sum += sample;
            second.clipped += u32::from(sample.abs() >= CLIPPED);
        }
        second.frames += 1;
        // A dead microphone that hears again is believed at once.
        let hears = self.signal == Signal::Flat && second.max - second.min > FLAT;
        if second.frames < SECOND && !hears {
            return None;
        }
        let verdict = second.verdict();
        self.second = Second::default();
        let before = self.signal;
        self.signal = self.judge(verdict);
        (self.signal != before).then_some(self.signal)
    }

    /// The device was opened anew: it may be another one.
    pub fn restart(&mut self) {
        *self = Self { patience_s: self.patience_s, ..Self::default() };
    }

    fn judge(&mut self, second: Signal) -> Signal {
        let count = |now: u32, same: bool| if same { now.saturating_add(1) } else { 0 };
        self.flat_s = count(self.flat_s, second == Signal::Flat);
        self.offset_s = count(self.offset_s, second == Signal::Offset);
        self.good_s = count(self.good_s, second == Signal::Sound);
        self.clipped = (self.clipped << 1 | u16::from(second == Signal::Clipped)) & 0x3ff;
        if self.signal == Signal::Flat && self.flat_s == 0 {
            self.patience_s = (2 * self.patience_s).min(MOST_FLAT_S);
            self.signal = Signal::Sound;
        }
        if self.flat_s >= self.patience_s {
            Signal::Flat
        } else if self.clipped.count_ones() >= CLIPPED_S {
            Signal::Clipped
        } else if self.offset_s >= OFFSET_S {
            Signal::Offset
        } else if self.good_s >= GOOD_S {
            Signal::Sound
        } else {
            self.signal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// Hears `picture`, a second for each letter: `.` nothing, `s` somebody, `n` the noise of a quiet
    /// room, `c` distorted, `o` with an offset, `k` a knock. Verdicts and their seconds.
    fn verdicts(watch: &mut SignalWatch, picture: &str) -> Vec<(usize, Signal)> {
        let mut draw = Draw::new(1);
        let mut found = Vec::new();
        for (at, kind) in picture.chars().enumerate() {
            for frame in 0..SECOND {
                let (level, shift) = match kind {
                    '.' => (0.0, 0.0),
                    'n' => (5e-5, 0.0),
                    'c' => (1.5, 0.0),
                    'o' => (0.01, 0.1),
                    'k' if frame == 10 => (1.0, 0.0),
                    _ => (0.2, 0.0),
                };
                let mut sample = |_| (draw.between(-level, level) + shift).clamp(-1.0, 1.0);
                found.extend(
                    watch.push(&std::array::from_fn(&mut sample)).map(|signal| (at, signal)),
                );
            }
        }
        found
    }

    #[test]
    fn each_fault_is_told_from_sound() {
        let cases: &[(&str, &[(usize, Signal)])] = &[
            ("nnnnnnnnnnnnsss", &[]),
            ("sss.........ssnn", &[]),
            ("sss..........s", &[(12, Signal::Flat), (13, Signal::Sound)]),
            ("skskskskskksks", &[]),
            ("sscscsscssssssssssss", &[(7, Signal::Clipped), (17, Signal::Sound)]),
            ("sooosooooossssssssssss", &[(9, Signal::Offset), (19, Signal::Sound)]),
            ("oooo..........", &[(13, Signal::Flat)]),
        ];
        for (picture, expected) in cases {
            assert_eq!(verdicts(&mut SignalWatch::default(), picture), *expected, "{picture}");
        }
    }

    #[test]
    fn a_constant_that_is_not_zero_is_flat_too() {
        let mut watch = SignalWatch::default();
        let found: Vec<_> =
            (0..11 * SECOND).filter_map(|_| watch.push(&[0.3; FRAME_LEN])).collect();
        assert_eq!(found.last(), Some(&Signal::Flat));
    }

    #[test]
    fn a_microphone_with_a_gate_is_believed_longer_each_time() {
        let mut watch = SignalWatch::default();
        let gated = format!("{}s", ".".repeat(15));
        assert_eq!(verdicts(&mut watch, &gated).len(), 2);
        assert_eq!(verdicts(&mut watch, &gated), [], "now it is given 20 s");
        let longer = format!("{}s", ".".repeat(25));
        // Its seconds are counted from the first sound on, a frame later than ours.
        assert_eq!(verdicts(&mut watch, &longer), [(20, Signal::Flat), (25, Signal::Sound)]);
        assert_eq!(verdicts(&mut watch, &longer), [], "and now 40");
        watch.restart();
        assert_eq!(verdicts(&mut watch, &longer), [], "it may be the same one");
    }
}
