//! The way of our own voice from the speaker back into the microphone, simulated for replays.

use super::convolve::Convolver;
use super::interpolate::Interpolator;
use super::reference::{self, Reference, Tap};
use super::room_response::RoomResponse;
use super::track::Track;
use crate::units::{FRAME_LEN, Frame, SAMPLE_RATE_HZ, SamplePos};

/// Longest delay, in milliseconds.
pub const LONGEST_DELAY_MS: u32 = 2_000;

/// What our voice meets on its way.
#[derive(Clone, Debug)]
pub struct EchoPath {
    pub response: RoomResponse,
    /// From the playing of a sample to the beginning of the room's response to it, in
    /// milliseconds: what the sound cards and their drivers hold. At most [`LONGEST_DELAY_MS`].
    pub delay_ms: u32,
    /// How much faster the speaker's clock runs than the microphone's, in parts per million. What
    /// is said begins where it should, and ends that much sooner.
    pub drift_ppm: f64,
    /// The delay from some moment on.
    pub jump: Option<DelayJump>,
    /// Amplitude that the loudspeaker cannot exceed, 1 being full scale.
    pub clip: f32,
}

impl EchoPath {
    /// A way on which nothing happens but the room.
    pub fn plain(response: RoomResponse, delay_ms: u32) -> Self {
        Self { response, delay_ms, drift_ppm: 0.0, jump: None, clip: 1.0 }
    }

    fn shortest_ms(&self) -> u32 {
        self.jump.map_or(self.delay_ms, |jump| jump.delay_ms.min(self.delay_ms))
    }

    /// Samples of delay for what is heard at `at`.
    fn delay(&self, at: SamplePos) -> u64 {
        let ms = self.jump.filter(|jump| at >= jump.at).map_or(self.delay_ms, |j| j.delay_ms);
        SamplePos::from_ms(ms.into()).0
    }
}

/// A buffer grew or shrank.
#[derive(Clone, Copy, Debug)]
pub struct DelayJump {
    pub at: SamplePos,
    /// Delay from there on, in milliseconds. At most [`LONGEST_DELAY_MS`].
    pub delay_ms: u32,
}

/// Plays a [`Track`] into a room and hears it there.
pub struct Echo {
    path: EchoPath,
    speaker: Speaker,
    interpolator: Interpolator,
    room: Convolver,
    /// How far behind its position the track is played, in samples. Replies are decided at the end
    /// of a frame for positions inside it, so within the delay nothing of them is missed; and the
    /// interpolator reads ahead.
    behind: u64,
}

impl Echo {
    /// `track_hz` is the rate of the tracks to come.
    pub fn new(path: EchoPath, track_hz: u32) -> Self {
        let interpolator = Interpolator::new(track_hz, SAMPLE_RATE_HZ);
        let ahead =
            (interpolator.reach() as u64 * u64::from(SAMPLE_RATE_HZ)).div_ceil(track_hz.into());
        Self {
            speaker: Speaker::new(track_hz, path.drift_ppm, path.clip),
            interpolator,
            room: Convolver::new(&path.response.samples),
            behind: SamplePos::from_ms(path.shortest_ms().into()).0.min(FRAME_LEN as u64 + ahead),
            path,
        }
    }

    /// What the speaker is given from here on, for whoever takes the echo out.
    pub fn tap(&mut self) -> Reference {
        let (tap, reference) = reference::simulated(self.speaker.track_hz);
        self.speaker.tap = Some(tap);
        reference
    }

    /// Adds what the microphone hears of `track` in the frame at `at`; what is beyond full scale
    /// is lost, as in any microphone. Frames follow one another.
    pub fn add_to(&mut self, at: SamplePos, frame: &mut Frame, track: &mut Track) {
        let speed = self.speaker.speed();
        let reach = self.interpolator.reach();
        let end = (at + FRAME_LEN as u64).back(self.behind);
        self.speaker.play((end.0 as f64 * speed) as u64 + reach as u64, track);
        let mut heard = [0.0; FRAME_LEN];
        for (at, sample) in (at.0..).map(SamplePos).zip(&mut heard) {
            let Some(played) = at.0.checked_sub(self.path.delay(at)) else { continue };
            let place = played as f64 * speed;
            let around = self.speaker.around(place as u64, reach);
            *sample = around.map_or(0.0, |sound| self.interpolator.read(sound, place.fract()));
        }
        for (sample, echo) in frame.iter_mut().zip(self.room.push(&heard)) {
            *sample = (*sample + echo).clamp(-1.0, 1.0);
        }
    }
}

