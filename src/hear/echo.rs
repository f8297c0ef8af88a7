//! Our own voice, taken out of what the microphone hears.
//!
//! What the speaker really played comes in on the speaker's own clock. [`align`] brings it onto the
//! microphone's, by what [`clock`] has found out about the two; the canceller subtracts what the
//! room makes of it and suppresses what is left; [`delay`] watches how long the sound takes.
//!
//! The canceller is AEC3, the echo canceller of WebRTC, in the Rust port `sonora-aec3`: a
//! partitioned adaptive filter with a shadow filter, then a suppressor that compares the estimated
//! echo with what is heard, band by band.

use serde::Serialize;
use sonora_aec3::block::Block;
use sonora_aec3::block_processor::BlockProcessor;
use sonora_aec3::config::EchoCanceller3Config;

use crate::units::{FRAME_LEN, FRAME_MS, Frame, SAMPLE_RATE_HZ, rms_dbfs};

mod align;
mod clock;
mod delay;

use align::Aligner;
use delay::DelayTracker;

/// The canceller takes sound in blocks of 4 ms, and hands it on that much later.
const BLOCK: usize = 64;
const _: () = assert!(FRAME_LEN.is_multiple_of(BLOCK));
/// It counts in the steps of 16-bit samples.
const PCM: f32 = 32_768.0;
/// At this level, and beyond, a microphone has clipped.
const CLIPPED: f32 = 0.998;
/// The canceller sleeps when nothing was played for so long: longer than the echo in any room that
/// people talk in.
const SLEEP_AFTER_MS: u32 = 1_000;
/// A frame of ours at least this loud counts in the measure of what is taken out.
const SPOKEN_DBFS: f32 = -50.0;
/// How fast levels are forgotten, per frame: within about a second, and within a syllable.
const FORGET: f32 = 0.98;
const FORGET_SOON: f32 = 0.75;
/// Our voice is in what is heard for this long after it was last played: the room goes on.
const ROOM_FRAMES: u32 = 400 / FRAME_MS;
/// The way to the microphone is known once the echo was made this much softer, in decibels. Before,
/// and on devices where that is never reached, what is heard while we speak may all be ours.
const KNOWN_DB: f32 = 15.0;
/// And no sooner than our voice was played for so long: in its first seconds the canceller mutes
/// all there is, and then for a moment lets too much through.
const LEARN_FRAMES: u32 = 3_000 / FRAME_MS;
/// What is softer than what was heard by more than this is what is left of our voice, in decibels.
/// A visitor whom the canceller leaves alone is 10 dB below a voice that is 10 dB louder.
const OURS_DB: f32 = 14.0;

/// How the canceller fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct EchoState {
    /// From handing a sample to the speaker until the microphone's frame that holds it, in
    /// milliseconds; `None` before it was heard.
    pub delay_ms: Option<f32>,
    /// How much faster the speaker's clock runs than the microphone's, in parts per million.
    pub drift_ppm: f32,
    /// How much softer the microphone's sound was made while we spoke, in decibels.
    pub reduction_db: f32,
    /// Nothing is played, and nothing is done.
    pub asleep: bool,
    /// How often the way from speaker to microphone changed its length, the finding included.
    pub jumps: u32,
}

/// Takes the echo out of frame after frame.
pub struct EchoCanceller {
    aligner: Aligner,
    canceller: BlockProcessor,
    tracker: DelayTracker,
    played: Block,
    heard: Block,
    /// The last block as it was heard: sound that is let through is as late as sound that is
    /// cleaned.
    late: [f32; BLOCK],
    awake: bool,
    /// Mean power of what was heard and of what was handed on, while we spoke; the same of the last
    /// moment.
    power: (f32, f32),
    recent: (f32, f32),
    /// Frames since our voice was last played.
    since_spoken: u32,
    /// Frames that our voice was played in, since the speaker was opened.
    spoken: u32,
    known: bool,
    jumps: u32,
}

impl EchoCanceller {
    /// For a speaker whose sound comes at `reference_hz`.
    pub fn new(reference_hz: u32) -> Self {
        Self {
            aligner: Aligner::new(reference_hz),
            canceller: BlockProcessor::new(
                &EchoCanceller3Config::default(),
                SAMPLE_RATE_HZ as usize,
                1,
                1,
            ),
            tracker: DelayTracker::default(),
            played: Block::new(1, 1),
            heard: Block::new(1, 1),
            late: [0.0; BLOCK],
            awake: false,
            power: (0.0, 0.0),
            recent: (0.0, 0.0),
            since_spoken: ROOM_FRAMES,
            spoken: 0,
            known: false,
            jumps: 0,
        }
    }

