//! How a room carries sound from the speaker to the microphone: its impulse response, from a file.

use std::path::{Path, PathBuf};

use super::file::{self, AudioFileError};
use crate::draw::Draw;
use crate::units::SAMPLE_RATE_HZ;

/// Longest response, in seconds: a church.
pub const LONGEST_S: u32 = 5;
/// Gains that make sense, in decibels: from inaudible to a microphone inside the speaker.
pub const GAINS_DB: std::ops::RangeInclusive<f32> = -100.0..=40.0;
/// Largest sample, 100 dB below full scale, of what counts as silent.
const SILENT: f32 = 1e-5;

/// A room impulse response: mono, at [`SAMPLE_RATE_HZ`], gain applied.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomResponse {
    /// Where it was read, or what was made up.
    pub path: PathBuf,
    pub samples: Vec<f32>,
}

#[derive(Debug, thiserror::Error)]
pub enum RoomResponseError {
    #[error(transparent)]
    File(#[from] AudioFileError),
    #[error("`{}` is silent; an impulse response has a peak, and its echo dies away behind it",
        path.display())]
    Silent { path: PathBuf },
    #[error(
        "`{}` is {seconds:.1} s long; an impulse response has at most {LONGEST_S} s. Is it a \
         recording? Cut it to the impulse and its echo", path.display()
    )]
    TooLong { path: PathBuf, seconds: f64 },
    #[error(
        "the gain `{gain}` behind `{}` is not a number of decibels; write for example {}:-6",
        path.display(), path.display()
    )]
    NoNumber { path: PathBuf, gain: String },
    #[error(
        "the gain of {gain_db} dB behind `{}` is out of range; it can be {} to {} dB",
        path.display(), GAINS_DB.start(), GAINS_DB.end()
    )]
    Gain { path: PathBuf, gain_db: f32 },
}

impl RoomResponse {
    /// Reads what `text` names: `room.wav`, or `room.wav:-6` with a gain in decibels on top of the
    /// file's own level. A path that itself ends in a colon and a number needs the gain after it.
    pub fn open(text: &str) -> Result<Self, RoomResponseError> {
        let (path, gain_db) = split(text)?;
        let clip = file::read(path)?;
        let path = || path.to_path_buf();
        if clip.seconds() > f64::from(LONGEST_S) {
            return Err(RoomResponseError::TooLong { path: path(), seconds: clip.seconds() });
        }
        if clip.samples.iter().all(|sample| sample.abs() < SILENT) {
            return Err(RoomResponseError::Silent { path: path() });
        }
        // A response with fewer samples a second sums up fewer of them.
        let density = clip.rate_hz as f32 / SAMPLE_RATE_HZ as f32;
        let gain = 10f32.powf(gain_db / 20.0) * density;
        let mut samples = clip.to_rate(SAMPLE_RATE_HZ).samples;
        samples.iter_mut().for_each(|sample| *sample *= gain);
        Ok(Self { path: path(), samples })
    }
}

impl RoomResponse {
    /// A made-up room, in which a sound dies away by 60 dB in `rt60_s`: the direct sound, then
    /// noise that decays, softer than it by `direct_db` in all. The same `seed` makes the same room.
    pub fn made(rt60_s: f32, direct_db: f32, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let rate = SAMPLE_RATE_HZ as f32;
        let mut samples: Vec<f32> = (0..(rt60_s * rate) as usize)
            .map(|i| {
                let decay = 10f32.powf(-3.0 * i as f32 / (rt60_s * rate));
                // Nothing is reflected before it has gone there and back.
                if i < FIRST_REFLECTION { 0.0 } else { decay * draw.between(-1.0, 1.0) }
            })
            .collect();
        let power: f32 = samples.iter().map(|sample| sample * sample).sum();
        let gain = 10f32.powf(-direct_db / 20.0) / power.max(f32::MIN_POSITIVE).sqrt();
        samples.iter_mut().for_each(|sample| *sample *= gain);
        samples.insert(0, 1.0);
        Self { path: PathBuf::from(format!("a made-up room of {rt60_s} s")), samples }
    }
}

/// In samples: the nearest surface is half a metre away.
const FIRST_REFLECTION: usize = 3 * SAMPLE_RATE_HZ as usize / 1000;

