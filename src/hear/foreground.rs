//! Who speaks to us, and who only speaks? Told by level: somebody at the microphone is louder than
//! a television, another table or the rest of the street.
//!
//! Speech counts as near while its level stays above a threshold below the loudest of the utterance
//! (who is near), and the further below, the further away the quietest of the last seconds is (the
//! room and everybody in it). It matters where the judge, rightly, hears speech without end.

use heapless::HistoryBuf;

use super::high_pass::HighPass;
use crate::units::{FRAME_LEN, FRAME_MS, Frame, SAMPLE_RATE_HZ, SamplePos};

/// Frames a level is taken over: 100 ms, about half a syllable.
const SMOOTH_FRAMES: usize = 5;
/// Frames that room and speaker are measured over: 5 s hold gaps between words even of a fast
/// talker.
const WINDOW_FRAMES: usize = 5000 / FRAME_MS as usize;
/// Frames of a long syllable, with what is soft before it.
const SYLLABLE_FRAMES: usize = 300 / FRAME_MS as usize;
/// Levels kept: more than the longest utterance has.
const KEPT_FRAMES: usize = 1800;
const _: () = assert!(KEPT_FRAMES * FRAME_MS as usize > super::endpoint::MAX_SPAN_MS as usize);
/// Below the room are its short holes, above the speaker their shouts and a slammed door.
const ROOM_QUANTILE: f32 = 0.15;
const SPEAKER_QUANTILE: f32 = 0.95;
/// Where between speaker and room the threshold lies, as a share of their distance, and its least
/// and greatest distance from the speaker in dB: nobody's words of half a second and more lie
/// further apart.
const SHARE: f32 = 0.5;
pub const LEAST_DB: f32 = 7.0;
const GREATEST_DB: f32 = 11.0;

/// The levels of the newest sound.
#[derive(Debug)]
pub struct Foreground {
    filter: HighPass,
    powers: HistoryBuf<f32, SMOOTH_FRAMES>,
    /// In dB relative to full scale.
    levels: HistoryBuf<f32, KEPT_FRAMES>,
    /// End of the newest frame.
    end: SamplePos,
}

impl Default for Foreground {
    fn default() -> Self {
        Self {
            filter: HighPass::default(),
            powers: HistoryBuf::new(),
            levels: HistoryBuf::new(),
            end: SamplePos::default(),
        }
    }
}

impl Foreground {
    /// Takes the frame that begins at `at`. After a jump everything before is forgotten.
    pub fn push(&mut self, at: SamplePos, frame: &Frame) {
        if at != self.end {
            *self = Self::default();
        }
        self.end = at + FRAME_LEN as u64;
        let mut sum = 0.0;
        for sample in frame {
            let high = self.filter.push(*sample);
            sum += high * high;
        }
        // A sample that is not finite counts as silence, and must not stay in the filter.
        if !sum.is_finite() {
            self.filter = HighPass::default();
            sum = 0.0;
        }
        self.powers.write(sum / FRAME_LEN as f32);
        let mean = self.powers.iter().sum::<f32>() / self.powers.len() as f32;
        self.levels.write(10.0 * mean.max(1e-10).log10());
    }

    /// The level, in dB relative to full scale, from which on speech is near where `speaker` is how loud
    /// that is. Everything is near before there is sound to compare.
    pub fn threshold(&self, speaker: f32) -> f32 {
        if speaker == f32::NEG_INFINITY {
            return speaker;
        }
        let room = quantile(self.newest(WINDOW_FRAMES), ROOM_QUANTILE);
        speaker - (SHARE * (speaker - room)).clamp(LEAST_DB, GREATEST_DB)
    }

    /// The same for who was last near at `last_near`: what is heard since are others, and tells how loud
    /// those are.
    pub fn threshold_again(&self, speaker: f32, last_near: SamplePos) -> f32 {
        let threshold = self.threshold(speaker);
        match self.frames_since(last_near).min(WINDOW_FRAMES) {
            0 => threshold,
            since => {
                let others = quantile(self.newest(since), 0.5);
                threshold.max(speaker - (SHARE * (speaker - others)).max(LEAST_DB))
            }
        }
    }

    /// How loud the nearest speaker of an utterance that began at `onset` is, in dB relative to
    /// full scale; minus infinity before there is sound.
    pub fn speaker(&self, onset: SamplePos) -> f32 {
        match self.frames_since(onset).min(WINDOW_FRAMES) {
            0 => f32::NEG_INFINITY,
            said => quantile(self.newest(said), SPEAKER_QUANTILE),
        }
    }

    /// Whether the newest sound is at least this loud.
    pub fn is_at_least(&self, level: f32) -> bool {
        self.levels.recent().is_none_or(|newest| *newest >= level)
    }

    /// How much of the last [`SYLLABLE_FRAMES`] is at least this loud, in milliseconds; all of it before
    /// there is sound.
    pub fn loud_ms(&self, level: f32) -> u32 {
        let loud = self.newest(SYLLABLE_FRAMES).filter(|newest| *newest >= level).count();
        let frames = if self.levels.is_empty() { SYLLABLE_FRAMES } else { loud };
        frames as u32 * FRAME_MS
    }

    /// Where sound at least this loud begins, from `since` on.
    pub fn first(&self, level: f32, since: SamplePos) -> Option<SamplePos> {
        let frames = self.frames_since(since);
        let at = self.newest(frames).position(|frame| frame >= level)?;
        Some(self.end.back(((frames - at) * FRAME_LEN) as u64))
    }

