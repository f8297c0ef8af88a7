use std::path::PathBuf;
use std::sync::Arc;

use super::{Context, Failure, output};
use crate::agent::Agent;
use crate::audio::file;
use crate::observe::console::Console;
use crate::runtime::source::{ClipSource, Paced};
use crate::runtime::{Engines, Pace, replay};
use crate::tts::VOICE_RATE_HZ;
use crate::units::SAMPLE_RATE_HZ;

/// Run the whole pipeline on a recording instead of a microphone
///
/// The same code as `run`, as fast as the machine allows, with the same events on every run:
/// time is counted in samples, and computation takes none of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah replay agents/coffee order.wav
  mynah replay agents/coffee order.flac --json --out answer.wav
  mynah replay agents/coffee order.wav --realtime --json | grep turn")]
pub struct Args {
    /// Agent folder.
    agent: PathBuf,
    /// What the microphone hears: WAV or FLAC, any rate, any number of channels.
    input: PathBuf,
    /// Write what the agent says, aligned with the input, as WAV.
    #[arg(long, value_name = "OUT.wav")]
    out: Option<PathBuf>,
    /// Hand the sound over at the pace of the clock: real waiting, real races, not reproducible.
    #[arg(long)]
    realtime: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    if let Some(out) = &args.out
        && std::fs::canonicalize(out)
            .is_ok_and(|o| std::fs::canonicalize(&args.input).is_ok_and(|i| i == o))
    {
        return Err(Failure::Input(anyhow::anyhow!(
            "{}: --out names the input itself; give the answer another name",
            out.display()
        )));
    }
    let agent = Arc::new(Agent::load(&args.agent).map_err(Failure::input)?);
    let answer = args.out.as_deref().map(|out| output::create(out, VOICE_RATE_HZ)).transpose()?;
    let clip = file::read(&args.input).map_err(Failure::input)?.to_rate(SAMPLE_RATE_HZ);
    let mut engines = Engines::load(&context.models()?).map_err(Failure::input)?;
    let mut console = Console::new(context.json);
    let clip = ClipSource::new(clip.samples);
    let track = if args.realtime {
        engines.warm_up().map_err(anyhow::Error::from)?;
        replay(&mut engines, &agent, Pace::Free, |_| Paced::new(clip), |e| console.show(e))
    } else {
        replay(&mut engines, &agent, Pace::LockStep, |_| clip, |e| console.show(e))
    }
    .map_err(anyhow::Error::from)?;
    if let Some(mut answer) = answer {
        answer.push(&track).and_then(|()| answer.finish()).map_err(output::failure)?;
    }
    Ok(())
}
