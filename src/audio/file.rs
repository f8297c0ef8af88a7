//! Clips: sound read whole from a WAV or FLAC file, and WAV files written whole or not at all.
//!
//! What a file is decides its first bytes, never its name. A file that is damaged is refused with
//! the place of the damage: half a clip that looks whole would spoil every figure measured on it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{flac, wav};
use crate::config::regular;

/// Sample rates that are read, in hertz: telephone to studio, the range of the resampler.
pub const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Longest clip, in samples of one channel: 3 h at 48 kHz, 2 GiB of memory. A file of a few
/// kilobytes can claim (FLAC: even hold) more than any board has memory for.
pub const MAX_SAMPLES: usize = 1 << 29;

/// Largest plausible magnitude of a float sample, 30 dB over full scale. Beyond it the file was
/// written in another scale, most often that of 16-bit integers.
pub const MAX_FLOAT: f32 = 32.0;

/// A stretch of mono sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// Samples per second.
    pub rate_hz: u32,
    /// The mean of the file's channels, nominally in -1.0..1.0.
    pub samples: Vec<f32>,
}

impl Clip {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate_hz)
    }
}

/// Why a sound file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AudioFileError {
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is empty (0 bytes); its recording or copy never began", path.display())]
    Empty { path: PathBuf },
    #[error(
        "`{}` is {found}, which Mynah does not read; convert it to WAV or FLAC, \
         for example: ffmpeg -i IN OUT.wav", path.display()
    )]
    NotReadable { path: PathBuf, found: &'static str },
    #[error("`{}`: the {kind} header is wrong: {what}; export the file again", path.display())]
    Header { path: PathBuf, kind: &'static str, what: String },
    #[error(
        "`{}` holds {what}; Mynah reads integer PCM of 8 to 32 bits and float PCM; \
         for example: ffmpeg -i IN -c:a pcm_s16le OUT.wav", path.display()
    )]
    Coding { path: PathBuf, what: String },
    #[error("`{}` has a sample rate of {rate_hz} Hz; {} to {} Hz can be read",
        path.display(), RATES_HZ.start(), RATES_HZ.end())]
    Rate { path: PathBuf, rate_hz: u32 },
    #[error("`{}` has no channel {channel}: it has {channels}, counted from 0", path.display())]
    NoChannel { path: PathBuf, channel: u32, channels: u32 },
    #[error("`{}` has a header but no samples", path.display())]
    NoSamples { path: PathBuf },
    #[error(
        "`{}` is cut off: it ends after {has_s:.3} s of the {announced_s:.3} s its header \
         announces; copy or record it again", path.display()
    )]
    CutOff { path: PathBuf, has_s: f64, announced_s: f64 },
    #[error("`{}` is damaged at {at_s:.3} s: {what}; copy it again", path.display())]
    Damaged { path: PathBuf, at_s: f64, what: String },
    #[error(
        "`{}` has a sample of value {value} at {at_s:.3} s; full scale is 1.0 and nothing beyond \
         {MAX_FLOAT} is sound; divide by 32768 if the file was written in 16-bit scale",
        path.display()
    )]
    Scale { path: PathBuf, at_s: f64, value: f32 },
    #[error(
        "`{}` is longer than {MAX_SAMPLES} samples, the most that is read at once; cut it into \
         parts", path.display()
    )]
    TooLong { path: PathBuf },
    #[error("cannot write `{}`: {source}; nothing was left behind", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`: it is not a file; name a file ending in .wav", path.display())]
    NotAFile { path: PathBuf },
    #[error(
        "cannot write `{}`: a WAV file holds at most {MAX_SAMPLES} samples here; write several",
        path.display()
    )]
    TooLongToWrite { path: PathBuf },
}

/// Reads a WAV file (integer PCM of 8, 16, 24 or 32 bits, float of 32 or 64, any number of
/// channels, plain or `WAVE_FORMAT_EXTENSIBLE`) or a FLAC file, mixed to mono at the file's rate.
///
/// A float sample that is not a number is [`AudioFileError::Damaged`]: silence in its place would
/// hide that whatever wrote the file is broken. A WAV whose header leaves its length open (written
/// into a pipe) is read to the end of the file.
///
/// A folder, a device and a named pipe are refused: a pipe's writer may never come. A pipe that the
/// caller handed over open is read, by the names `/dev/stdin` and `/dev/fd/N`.
pub fn read(path: impl AsRef<Path>) -> Result<Clip, AudioFileError> {
    read_as(path.as_ref(), Pick::Mean)
}

/// Reads one channel of a file, counted from 0, instead of the mean of all.
pub fn read_channel(path: impl AsRef<Path>, channel: u32) -> Result<Clip, AudioFileError> {
    read_as(path.as_ref(), Pick::Only(channel))
}

