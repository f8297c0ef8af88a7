//! Noisy and reverberant copies of recordings, made on the fly from a recipe.
//!
//! A recipe is a tab-separated table: `utt` (the recording), `cond` (what to call the result),
//! and optionally `noise` with `noise_start` (a sample of it at 16 kHz; the noise repeats when it
//! is too short), `noise_from` (the sample of the copy where it sets in, else the first), `snr_db`
//! and `snr_def`, `rir` (a room impulse response) with `rir_channel`, and `pauses` inside the speech
//! with `tone_start` and `tone_len` ([`pauses`]). Files are named relative to the recipe. Every offset stands in the row, so a mix is the same
//! everywhere, sample by sample: the result is rounded to the 16 bits a written copy would have.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use realfft::RealFftPlanner;

use super::table::{Table, TableError, TableRow};
use crate::audio::file::{self, AudioFileError};
use crate::units::SAMPLE_RATE_HZ;
use pauses::Pauses;

mod pauses;

/// What "signal to noise" is a ratio of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnrDefinition {
    /// The loudest frames of 2048 samples of both, and the mix is scaled to a peak of 0.5:
    /// Picovoice's definition in their speech-to-intent benchmark.
    MaxFrame,
    /// Mean power of the speech where it is active (20 ms frames within 30 dB of the loudest) and
    /// mean power of the noise; the mix is only scaled down, to a peak of 0.9.
    ActiveRms,
}

/// Beyond, one of the two is not there at all in 16 bits.
const SNR_DB: RangeInclusive<f64> = -100.0..=100.0;

/// The noise of one copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    pub path: PathBuf,
    pub start: usize,
    /// Sample of the copy where it sets in.
    pub from: usize,
    pub snr_db: f64,
}