/// A speaker that plays a track by its own clock, sample for sample.
struct Speaker {
    track_hz: u32,
    drift: f64,
    clip: f32,
    /// Where in the track the next sample is, while something is said.
    speaks: Option<usize>,
    /// Nothing of the track before this is played again.
    done: usize,
    /// What left the loudspeaker last, and the count of samples before it.
    sound: Vec<f32>,
    before: u64,
    tap: Option<Tap>,
}

impl Speaker {
    fn new(track_hz: u32, drift_ppm: f64, clip: f32) -> Self {
        let drift = drift_ppm * 1e-6;
        // Silence before the first sample, for the interpolator to reach into.
        let sound = vec![0.0; track_hz as usize / 10];
        let (speaks, tap) = (None, None);
        Self { track_hz, drift, clip, speaks, done: 0, sound, before: 0, tap }
    }

    /// Samples played while the microphone takes one.
    fn speed(&self) -> f64 {
        f64::from(self.track_hz) / f64::from(SAMPLE_RATE_HZ) * (1.0 + self.drift)
    }

    fn lead(&self) -> u64 {
        u64::from(self.track_hz) / 10
    }

    /// Plays on until it has played `until` samples.
    fn play(&mut self, until: u64, track: &mut Track) {
        let begin = self.sound.len();
        for count in self.played()..until {
            let sample = self.next(count, track);
            self.sound.push(sample);
        }
        if let Some(tap) = &mut self.tap {
            tap.push(&self.sound[begin..]);
        }
        for sample in &mut self.sound[begin..] {
            *sample = sample.clamp(-self.clip, self.clip);
        }
        track.set_played(self.done);
        let kept = self.lead() as usize
            + (f64::from(LONGEST_DELAY_MS) * f64::from(self.track_hz) / 1000.0) as usize;
        if self.sound.len() > 2 * kept {
            let old = self.sound.len() - kept;
            self.sound.drain(..old);
            self.before += old as u64;
        }
    }

    fn played(&self) -> u64 {
        self.before + self.sound.len() as u64 - self.lead()
    }

    /// The sample that is played when `count` were before it.
    fn next(&mut self, count: u64, track: &Track) -> f32 {
        // What is said, is said by the microphone's clock.
        let due = count as f64 / (1.0 + self.drift);
        self.speaks = track.said_from(self.done).and_then(|said| match self.speaks {
            Some(at) if said.start <= at => Some(at),
            // What comes late is said from its beginning all the same.
            _ => (said.start as f64 <= due).then_some(said.start.max(self.done)),
        });
        let Some(at) = self.speaks else { return 0.0 };
        self.done = at + 1;
        self.speaks = Some(at + 1);
        track.sample(at)
    }

