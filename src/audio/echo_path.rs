//! The way of our own voice from the speaker back into the microphone, simulated for replays.

use std::f64::consts::PI;

use super::convolve::Convolver;
use super::room_response::RoomResponse;
use super::track::Track;
use crate::units::{FRAME_LEN, Frame, SAMPLE_RATE_HZ, SamplePos};

/// Half the length of the interpolation filter, in samples of the track: 14 zero crossings when it
/// goes from 24 to 16 kHz.
const REACH: i64 = 24;
/// Where the filter has fallen to a half, as a part of the lower Nyquist frequency.
const PASS: f64 = 0.9;

/// What our voice meets on its way.
#[derive(Clone, Debug)]
pub struct EchoPath {
    pub response: RoomResponse,
    /// From the playing of a sample to the beginning of the room's response to it, in
    /// milliseconds: what the sound cards and their drivers hold.
    pub delay_ms: u32,
    /// How much faster the speaker's clock runs than the microphone's, in parts per million. Each
    /// stretch of speech begins when it is said and ends that much sooner; in silence a speaker
    /// waits for the next one, so nothing adds up.
    pub drift_ppm: f64,
}

/// Plays a [`Track`] into a room and hears it there.
pub struct Echo {
    head: Playhead,
    room: Convolver,
    /// How far behind its position the track is played, in samples. Replies are decided at the end
    /// of a frame for positions inside it, so within the delay nothing of them is missed.
    behind: u64,
}

impl Echo {
    /// `track_hz` is the rate of the tracks to come.
    pub fn new(path: &EchoPath, track_hz: u32) -> Self {
        let delay = SamplePos::from_ms(path.delay_ms.into()).0 as usize;
        let behind = delay.min(FRAME_LEN);
        let mut kernel = vec![0.0; delay - behind];
        kernel.extend_from_slice(&path.response.samples);
        Self {
            head: Playhead::new(track_hz, path.drift_ppm),
            room: Convolver::new(&kernel),
            behind: behind as u64,
        }
    }

    /// Adds what the microphone hears of `track` in the frame at `at`. Frames follow one another.
    pub fn add_to(&mut self, at: SamplePos, frame: &mut Frame, track: &mut Track) {
        let mut played = [0.0; FRAME_LEN];
        for (offset, sample) in (0..).zip(&mut played) {
            *sample = self.head.next((at + offset).0 as i64 - self.behind as i64, track);
        }
        track.set_played(self.head.done.ceil() as usize);
        for (sample, echo) in frame.iter_mut().zip(self.room.push(&played)) {
            *sample += echo;
        }
    }
}

/// Where a speaker stands in its track. Positions are in samples of the track.
struct Playhead {
    /// Samples of the track to one of the microphone, by nominal rates.
    nominal: f64,
    /// The same by the speaker's own clock.
    speed: f64,
    speaks: bool,
    /// Where the present stretch of speech began, and how many samples it was played for since.
    begin: f64,
    taken: u64,
    /// Nothing before this is played again.
    done: f64,
}

impl Playhead {
    fn new(track_hz: u32, drift_ppm: f64) -> Self {
        let nominal = f64::from(track_hz) / f64::from(SAMPLE_RATE_HZ);
        let speed = nominal * (1.0 + drift_ppm * 1e-6);
        Self { nominal, speed, speaks: false, begin: 0.0, taken: 0, done: 0.0 }
    }

    /// The sample that is played while the microphone takes its sample `heard`.
    fn next(&mut self, heard: i64, track: &Track) -> f32 {
        let due = heard as f64 * self.nominal;
        let start = track.said_from(self.done as usize).map(|said| said.start as f64);
        self.speaks = match start {
            Some(start) if self.speaks && start <= self.done => true,
            Some(start) if start <= due => {
                // What comes late is said from its beginning all the same.
                let begin = if due - start < self.nominal { due } else { start };
                (self.begin, self.taken) = (begin.max(self.done), 0);
                true
            }
            _ => false,
        };
        if !self.speaks {
            return 0.0;
        }
        let at = self.begin + self.taken as f64 * self.speed;
        self.taken += 1;
        self.done = self.begin + self.taken as f64 * self.speed;
        interpolate(track, at, 1.0 / self.nominal)
    }
}

/// The track between its samples, without what is above the Nyquist frequency of a rate that is
/// `ratio` times the track's: a sinc under a Hann window.
fn interpolate(track: &Track, at: f64, ratio: f64) -> f32 {
    let cutoff = PASS * ratio.min(1.0);
    let whole = at.floor();
    let mut sum = 0.0;
    for tap in 1 - REACH..=REACH {
        let sample = track.sample(whole as i64 + tap);
        if sample != 0.0 {
            let x = at - whole - tap as f64;
            let sinc = if x.abs() < 1e-9 { cutoff } else { (PI * cutoff * x).sin() / (PI * x) };
            let window = 0.5 + 0.5 * (PI * x / REACH as f64).cos();
            sum += f64::from(sample) * sinc * window;
        }
    }
    sum as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACK_HZ: u32 = 24_000;

    fn echo(response: &[f32], delay_ms: u32, drift_ppm: f64) -> Echo {
        let response = RoomResponse { path: "room.wav".into(), samples: response.to_vec() };
        Echo::new(&EchoPath { response, delay_ms, drift_ppm }, TRACK_HZ)
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
            assert!((found - wanted).abs() < 0.02, "{found:?}, not {wanted:?}");
        }
    }

    #[test]
    fn what_is_played_is_heard_after_the_delay() {
        for delay_ms in [0, 5, 20, 40, 333] {
            let mut track = Track::default();
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
        let mut track = Track::default();
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
            let mut track = Track::default();
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
        let mut track = Track::default();
        say(&mut track, 0.0, 20_000.0, &[19_990.0]);
        say(&mut track, 20_005.0, 20_100.0, &[20_010.0]);
        let found = knocks(&heard(&mut echo(&[1.0], 0, -1000.0), &mut track, 21.0));
        // 20 s take 20 ms longer; the second stretch begins at its first sample, 15 ms late, and
        // on a sample of the microphone.
        near(&found, &[20_010.0, 20_025.07]);
    }

    #[test]
    fn what_is_said_within_the_delay_is_not_missed() {
        // Decided at the end of a frame, put a frame back: the case of every reply.
        let mut late = Track::default();
        let mut echo = echo(&[1.0], 20, 0.0);
        let mut all = heard(&mut echo, &mut late, 0.1);
        say(&mut late, 80.0, 200.0, &[82.0]);
        for index in 5..10 {
            let mut frame = [0.0; FRAME_LEN];
            echo.add_to(SamplePos(index * FRAME_LEN as u64), &mut frame, &mut late);
            all.extend(frame);
        }
        near(&knocks(&all), &[102.0]);
    }

    #[test]
    fn what_was_played_cannot_be_taken_back() {
        let mut track = Track::default();
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
            let mut track = Track::default();
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
}
