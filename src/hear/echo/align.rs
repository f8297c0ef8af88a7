//! What was played, brought onto the microphone's clock, frame by frame.

use super::clock::{ClockRatio, Counted};
use crate::audio::interpolate::Interpolator;
use crate::units::{FRAME_LEN, Frame, SAMPLE_RATE_HZ};

/// Sound kept, in seconds of the speaker: margins and bursts of callbacks fit in many times.
const KEPT_S: usize = 1;
/// How long before the newest sample the reference is read at first, and at most, in milliseconds.
/// It is read later each time it was not there: the speaker asks for sound in bursts.
const FIRST_MARGIN_MS: f64 = 4.0;
const LONGEST_MARGIN_MS: f64 = 400.0;
/// How fast the reference is steered back onto the line of the clocks: within about a second, and
/// at most this much faster or slower than the line.
const STEERING_S: f64 = 1.0;
const MOST_STEERING: f64 = 300e-6;
/// What is softer is silence: 16 bits and their dither lie below.
const SILENT: f32 = 1e-4;

/// A queue of played sound that is read at the pace of the microphone.
#[derive(Debug)]
pub struct Aligner {
    interpolator: Interpolator,
    /// Samples of the speaker to one of the microphone, by nominal rates.
    nominal: f64,
    rate_hz: u32,
    clock: ClockRatio,
    /// The newest samples played, and the position of the first of them.
    sound: Vec<f32>,
    first: u64,
    /// Position that is read next, in samples of the speaker; `None` before anything came.
    head: Option<f64>,
    margin_ms: f64,
    captured: u64,
    /// Where the newest sound ended a frame ago.
    ended: u64,
    /// The speaker asks for nothing.
    stands: bool,
    /// Everything from here on is silent.
    loud_until: u64,
}

/// The reference of one frame.
#[derive(Debug, PartialEq)]
pub struct Aligned {
    pub frame: Frame,
    /// It does not go on from the last one.
    pub moved: bool,
}

impl Aligner {
    /// For a speaker that plays at `rate_hz`.
    pub fn new(rate_hz: u32) -> Self {
        Self {
            interpolator: Interpolator::new(rate_hz, SAMPLE_RATE_HZ),
            nominal: f64::from(rate_hz) / f64::from(SAMPLE_RATE_HZ),
            rate_hz,
            clock: ClockRatio::default(),
            sound: Vec::with_capacity(2 * KEPT_S * rate_hz as usize),
            first: 0,
            head: None,
            margin_ms: FIRST_MARGIN_MS,
            captured: 0,
            ended: 0,
            stands: false,
            loud_until: 0,
        }
    }

    /// Takes what was played, silence included, in order.
    pub fn push(&mut self, played: &[f32]) {
        let newest = self.newest();
        if let Some(last) = played.iter().rposition(|sample| sample.abs() > SILENT) {
            self.loud_until = newest + last as u64 + 1;
        }
        let kept = KEPT_S * self.rate_hz as usize;
        // A burst longer than all that is kept: only its end will ever be read.
        let skipped = played.len().saturating_sub(kept);
        if skipped > 0 {
            self.first = newest + skipped as u64;
            self.sound.clear();
        }
        let played = &played[skipped..];
        if self.sound.len() + played.len() > 2 * kept {
            let old = self.sound.len() - kept;
            self.sound.drain(..old);
            self.first += old as u64;
        }
        self.sound.extend_from_slice(played);
    }

    /// Was anything but silence played in the last `ms` milliseconds, or is about to be read?
    pub fn sounded_within(&self, ms: u32) -> bool {
        let back = u64::from(self.rate_hz) * u64::from(ms) / 1000;
        let head = self.head.unwrap_or(0.0) as u64;
        self.loud_until > 0 && self.loud_until + back > head
    }

    /// The reference of the next frame of the microphone, silence where nothing was played. With
    /// `wanted` false only time passes. `since_asked` counts samples that the speaker has played on
    /// since it took the newest.
    pub fn next(&mut self, wanted: bool, since_asked: f64) -> Aligned {
        let moved = self.steer(since_asked);
        let mut frame = [0.0; FRAME_LEN];
        let Some(head) = self.head else { return Aligned { frame, moved } };
        let step = self.step(head);
        if wanted {
            for (i, sample) in frame.iter_mut().enumerate() {
                *sample = self.read(head + i as f64 * step);
            }
        }
        self.head = Some(head + FRAME_LEN as f64 * step);
        Aligned { frame, moved }
    }

