use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::train::{Hears, prepare};
use super::{Context, Failure, output};
use crate::agent::Agent;
use crate::audio::echo_path::{DelayJump, EchoPath, LONGEST_DELAY_MS};
use crate::audio::file;
use crate::audio::room_response::RoomResponse;
use crate::clock::{Clock, Moment};
use crate::config::board::Board;
use crate::observe::console::Console;
use crate::runtime::listener::Duplex;
use crate::runtime::source::{ClipSource, Echoing, Paced, Source};
use crate::runtime::{Engines, Pace, ReplayOptions, replay};
use crate::tts::VOICE_RATE_HZ;
use crate::units::{SAMPLE_RATE_HZ, SamplePos};

/// Run the whole pipeline on a recording instead of a microphone
///
/// The same code as `run`, as fast as the machine allows, with the same events on every run:
/// time is counted in samples, and computation takes none of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah replay agents/coffee order.wav
  mynah replay agents/coffee order.flac --json --out answer.wav
  mynah replay agents/coffee order.wav --now 2026-03-05T14:30
  mynah replay agents/coffee order.wav --realtime --json | grep turn
  mynah replay agents/coffee order.wav --echo kitchen.wav:-10 --delay-ms 60
  mynah replay agents/coffee order.wav --echo kitchen.wav --drift-ppm 80 --delay-jump 20
  mynah replay agents/coffee order.wav --echo kitchen.wav --headset    hears itself

With --echo the agent speaks into a room: the microphone hears what it says, through the
room's impulse response, delay and clocks. As in `run`, its own voice is taken out again,
if the board profile says so, and visitors may interrupt. With --half-duplex it is deaf
instead while it speaks and a quarter of a second after; with --headset it takes its own
voice for a visitor who interrupts. When the recording is over, so is the hearing: let it
end in silence.")]
pub struct Args {
    /// Agent folder.
    agent: PathBuf,
    #[command(flatten)]
    state: super::train::State,
    /// What the microphone hears: WAV or FLAC, any rate, any number of channels.
    input: PathBuf,
    /// Write what the agent says, aligned with the input, as WAV.
    #[arg(long, value_name = "OUT.wav")]
    out: Option<PathBuf>,
    /// Hand the sound over at the pace of the clock: real waiting, real races, not reproducible.
    #[arg(long)]
    realtime: bool,
    /// When the recording begins, for replies and programs that tell the time: 2026-03-05T14:30
    /// (local), or RFC 3339 such as 2026-03-05T14:30:00+01:00. Time passes with the recording
    /// (default: 2026-01-05T10:00:00Z, on UTC clocks).
    #[arg(long, value_name = "TIME")]
    now: Option<Moment>,
    /// Let the microphone hear the agent through this room: its impulse response (WAV or FLAC, at
    /// most 5 s), with a gain in decibels if you like.
    #[arg(long, value_name = "RIR.wav[:GAIN_DB]")]
    echo: Option<String>,
    /// Milliseconds from the agent's voice leaving to the room's response, 0 to 2000: what sound
    /// cards hold back (default: 40).
    #[arg(long, value_name = "MS", requires = "echo")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=2_000))]
    delay_ms: Option<u32>,
    /// How much faster the speaker's clock runs than the microphone's, -1000 to 1000 parts per
    /// million: every reply is shorter by that (default: 0).
    #[arg(long, value_name = "PPM", requires = "echo", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i32).range(-1_000..=1_000))]
    drift_ppm: Option<i32>,
    /// Milliseconds by which the delay is longer (or shorter) from the middle of the recording on,
    /// as when a sound server changes its buffers.
    #[arg(long, value_name = "MS", requires = "echo", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i32).range(-2_000..=2_000))]
    delay_jump: Option<i32>,
    /// The loudspeaker cannot get louder than this, in decibels below full scale, and distorts
    /// what should be, 0 to 60 (default: 0).
    #[arg(long, value_name = "DB", requires = "echo")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=60))]
    clip: Option<u32>,
    /// Listen while speaking, as `run --headset` does; without --echo a replay always does.
    #[arg(long)]
    headset: bool,
    /// Be deaf while speaking, as `run --half-duplex` is.
    #[arg(long, requires = "echo", conflicts_with = "headset")]
    half_duplex: bool,
}

/// Two periods of 20 ms, one on the way out and one on the way in.
const DEFAULT_DELAY_MS: u32 = 40;

