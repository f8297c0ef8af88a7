//! Our own voice, taken out of what the microphone hears.
//!
//! What the speaker really played comes in on the speaker's own clock. [`align`] brings it onto the
//! microphone's, by what [`clock`] has found out about the two; [`delay`] watches how long the
//! sound takes; [`filter`] learns what the room makes of it and subtracts that, which leaves a
//! visitor untouched; [`suppress`] makes softer what the filter expects to be left.
//!
//! Words are recognised in what the filter leaves, where softness costs nothing and every change
//! of a visitor's voice does; whether anybody speaks is judged by what the suppressor leaves.

use serde::Serialize;

use crate::units::{FRAME_LEN, FRAME_MS, Frame, SAMPLE_RATE_HZ, mean_power, rms_dbfs};

mod align;
mod clock;
mod delay;
mod filter;
mod shift;
mod suppress;

use align::Aligner;
use delay::DelayTracker;
use filter::{BLOCK, EchoFilter, Learned, SPAN};
use shift::ShiftFinder;
use suppress::{Suppressor, TIMES};

const _: () = assert!(FRAME_LEN.is_multiple_of(BLOCK));
/// At this level, and beyond, a microphone has clipped.
const CLIPPED: f32 = 0.998;
/// The canceller sleeps when nothing was played for so long: longer than the echo in any room that
/// people talk in.
const SLEEP_AFTER_MS: u32 = 1_000;
/// A frame of ours at least this loud counts in the measure of what is taken out.
const SPOKEN_DBFS: f32 = -50.0;
/// How fast levels are forgotten, per frame: within about a second.
const FORGET: f32 = 0.98;
/// Our voice is in what is heard for this long after it was last played: the room goes on.
const ROOM_FRAMES: u32 = 400 / FRAME_MS;
/// The way to the microphone is known once the filter has made our voice this much softer, in
/// decibels. Before, and on devices where that is never reached, what is heard while we speak may
/// all be ours.
const KNOWN_DB: f32 = 8.0;
/// And no sooner than our voice was played for so long since the filter began: every vowel is new
/// to it, and the first time so are the clocks.
const LEARN_FRAMES: u32 = 1_000 / FRAME_MS;
const LEARN_FIRST_FRAMES: u32 = 3_000 / FRAME_MS;
/// The way to the microphone has just changed when for about 60 ms the filter has made louder what it
/// should make softer, by so much: it subtracts what is no longer there.
/// Its own judgement takes 200 ms, in which all that is heard may be ours. Held for longer, or
/// forgetting what is known, this costs visitors more than it saves: it also happens beside them.
const WRONG: f32 = 1.4;
const FORGET_SOON: f32 = 0.7;
const WRONG_FRAMES: u32 = 240 / FRAME_MS;
/// What the filter expects is not to be found in what is heard when it and what is left have together
/// so many times the power of what is heard. Beside a visitor it is about one.
const ODD: f32 = 1.5;
/// Of these, as many have passed as soon as the filter was moved to where it is right again.
const SHIFTED: u32 = WRONG_FRAMES - 80 / FRAME_MS;
/// Nobody who is to be heard is so much softer than our voice, in decibels: the judge finds speech in
/// what is left of that 60 dB below it.
const FAINT_DB: f32 = 32.0;
/// While it is young, the filter is more wrong than it thinks: by so many times in the beginning,
/// and how fast that passes, in frames of our voice.
const YOUNG_TIMES: f32 = 2.0;
const YOUNG_FRAMES: f32 = 1_000.0 / FRAME_MS as f32;
/// The filter begins so long before the echo, in samples, and is moved when the echo begins later
/// than the second: most of what the filter spans must lie behind it.
const BEFORE: usize = SAMPLE_RATE_HZ as usize / 50;
const LATEST: usize = SAMPLE_RATE_HZ as usize / 8;
/// What was played is kept for as long as the longest delay that is found, and what the filter spans
/// before that.
const KEPT: usize = delay::LONGEST + SPAN + FRAME_LEN;

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

/// A frame without our voice, 10 ms later than it was heard.
#[derive(Clone, Copy, Debug)]
pub struct Cleaned {
    /// With what the filter left of it: for who recognises words.
    pub words: Frame,
    /// With that made softer: for who judges whether anybody speaks.
    pub speech: Frame,
}