fn read_as(path: &Path, pick: Pick) -> Result<Clip, AudioFileError> {
    let read_error = |source| AudioFileError::Read { path: path.to_path_buf(), source };
    // What the caller has opened for us (`/dev/stdin`, a shell's `<(…)`) may be a pipe: it ends.
    let handed = path.starts_with("/dev/fd") || path == Path::new("/dev/stdin");
    let piped = handed && path.metadata().is_ok_and(|m| m.file_type().is_fifo());
    if !piped {
        regular::metadata(path).map_err(read_error)?;
    }
    let file = File::open(path).map_err(read_error)?;
    let mut reader = BufReader::with_capacity(1 << 16, file);

    let mut magic = Vec::with_capacity(12);
    reader.by_ref().take(12).read_to_end(&mut magic).map_err(read_error)?;
    if magic.is_empty() {
        return Err(AudioFileError::Empty { path: path.to_path_buf() });
    }
    if magic.starts_with(b"fLaC") {
        return flac::read(path, io::Cursor::new(magic).chain(reader), pick);
    }
    if magic.starts_with(b"RIFF") && magic.get(8..12) == Some(b"WAVE".as_slice()) {
        return wav::read(path, reader, pick);
    }
    Err(AudioFileError::NotReadable { path: path.to_path_buf(), found: what_it_is(&magic) })
}

/// Names what a file is by its first bytes, for the error.
fn what_it_is(magic: &[u8]) -> &'static str {
    let at = |offset: usize, tag: &[u8]| magic[offset.min(magic.len())..].starts_with(tag);
    match magic {
        _ if at(0, b"RIFF") || at(0, b"RIFX") || at(0, b"RF64") || at(0, b"BW64") => {
            "a RIFF file other than plain WAV, or only the beginning of one"
        }
        _ if at(0, b"ID3") => "MP3 sound (or FLAC behind an ID3 tag)",
        [0xff, second, ..] if second & 0xe0 == 0xe0 => "MP3 or AAC sound",
        _ if at(0, b"OggS") => "Ogg sound (Vorbis or Opus)",
        _ if at(4, b"ftyp") => "MP4 or M4A sound",
        _ if at(0, b"FORM") => "AIFF sound",
        _ if at(0, b".snd") => "AU sound",
        _ if at(0, b"\x1a\x45\xdf\xa3") => "Matroska or WebM",
        _ => "not a sound file",
    }
}

/// Writes mono 16-bit PCM in one go; see [`WavWriter`].
pub fn write_wav(
    path: impl AsRef<Path>,
    rate_hz: u32,
    samples: &[f32],
) -> Result<(), AudioFileError> {
    let mut writer = WavWriter::create(path, rate_hz)?;
    writer.push(samples)?;
    writer.finish()
}

/// Writes two channels of equal length as 16-bit PCM in one go; see [`WavWriter`].
pub fn write_wav_stereo(
    path: impl AsRef<Path>,
    rate_hz: u32,
    left: &[f32],
    right: &[f32],
) -> Result<(), AudioFileError> {
    let mut writer = WavWriter::with_channels(path, rate_hz, 2)?;
    let interleaved: Vec<f32> = left.iter().zip(right).flat_map(|(l, r)| [*l, *r]).collect();
    writer.push(&interleaved)?;
    writer.finish()
}

/// Writes a 16-bit PCM WAV file piece by piece.
///
/// The sound goes to a file of another name beside `path`, which takes the name of `path` in
/// [`finish`](Self::finish): whoever looks sees the old file or the whole new one. Dropped before
/// that, on an error or on the way out of a cancelled command, it leaves nothing behind; a process
/// that ends without dropping calls [`discard_unfinished`].
pub struct WavWriter {
    /// Where the caller wants it; what errors name.
    path: PathBuf,
    /// `path` with symbolic links followed, so that a link stays a link.
    target: PathBuf,
    partial: Partial,
    /// `Some` until `finish` takes it.
    wav: Option<hound::WavWriter<BufWriter<File>>>,
    written: usize,
}

/// The unfinished file; removed when dropped unless it got its final name.
struct Partial(PathBuf);

/// Every unfinished file of this process.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    // A list of names cannot be left half changed.
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes away every file that is not finished, for a process that is about to end. Writers that go
/// on fail in [`WavWriter::finish`].
pub fn discard_unfinished() {
    for path in unfinished().drain(..) {
        let _ = fs::remove_file(path);
    }
}

impl Partial {
    fn create(path: PathBuf) -> io::Result<(Self, File)> {
        // Listed first: a signal may come between the two.
        unfinished().push(path.clone());
        let partial = Self(path);
        // Not `create_new`: what a killed process of the same number left behind may be
        // overwritten.
        let file = File::create(&partial.0)?;
        Ok((partial, file))
    }

