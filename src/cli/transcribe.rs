use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use serde::Serialize;

use self::meaning::{Listener, Meant};
use super::{Context, Failure};
use crate::asr::{AsrError, Hypothesis, Recognizer, long};
use crate::audio::file;
use crate::cancel::CancelToken;
use crate::clock::Moment;
use crate::hear::SileroModel;
use crate::units::{SAMPLE_RATE_HZ, Span};

mod meaning;

/// Write down what is said in recordings.
///
/// Reads WAV and FLAC at any rate. Long recordings are cut at pauses; silence stays silent. A file
/// that cannot be read is named, the others are still transcribed, and the exit code is 2. A pipe
/// is read as /dev/stdin; a named pipe is refused, since its writer may never come.
///
/// With `--agent` the recogniser listens for the agent's sentences as well, as at the start of a
/// conversation, and what was meant is printed beside what was heard. Nothing the agent would do is
/// done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mynah transcribe order.wav
  mynah transcribe --json calls/*.flac > calls.jsonl
  mynah transcribe --agent agents/coffee order.wav

With --json, one object per file: path, text, confidence (0 to 1, not calibrated), duration_s,
segments [{start_s, end_s, text}], rtf (seconds of work per second of sound); or path and error.
With --agent, text is what was understood, and each segment has free_text (bound to no sentence),
meant {intent, slots, status, confidence, completeness, nbest}, and, where a sentence was found,
fit (nats per token beside free words) and margin (nats to the next meaning).")]
pub struct Args {
    /// Recordings, WAV or FLAC.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Also say what was meant to this agent: its folder.
    #[arg(long, value_name = "AGENT")]
    agent: Option<PathBuf>,
    #[command(flatten)]
    state: super::train::State,
    /// When it was said, for an agent that is told times: 2026-03-05T14:30 (local) or
    /// 2026-03-05T14:30:00+01:00 (default: the machine's clock).
    #[arg(long, value_name = "TIME", requires = "agent")]
    now: Option<Moment>,
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
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    meant: Option<Meant>,
}

/// What was said in one piece of a recording.
struct Heard {
    span: Span,
    /// Bound to no sentence.
    free: Hypothesis,
    meant: Option<Meant>,
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
    let mut listener = match &args.agent {
        Some(folder) => Some(Listener::load(folder, &models, &args.state, args.now.clone())?),
        None => None,
    };
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
        let heard = hear(&mut recognizer, &judge, listener.as_mut(), &audio)
            .map_err(|error| anyhow!(error).context(format!("`{}`", path.display())))?;
        let wall_s = start.elapsed().as_secs_f64();
        let transcript = Transcript {
            path,
            text: joined(&heard),
            confidence: confidence(&heard),
            duration_s: round(duration_s),
            segments: heard.into_iter().map(Piece::from).collect(),
            rtf: round(wall_s / duration_s),
        };
        print(&transcript, args.files.len() > 1, context)?;
    }
    report(refused, args.files.len())
}

/// Everything said in a recording, piece by piece.
fn hear(
    recognizer: &mut Recognizer,
    judge: &Arc<SileroModel>,
    mut listener: Option<&mut Listener>,
    audio: &[f32],
) -> Result<Vec<Heard>, AsrError> {
    let mut heard = Vec::new();
    for span in long::pieces(judge, audio)? {
        let sound = &audio[span.start.0 as usize..span.end.0 as usize];
        let (free, meant) = match &mut listener {
            Some(listener) => {
                let (free, meant) = listener.hear(recognizer, sound)?;
                (free, Some(meant))
            }
            None => (recognizer.recognize(sound, &CancelToken::never())?.best, None),
        };
        if !free.text.is_empty() {
            heard.push(Heard { span, free, meant });
        }
    }
    Ok(heard)
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
    if !context.json {
        for meant in transcript.segments.iter().filter_map(|piece| piece.meant.as_ref()) {
            super::put(meant);
        }
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

impl Heard {
    /// As it was understood, or as it was written freely.
    fn text(&self) -> &str {
        self.meant.as_ref().map_or(&self.free.text, |meant| &meant.text)
    }
}

impl From<Heard> for Piece {
    fn from(heard: Heard) -> Self {
        let seconds = |at: crate::units::SamplePos| at.0 as f64 / f64::from(SAMPLE_RATE_HZ);
        let Span { start, end } = heard.span;
        Self {
            start_s: round(seconds(start)),
            end_s: round(seconds(end)),
            text: heard.text().to_owned(),
            meant: heard.meant,
        }
    }
}

fn joined(heard: &[Heard]) -> String {
    heard.iter().map(Heard::text).collect::<Vec<_>>().join(" ")
}

/// The geometric mean of the probabilities of all tokens written freely; 0 when nothing was heard.
fn confidence(heard: &[Heard]) -> f32 {
    let free = || heard.iter().map(|heard| &heard.free);
    // Each piece ends with one more step, the end of its text.
    let steps: usize = free().map(|free| free.tokens.len() + 1).sum();
    let log_prob: f32 = free().map(|free| free.log_prob).sum();
    if steps == 0 { 0.0 } else { (log_prob / steps as f32).exp() }
}

/// To a tenth of a millisecond: more digits mean nothing.
fn round(seconds: f64) -> f64 {
    (seconds * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SamplePos;

    fn heard(start_ms: u64, end_ms: u64, text: &str, log_prob: f32) -> Heard {
        let tokens = vec![300; text.split(' ').count()];
        let free = Hypothesis { text: text.into(), tokens, confidence: 0.5, log_prob };
        let span = Span::new(SamplePos::from_ms(start_ms), SamplePos::from_ms(end_ms));
        Heard { span, free, meant: None }
    }

    #[test]
    fn pieces_are_joined_and_longer_ones_weigh_more() {
        let mut all = vec![heard(0, 900, "one two three", -0.4), heard(1500, 1601, "four", -2.0)];
        assert_eq!(joined(&all), "one two three four");
        assert!((confidence(&all) - (-2.4f32 / 6.0).exp()).abs() < 1e-6);
        assert_eq!(confidence(&[]), 0.0);
        let piece = Piece::from(all.remove(1));
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