    /// `reach` samples up to the one that was played after `count` others, and as many behind it.
    fn around(&self, count: u64, reach: usize) -> Option<&[f32]> {
        let first = (count + self.lead() + 1).checked_sub(self.before + reach as u64)? as usize;
        self.sound.get(first..first + 2 * reach)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    const TRACK_HZ: u32 = 24_000;

    fn echo(response: &[f32], delay_ms: u32, drift_ppm: f64) -> Echo {
        let response = RoomResponse { path: "room.wav".into(), samples: response.to_vec() };
        Echo::new(EchoPath { drift_ppm, ..EchoPath::plain(response, delay_ms) }, TRACK_HZ)
    }

    /// What the microphone hears of `track` in `seconds` of silence otherwise.
    fn heard(echo: &mut Echo, track: &mut Track, seconds: f64) -> Vec<f32> {
        let frames = (seconds * f64::from(SAMPLE_RATE_HZ)) as usize / FRAME_LEN;
        let mut all = Vec::new();
        for index in 0..frames {
            let mut frame = [0.0; FRAME_LEN];
            echo.add_to(SamplePos((index * FRAME_LEN) as u64), &mut frame, track);
            all.extend(frame);
        }
        all
    }

    /// A soft knock that any rate of ours carries, with its middle at `at_ms`.
    fn knock(sound: &mut [f32], rate_hz: u32, at_ms: f64) {
        for (i, sample) in sound.iter_mut().enumerate() {
            let ms = i as f64 * 1000.0 / f64::from(rate_hz) - at_ms;
            *sample += (0.8 * (-ms * ms / 0.08).exp()) as f32;
        }
    }

    /// Where knocks are heard, in milliseconds: the centres of what is loud.
    fn knocks(heard: &[f32]) -> Vec<f64> {
        let mut found: Vec<f64> = Vec::new();
        let mut index = 0;
        while index < heard.len() {
            if heard[index].abs() < 0.05 {
                index += 1;
                continue;
            }
            let around = &heard[index..(index + 80).min(heard.len())];
            let weight: f64 = around.iter().map(|s| f64::from(*s)).sum();
            let moment: f64 = (0..).zip(around).map(|(i, s)| f64::from(i) * f64::from(*s)).sum();
            found.push((index as f64 + moment / weight) / 16.0);
            index += around.len();
        }
        found
    }

    /// A stretch of speech from `from_ms` on with knocks at these times.
    fn say(track: &mut Track, from_ms: f64, to_ms: f64, at_ms: &[f64]) {
        let mut sound = vec![0.0; ((to_ms - from_ms) * 24.0) as usize];
        at_ms.iter().for_each(|at| knock(&mut sound, TRACK_HZ, at - from_ms));
        track.put((from_ms * 24.0) as usize, &sound);
    }

    fn near(found: &[f64], wanted: &[f64]) {
        assert_eq!(found.len(), wanted.len(), "{found:?}, not {wanted:?}");
        for (found, wanted) in found.iter().zip(wanted) {
            // A speaker begins with a sample of its own.
            assert!((found - wanted).abs() < 0.06, "{found:?}, not {wanted:?}");
        }
    }

    #[test]
    fn what_is_played_is_heard_after_the_delay() {
        for delay_ms in [0, 5, 20, 40, 333] {
            let mut track = Track::new(TRACK_HZ);
            say(&mut track, 100.0, 400.0, &[150.0, 390.0]);
            let heard = heard(&mut echo(&[1.0], delay_ms, 0.0), &mut track, 1.0);
            let delay = f64::from(delay_ms);
            near(&knocks(&heard), &[150.0 + delay, 390.0 + delay]);
            let peak = heard.iter().fold(0.0f32, |peak, s| peak.max(*s));
            assert!((peak - 0.8).abs() < 0.01, "{peak}");
        }
    }

    #[test]
    fn the_room_answers_at_its_own_times_and_levels() {
        let mut room = vec![0.0; 1_600];
        (room[0], room[800]) = (1.0, 0.5);
        let mut track = Track::new(TRACK_HZ);
        say(&mut track, 0.0, 100.0, &[50.0]);
        let heard = heard(&mut echo(&room, 0, 0.0), &mut track, 0.5);
        near(&knocks(&heard), &[50.0, 100.0]);
        let peak =
            |ms: usize| heard[ms * 16 - 40..ms * 16 + 40].iter().copied().fold(0.0, f32::max);
        assert!((peak(100) / peak(50) - 0.5).abs() < 0.01);
    }

    #[test]
    fn a_drift_shifts_what_is_said_by_the_time_since_it_began() {
        for ppm in [-1000.0, -100.0, 0.0, 100.0, 1000.0] {
            let mut track = Track::new(TRACK_HZ);
            say(&mut track, 500.0, 20_600.0, &[501.0, 10_500.0, 20_500.0]);
            // Silence puts the clocks right again.
            say(&mut track, 21_000.0, 22_000.0, &[21_010.0]);
            let mut echo = echo(&[1.0], 0, ppm);
            let found = knocks(&heard(&mut echo, &mut track, 23.0));
            let sooner = |ms: f64| (ms - 500.0) / (1.0 + ppm * 1e-6) + 500.0;
            near(&found, &[sooner(501.0), sooner(10_500.0), sooner(20_500.0), 21_010.0]);
        }
    }

    #[test]
    fn a_slow_speaker_finishes_before_it_begins_anew() {
        let mut track = Track::new(TRACK_HZ);
        say(&mut track, 0.0, 20_000.0, &[19_990.0]);
        say(&mut track, 20_005.0, 20_100.0, &[20_010.0]);
        let found = knocks(&heard(&mut echo(&[1.0], 0, -1000.0), &mut track, 21.0));
        // 20 s take 20 ms longer; the second stretch begins 15 ms late.
        near(&found, &[20_010.0, 20_025.0]);
    }

    #[test]
    fn what_is_said_within_the_delay_is_not_missed() {
        // Decided at the end of a frame, put a frame back: the case of every reply.
        let mut late = Track::new(TRACK_HZ);
        let mut echo = echo(&[1.0], 21, 0.0);
        let mut all = heard(&mut echo, &mut late, 0.1);
        say(&mut late, 80.0, 200.0, &[82.0]);
        for index in 5..10 {
            let mut frame = [0.0; FRAME_LEN];
            echo.add_to(SamplePos(index * FRAME_LEN as u64), &mut frame, &mut late);
            all.extend(frame);
        }
        near(&knocks(&all), &[103.0]);
    }

    #[test]
    fn what_was_played_cannot_be_taken_back() {
        let mut track = Track::new(TRACK_HZ);
        say(&mut track, 0.0, 1_000.0, &[90.0, 150.0]);
        let mut echo = echo(&[1.0], 60, 0.0);
        let all = heard(&mut echo, &mut track, 0.14);
        // The speaker stands at 120 ms by now; the first knock is still on its way to the ear.
        track.cut(0, 24);
        near(&knocks(&all), &[]);
        let mut rest = Vec::new();
        for index in 7..20 {
            let mut frame = [0.0; FRAME_LEN];
            echo.add_to(SamplePos(index * FRAME_LEN as u64), &mut frame, &mut track);
            rest.extend(frame);
        }
        near(&knocks(&rest), &[10.0]);
    }

    #[test]
    fn what_a_microphone_at_16_khz_cannot_hear_is_removed() {
        let tone = |hz: f64| -> f32 {
            let step = 2.0 * PI * hz / f64::from(TRACK_HZ);
            let sound: Vec<f32> =
                (0..TRACK_HZ).map(|i| (step * f64::from(i)).sin() as f32).collect();
            let mut track = Track::new(TRACK_HZ);
            track.put(0, &sound);
            let heard = heard(&mut echo(&[1.0], 0, 50.0), &mut track, 0.9);
            heard[4_000..12_000].iter().fold(0.0, |peak, s| peak.max(s.abs()))
        };
        for (hz, passes) in [(100.0, true), (1_000.0, true), (5_000.0, true), (9_000.0, false)] {
            let level = tone(hz);
            let right = if passes { (level - 1.0).abs() < 0.02 } else { level < 0.01 };
            assert!(right, "{hz} Hz: {level}");
        }
    }

    #[test]
    fn the_delay_jumps_where_it_is_told_to() {
        let response = RoomResponse { path: "room.wav".into(), samples: vec![1.0] };
        let jump = Some(DelayJump { at: SamplePos::from_ms(500), delay_ms: 80 });
        let path = EchoPath { jump, ..EchoPath::plain(response, 40) };
        let mut track = Track::new(TRACK_HZ);
        say(&mut track, 0.0, 900.0, &[300.0, 600.0]);
        near(&knocks(&heard(&mut Echo::new(path, TRACK_HZ), &mut track, 1.0)), &[340.0, 680.0]);
    }

    #[test]
    fn a_loudspeaker_clips_and_the_reference_does_not() {
        let response = RoomResponse { path: "room.wav".into(), samples: vec![1.0] };
        let path = EchoPath { clip: 0.1, drift_ppm: 100.0, ..EchoPath::plain(response, 40) };
        let mut echo = Echo::new(path, TRACK_HZ);
        let mut reference = echo.tap();
        let mut track = Track::new(TRACK_HZ);
        say(&mut track, 0.0, 900.0, &[300.0]);
        let loudest = |sound: &[f32]| sound.iter().fold(0.0f32, |peak, s| peak.max(*s));
        assert!((loudest(&heard(&mut echo, &mut track, 1.0)) - 0.1).abs() < 0.02);
        let mut played = Vec::new();
        reference.read(|part| played.extend_from_slice(part));
        assert!((loudest(&played) - 0.8).abs() < 1e-3);
        // A second, less the frame that a speaker is behind, on its own clock.
        assert_eq!(played.len(), 23_522);
    }
}
