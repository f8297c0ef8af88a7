//! WAV files. Read by hand: each refusal can then name the field that is wrong, and files that
//! occur in the wild but break the letter of the format (24 bits in 4 bytes, 32-bit PCM in a short
//! header, lengths left open by a pipe) are read.
//!
//! Layout: Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" (RIFF) and
//! the `WAVEFORMATEX` and `WAVEFORMATEXTENSIBLE` structures.

use std::io::{self, Read};
use std::path::Path;

use super::file::{AudioFileError, Clip, MAX_FLOAT, MAX_SAMPLES, Mono, Pick, RATES_HZ};

/// Data lengths from here on mean "unknown, until the end": programs that write into a pipe put
/// in 0xFFFFFFFF, 0x7FFFFFFF, or one of these less the header.
const OPEN_LENGTH: u32 = 0x7fff_0000;

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Format {
    rate_hz: u32,
    channels: u16,
    /// One sample of one channel, as it lies in the file.
    bytes_per_sample: usize,
    coding: Coding,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Coding {
    /// Little-endian and signed, but unsigned when one byte wide; fewer bits than the bytes hold
    /// sit at the upper end.
    Int,
    /// 24-bit integers in the lower three of four bytes (`arecord -f S24_LE`).
    Int24In4,
    Float32,
    Float64,
}

impl Format {
    fn bytes_per_frame(&self) -> usize {
        self.bytes_per_sample * usize::from(self.channels)
    }

    fn decode(&self, bytes: &[u8]) -> f32 {
        const TO_UNIT: f32 = 1.0 / (1u32 << 31) as f32;
        match (self.coding, bytes) {
            (Coding::Int, [a]) => (f32::from(*a) - 128.0) / 128.0,
            (Coding::Int, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32768.0,
            (Coding::Int, [a, b, c]) | (Coding::Int24In4, [a, b, c, _]) => {
                i32::from_le_bytes([0, *a, *b, *c]) as f32 * TO_UNIT
            }
            (Coding::Int, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]) as f32 * TO_UNIT,
            (Coding::Float32, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
            (Coding::Float64, &[a, b, c, d, e, f, g, h]) => {
                f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32
            }
            _ => unreachable!("parse_format pairs every coding with its width"),
        }
    }
}

/// Reads the chunks after `RIFF....WAVE`, where `reader` stands.
pub(super) fn read(path: &Path, mut reader: impl Read, pick: Pick) -> Result<Clip, AudioFileError> {
    let header = |what: String| AudioFileError::Header { path: path.into(), kind: "WAV", what };
    let io_error = |source| AudioFileError::Read { path: path.into(), source };
    let ends_early = || header("the file ends before its `data` chunk".into());

    let mut format = None;
    loop {
        let mut head = [0; 8];
        if read_up_to(&mut reader, &mut head).map_err(io_error)? < head.len() {
            return Err(ends_early());
        }
        let [a, b, c, d, length @ ..] = head;
        let length = u32::from_le_bytes(length);
        match &[a, b, c, d] {
            b"fmt " => {
                let mut chunk = Vec::new();
                let padded = u64::from(length) + u64::from(length % 2);
                // 40 bytes are the longest form that is understood; more is skipped.
                let kept = padded.min(40);
                reader.by_ref().take(kept).read_to_end(&mut chunk).map_err(io_error)?;
                skip(&mut reader, padded - kept).map_err(io_error)?;
                chunk.truncate(length as usize);
                format = Some(parse_format(path, &chunk)?);
            }
            b"data" => {
                let format =
                    format.ok_or_else(|| header("no `fmt ` chunk before `data`".into()))?;
                return read_data(path, reader, format, length, pick);
            }
            _ => {
                let padded = u64::from(length) + u64::from(length % 2);
                if skip(&mut reader, padded).map_err(io_error)? < padded {
                    return Err(ends_early());
                }
            }
        }
    }
}

fn parse_format(path: &Path, chunk: &[u8]) -> Result<Format, AudioFileError> {
    let header = |what: String| AudioFileError::Header { path: path.into(), kind: "WAV", what };
    let u16_at = |at: usize| match chunk.get(at..at + 2) {
        Some(&[low, high]) => Ok(u16::from_le_bytes([low, high])),
        _ => Err(header(format!("its `fmt ` chunk has {} bytes; 16 are needed", chunk.len()))),
    };
    let tag = u16_at(0)?;
    let channels = u16_at(2)?;
    let rate_hz = u32::from(u16_at(4)?) | u32::from(u16_at(6)?) << 16;
    let block_align = u16_at(12)?;
    let bits = u16_at(14)?;
    // An extensible header carries the true tag in the first two bytes of a GUID.
    let tag = if tag == EXTENSIBLE { u16_at(24)? } else { tag };

    if channels == 0 || block_align == 0 || block_align % channels != 0 {
        return Err(header(format!("frames of {block_align} bytes for {channels} channels")));
    }
    if !RATES_HZ.contains(&rate_hz) {
        return Err(AudioFileError::Rate { path: path.into(), rate_hz });
    }
    let bytes_per_sample = usize::from(block_align / channels);
    let coding = match (tag, bits, bytes_per_sample) {
        (PCM, 8, 1) | (PCM, 9..=16, 2) | (PCM, 17..=24, 3) | (PCM, 25..=32, 4) => Coding::Int,
        (PCM, 24, 4) => Coding::Int24In4,
        (FLOAT, 32, 4) => Coding::Float32,
        (FLOAT, 64, 8) => Coding::Float64,
        (PCM | FLOAT, ..) => {
            return Err(header(format!("samples of {bits} bits in {bytes_per_sample} bytes")));
        }
        (other, ..) => {
            return Err(AudioFileError::Coding { path: path.into(), what: name_of(other) });
        }
    };
    Ok(Format { rate_hz, channels, bytes_per_sample, coding })
}

/// The registered format tags one meets (RFC 2361).
fn name_of(tag: u16) -> String {
    let name = match tag {
        0x02 => "Microsoft ADPCM",
        0x06 => "A-law",
        0x07 => "mu-law",
        0x11 => "IMA ADPCM",
        0x31 => "GSM 6.10",
        0x50 | 0x55 => "MPEG sound",
        _ => return format!("an unknown coding (format tag {tag:#06x})"),
    };
    format!("{name} (format tag {tag:#06x})")
}

fn read_data(
    path: &Path,
    mut reader: impl Read,
    format: Format,
    length: u32,
    pick: Pick,
) -> Result<Clip, AudioFileError> {
    let frame = format.bytes_per_frame();
    let open = length >= OPEN_LENGTH;
    let announced = length as usize;
    if !open && !announced.is_multiple_of(frame) {
        return Err(AudioFileError::Header {
            path: path.into(),
            kind: "WAV",
            what: format!("{announced} bytes of data, which is no multiple of {frame}-byte frames"),
        });
    }
    let seconds = |bytes: usize| (bytes / frame) as f64 / f64::from(format.rate_hz);

    let expected = if open { 0 } else { announced / frame };
    let mut mono = Mono::new(path, format.channels.into(), pick, expected)?;
    // Whole frames, about 64 KiB.
    let mut block = vec![0; frame * ((1 << 16) / frame).max(1)];
    let mut done = 0;
    loop {
        let wanted = if open { block.len() } else { block.len().min(announced - done) };
        let got = read_up_to(&mut reader, &mut block[..wanted])
            .map_err(|source| AudioFileError::Read { path: path.into(), source })?;
        // A recording into a pipe may end inside a frame; nothing that was heard is lost.
        for bytes in block[..got - got % frame].chunks_exact(format.bytes_per_sample) {
            let sample = format.decode(bytes);
            if !(-MAX_FLOAT..=MAX_FLOAT).contains(&sample) {
                return Err(not_sound(path, mono.len() as f64 / f64::from(format.rate_hz), sample));
            }
            mono.push(sample);
        }
        done += got;
        if mono.len() > MAX_SAMPLES {
            return Err(AudioFileError::TooLong { path: path.into() });
        }
        if got < wanted && !open {
            return Err(AudioFileError::CutOff {
                path: path.into(),
                has_s: seconds(done),
                announced_s: seconds(announced),
            });
        }
        if got < wanted || (!open && done == announced) {
            break;
        }
    }
    if mono.len() == 0 {
        return Err(AudioFileError::NoSamples { path: path.into() });
    }
    Ok(Clip { rate_hz: format.rate_hz, samples: mono.into_samples() })
}

fn not_sound(path: &Path, at_s: f64, value: f32) -> AudioFileError {
    if value.is_finite() {
        AudioFileError::Scale { path: path.into(), at_s, value }
    } else {
        let what = format!("the sample there is {value}");
        AudioFileError::Damaged { path: path.into(), at_s, what }
    }
}

/// Fills `buffer` as far as the file reaches; returns how far.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Passes over `bytes`; returns how many there were.
fn skip(reader: &mut impl Read, bytes: u64) -> io::Result<u64> {
    io::copy(&mut reader.take(bytes), &mut io::sink())
}
