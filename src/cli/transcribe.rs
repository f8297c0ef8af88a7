use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::anyhow;
use serde::Serialize;

use super::{Context, Failure};
use crate::asr::Recognizer;
use crate::asr::long::{self, Segment};
use crate::audio::file;
use crate::cancel::CancelToken;
use crate::hear::SileroModel;
use crate::units::SAMPLE_RATE_HZ;

/// Write down what is said in recordings.
///
/// Reads WAV and FLAC at any rate. Long recordings are cut at pauses; silence stays silent. A file
/// that cannot be read is named, the others are still transcribed, and the exit code is 2. A pipe
/// is read as /dev/stdin; a named pipe is refused, since its writer may never come.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mynah transcribe order.wav
  mynah transcribe --json calls/*.flac > calls.jsonl

With --json, one object per file: path, text, confidence (0 to 1, not calibrated), duration_s,
segments [{start_s, end_s, text}], rtf (seconds of work per second of sound); or path and error.")]
pub struct Args {
    /// Recordings, WAV or FLAC.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What `--json` prints for one file.
#[derive(Debug, Serialize)]
struct Transcript<'a> {
    path: &'a Path,
    text: String,
    confidence: f32,
    duration_s: f64,
    segments: Vec<Piece>,
    rtf: f64,
}

#[derive(Debug, Serialize)]
struct Piece {
    start_s: f64,
    end_s: f64,
    text: String,
}

/// What `--json` prints for a file that cannot be transcribed.
#[derive(Debug, Serialize)]
struct Refused<'a> {
    path: &'a Path,
    error: String,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let models = context.models()?;
    let mut recognizer = Recognizer::load(&models).map_err(Failure::input)?;
    let judge = SileroModel::load(&models).map_err(Failure::input)?;
    let mut refused = Vec::new();
    for path in &args.files {
        let start = Instant::now();
        let clip = match file::read(path) {
            Ok(clip) => clip,
            Err(error) => {
                // The sentence already holds its cause.
                let error = error.to_string();
                if context.json {
                    print_json(&Refused { path, error: error.clone() })?;
                }
                refused.push(anyhow!(error));
                continue;
            }
        };
        let duration_s = clip.seconds();
        let audio = clip.to_rate(SAMPLE_RATE_HZ).samples;
        let segments = long::transcribe(&mut recognizer, &judge, &audio, &CancelToken::never())
            .map_err(|error| anyhow!(error).context(format!("`{}`", path.display())))?;
        let wall_s = start.elapsed().as_secs_f64();
        let transcript = Transcript {
            path,
            text: joined(&segments),
            confidence: confidence(&segments),
            duration_s: round(duration_s),
            segments: segments.iter().map(Piece::from).collect(),
            rtf: round(wall_s / duration_s),
        };
        print(&transcript, args.files.len() > 1, context)?;
    }
    report(refused, args.files.len())
}

fn print(transcript: &Transcript, named: bool, context: &Context) -> Result<(), Failure> {
    let Transcript { path, text, .. } = transcript;
    if context.json {
        print_json(transcript)?;
    } else if named {
        super::put(format_args!("{}: {text}", path.display()));
    } else if text.is_empty() {
        eprintln!("`{}`: no speech heard", path.display());
    } else {
        super::put(text);
    }
    Ok(())
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    super::put(serde_json::to_string(value).map_err(anyhow::Error::from)?);
    Ok(())
}

/// One sentence for one bad file; each of several on its own line, and then how many there were.
fn report(mut refused: Vec<anyhow::Error>, files: usize) -> Result<(), Failure> {
    match refused.len() {
        0 => Ok(()),
        1 => Err(Failure::Input(refused.remove(0))),
        many => {
            for error in refused {
                eprintln!("mynah: {error}");
            }
            Err(Failure::Input(anyhow!("{many} of {files} files could not be read")))
        }
    }
}

impl From<&Segment> for Piece {
    fn from(segment: &Segment) -> Self {
        let seconds = |at: crate::units::SamplePos| at.0 as f64 / f64::from(SAMPLE_RATE_HZ);
        Self {
            start_s: round(seconds(segment.span.start)),
            end_s: round(seconds(segment.span.end)),
            text: segment.heard.text.clone(),
        }
    }
}

fn joined(segments: &[Segment]) -> String {
    segments.iter().map(|segment| segment.heard.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// The geometric mean of all token probabilities; 0 when nothing was heard.
fn confidence(segments: &[Segment]) -> f32 {
    // Each piece ends with one more step, the end of its text.
    let steps: usize = segments.iter().map(|segment| segment.heard.tokens.len() + 1).sum();
    let log_prob: f32 = segments.iter().map(|segment| segment.heard.log_prob).sum();
    if steps == 0 { 0.0 } else { (log_prob / steps as f32).exp() }
}

/// To a tenth of a millisecond: more digits mean nothing.
fn round(seconds: f64) -> f64 {
    (seconds * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asr::Hypothesis;
    use crate::units::{SamplePos, Span};

    fn segment(start_ms: u64, end_ms: u64, text: &str, log_prob: f32) -> Segment {
        let tokens = vec![300; text.split(' ').count()];
        let heard = Hypothesis { text: text.into(), tokens, confidence: 0.5, log_prob };
        Segment { span: Span::new(SamplePos::from_ms(start_ms), SamplePos::from_ms(end_ms)), heard }
    }

    #[test]
    fn pieces_are_joined_and_longer_ones_weigh_more() {
        let segments = [segment(0, 900, "one two three", -0.4), segment(1500, 1601, "four", -2.0)];
        assert_eq!(joined(&segments), "one two three four");
        assert!((confidence(&segments) - (-2.4f32 / 6.0).exp()).abs() < 1e-6);
        assert_eq!(confidence(&[]), 0.0);
        let piece = Piece::from(&segments[1]);
        assert_eq!((piece.start_s, piece.end_s), (1.5, 1.601));
    }

    #[test]
    fn bad_files_are_counted() {
        assert!(report(vec![], 3).is_ok());
        for (bad, message) in [(1, "bad 0"), (2, "2 of 3 files could not be read")] {
            let refused = (0..bad).map(|i| anyhow!("bad {i}")).collect();
            match report(refused, 3) {
                Err(Failure::Input(error)) => assert_eq!(error.to_string(), message),
                other => panic!("{other:?}"),
            }
        }
    }
}