    /// Gives the file its final name.
    fn name(&self, target: &Path) -> io::Result<()> {
        let mut unfinished = unfinished();
        fs::rename(&self.0, target)?;
        unfinished.retain(|path| *path != self.0);
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let mut unfinished = unfinished();
        if let Some(at) = unfinished.iter().position(|path| *path == self.0) {
            // Nothing can be done about a failure here, and the error that led here says more.
            let _ = fs::remove_file(unfinished.swap_remove(at));
        }
    }
}

impl WavWriter {
    /// Opens a mono file beside `path`. The folder must exist.
    pub fn create(path: impl AsRef<Path>, rate_hz: u32) -> Result<Self, AudioFileError> {
        Self::with_channels(path, rate_hz, 1)
    }

    /// The same for `channels` interleaved channels.
    fn with_channels(
        path: impl AsRef<Path>,
        rate_hz: u32,
        channels: u16,
    ) -> Result<Self, AudioFileError> {
        let path = path.as_ref().to_path_buf();
        let not_a_file = || AudioFileError::NotAFile { path: path.clone() };
        // A device such as /dev/null must not be replaced by a file.
        let target = match fs::canonicalize(&path) {
            Ok(target) if target.is_file() => target,
            Ok(_) => return Err(not_a_file()),
            Err(_) => path.clone(),
        };
        let name = target.file_name().ok_or_else(not_a_file)?;
        let write_error = |source| AudioFileError::Write { path: path.clone(), source };
        let (partial, file) = create_beside(&target, name).map_err(write_error)?;
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let wav = hound::WavWriter::new(BufWriter::new(file), spec)
            .map_err(|error| write_error(into_io(error)))?;
        Ok(Self { path, target, partial, wav: Some(wav), written: 0 })
    }

    /// Appends samples, rounded to 16 bits. What lies outside -1.0..1.0 is clipped; what is not a
    /// number becomes 0.
    pub fn push(&mut self, samples: &[f32]) -> Result<(), AudioFileError> {
        self.written += samples.len();
        if self.written > MAX_SAMPLES {
            return Err(AudioFileError::TooLongToWrite { path: self.path.clone() });
        }
        let wav = self.wav.as_mut().expect("only finish takes it, and finish consumes self");
        for &sample in samples {
            if let Err(error) = wav.write_sample(to_i16(sample)) {
                let source = into_io(error);
                return Err(AudioFileError::Write { path: self.path.clone(), source });
            }
        }
        Ok(())
    }

    /// Completes the header and gives the file its name.
    pub fn finish(mut self) -> Result<(), AudioFileError> {
        let wav = self.wav.take().expect("only finish takes it, and finish consumes self");
        let done = wav.finalize().map_err(into_io).and_then(|()| self.partial.name(&self.target));
        done.map_err(|source| AudioFileError::Write { path: self.path.clone(), source })
    }
}

/// A new file in the folder of `target`, hidden, of a name no other writer uses.
fn create_beside(target: &Path, name: &std::ffi::OsStr) -> io::Result<(Partial, File)> {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}-{}.part", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)));
    Partial::create(target.with_file_name(hidden))
}

/// The nearest 16-bit value. Reading divides by the same 32768, so 16-bit sound survives a round
/// trip bit by bit.
fn to_i16(sample: f32) -> i16 {
    // `as` saturates, and turns what is not a number into 0.
    (sample * 32768.0).round() as i16
}

fn into_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// What becomes of several channels.
#[derive(Clone, Copy)]
pub(super) enum Pick {
    Mean,
    /// One channel, counted from 0.
    Only(u32),
}

/// Makes one channel of interleaved ones, one frame after the other.
pub(super) struct Mono {
    channels: u32,
    pick: Pick,
    channel: u32,
    sum: f32,
    samples: Vec<f32>,
}

impl Mono {
    /// `expected` frames are reserved, within reason: a header may lie.
    pub(super) fn new(
        path: &Path,
        channels: u32,
        pick: Pick,
        expected: usize,
    ) -> Result<Self, AudioFileError> {
        if let Pick::Only(channel) = pick
            && channel >= channels
        {
            return Err(AudioFileError::NoChannel { path: path.to_path_buf(), channel, channels });
        }
        let samples = Vec::with_capacity(expected.min(1 << 22));
        Ok(Self { channels, pick, channel: 0, sum: 0.0, samples })
    }

    /// Takes the next sample of the next channel.
    pub(super) fn push(&mut self, sample: f32) {
        match self.pick {
            Pick::Only(channel) if channel != self.channel => {}
            _ => self.sum += sample,
        }
        self.channel += 1;
        if self.channel == self.channels {
            let summed = if matches!(self.pick, Pick::Mean) { self.channels as f32 } else { 1.0 };
            self.samples.push(self.sum / summed);
            (self.channel, self.sum) = (0, 0.0);
        }
    }

    /// Whole frames so far.
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(super) fn into_samples(self) -> Vec<f32> {
        self.samples
    }
}