    /// The speaker was opened anew, at `reference_hz`. What was learned of the room is kept.
    pub fn restart(&mut self, reference_hz: u32) {
        self.aligner = Aligner::new(reference_hz);
        self.tracker.restart();
        self.spoken = 0;
        self.known = false;
    }

    /// Takes what the speaker was given since the last time, silence included, mono at its rate.
    pub fn play(&mut self, samples: &[f32]) {
        self.aligner.push(samples);
    }

    /// Takes the echo out of the next frame of the microphone, and delays it by 4 ms.
    /// `since_asked` counts samples that the speaker has played on since it took the last of those.
    ///
    /// Returns whether somebody else may be in it: false where it holds nothing but what is left of
    /// our voice.
    pub fn clean(&mut self, frame: &mut Frame, since_asked: f64) -> bool {
        let awake = self.aligner.sounded_within(SLEEP_AFTER_MS);
        let was_awake = std::mem::replace(&mut self.awake, awake);
        let reference = self.aligner.next(awake || was_awake, since_asked);
        let heard = *frame;
        let passed = self.pass(&heard);
        if !awake && !was_awake {
            *frame = passed;
            return true;
        }
        if reference.moved {
            self.tracker.restart();
        }
        self.cancel(&reference.frame, frame);
        if self.tracker.push(&reference.frame, &heard).is_some() {
            self.jumps += 1;
        }
        self.measure(&reference.frame, &passed, frame);
        // Falling asleep and waking up are heard as little as everything else.
        if awake != was_awake {
            for (i, (sample, passed)) in frame.iter_mut().zip(&passed).enumerate() {
                let along = (i + 1) as f32 / FRAME_LEN as f32;
                let share = if awake { along } else { 1.0 - along };
                *sample = share * *sample + (1.0 - share) * passed;
            }
        }
        self.somebody()
    }

    /// Takes the levels of a frame played, of what was heard and of what is left of it.
    fn measure(&mut self, played: &Frame, heard: &Frame, left: &Frame) {
        let mean = |sound: &Frame| sound.iter().map(|s| s * s).sum::<f32>() / FRAME_LEN as f32;
        let now = (mean(heard), mean(left));
        let smooth = |kept: &mut (f32, f32), keep: f32| {
            kept.0 = keep * kept.0 + (1.0 - keep) * now.0;
            kept.1 = keep * kept.1 + (1.0 - keep) * now.1;
        };
        smooth(&mut self.recent, FORGET_SOON);
        self.since_spoken = self.since_spoken.saturating_add(1);
        if rms_dbfs(played) > SPOKEN_DBFS {
            self.since_spoken = 0;
            smooth(&mut self.power, FORGET);
            self.spoken = self.spoken.saturating_add(1);
            let learned = self.spoken > LEARN_FRAMES && self.tracker.delay().is_some();
            self.known |= learned && softer_db(self.power) > KNOWN_DB;
        }
    }

    fn somebody(&self) -> bool {
        let ours = self.since_spoken < ROOM_FRAMES;
        !ours || (self.known && softer_db(self.recent) < OURS_DB)
    }

    pub fn state(&self) -> EchoState {
        let lag = self.tracker.delay().map(|lag| lag * 1000.0 / SAMPLE_RATE_HZ as f32);
        EchoState {
            delay_ms: lag.map(|lag| lag + self.aligner.held_ms()),
            drift_ppm: self.aligner.drift_ppm(),
            reduction_db: softer_db(self.power),
            asleep: !self.awake,
            jumps: self.jumps,
        }
    }

    /// The sound as it came, a block later.
    fn pass(&mut self, heard: &Frame) -> Frame {
        let mut passed = [0.0; FRAME_LEN];
        passed[..BLOCK].copy_from_slice(&self.late);
        passed[BLOCK..].copy_from_slice(&heard[..FRAME_LEN - BLOCK]);
        self.late.copy_from_slice(&heard[FRAME_LEN - BLOCK..]);
        passed
    }

    fn cancel(&mut self, played: &Frame, frame: &mut Frame) {
        for (played, heard) in played.chunks_exact(BLOCK).zip(frame.chunks_exact_mut(BLOCK)) {
            let clipped = heard.iter().any(|sample| sample.abs() >= CLIPPED);
            scale(played, PCM, self.played.view_mut(0, 0));
            scale(heard, PCM, self.heard.view_mut(0, 0));
            self.canceller.buffer_render(&self.played);
            self.canceller.process_capture(false, clipped, None, &mut self.heard);
            scale(self.heard.view(0, 0), 1.0 / PCM, heard);
        }
    }
}

/// By how much the second power lies below the first, in decibels.
fn softer_db((heard, left): (f32, f32)) -> f32 {
    10.0 * ((heard + 1e-10) / (left + 1e-10)).log10()
}

fn scale(from: &[f32], by: f32, to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from * by;
    }
}

#[cfg(test)]
mod tests;
