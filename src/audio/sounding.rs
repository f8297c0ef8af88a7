//! Record and play: a sound that nothing in a room sounds like, and where it is in what was heard.

use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use super::capture::Capture;
use super::devices::DeviceError;
use super::file::Clip;
use super::playback::{Flushed, Playback, SPEECH_RATE_HZ};
use crate::units::SAMPLE_RATE_HZ;

/// Longest wait for one frame; beyond it the microphone is asked whether it is still there.
const FRAME_WAIT: Duration = Duration::from_millis(100);

/// A tone that rises from 200 Hz to 3.4 kHz, what every speaker and microphone carries, with a
/// changing envelope: unlike a steady tone it is like itself at one place only. Quiet at both ends, so
/// that fades do not count.
pub fn sweep(rate_hz: u32, seconds: f64) -> Vec<f32> {
    const FROM_HZ: f64 = 200.0;
    const TO_HZ: f64 = 3_400.0;
    const EDGE_S: f64 = 0.05;
    let rate = f64::from(rate_hz);
    let len = (rate * seconds) as usize;
    (0..len)
        .map(|i| {
            let t = i as f64 / rate;
            let turns = FROM_HZ * t + (TO_HZ - FROM_HZ) * t * t / (2.0 * seconds);
            let edge = (t.min(seconds - t) / EDGE_S).clamp(0.0, 1.0);
            ((TAU * turns).sin() * (0.3 + 0.15 * (t * 23.0).sin()) * edge) as f32
        })
        .collect()
}

/// Where a sound is in another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The normalised correlation there, 0 (nothing of it) to 1 (nothing else).
    pub alike: f32,
    /// In samples, between them where it lies so.
    pub at: f64,
}

impl Found {
    const NOWHERE: Self = Self { alike: 0.0, at: 0.0 };
}

/// Where `heard` is most like all of `played`, upside down or not; both at one rate. Looked for at a
/// quarter of the rate first.
pub fn find(played: &[f32], heard: &[f32]) -> Found {
    const COARSE: usize = 4;
    if played.is_empty() || heard.len() < played.len() {
        return Found::NOWHERE;
    }
    let thin = |sound: &[f32]| -> Vec<f32> {
        sound.chunks_exact(COARSE).map(|part| part.iter().sum::<f32>() / COARSE as f32).collect()
    };
    let (few, sparse) = (thin(played), thin(heard));
    let last = heard.len() - played.len();
    let shifts = 0..=sparse.len().saturating_sub(few.len());
    let best = |played: &[f32], heard: &[f32], shifts: std::ops::RangeInclusive<usize>| {
        let all = shifts.map(|shift| (likeness(played, &heard[shift..]), shift));
        all.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |(_, shift)| shift)
    };
    let near = COARSE * best(&few, &sparse, shifts);
    let from = near.saturating_sub(COARSE).min(last);
    let at = best(played, heard, from..=(near + COARSE).min(last));
    let of = |at: usize| likeness(played, &heard[at..]);
    let alike = of(at);
    let between = match (at.checked_sub(1), at < last) {
        (Some(before), true) => summit(of(before), alike, of(at + 1)),
        _ => 0.0,
    };
    Found { alike: alike as f32, at: at as f64 + between }
}

/// Normalised correlation of `played` with the beginning of `heard`.
fn likeness(played: &[f32], heard: &[f32]) -> f64 {
    let (mut product, mut ours, mut theirs) = (0.0, 1e-12, 1e-12);
    for (a, b) in played.iter().zip(heard) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        product += a * b;
        ours += a * a;
        theirs += b * b;
    }
    product.abs() / f64::sqrt(ours * theirs)
}

/// Where the parabola through three neighbours has its summit, from the middle one, -0.5..=0.5.
fn summit(before: f64, middle: f64, after: f64) -> f64 {
    let bend = before - 2.0 * middle + after;
    if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

/// What the microphone hears from now on, at [`SAMPLE_RATE_HZ`]; less where it delivers nothing for
/// twice as long.
pub fn listen(capture: &mut Capture, long: Duration) -> Result<Vec<f32>, DeviceError> {
    let wanted = (long.as_millis() as usize) * SAMPLE_RATE_HZ as usize / 1000;
    let mut heard = Vec::with_capacity(wanted);
    // Sound that waited while nobody read is not from now.
    while capture.next_frame(Duration::ZERO).is_some() {}
    let until = Instant::now() + 2 * long;
    while heard.len() < wanted && Instant::now() < until {
        match capture.next_frame(FRAME_WAIT) {
            Some(frame) => heard.extend_from_slice(&frame.samples),
            None => capture.check()?,
        }
    }
    Ok(heard)
}

/// Plays `sound`, at [`SAMPLE_RATE_HZ`] and shorter than the speaker's queue, and returns at once.
pub fn play(playback: &mut Playback, sound: &[f32]) -> Result<(), Flushed> {
    let clip = Clip { rate_hz: SAMPLE_RATE_HZ, samples: sound.to_vec() }.to_rate(SPEECH_RATE_HZ);
    let feeder = playback.feeder();
    feeder.begin();
    feeder.push(&clip.samples)?;
    feeder.end().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    #[test]
    fn a_sweep_is_found_where_it_is_and_nowhere_else() {
        let played = sweep(16_000, 0.5);
        let mut heard = vec![0.001; 3_001];
        heard.extend(played.iter().map(|x| -0.1 * x));
        heard.extend([0.0; 2_000]);
        let found = find(&played, &heard);
        assert!(found.alike > 0.999 && (found.at - 3_001.0).abs() < 0.01, "{found:?}");
        assert!(find(&played, &[0.1; 16_000]).alike < 0.2);
        assert_eq!(find(&played, &played[1..]), Found::NOWHERE);
        assert_eq!(find(&[], &[]), Found::NOWHERE);
    }

    #[test]
    fn it_is_found_between_samples_and_in_noise() {
        let fine = sweep(160_000, 1.0);
        let tenth =
            |late: usize| -> Vec<f32> { fine.iter().skip(late).step_by(10).copied().collect() };
        let played = tenth(0);
        for late in [1, 4, 9] {
            let mut draw = Draw::new(late as u64);
            let mut heard: Vec<f32> = (0..20_000).map(|_| draw.between(-0.3, 0.3)).collect();
            for (to, from) in heard[1_000..].iter_mut().zip(tenth(late)) {
                *to += 0.3 * from;
            }
            let expected = 1_000.0 - late as f64 / 10.0;
            let found = find(&played, &heard);
            assert!((found.at - expected).abs() < 0.1, "{found:?}, not {expected}");
            assert!((0.2..0.9).contains(&found.alike), "{found:?}");
        }
    }
}