/// Takes the echo out of frame after frame.
pub struct EchoCanceller {
    aligner: Aligner,
    tracker: DelayTracker,
    filter: EchoFilter,
    finder: ShiftFinder,
    suppressor: Suppressor,
    /// What was played, a ring written at `at`, and how much later than it the filter begins.
    played: Vec<f32>,
    at: usize,
    held: usize,
    awake: bool,
    /// Mean power of what was heard, of what the filter left and of what was handed on to be
    /// judged, while we spoke.
    power: [f32; 3],
    /// Of the last moment: of what was heard, of what was left, and of what the filter expected; and
    /// frames since it was wrong.
    recent: [f32; 3],
    since_wrong: u32,
    /// Frames since our voice was last played.
    since_spoken: u32,
    /// Frames that our voice was played in, since the filter began.
    spoken: u32,
    known: bool,
    /// It was known at some time.
    met: bool,
    jumps: u32,
}

impl EchoCanceller {
    /// For a speaker whose sound comes at `reference_hz`.
    pub fn new(reference_hz: u32) -> Self {
        Self {
            aligner: Aligner::new(reference_hz),
            tracker: DelayTracker::default(),
            filter: EchoFilter::default(),
            finder: ShiftFinder::default(),
            suppressor: Suppressor::default(),
            played: vec![0.0; KEPT],
            at: 0,
            held: 0,
            awake: false,
            power: [0.0; 3],
            recent: [0.0; 3],
            since_wrong: WRONG_FRAMES,
            since_spoken: ROOM_FRAMES,
            spoken: 0,
            known: false,
            met: false,
            jumps: 0,
        }
    }

    /// The speaker was opened anew, at `reference_hz`. What was learned of the room is kept, and
    /// doubted.
    pub fn restart(&mut self, reference_hz: u32) {
        self.aligner = Aligner::new(reference_hz);
        self.doubt();
    }

    /// Takes what the speaker was given since the last time, silence included, mono at its rate.
    pub fn play(&mut self, samples: &[f32]) {
        self.aligner.push(samples);
    }

    /// Takes the echo out of the next frame of the microphone. `since_asked` counts samples that
    /// the speaker has played on since it took the last of those.
    pub fn clean(&mut self, heard: &Frame, since_asked: f64) -> Cleaned {
        self.awake = self.aligner.sounded_within(SLEEP_AFTER_MS);
        let reference = self.aligner.next(self.awake, since_asked);
        let mut cleaned = Cleaned { words: *heard, speech: *heard };
        if !self.awake {
            for block in cleaned.words.as_chunks_mut::<BLOCK>().0 {
                *block = self.suppressor.pass(block);
            }
            cleaned.speech = cleaned.words;
            return cleaned;
        }
        if reference.moved {
            self.doubt();
        }
        if self.tracker.push(&reference.frame, heard).is_some() {
            self.jumps += 1;
        }
        self.hold();
        let played = self.delayed(&reference.frame);
        let distorted = heard.iter().any(|sample| sample.abs() >= CLIPPED);
        let young = YOUNG_TIMES * (-(self.spoken as f32) / YOUNG_FRAMES).exp();
        let mut left = [0.0; FRAME_LEN];
        let blocks = played.as_chunks::<BLOCK>().0.iter().zip(heard.as_chunks::<BLOCK>().0);
        let cleaned_blocks = (cleaned.words.as_chunks_mut::<BLOCK>().0.iter_mut())
            .zip(cleaned.speech.as_chunks_mut::<BLOCK>().0);
        for (((played, heard), left), (words, speech)) in
            blocks.zip(left.as_chunks_mut::<BLOCK>().0).zip(cleaned_blocks)
        {
            if self.filter.push(played, heard, distorted, left) == Learned::Lost {
                (self.spoken, self.known) = (0, false);
            }
            self.finder.push(&std::array::from_fn(|i| heard[i] - left[i]), heard);
            let times = TIMES * (1.0 + young);
            (*words, *speech) = self.suppressor.push(left, self.filter.residue(), times);
        }
        self.measure(&reference.frame, [heard, &left, &cleaned.speech]);
        let odd = self.is_odd();
        if odd {
            self.follow();
        }
        let unsure = !self.known || odd || self.since_wrong < WRONG_FRAMES;
        let faint =
            self.ours_dbfs().is_some_and(|ours| rms_dbfs(&cleaned.speech) < ours - FAINT_DB);
        if self.since_spoken < ROOM_FRAMES && (unsure || faint) {
            cleaned.speech = [0.0; FRAME_LEN];
        }
        cleaned
    }