/// Path and gain. A colon may be part of the path: then nothing but a path stands behind it.
fn split(text: &str) -> Result<(&Path, f32), RoomResponseError> {
    let Some((path, gain)) = text.rsplit_once(':') else { return Ok((Path::new(text), 0.0)) };
    let path = Path::new(path);
    match gain.trim().parse::<f32>() {
        Ok(gain_db) if GAINS_DB.contains(&gain_db) => Ok((path, gain_db)),
        Ok(gain_db) => Err(RoomResponseError::Gain { path: path.to_path_buf(), gain_db }),
        Err(_) if path.is_file() && !Path::new(text).exists() => {
            Err(RoomResponseError::NoNumber { path: path.to_path_buf(), gain: gain.to_owned() })
        }
        Err(_) => Ok((Path::new(text), 0.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dir: &Path, name: &str, rate_hz: u32, samples: &[f32]) -> String {
        let path = dir.join(name);
        file::write_wav(&path, rate_hz, samples).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// An impulse in the middle of a little silence.
    fn impulse(rate_hz: u32) -> Vec<f32> {
        let mut samples = vec![0.0; rate_hz as usize / 10];
        samples[rate_hz as usize / 20] = 0.5;
        samples
    }

    #[test]
    fn the_level_does_not_depend_on_the_rate_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        for rate_hz in [8_000, 16_000, 44_100, 48_000] {
            let path = written(dir.path(), "room.wav", rate_hz, &impulse(rate_hz));
            for (gain, wanted) in [("", 0.5), (":0", 0.5), (":20", 5.0), (":-6.0206", 0.25)] {
                // Its sum is what a steady tone is multiplied with.
                let response = RoomResponse::open(&format!("{path}{gain}")).unwrap();
                let sum: f32 = response.samples.iter().sum();
                assert!((sum / wanted - 1.0).abs() < 0.01, "{rate_hz} Hz{gain}: {sum}");
            }
        }
    }

    #[test]
    fn a_made_up_room_dies_away_as_long_and_as_loud_as_it_should() {
        for rt60_s in [0.3, 0.5, 0.8] {
            let room = RoomResponse::made(rt60_s, 6.0, 1).samples;
            let power = |part: &[f32]| part.iter().map(|s| s * s).sum::<f32>();
            assert_eq!(room[0], 1.0);
            assert!((10.0 * power(&room[1..]).log10() + 6.0).abs() < 0.01);
            // Over half the time it falls by 30 dB.
            let (at, len) = (room.len() / 4, room.len() / 10);
            let fall = power(&room[at..at + len]) / power(&room[3 * at..3 * at + len]);
            assert!((10.0 * fall.log10() - 30.0).abs() < 2.5, "{rt60_s}: {fall}");
        }
    }

    #[test]
    fn a_colon_may_be_part_of_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path(), "take:two.wav", 16_000, &impulse(16_000));
        let number = written(dir.path(), "take:3", 16_000, &impulse(16_000));
        for good in [path.clone(), format!("{path}:-3"), format!("{number}:0")] {
            assert!(RoomResponse::open(&good).is_ok(), "{good}");
        }
        assert!(RoomResponse::open(&number).is_err(), "`take` with a gain of 3 dB");
    }

    #[test]
    fn what_is_no_response_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let good = written(dir.path(), "room.wav", 16_000, &impulse(16_000));
        let empty = dir.path().join("empty.wav");
        std::fs::write(&empty, b"").unwrap();
        let silent = written(dir.path(), "silent.wav", 16_000, &[0.0; 100]);
        let no_samples = written(dir.path(), "none.wav", 16_000, &[]);
        let long = written(dir.path(), "long.wav", 16_000, &[0.5; 5 * 16_000 + 1]);
        let absent = dir.path().join("absent.wav").to_str().unwrap().to_owned();
        for (text, named, why) in [
            (absent.clone(), "absent.wav", "cannot read"),
            (format!("{absent}:-3"), "absent.wav", "cannot read"),
            (format!("{absent}:loud"), "absent.wav:loud", "cannot read"),
            (empty.to_str().unwrap().to_owned(), "empty.wav", "empty"),
            (no_samples, "none.wav", "no samples"),
            (silent, "silent.wav", "silent"),
            (long, "long.wav", "at most 5 s"),
            (format!("{good}:loud"), "room.wav", "not a number of decibels"),
            (format!("{good}:"), "room.wav", "not a number of decibels"),
            (format!("{good}:nan"), "room.wav", "-100 to 40 dB"),
            (format!("{good}:inf"), "room.wav", "-100 to 40 dB"),
            (format!("{good}:41"), "room.wav", "-100 to 40 dB"),
            (String::new(), "``", "cannot read"),
        ] {
            let error = RoomResponse::open(&text).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains(why), "{text}: {error}");
        }
    }
}