    /// The loudest level of the `ms` milliseconds before `end`, in dB relative to full scale, of
    /// what is kept.
    pub fn loudest(&self, end: SamplePos, ms: u32) -> Option<f32> {
        let from = self.frames_since(end.back(u64::from(ms) * u64::from(SAMPLE_RATE_HZ) / 1000));
        let until = self.frames_since(end);
        self.newest(from).take(from - until).reduce(f32::max)
    }

    /// Whole frames kept from `at` on.
    fn frames_since(&self, at: SamplePos) -> usize {
        (self.end.since(at) as usize / FRAME_LEN).min(self.levels.len())
    }

    /// The newest levels, oldest first.
    fn newest(&self, count: usize) -> impl Iterator<Item = f32> {
        let skipped = self.levels.len().saturating_sub(count);
        self.levels.oldest_ordered().skip(skipped).copied()
    }
}

/// The level that a share of `levels`, at most [`WINDOW_FRAMES`] and at least one, lies below.
fn quantile(levels: impl Iterator<Item = f32>, share: f32) -> f32 {
    let mut sorted: heapless::Vec<f32, WINDOW_FRAMES> = levels.collect();
    let at = (share * (sorted.len() - 1) as f32) as usize;
    *sorted.select_nth_unstable_by(at, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of a 440 Hz tone at these amplitudes, one after the other.
    fn hear(amplitudes: &[(usize, f32)]) -> Foreground {
        let mut foreground = Foreground::default();
        let frames = amplitudes.iter().flat_map(|(count, loud)| std::iter::repeat_n(*loud, *count));
        for (i, loud) in frames.enumerate() {
            let at = i * FRAME_LEN;
            let tone = |n: usize| loud * ((at + n) as f32 * 0.172_787_6).sin();
            foreground.push(SamplePos(at as u64), &std::array::from_fn(tone));
        }
        foreground
    }

    fn frame(n: u64) -> SamplePos {
        SamplePos(n * FRAME_LEN as u64)
    }

    #[test]
    fn the_threshold_lies_between_the_room_and_who_is_near() {
        // Somebody at -23 dBFS in a room of -63, and of -37 where others talk.
        for (room, least, greatest) in [(0.001, -37.0, -32.0), (0.02, -33.0, -29.0)] {
            let foreground = hear(&[(200, room), (100, 0.1)]);
            let threshold = foreground.threshold(foreground.speaker(frame(200)));
            assert!((least..greatest).contains(&threshold), "{threshold} dB in a room of {room}");
        }
        let foreground = hear(&[(100, 0.01), (60, 0.1), (20, 0.01)]);
        let threshold = foreground.threshold(foreground.speaker(frame(100)));
        assert!(!foreground.is_at_least(threshold), "who is further away is not near");
    }

    #[test]
    fn who_is_near_again_is_so_for_a_syllable_and_others_only_touch_the_threshold() {
        // 1.2 s of speech, then others for 0.6 s, 12 dB below, and something louder at the end.
        let after = |loud_frames: usize| {
            let foreground = hear(&[(100, 0.001), (60, 0.1), (30, 0.025), (loud_frames, 0.08)]);
            let level = foreground.threshold_again(foreground.speaker(frame(100)), frame(160));
            foreground.loud_ms(level)
        };
        // The level is taken over five frames.
        for (frames, least, greatest) in [(0, 0, 0), (4, 20, 80), (8, 100, 160), (12, 180, 240)] {
            let loud_ms = after(frames);
            assert!((least..=greatest).contains(&loud_ms), "{frames} frames: {loud_ms} ms");
        }
        let nearer = hear(&[(100, 0.001), (60, 0.1), (30, 0.05)]);
        let again = nearer.threshold_again(nearer.speaker(frame(100)), frame(160));
        assert!(again > nearer.threshold(nearer.speaker(frame(100))), "loud others raise it");
        assert_eq!(Foreground::default().loud_ms(0.0), 300, "before there is sound");
    }

    #[test]
    fn near_speech_is_found_behind_far_speech() {
        let foreground = hear(&[(100, 0.01), (60, 0.1)]);
        let threshold = foreground.threshold(foreground.speaker(frame(0)));
        let first = foreground.first(threshold, frame(0)).expect("somebody is near");
        assert!(first >= frame(99) && first <= frame(101), "{first:?}");
        assert_eq!(foreground.first(0.0, frame(0)), None);
    }

    #[test]
    fn an_offset_and_a_slammed_door_change_little() {
        let mut offset = Foreground::default();
        (0..50).for_each(|i| offset.push(frame(i), &[0.5; FRAME_LEN]));
        assert!(offset.is_at_least(-101.0) && !offset.is_at_least(-60.0));
        let calm = hear(&[(200, 0.001), (200, 0.1)]);
        let slam = hear(&[(200, 0.001), (2, 1.0), (198, 0.1)]);
        let difference =
            calm.threshold(calm.speaker(frame(200))) - slam.threshold(slam.speaker(frame(200)));
        assert!(difference.abs() < 3.0, "{difference} dB");
    }

    #[test]
    fn without_sound_everything_is_near_and_after_a_jump_it_begins_anew() {
        let mut foreground = Foreground::default();
        assert_eq!(foreground.threshold(foreground.speaker(frame(0))), f32::NEG_INFINITY);
        assert!(foreground.is_at_least(-20.0));
        foreground.push(frame(0), &[f32::NAN; FRAME_LEN]);
        foreground.push(frame(1), &[0.1; FRAME_LEN]);
        assert!(foreground.threshold(foreground.speaker(frame(0))).is_finite());
        foreground.push(frame(500), &[0.0; FRAME_LEN]);
        assert_eq!(foreground.first(-200.0, frame(0)), Some(frame(500)));
    }
}
