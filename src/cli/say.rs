use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde::Serialize;

use super::{Context, Failure, output};
use crate::audio::devices::{DeviceChoice, DeviceError};
use crate::audio::file::WavWriter;
use crate::audio::playback::Playback;
use crate::audio::stream::StreamWish;
use crate::cancel::CancelToken;
use crate::tts::{Style, TtsError, VOICE_RATE_HZ, Voice};

/// How often a full queue, or the end of playing, is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Say a text with the agent's voice: into a file, or on the speaker.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah say 'Your table for 2 is ready.'
  mynah say 'That comes to $4.50.' -o price.wav
  mynah say --pace 0.8 --pitch 0.85 'Take your time.' -o slow.wav
  fortune | mynah say -

With --json, one object tells clauses and phonemes, seconds of sound, wall time, time to the first \
sound and the real-time factor.")]
pub struct Args {
    /// What to say; `-` reads it from standard input.
    text: String,
    /// Write a WAV file (24 kHz, mono, 16 bit) instead of playing.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Speaker to play on, as `mynah devices` names it (default: the system's).
    #[arg(long, value_name = "NAME", conflicts_with = "output")]
    speaker: Option<DeviceChoice>,
    /// Speed: 1 is the voice's own, 2 twice as fast.
    #[arg(long, default_value_t = Style::default().pace, value_name = "FACTOR")]
    pace: f32,
    /// Height of the voice: 0.8 sounds like a larger speaker, 1.2 like a smaller one.
    #[arg(long, default_value_t = Style::default().pitch, value_name = "FACTOR")]
    pitch: f32,
    /// Seed of the noise in the voice; the same seed gives the same samples.
    #[arg(long, default_value_t = Style::default().seed, value_name = "NUMBER")]
    seed: u64,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    clauses: Vec<ClauseReport>,
    /// Length of the sound.
    seconds: f64,
    /// Loading the models, once per process.
    load_ms: f64,
    /// From the text to the first samples, models loaded.
    first_audio_ms: f64,
    /// From the text to the last samples.
    wall_ms: f64,
    /// `wall_ms` as a part of the sound's length.
    rtf: f64,
}

#[derive(Serialize)]
struct ClauseReport {
    text: String,
    phonemes: String,
    seconds: f64,
    wall_ms: f64,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let style = Style { pace: args.pace, pitch: args.pitch, seed: args.seed };
    style.check().map_err(Failure::input)?;
    let text = text_of(&args.text)?;
    let mut sink = Sink::open(args)?;
    let start = Instant::now();
    let mut voice = Voice::load(&context.models()?)?;
    let load_ms = ms_since(start);
    let report = speak(&mut voice, &text, &style, &mut sink, load_ms)?;
    sink.finish()?;
    if context.json {
        super::put(serde_json::to_string(&report).map_err(anyhow::Error::from)?);
    } else if let Some(path) = &args.output {
        context.say(format_args!(
            "{}: {:.1} s of speech, made in {:.0} ms (first sound after {:.0} ms)",
            path.display(),
            report.seconds,
            report.wall_ms,
            report.first_audio_ms
        ));
    }
    Ok(())
}

fn text_of(argument: &str) -> Result<String, Failure> {
    let mut text = argument.to_owned();
    if argument == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text).map_err(|e| {
            Failure::Input(anyhow!("cannot read the text from standard input: {e}"))
        })?;
    }
    if text.trim().is_empty() {
        return Err(Failure::Input(anyhow!("the text is empty: nothing to say")));
    }
    Ok(text)
}

fn speak(
    voice: &mut Voice,
    text: &str,
    style: &Style,
    sink: &mut Sink,
    load_ms: f64,
) -> Result<Report, Failure> {
    let start = Instant::now();
    let (mut first_audio_ms, mut samples, mut reports) = (None, 0, Vec::new());
    let clauses = voice.clauses(text)?;
    for clause in &clauses {
        let (clause_start, before) = (Instant::now(), samples);
        let mut written = Ok(());
        voice.speak(clause, style, &CancelToken::never(), |piece| {
            first_audio_ms.get_or_insert_with(|| ms_since(start));
            samples += piece.len();
            if written.is_ok() {
                written = sink.push(piece);
            }
        })?;
        written?;
        reports.push(ClauseReport {
            text: clause.text.clone(),
            phonemes: clause.phonemes.clone(),
            seconds: seconds(samples - before),
            wall_ms: ms_since(clause_start),
        });
    }
    let Some(first_audio_ms) = first_audio_ms else {
        return Err(Failure::Input(anyhow!(
            "`{}` has no word that can be spoken: give letters or figures",
            text.trim()
        )));
    };
    let (wall_ms, seconds) = (ms_since(start), seconds(samples));
    let rtf = wall_ms / 1000.0 / seconds;
    Ok(Report { clauses: reports, seconds, load_ms, first_audio_ms, wall_ms, rtf })
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(VOICE_RATE_HZ)
}

fn ms_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

/// Where the sound goes.
enum Sink {
    File(WavWriter),
    Speaker(Box<Playback>),
}

impl Sink {
    fn open(args: &Args) -> Result<Self, Failure> {
        if let Some(path) = &args.output {
            return Ok(Self::File(output::create(path, VOICE_RATE_HZ)?));
        }
        let choice = args.speaker.clone().unwrap_or_default();
        let mut playback = Playback::open(&choice, &StreamWish::default()).map_err(no_speaker)?;
        playback.feeder().begin();
        Ok(Self::Speaker(Box::new(playback)))
    }

    /// Takes all of `samples`; waits while the speaker's queue is full.
    fn push(&mut self, samples: &[f32]) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.push(samples).map_err(output::failure),
            Self::Speaker(playback) => {
                let mut rest = samples;
                loop {
                    let taken = playback.feeder().push(rest).map_err(anyhow::Error::from)?;
                    rest = &rest[taken..];
                    if rest.is_empty() {
                        return Ok(());
                    }
                    playback.check().map_err(no_speaker)?;
                    std::thread::sleep(POLL);
                }
            }
        }
    }

    /// Completes the file, or waits until all was played.
    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.finish().map_err(output::failure),
            Self::Speaker(mut playback) => {
                while !playback.feeder().end().map_err(anyhow::Error::from)?
                    || !playback.control().is_idle()
                {
                    playback.check().map_err(no_speaker)?;
                    std::thread::sleep(POLL);
                }
                // What the callback took is still on its way through the device.
                let latency = u64::from(playback.control().latency_us());
                std::thread::sleep(Duration::from_micros(latency) + POLL);
                Ok(())
            }
        }
    }
}

fn no_speaker(error: DeviceError) -> Failure {
    let told = anyhow!("{error}; or write the sound to a file with -o OUT.wav");
    match error {
        DeviceError::NotFound { choice, .. } if choice != DeviceChoice::Default => {
            Failure::Input(told)
        }
        _ => Failure::Runtime(told),
    }
}

impl From<TtsError> for Failure {
    fn from(error: TtsError) -> Self {
        match error {
            // A model that is damaged or does not load is bad input, whichever part noticed.
            TtsError::Model(_) | TtsError::Text(_) | TtsError::Load(_) | TtsError::Plan { .. } => {
                Self::input(error)
            }
            error => Self::Runtime(error.into()),
        }
    }
}