impl Args {
    fn echo_path(&self) -> Result<Option<EchoPath>, Failure> {
        let Some(response) = &self.echo else { return Ok(None) };
        let response = RoomResponse::open(response)
            .map_err(|error| Failure::Input(anyhow::Error::from(error).context("--echo")))?;
        let delay_ms = self.delay_ms.unwrap_or(DEFAULT_DELAY_MS);
        Ok(Some(EchoPath {
            drift_ppm: self.drift_ppm.unwrap_or(0).into(),
            clip: 10f32.powf(-(self.clip.unwrap_or(0) as f32) / 20.0),
            ..EchoPath::plain(response, delay_ms)
        }))
    }

    /// The jump of the delay in a recording of `samples`.
    fn jump(&self, path: &EchoPath, samples: usize) -> Result<Option<DelayJump>, Failure> {
        let Some(by) = self.delay_jump else { return Ok(None) };
        let delay_ms = path.delay_ms.checked_add_signed(by);
        let delay_ms = delay_ms.filter(|ms| *ms <= LONGEST_DELAY_MS).ok_or_else(|| {
            Failure::Input(anyhow::anyhow!(
                "--delay-jump {by} makes {} ms of a delay of {} ms; it must stay within 0 to \
                 {LONGEST_DELAY_MS} ms",
                i64::from(path.delay_ms) + i64::from(by),
                path.delay_ms
            ))
        })?;
        Ok(Some(DelayJump { at: SamplePos(samples as u64 / 2), delay_ms }))
    }

    fn options(&self, board: &Board) -> ReplayOptions {
        let headset = self.echo.is_none() || self.headset;
        ReplayOptions {
            pace: if self.realtime { Pace::Free } else { Pace::LockStep },
            clock: self.now.clone().map_or_else(Clock::default, Clock::From),
            duplex: Duplex::of(headset, self.half_duplex, board.echo),
            ..ReplayOptions::default()
        }
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    std::fs::canonicalize(a).is_ok_and(|a| std::fs::canonicalize(b).is_ok_and(|b| a == b))
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let mut echo = args.echo_path()?;
    let response = echo.as_ref().map(|path| path.response.path.as_path());
    for (read, what) in [(Some(args.input.as_path()), "input"), (response, "room of --echo")] {
        if let (Some(out), Some(read)) = (&args.out, read)
            && same_file(out, read)
        {
            return Err(Failure::Input(anyhow::anyhow!(
                "{}: --out names the {what} itself; give the answer another name",
                out.display()
            )));
        }
    }
    let mut agent = Agent::load(&args.agent).map_err(Failure::input)?;
    let answer = args.out.as_deref().map(|out| output::create(out, VOICE_RATE_HZ)).transpose()?;
    let clip = file::read(&args.input).map_err(Failure::input)?.to_rate(SAMPLE_RATE_HZ);
    if let Some(path) = &mut echo {
        path.jump = args.jump(path, clip.samples.len())?;
    }
    let board = Board::default_for_build();
    let models = context.models()?;
    prepare(&mut agent, &models, &args.state, Hears::Speech)?;
    let agent = Arc::new(agent);
    let mut engines = Engines::load(&models, board.cpu.encoder_threads).map_err(Failure::input)?;
    agent.check_phrases(engines.voice.dictionary()).map_err(Failure::input)?;
    if args.realtime {
        engines.warm_up().map_err(anyhow::Error::from)?;
    }
    let mut console = Console::new(context.json);
    let make_source = |shared: &Arc<_>, speaker: &Arc<_>| -> Box<dyn Source> {
        let clip = ClipSource::new(clip.samples);
        match (echo, args.realtime) {
            (None, false) => Box::new(clip),
            (None, true) => Box::new(Paced::new(clip)),
            (Some(path), false) => Box::new(Echoing::new(clip, path, Arc::clone(speaker), shared)),
            // Paced inside, so that the echo is of what is said when the frame is over.
            (Some(path), true) => {
                Box::new(Echoing::new(Paced::new(clip), path, Arc::clone(speaker), shared))
            }
        }
    };
    let track =
        replay(&mut engines, &agent, args.options(&board), make_source, |e| console.show(e))
            .map_err(anyhow::Error::from)?;
    console.finish().map_err(anyhow::Error::from)?;
    if let Some(mut answer) = answer {
        answer.push(&track).and_then(|()| answer.finish()).map_err(output::failure)?;
    }
    Ok(())
}