    /// What the filter expects is not in what is heard: with it and with what is left there would be
    /// more than is heard.
    fn is_odd(&self) -> bool {
        let [heard, left, expected] = self.recent;
        left + expected > ODD * heard
    }

    /// The level of our voice at the microphone while it sounds, in dB relative to full scale, with
    /// all that sounds beside it; `None` before it was heard.
    pub fn ours_dbfs(&self) -> Option<f32> {
        (self.power[0] > 0.0).then(|| 10.0 * self.power[0].log10())
    }

    pub fn state(&self) -> EchoState {
        let lag = self.tracker.delay().map(|lag| lag * 1000.0 / SAMPLE_RATE_HZ as f32);
        EchoState {
            delay_ms: lag.map(|lag| lag + self.aligner.held_ms()),
            drift_ppm: self.aligner.drift_ppm(),
            reduction_db: softer_db(self.power[0], self.power[2]),
            asleep: !self.awake,
            jumps: self.jumps,
        }
    }

    /// What was learned may not be true any more.
    fn doubt(&mut self) {
        self.tracker.restart();
        self.filter.doubt_all();
        (self.spoken, self.known) = (0, false);
    }

    /// Lets the filter begin where the echo does.
    fn hold(&mut self) {
        let Some(delay) = self.tracker.delay() else { return };
        let delay = delay.max(0.0) as usize;
        if (self.held..=self.held + LATEST).contains(&delay) {
            return;
        }
        self.held = delay.saturating_sub(BEFORE).min(KEPT - FRAME_LEN);
        self.filter.forget();
        (self.spoken, self.known) = (0, false);
    }

    /// Moves what the filter learned to where it is true again, if it is anywhere.
    fn follow(&mut self) {
        let Some(longer) = self.finder.find() else { return };
        let held = self.held.checked_add_signed(longer).filter(|held| *held <= delay::LONGEST);
        let Some(held) = held else { return };
        self.held = held;
        let history: [f32; SPAN] = self.held_back();
        self.filter.shift(&history);
        self.tracker.shift(longer as f32);
        self.finder.restart();
        (self.recent, self.since_wrong) = ([0.0; 3], SHIFTED);
        self.jumps += 1;
    }

    /// What was played `held` samples ago.
    fn delayed(&mut self, newest: &Frame) -> Frame {
        for sample in newest {
            self.played[self.at % KEPT] = *sample;
            self.at += 1;
        }
        self.held_back()
    }

    /// The newest samples that were played at least `held` samples ago.
    fn held_back<const N: usize>(&self) -> [f32; N] {
        let first = self.at + KEPT - N - self.held;
        std::array::from_fn(|i| self.played[(first + i) % KEPT])
    }

    /// Takes the levels of a frame played, and of what became of the one heard with it.
    fn measure(&mut self, played: &Frame, became: [&Frame; 3]) {
        let power = became.map(|sound| mean_power(sound));
        let [heard, left, _] = became;
        let expected: Frame = std::array::from_fn(|i| heard[i] - left[i]);
        let recent = [power[0], power[1], mean_power(&expected)];
        for (kept, now) in self.recent.iter_mut().zip(recent) {
            *kept = FORGET_SOON * *kept + (1.0 - FORGET_SOON) * now;
        }
        let wrong = self.recent[1] > WRONG * self.recent[0];
        self.since_wrong = if wrong { 0 } else { self.since_wrong.saturating_add(1) };
        self.since_spoken = self.since_spoken.saturating_add(1);
        if rms_dbfs(played) <= SPOKEN_DBFS {
            return;
        }
        self.since_spoken = 0;
        self.spoken = self.spoken.saturating_add(1);
        for (kept, now) in self.power.iter_mut().zip(power) {
            *kept = FORGET * *kept + (1.0 - FORGET) * now;
        }
        let long = if self.met { LEARN_FRAMES } else { LEARN_FIRST_FRAMES };
        let learned = self.spoken > long && self.tracker.delay().is_some();
        self.known |= learned && softer_db(self.power[0], self.power[1]) > KNOWN_DB;
        self.met |= self.known;
    }
}

/// By how much the second power lies below the first, in decibels.
fn softer_db(heard: f32, left: f32) -> f32 {
    10.0 * ((heard + 1e-10) / (left + 1e-10)).log10()
}

#[cfg(test)]
mod tests;
