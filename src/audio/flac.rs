//! FLAC files, decoded by claxon.

use std::io::{self, Read};
use std::path::Path;

use super::file::{AudioFileError, Clip, MAX_SAMPLES, Mono, Pick, RATES_HZ};

/// Reads a whole FLAC stream. `reader` stands at its first byte.
pub(super) fn read(file: &Path, reader: impl Read, pick: Pick) -> Result<Clip, AudioFileError> {
    let path = || file.to_path_buf();
    let mut flac = claxon::FlacReader::new(reader).map_err(|error| match error {
        claxon::Error::IoError(source) if !ended(&source) => {
            AudioFileError::Read { path: path(), source }
        }
        claxon::Error::IoError(_) => AudioFileError::Header {
            path: path(),
            kind: "FLAC",
            what: "the file ends inside it".into(),
        },
        other => AudioFileError::Header { path: path(), kind: "FLAC", what: other.to_string() },
    })?;

    let info = flac.streaminfo();
    let rate_hz = info.sample_rate;
    if !RATES_HZ.contains(&rate_hz) {
        return Err(AudioFileError::Rate { path: path(), rate_hz });
    }
    let seconds = |samples: usize| samples as f64 / f64::from(rate_hz);
    // A stream recorded into a pipe does not know its length.
    let announced = info.samples.map(|samples| samples as usize);
    if announced.is_some_and(|samples| samples > MAX_SAMPLES) {
        return Err(AudioFileError::TooLong { path: path() });
    }
    let cut_off = |has: usize| match announced {
        Some(samples) => AudioFileError::CutOff {
            path: path(),
            has_s: seconds(has),
            announced_s: seconds(samples),
        },
        None => {
            let what = "the file ends inside a block".into();
            AudioFileError::Damaged { path: path(), at_s: seconds(has), what }
        }
    };

    let full_scale = (1u64 << (info.bits_per_sample - 1)) as f32;
    let mut mono = Mono::new(file, info.channels, pick, announced.unwrap_or(0))?;
    let mut blocks = flac.blocks();
    let mut buffer = Vec::new();
    // Tags of other formats may follow the last announced sample.
    while announced.is_none_or(|samples| mono.len() < samples) {
        let block = match blocks.read_next_or_eof(buffer) {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(claxon::Error::IoError(error)) if ended(&error) => return Err(cut_off(mono.len())),
            Err(claxon::Error::IoError(source)) => {
                return Err(AudioFileError::Read { path: path(), source });
            }
            Err(other) => {
                let at_s = seconds(mono.len());
                return Err(AudioFileError::Damaged {
                    path: path(),
                    at_s,
                    what: other.to_string(),
                });
            }
        };
        if block.channels() != info.channels {
            let what = format!("{} channels where {} began", block.channels(), info.channels);
            return Err(AudioFileError::Damaged { path: path(), at_s: seconds(mono.len()), what });
        }
        for at in 0..block.duration() {
            for channel in 0..block.channels() {
                mono.push(block.sample(channel, at) as f32 / full_scale);
            }
        }
        if mono.len() > MAX_SAMPLES {
            return Err(AudioFileError::TooLong { path: path() });
        }
        buffer = block.into_buffer();
    }
    match announced {
        Some(samples) if mono.len() < samples => Err(cut_off(mono.len())),
        _ if mono.len() == 0 => Err(AudioFileError::NoSamples { path: path() }),
        _ => Ok(Clip { rate_hz, samples: mono.into_samples() }),
    }
}

fn ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}
