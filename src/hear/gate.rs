//! The cheap gate: WebRTC's detector decides whether the judge has to be awake at all.
//!
//! It costs a few microseconds per frame, fires on almost anything louder than its noise estimate
//! and stays stuck on "speech" in strong noise, so it never decides about speech: it only lets
//! the judge sleep through a quiet room. The last moments before it opens are kept, because it
//! fires on the loud part of a word and not on the breath before it.

use heapless::HistoryBuf;
use webrtc_vad::{SampleRate, Vad, VadMode};

use super::silero::WINDOW_LEN;
use crate::units::{FRAME_LEN, FRAME_MS, Frame, SAMPLE_RATE_HZ};

/// The judge goes to sleep after this much unbroken quiet, in milliseconds.
const SLEEP_AFTER_MS: u32 = 1000;
const SLEEP_AFTER_FRAMES: u32 = SLEEP_AFTER_MS / FRAME_MS;

/// Sound kept for the judge to wake up with: whole windows of its own, 128 ms (4 KiB).
pub const HISTORY_LEN: usize = 4 * WINDOW_LEN;
const _: () = assert!(size_of::<[i16; HISTORY_LEN]>() <= 4096);
const _: () = assert!(SAMPLE_RATE_HZ == 16_000, "the detector below is set to 16 kHz");

/// What the gate says about one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Long quiet: let the judge sleep.
    Closed,
    /// The quiet is over with this frame: wake the judge with [`Gate::history`].
    Opening,
    /// Hand the frame to the judge.
    Open,
}

/// Wraps WebRTC's detector, which is bound to the thread that made it.
pub struct Gate {
    vad: Vad,
    quiet_frames: u32,
    /// The newest sound, the current frame included, as 16-bit samples: the detector wants these
    /// anyway, and half the memory holds twice the history.
    history: HistoryBuf<i16, HISTORY_LEN>,
}

impl Default for Gate {
    /// Open: speech may be under way when the stream begins.
    fn default() -> Self {
        // "Quality" is the most permissive mode: a missed word costs more than a woken judge.
        let vad = Vad::new_with_rate_and_mode(SampleRate::Rate16kHz, VadMode::Quality);
        Self { vad, quiet_frames: 0, history: HistoryBuf::new() }
    }
}

impl Gate {
    /// Takes one frame. `hold` keeps the gate open whatever it hears (an utterance is under way).
    pub fn push(&mut self, frame: &Frame, hold: bool) -> Passage {
        let pcm: [i16; FRAME_LEN] = std::array::from_fn(|i| to_pcm(frame[i]));
        self.history.extend_from_slice(&pcm);
        let voice = self.vad.is_voice_segment(&pcm).expect("20 ms at 16 kHz is a valid length");
        let was_closed = self.quiet_frames >= SLEEP_AFTER_FRAMES;
        self.quiet_frames = if voice || hold { 0 } else { self.quiet_frames.saturating_add(1) };
        match (was_closed, self.quiet_frames >= SLEEP_AFTER_FRAMES) {
            (_, true) => Passage::Closed,
            (true, false) => Passage::Opening,
            (false, false) => Passage::Open,
        }
    }

    /// Opens and forgets: the sound that follows does not join what came before.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// The newest sound, the current frame included: fills the front of `samples`, oldest first,
    /// and returns that part.
    pub fn history<'a>(&self, samples: &'a mut [f32; HISTORY_LEN]) -> &'a [f32] {
        for (sample, pcm) in samples.iter_mut().zip(self.history.oldest_ordered()) {
            *sample = f32::from(*pcm) / PCM_SCALE;
        }
        &samples[..self.history.len()]
    }
}

const PCM_SCALE: f32 = 32768.0;

fn to_pcm(sample: f32) -> i16 {
    (sample * PCM_SCALE).round() as i16 // `as` saturates, and makes NaN zero
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// `.` digital silence, `n` quiet noise, `#` loud noise: something that fires the detector.
    fn frame(kind: char, draw: &mut Draw) -> Frame {
        let level = match kind {
            '.' => 0.0,
            'n' => 1e-4,
            _ => 0.3,
        };
        std::array::from_fn(|_| draw.between(-level, level))
    }

    fn passages(picture: &str, hold: bool) -> String {
        let (mut gate, mut draw) = (Gate::default(), Draw::new(1));
        picture
            .chars()
            .map(|kind| match gate.push(&frame(kind, &mut draw), hold) {
                Passage::Closed => '_',
                Passage::Opening => '<',
                Passage::Open => '-',
            })
            .collect()
    }

    #[test]
    fn it_sleeps_after_long_quiet_and_opens_on_the_first_loud_frame() {
        let quiet = SLEEP_AFTER_FRAMES as usize;
        let picture = format!("{}..{}", ".".repeat(quiet), "##");
        let expected = format!("{}___{}", "-".repeat(quiet - 1), "<-");
        assert_eq!(passages(&picture, false), expected);
    }

    #[test]
    fn it_does_not_sleep_during_an_utterance() {
        let picture = ".".repeat(2 * SLEEP_AFTER_FRAMES as usize);
        assert!(!passages(&picture, true).contains('_'));
    }

    #[test]
    fn history_is_the_newest_sound_oldest_first() {
        let mut gate = Gate::default();
        let mut samples = [0.0; HISTORY_LEN];
        assert!(gate.history(&mut samples).is_empty());
        let mut heard = Vec::new();
        for i in 0..9 {
            let frame: Frame = std::array::from_fn(|k| ((i * FRAME_LEN + k) as f32) / PCM_SCALE);
            heard.extend_from_slice(&frame);
            gate.push(&frame, false);
            let kept = heard.len().min(HISTORY_LEN);
            assert_eq!(gate.history(&mut samples), &heard[heard.len() - kept..]);
        }
    }

    #[test]
    fn samples_beyond_full_scale_saturate() {
        assert_eq!([to_pcm(2.0), to_pcm(-2.0), to_pcm(f32::NAN)], [i16::MAX, i16::MIN, 0]);
    }
}