    /// Parts per million that the speaker's clock is faster by.
    pub fn drift_ppm(&self) -> f32 {
        self.clock.drift_ppm()
    }

    /// How long the reference is held back before it is read, in milliseconds.
    pub fn held_ms(&self) -> f32 {
        let head = self.head.unwrap_or(0.0);
        let line = (self.clock.ahead() + self.captured as f64) * self.nominal;
        self.ms(line - head) as f32
    }

    fn newest(&self) -> u64 {
        self.first + self.sound.len() as u64
    }

    /// Counts, and puts the head onto the line where it lost it. Whether it was moved.
    fn steer(&mut self, since_asked: f64) -> bool {
        self.captured += FRAME_LEN as u64;
        let newest = self.newest();
        let asked = (newest - std::mem::replace(&mut self.ended, newest)) as f64;
        if newest == 0 {
            return false;
        }
        // A sink that sleeps, or a server that hangs: nothing sounds, and its clock stands.
        let stands = self.ms(since_asked) > LONGEST_MARGIN_MS;
        let stood = std::mem::replace(&mut self.stands, stands);
        if stands {
            return false;
        }
        if stood {
            self.clock.stood();
        }
        let played = (newest as f64 + since_asked) / self.nominal;
        let counted = self.clock.push(self.captured as f64, played);
        let Some(head) = self.head else {
            self.head = Some(self.due());
            return true;
        };
        let end = head + FRAME_LEN as f64 * self.nominal * 1.001;
        let missing = end + self.interpolator.reach() as f64 > newest as f64;
        // A speaker that asks for so much at a time, at times of its own, may ask as much later.
        let burst_ms = if since_asked > 0.0 { self.ms(asked) } else { 0.0 };
        let mut moved = missing || counted == Counted::Jumped || head < self.first as f64;
        let mut wanted_ms = burst_ms + FIRST_MARGIN_MS;
        if missing && asked > 0.0 && counted == Counted::Along {
            wanted_ms = wanted_ms.max(2.0 * self.margin_ms);
        }
        while self.margin_ms < wanted_ms.min(LONGEST_MARGIN_MS) {
            self.margin_ms *= 2.0;
            moved = true;
        }
        if moved {
            self.head = Some(self.due());
        }
        moved
    }

    fn ms(&self, samples: f64) -> f64 {
        samples * 1000.0 / f64::from(self.rate_hz)
    }

    /// Where the head should be at the beginning of this frame.
    fn due(&self) -> f64 {
        let captured = (self.captured - FRAME_LEN as u64) as f64;
        let line = (self.clock.ahead() + captured) * self.nominal;
        let margin = self.margin_ms * f64::from(self.rate_hz) / 1000.0;
        line - margin - self.interpolator.reach() as f64
    }

    /// Samples of the speaker to one of the microphone, during this frame.
    fn step(&self, head: f64) -> f64 {
        let late = (self.due() - head) / (STEERING_S * f64::from(self.rate_hz));
        self.nominal * (1.0 + self.clock.drift() + late.clamp(-MOST_STEERING, MOST_STEERING))
    }