/// Why a copy cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MixError {
    #[error(transparent)]
    Sound(#[from] AudioFileError),
    /// The recipe asks for what its files do not hold.
    #[error(transparent)]
    Recipe(#[from] TableError),
}

/// One copy to make.
#[derive(Clone, Debug, PartialEq)]
pub struct MixRow {
    /// The recipe.
    pub recipe: PathBuf,
    /// Its line.
    pub line: u64,
    /// The recording.
    pub utterance: PathBuf,
    pub condition: String,
    pub noise: Option<Noise>,
    /// Impulse response and which of its channels.
    pub room: Option<(PathBuf, u32)>,
    pub definition: SnrDefinition,
    /// Hesitations to put in.
    pub pauses: Option<Pauses>,
}

/// Reads a recipe.
pub fn read(path: &Path) -> Result<Vec<MixRow>, TableError> {
    let table = Table::read(path, &["utt", "cond"])?;
    table.rows().map(|row| read_row(&table, row)).collect()
}

fn read_row(table: &Table, row: TableRow<'_>) -> Result<MixRow, TableError> {
    let noise = match row.text("noise") {
        "" if !row.text("snr_db").is_empty() => {
            let rule = format!("filled in where snr_db is, here {}", row.text("snr_db"));
            return Err(row.error("noise", rule));
        }
        "" => None,
        name => {
            let start = row.parsed("noise_start", "a position in samples", |_| true)?;
            let from = row.parsed("noise_from", "a position in samples", |_| true)?;
            let snr_db = row.parsed("snr_db", "a ratio in decibels, -100 to 100", |db: &f64| {
                SNR_DB.contains(db)
            })?;
            Some(Noise {
                path: table.resolve(name),
                start: start.ok_or_else(|| row.error("noise_start", "filled in with a noise"))?,
                from: from.unwrap_or(0),
                snr_db: snr_db.ok_or_else(|| row.error("snr_db", "filled in with a noise"))?,
            })
        }
    };
    let room = match row.text("rir") {
        "" => None,
        name => {
            let channel = row.parsed("rir_channel", "a channel, counted from 0", |_| true)?;
            Some((table.resolve(name), channel.unwrap_or(0)))
        }
    };
    let definition = match row.text("snr_def") {
        "maxframe" => SnrDefinition::MaxFrame,
        "rms" | "" => SnrDefinition::ActiveRms,
        _ => return Err(row.error("snr_def", "`maxframe`, `rms` or empty, which means `rms`")),
    };
    let utterance = table.resolve(row.filled("utt")?);
    let condition = row.text("cond").to_owned();
    let pauses = Pauses::read(row)?;
    let (recipe, line) = (table.path().to_owned(), row.line());
    Ok(MixRow { recipe, line, utterance, condition, noise, room, definition, pauses })
}

/// Makes copies; keeps noises and rooms, of which a recipe uses few, in memory.
#[derive(Default)]
pub struct Mixer {
    kept: HashMap<(PathBuf, u32), Arc<[f32]>>,
}

impl MixRow {
    /// Where in the copy, in seconds, what happens in the recording at `seconds`.
    pub fn time(&self, seconds: f64) -> f64 {
        self.pauses.as_ref().map_or(seconds, |pauses| pauses.time(seconds))
    }

    /// Where in the copy its pauses begin and end, in seconds.
    pub fn pauses_s(&self) -> Vec<(f64, f64)> {
        self.pauses.as_ref().map_or_else(Vec::new, Pauses::times)
    }

    fn wrong(&self, column: &'static str, value: String, rule: String) -> TableError {
        let (path, line) = (self.recipe.clone(), self.line);
        TableError::Field { path, line, column, value, rule }
    }

    /// Refuses what lies beyond a recording of so many `samples`, or beyond its copy.
    fn check_places(&self, samples: usize) -> Result<(), TableError> {
        let mut copy = samples;
        if let Some(pauses) = &self.pauses {
            pauses
                .check(samples)
                .map_err(|(column, value, rule)| self.wrong(column, value, rule))?;
            copy += pauses.len();
        }
        match &self.noise {
            Some(noise) if noise.from >= copy => {
                let rule = format!("less than {copy}, the samples of the copy");
                Err(self.wrong("noise_from", noise.from.to_string(), rule))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a noise that is over before it begins, or silent for the `len` samples it is used.
    fn check_noise(&self, noise: &Noise, source: &[f32], len: usize) -> Result<(), TableError> {
        let wrong = |column, value, rule| self.wrong(column, value, rule);
        let (name, samples) = (noise.path.display(), source.len());
        if noise.start >= samples {
            let rule = format!("less than {samples}, the samples at 16 kHz of {name}");
            return Err(wrong("noise_start", noise.start.to_string(), rule));
        }
        let used = source.iter().cycle().skip(noise.start).take(len.min(samples));
        if len > 0 && used.copied().all(|sample| sample == 0.0) {
            let rule = format!("sound; from sample {} on there is only silence", noise.start);
            return Err(wrong("noise", name.to_string(), rule));
        }
        Ok(())
    }
}

impl Mixer {
    /// Looks at what `row` asks of its files, long before its turn comes; the recording has so many
    /// `samples` at 16 kHz. A noise that cannot be read is left to [`make`](Self::make).
    pub fn check(&mut self, row: &MixRow, samples: usize) -> Result<(), TableError> {
        row.check_places(samples)?;
        let Some(noise) = &row.noise else { return Ok(()) };
        match self.keep(&noise.path, 0) {
            Ok(source) => row.check_noise(noise, &source, source.len()),
            Err(_) => Ok(()),
        }
    }

    /// One copy: mono at 16 kHz, every sample a multiple of 1/32768.
    pub fn make(&mut self, row: &MixRow) -> Result<Vec<f32>, MixError> {
        let mut sound = read_channel(&row.utterance, 0)?;
        row.check_places(sound.len())?;
        if let Some(pauses) = &row.pauses {
            sound = pauses.put_into(&sound);
        }
        if let Some((path, channel)) = &row.room {
            sound = reverberate(&sound, &self.keep(path, *channel)?);
        }
        let mut sound: Vec<f64> = sound.into_iter().map(f64::from).collect();
        if let Some(noise) = &row.noise {
            let source = self.keep(&noise.path, 0)?;
            row.check_noise(noise, &source, sound.len() - noise.from)?;
            add_noise(&mut sound, &source, noise, row.definition);
        }
        Ok(to_16_bit(&sound, row.definition))
    }

    fn keep(&mut self, path: &Path, channel: u32) -> Result<Arc<[f32]>, AudioFileError> {
        let key = (path.to_owned(), channel);
        if let Some(kept) = self.kept.get(&key) {
            return Ok(Arc::clone(kept));
        }
        let sound: Arc<[f32]> = read_channel(path, channel)?.into();
        self.kept.insert(key, Arc::clone(&sound));
        Ok(sound)
    }
}

fn read_channel(path: &Path, channel: u32) -> Result<Vec<f32>, AudioFileError> {
    Ok(file::read_channel(path, channel)?.to_rate(SAMPLE_RATE_HZ).samples)
}

/// `sound` as heard in the room, with the direct sound where it was and the power it had.
fn reverberate(sound: &[f32], room: &[f32]) -> Vec<f32> {
    let direct = room
        .iter()
        .enumerate()
        // The first of several equal ones.
        .rev()
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
        .map_or(0, |(at, _)| at);
    let wet = convolve(sound, room);
    let wet = &wet[direct..direct + sound.len()];
    let gain = (mean_power(sound) / (mean_power(wet) + 1e-12)).sqrt() as f32;
    wet.iter().map(|s| s * gain).collect()
}

/// Linear convolution, `a.len() + b.len()` long (the last sample is zero).
fn convolve(a: &[f32], b: &[f32]) -> Vec<f32> {
    let len = a.len() + b.len();
    let size = len.next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let transform = |x: &[f32]| {
        let mut time = forward.make_input_vec();
        for (slot, sample) in time.iter_mut().zip(x) {
            *slot = f64::from(*sample);
        }
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut time, &mut spectrum).expect("buffers made by the plan fit it");
        spectrum
    };
    let mut spectrum = transform(a);
    for (x, y) in spectrum.iter_mut().zip(transform(b)) {
        *x *= y;
    }
    let mut time = inverse.make_output_vec();
    inverse
        .process(&mut spectrum, &mut time)
        .expect("a product of two real signals' spectra is one of a real signal");
    time[..len].iter().map(|s| (s / size as f64) as f32).collect()
}

fn add_noise(sound: &mut [f64], source: &[f32], noise: &Noise, definition: SnrDefinition) {
    let from = noise.from.min(sound.len());
    let cut: Vec<f64> = (0..sound.len() - from)
        .map(|i| f64::from(source[(noise.start + i) % source.len()]))
        .collect();
    let ratio = 10f64.powf(noise.snr_db / 10.0);
    let (speech_power, noise_power) = match definition {
        SnrDefinition::MaxFrame => (largest_frame_energy(sound), largest_frame_energy(&cut)),
        SnrDefinition::ActiveRms => (active_power(sound), mean_power(&cut) + 1e-12 / ratio),
    };
    // Silence instead of noise: nothing to scale.
    let gain = if noise_power > 0.0 { (speech_power / (noise_power * ratio)).sqrt() } else { 0.0 };
    for (s, n) in sound[from..].iter_mut().zip(&cut) {
        *s += gain * n;
    }
}

const LONG_FRAME: usize = 2048;
const SHORT_FRAME: usize = 320;

fn energy(frame: &[f64]) -> f64 {
    frame.iter().map(|s| s * s).sum()
}

/// Only whole frames count, unless there is none.
fn largest_frame_energy(sound: &[f64]) -> f64 {
    if sound.len() < LONG_FRAME {
        return energy(sound);
    }
    sound.chunks_exact(LONG_FRAME).map(energy).fold(0.0, f64::max)
}

pub(super) fn active_power(sound: &[f64]) -> f64 {
    let whole = sound.len().max(SHORT_FRAME) / SHORT_FRAME * SHORT_FRAME;
    let powers: Vec<f64> = sound[..whole.min(sound.len())]
        .chunks(SHORT_FRAME)
        .map(|frame| energy(frame) / frame.len() as f64)
        .collect();
    let floor = powers.iter().fold(0.0f64, |max, p| max.max(*p)) / 1000.0;
    let active: Vec<f64> = powers.into_iter().filter(|p| *p > floor).collect();
    if active.is_empty() { 0.0 } else { active.iter().sum::<f64>() / active.len() as f64 }
}

fn mean_power<S: Copy + Into<f64>>(sound: &[S]) -> f64 {
    let sum: f64 = sound.iter().map(|&s| s.into() * s.into()).sum();
    sum / sound.len().max(1) as f64
}

fn to_16_bit(sound: &[f64], definition: SnrDefinition) -> Vec<f32> {
    let peak = sound.iter().fold(0.0f64, |peak, s| peak.max(s.abs())) + 1e-9;
    let gain = match definition {
        SnrDefinition::MaxFrame => 0.5 / peak,
        SnrDefinition::ActiveRms => (0.9 / peak).min(1.0),
    };
    // Rounded down, as libsndfile writes 16 bits.
    sound.iter().map(|s| ((s * gain * 32768.0).floor() / 32768.0) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise from a linear congruential generator, upper 16 bits, divided.
    fn noise(len: usize, seed: u32, divisor: i32) -> Vec<f32> {
        let mut state = seed;
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (((state >> 16) as i32 - 32768).div_euclid(divisor)) as f32 / 32768.0
            })
            .collect()
    }

    /// Writes the sounds of the reference case and returns its folder.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut speech = noise(6000, 1, 8);
        speech[..1500].fill(0.0);
        speech[4500..].fill(0.0);
        file::write_wav(dir.path().join("s.wav"), 16_000, &speech).unwrap();
        file::write_wav(dir.path().join("n.wav"), 16_000, &noise(2500, 2, 16)).unwrap();
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 16_000,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut room = hound::WavWriter::create(dir.path().join("h.wav"), spec).unwrap();
        for i in 0..400 {
            let left = [(40, 0.5f32), (100, -0.25), (399, 0.125)];
            let right = [(7, -0.8), (8, 0.3)];
            for taps in [&left[..], &right[..]] {
                let tap = taps.iter().find(|(at, _)| *at == i).map_or(0.0, |(_, value)| *value);
                room.write_sample(tap).unwrap();
            }
        }
        room.finalize().unwrap();
        dir
    }

    const HEAD: &str = "out\tutt\tnoise\tnoise_start\tsnr_db\tsnr_def\trir\trir_channel\tcond\n";
    const AT: [usize; 13] = [0, 1, 100, 1499, 1500, 1501, 1600, 2222, 3000, 4499, 4500, 4600, 5999];

    /// The expected values come from an independent implementation in numpy, which wrote 16-bit
    /// files of this very case.
    #[test]
    fn copies_are_within_one_step_of_an_independent_implementation() {
        let dir = folder();
        let table: [(&str, [i32; 13], i64); 4] = [
            (
                "n.wav\t700\t6\tmaxframe\t\t",
                [2032, 4628, 703, 2818, 10082, 1207, 5544, -3346, 5757, 13933, -775, 3280, -2649],
                26_352_167,
            ),
            (
                "n.wav\t2400\t10\trms\t\t",
                [-1102, 595, -623, 884, 2553, 1619, 2422, -433, 3750, 3031, 534, 303, 841],
                8_174_287,
            ),
            (
                "\t\t\trms\th.wav\t0",
                [-1, -1, -1, -1, 3137, 1813, 247, 1381, 4180, 5852, -1240, 330, 0],
                6_112_724,
            ),
            (
                "n.wav\t3\t3\trms\th.wav\t1",
                [1278, 1146, 445, 2265, -5878, 1784, 1943, 214, -5611, -4911, 803, -870, -1479],
                11_023_220,
            ),
        ];
        for (columns, expected, sum) in table {
            let recipe = dir.path().join("r.tsv");
            std::fs::write(&recipe, format!("{HEAD}x.wav\ts.wav\t{columns}\tc\n")).unwrap();
            let rows = read(&recipe).unwrap();
            let copy = Mixer::default().make(&rows[0]).unwrap();
            assert_eq!((copy.len(), rows[0].condition.as_str()), (6000, "c"));
            let pcm: Vec<i32> = copy.iter().map(|s| (s * 32768.0) as i32).collect();
            for (at, value) in AT.into_iter().zip(expected) {
                assert!((pcm[at] - value).abs() <= 1, "{columns}: [{at}] {} not {value}", pcm[at]);
            }
            let total: i64 = pcm.iter().map(|v| i64::from(v.abs())).sum();
            assert!((total - sum).abs() <= 6000, "{columns}: sum {total} not {sum}");
        }
    }

    #[test]
    fn very_short_and_silent_sounds_are_mixed_too() {
        let noise = Noise { path: PathBuf::new(), start: 5, from: 0, snr_db: 0.0 };
        for definition in [SnrDefinition::MaxFrame, SnrDefinition::ActiveRms] {
            for (mut sound, source) in [
                (vec![0.1; 100], vec![0.0f32; 3]),
                (vec![0.0; 100], vec![0.1; 3]),
                (vec![], vec![0.1]),
            ] {
                add_noise(&mut sound, &source, &noise, definition);
                assert!(sound.iter().all(|s| s.is_finite()), "{definition:?}");
                assert_eq!(to_16_bit(&sound, definition).len(), sound.len());
            }
        }
    }

    #[test]
    fn a_noise_may_set_in_later_as_loud_as_it_would_be() {
        let mut noise = Noise { path: PathBuf::new(), start: 0, from: 0, snr_db: 20.0 };
        let source: Vec<f32> = (0..800).map(|i| if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        let mixed = |noise: &Noise| {
            let mut sound = vec![0.5; 1000];
            add_noise(&mut sound, &source, noise, SnrDefinition::ActiveRms);
            sound
        };
        let all = mixed(&noise);
        noise.from = 600;
        let late = mixed(&noise);
        assert!(late[..600].iter().all(|s| *s == 0.5));
        assert!(late[600..].iter().zip(&all).all(|(late, all)| (late - all).abs() < 1e-9));
    }

    #[test]
    fn a_noise_that_sets_in_behind_the_copy_is_refused() {
        let dir = folder();
        let recipe = dir.path().join("r.tsv");
        let head =
            "utt\tcond\tnoise\tnoise_start\tsnr_db\tnoise_from\tpauses\ttone_start\ttone_len";
        for (from, pauses, told) in [
            (5_999, "\t\t", None),
            (6_000, "\t\t", Some("r.tsv:2: noise_from is \"6000\"; it must be less than 6000")),
            (6_399, "100:400\t0\t9", None),
            (6_400, "100:400\t0\t9", Some("noise_from is \"6400\"; it must be less than 6400")),
        ] {
            std::fs::write(&recipe, format!("{head}\ns.wav\tc\tn.wav\t0\t6\t{from}\t{pauses}\n"))
                .unwrap();
            let row = read(&recipe).unwrap().remove(0);
            let mut mixer = Mixer::default();
            let errors = [
                mixer.check(&row, 6_000).err().map(|e| e.to_string()),
                mixer.make(&row).err().map(|e| e.to_string()),
            ];
            for error in errors {
                assert_eq!(error.is_some(), told.is_some(), "{from}: {error:?}");
                assert!(error.unwrap_or_default().contains(told.unwrap_or_default()), "{from}");
            }
        }
    }

    #[test]
    fn a_noise_that_is_over_or_silent_is_refused_with_its_line_and_column() {
        let dir = folder();
        let mut quiet = noise(3000, 3, 16);
        quiet[..2000].fill(0.0);
        file::write_wav(dir.path().join("q.wav"), 16_000, &quiet).unwrap();
        file::write_wav(dir.path().join("z.wav"), 16_000, &[0.0; 100]).unwrap();
        file::write_wav(dir.path().join("short.wav"), 16_000, &[0.1; 50]).unwrap();
        let recipe = dir.path().join("r.tsv");
        for (columns, early, late) in [
            ("s.wav\tn.wav\t2499\t6", None, None),
            ("s.wav\tn.wav\t2500\t6", Some("r.tsv:2: noise_start is \"2500\""), None),
            ("s.wav\tz.wav\t0\t6", Some("r.tsv:2: noise is "), None),
            ("s.wav\tq.wav\t0\t6", None, None),
            ("short.wav\tq.wav\t0\t6", None, Some("there is only silence")),
            ("s.wav\tnone.wav\t0\t6", None, Some("none.wav")),
        ] {
            std::fs::write(&recipe, format!("{HEAD}x\t{columns}\trms\t\t\tc\n")).unwrap();
            let row = read(&recipe).unwrap().remove(0);
            let mut mixer = Mixer::default();
            let told = mixer.check(&row, 6000).err().map(|e| e.to_string());
            assert_eq!(told.is_some(), early.is_some(), "{columns}: {told:?}");
            assert!(told.unwrap_or_default().contains(early.unwrap_or_default()), "{columns}");
            let told = mixer.make(&row).err().map(|e| e.to_string());
            let expected = early.or(late);
            assert_eq!(told.is_some(), expected.is_some(), "{columns}: {told:?}");
            assert!(told.unwrap_or_default().contains(expected.unwrap_or_default()), "{columns}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_recipe_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let recipe = dir.path().join("r.tsv");
        for (row, message) in [
            ("x\t\t\t\t\t\t\t\tc", "r.tsv:2: utt is \"\""),
            ("x\ts\tn\t\t6\trms\t\t\tc", "noise_start is \"\"; it must be filled in"),
            ("x\ts\tn\t-1\t6\trms\t\t\tc", "a position in samples"),
            ("x\ts\tn\t1\tloud\trms\t\t\tc", "snr_db is \"loud\""),
            ("x\ts\tn\t1\t4000\trms\t\t\tc", "snr_db is \"4000\"; it must be a ratio in"),
            (
                "x\ts\t\t\t6\trms\t\t\tc",
                "noise is \"\"; it must be filled in where snr_db is, here 6",
            ),
            ("x\ts\tn\t1\t6\tpeak\t\t\tc", "snr_def is \"peak\"; it must be `maxframe`"),
            ("x\ts\t\t\t\t\th\tL\tc", "rir_channel is \"L\""),
        ] {
            std::fs::write(&recipe, format!("{HEAD}{row}\n")).unwrap();
            let error = read(&recipe).unwrap_err().to_string();
            assert!(error.contains(message), "{error:?} lacks {message:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_pauses_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let recipe = dir.path().join("r.tsv");
        let head = "utt\tcond\tpauses\ttone_start\ttone_len";
        for (row, message) in [
            ("100:4000\t\t500", "r.tsv:2: tone_start is \"\"; it must be filled in"),
            ("100:4000\t0\t0", "tone_len is \"0\"; it must be at least 1"),
            ("100\t0\t9", "pauses is \"100\"; it must be pauses such as"),
            ("100:20\t0\t9", "of 320 at least"),
            ("900:4000,100:4000\t0\t9", "in order"),
            ("24000:99999999999\t0\t9", "r.tsv:2: pauses is \"24000:99999999999\"; it must be"),
            ("9:18446744073709551615,9:400\t0\t9", "at most 960000 samples together, 60 s"),
            ("9:480000,9:480001\t0\t9", "at most 960000 samples together"),
        ] {
            std::fs::write(&recipe, format!("{head}\ns.wav\tc\t{row}\n")).unwrap();
            let error = read(&recipe).unwrap_err().to_string();
            assert!(error.contains(message), "{error:?} lacks {message:?}");
        }
        std::fs::write(&recipe, format!("{head}\ns.wav\tc\t1600:3200\t0\t9\n")).unwrap();
        assert_eq!(read(&recipe).unwrap()[0].time(1.0), 1.2);
        std::fs::write(&recipe, format!("{head}\ns.wav\tc\t{}:960000\t0\t9\n", usize::MAX))
            .unwrap();
        assert_eq!(read(&recipe).unwrap()[0].pauses_s().len(), 1, "no recording is so long");
    }
}