    fn read(&self, at: f64) -> f32 {
        let reach = self.interpolator.reach();
        let before = at.floor() - self.first as f64 + 1.0 - reach as f64;
        if before < 0.0 {
            return 0.0;
        }
        match self.sound.get(before as usize..before as usize + 2 * reach) {
            Some(around) => self.interpolator.read(around, at - at.floor()),
            None => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// A tone on the speaker's clock, which is `ppm` fast, asked for in pieces of `piece`; returns
    /// what is read, and how often it was moved.
    fn run(rate_hz: u32, ppm: f64, piece: usize, seconds: f64) -> (Vec<f32>, usize, Aligner) {
        let mut aligner = Aligner::new(rate_hz);
        let (mut played, mut read, mut moves) = (0usize, Vec::new(), 0);
        let speed = f64::from(rate_hz) * (1.0 + ppm * 1e-6);
        for frame in 1..=(seconds * 50.0) as usize {
            let now = frame as f64 / 50.0 * speed;
            while played + piece <= now as usize {
                let tone = |i: usize| (TAU * 440.0 * i as f64 / f64::from(rate_hz)).sin() as f32;
                let sound: Vec<f32> = (played..played + piece).map(tone).collect();
                aligner.push(&sound);
                played += piece;
            }
            // Time tells what callbacks do not.
            let aligned = aligner.next(true, now - played as f64);
            moves += usize::from(aligned.moved);
            read.extend(aligned.frame);
        }
        (read, moves, aligner)
    }

    /// Cycles in the last five seconds by the phase of the tone, to a thousandth.
    fn cycles(read: &[f32]) -> f64 {
        let phase = |part: &[f32]| {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, sample) in part.iter().enumerate() {
                let turn = TAU * 440.0 * i as f64 / 16_000.0;
                re += f64::from(*sample) * turn.cos();
                im += f64::from(*sample) * turn.sin();
            }
            re.atan2(im) / TAU
        };
        let (first, last) =
            (phase(&read[read.len() - 80_000..][..1_600]), phase(&read[read.len() - 1_600..]));
        // Both begin at whole cycles of the tone: 78,400 samples are 2,156.
        2_156.0 + (last - first + 0.5).rem_euclid(1.0) - 0.5
    }

    #[test]
    fn the_reference_runs_on_the_clock_of_the_microphone() {
        for (rate_hz, ppm, piece) in
            [(16_000, 0.0, 1), (48_000, 100.0, 480), (44_100, -200.0, 441), (24_000, 150.0, 240)]
        {
            let (read, moves, aligner) = run(rate_hz, ppm, piece, 40.0);
            assert!(moves < 5, "{rate_hz} {ppm}: moved {moves} times");
            let found = f64::from(aligner.drift_ppm());
            assert!((found - ppm).abs() < 15.0, "{rate_hz} {ppm}: {found}");
            let wanted = 2_156.0 * (1.0 + ppm * 1e-6);
            assert!((cycles(&read) - wanted).abs() < 0.05, "{rate_hz} {ppm}: {}", cycles(&read));
            assert!(read[read.len() - 8_000..].iter().any(|s| s.abs() > 0.9));
        }
    }

    #[test]
    fn bursts_are_waited_for_and_then_no_more_moves() {
        let (_, _, mut aligner) = run(48_000, 0.0, 16_384, 20.0);
        assert!(aligner.held_ms() > 150.0, "{}", aligner.held_ms());
        let margin = aligner.margin_ms;
        aligner.push(&[0.0; 48]);
        assert_eq!(aligner.margin_ms, margin);
    }

    #[test]
    fn a_sink_that_wakes_up_late_is_read_as_it_plays() {
        let mut aligner = Aligner::new(48_000);
        aligner.push(&[0.0; 1_920]);
        for frame in 1..=50 {
            aligner.next(true, f64::from(frame) * 960.0);
        }
        let mut late = Vec::new();
        for frame in 0..50 {
            aligner.push(&[if frame == 10 { 0.5 } else { 0.0 }; 960]);
            let read = aligner.next(true, 1.0).frame;
            late.extend(read.iter().any(|sample| sample.abs() > 0.1).then_some(frame));
        }
        assert!(aligner.margin_ms < 40.0, "{}", aligner.margin_ms);
        assert!(matches!(late[..], [10 | 11, .., 11 | 12]), "{late:?}");
    }

    #[test]
    fn silence_is_noticed_and_so_is_its_end() {
        let mut aligner = Aligner::new(16_000);
        let mut sounded = String::new();
        for frame in 0..14 {
            let loud = (3..6).contains(&frame) || frame == 12;
            aligner.push(&[if loud { 0.1 } else { 1e-5 }; FRAME_LEN]);
            aligner.next(false, 0.0);
            sounded.push(if aligner.sounded_within(60) { '#' } else { '.' });
        }
        // 4 ms and the interpolator's reach are read late.
        assert_eq!(sounded, "...######...##");
    }

    #[test]
    fn minutes_at_once_cost_no_memory() {
        let mut aligner = Aligner::new(48_000);
        aligner.push(&vec![0.1; 48_000 * 100]);
        aligner.next(true, 0.0);
        assert!(aligner.sound.capacity() <= 2 * 48_000);
        assert_eq!(aligner.newest(), 4_800_000);
    }
}
