use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, anyhow};

use super::{Context, Failure};
use crate::agent::Agent;
use crate::audio::file::{self, Clip};
use crate::config::board::Board;
use crate::demo::{Customer, Kitchen, Line, Room};
use crate::observe::Event;
use crate::observe::console::{Console, clock};
use crate::observe::timeline;
use crate::runtime::{Engines, ReplayOptions, replay};
use crate::tts::{Style, VOICE_RATE_HZ, Voice};
use crate::units::SAMPLE_RATE_HZ;

/// Hear a customer order a coffee, from first word to last, without any device
///
/// A synthetic customer in a synthetic kitchen talks to the agent; the agent listens to that sound
/// only, understands, asks back, and answers aloud. Both sides are written to one file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah demo
  mynah demo --out talk.wav --timeline talk.svg
  mynah demo --agent my-agent      says the lines of my-agent/demo.txt
  mynah demo --live                with your microphone and speaker")]
pub struct Args {
    /// Agent folder; its demo.txt holds the customer's lines (default: the coffee agent).
    #[arg(long, value_name = "DIR")]
    agent: Option<PathBuf>,
    /// Where to write both voices: the customer left, the agent right.
    #[arg(long, value_name = "OUT.wav", default_value = "demo.wav")]
    out: PathBuf,
    /// Also draw the conversation as an SVG picture.
    #[arg(long, value_name = "OUT.svg")]
    timeline: Option<PathBuf>,
    /// Talk to the agent yourself instead.
    #[arg(long, conflicts_with_all = ["out", "timeline"])]
    live: bool,
}

/// The customer's voice: deeper and a little quicker than the agent's.
const CUSTOMER: Style = Style { pace: 1.05, pitch: 0.9, seed: 11 };
/// The kitchen of every demo.
const KITCHEN_SEED: u64 = 2;
/// How much of a voice the other ear gets.
const CROSSTALK: f32 = 0.35;

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let folder = match &args.agent {
        Some(folder) => folder.clone(),
        None => coffee()?,
    };
    if args.live {
        return super::run::run(&super::run::Args::for_agent(folder), context);
    }
    let lines = read_lines(&folder.join("demo.txt"))?;
    let agent = Arc::new(Agent::load(&folder).map_err(Failure::input)?);
    let threads = Board::default_for_build().cpu.encoder_threads;
    let mut engines = Engines::load(&context.models()?, threads).map_err(Failure::input)?;
    agent.check_phrases(engines.voice.dictionary()).map_err(Failure::input)?;
    let lines = speak_lines(&mut engines.voice, lines)?;

    context.say(format_args!("A customer walks up to “{}” in a noisy kitchen.\n", agent.name));
    let room = Arc::new(Mutex::new(Room::default()));
    let mut console = Console::new(context.json);
    let mut events = Vec::new();
    let begin = Instant::now();
    let said = replay(
        &mut engines,
        &agent,
        ReplayOptions::default(),
        |shared, _| {
            Customer::new(lines, Kitchen::new(KITCHEN_SEED), Arc::clone(shared), Arc::clone(&room))
        },
        |event| {
            show_lines(context, &room);
            console.show(event);
            events.push(event.clone());
        },
    )
    .map_err(anyhow::Error::from)?;
    let computing = begin.elapsed();
    console.finish().map_err(anyhow::Error::from)?;

    let heard = std::mem::take(&mut lock(&room).recording);
    let seconds = heard.len() as f64 / f64::from(SAMPLE_RATE_HZ);
    write_both(&args.out, &heard, &said)?;
    context.say(format_args!(
        "\n{seconds:.1} s of conversation took {:.1} s of computing; reply after {} ms on average \
         (silence waited for, plus work).\nBoth voices: {}",
        computing.as_secs_f64(),
        mean_gap_ms(&events),
        args.out.display()
    ));
    if let Some(picture) = &args.timeline {
        std::fs::write(picture, timeline::draw(&events, &heard, &said, VOICE_RATE_HZ))
            .with_context(|| format!("{}: cannot write the picture", picture.display()))
            .map_err(Failure::Input)?;
        context.say(format_args!("Picture: {}", picture.display()));
    }
    Ok(())
}

fn lock(room: &Mutex<Room>) -> std::sync::MutexGuard<'_, Room> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the coffee agent lies: here, beside an installed program, or in the source tree.
pub fn coffee() -> Result<PathBuf, Failure> {
    let places = [
        PathBuf::from("agents/coffee"),
        PathBuf::from("/usr/share/mynah/agents/coffee"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/coffee"),
    ];
    let found = places.iter().find(|place| place.join("agent.toml").is_file());
    found.cloned().ok_or_else(|| {
        let looked = places.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
        Failure::Input(anyhow!(
            "the coffee agent was not found: looked in {looked}. Name an agent folder with --agent"
        ))
    })
}

/// The customer's lines: one a line; empty lines and those that begin with `#` do not count.
fn read_lines(path: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .with_context(|| {
            format!(
                "{}: cannot read what the customer says; write one line per turn into this file",
                path.display()
            )
        })
        .map_err(Failure::Input)?;
    let lines: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    if lines.is_empty() {
        return Err(Failure::Input(anyhow!(
            "{}: holds no line for the customer; write one line per turn into this file",
            path.display()
        )));
    }
    Ok(lines)
}

/// Gives the lines the customer's voice, at the pipeline's rate.
fn speak_lines(voice: &mut Voice, lines: Vec<String>) -> Result<Vec<Line>, Failure> {
    let mut spoken = Vec::with_capacity(lines.len());
    for text in lines {
        let samples = voice.read_out(&text, &CUSTOMER).map_err(anyhow::Error::from)?;
        let clip = Clip { rate_hz: VOICE_RATE_HZ, samples }.to_rate(SAMPLE_RATE_HZ);
        spoken.push(Line { text, sound: clip.samples });
    }
    Ok(spoken)
}

fn show_lines(context: &Context, room: &Mutex<Room>) {
    for said in lock(room).said.drain(..) {
        context.say(format_args!("\n{}  CUSTOMER “{}”", clock(said.at), said.text));
    }
}

/// Mean of the silence waited for and the work until the first reply sample, over all turns.
fn mean_gap_ms(events: &[Event]) -> u64 {
    let gaps: Vec<f64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Turn { endpoint_ms, wall_ms, .. } => {
                Some(*endpoint_ms as f64 + f64::from(wall_ms.to_first_audio))
            }
            _ => None,
        })
        .collect();
    (gaps.iter().sum::<f64>() / gaps.len().max(1) as f64) as u64
}

/// Writes the room left and the agent right, each a little in the other ear, at the voice's rate.
fn write_both(path: &Path, heard: &[f32], said: &[f32]) -> Result<(), Failure> {
    let heard = Clip { rate_hz: SAMPLE_RATE_HZ, samples: heard.to_vec() }.to_rate(VOICE_RATE_HZ);
    let length = heard.samples.len().max(said.len());
    let at = |sound: &[f32], i: usize| sound.get(i).copied().unwrap_or(0.0);
    let (mut left, mut right) = (Vec::with_capacity(length), Vec::with_capacity(length));
    for i in 0..length {
        let (customer, agent) = (at(&heard.samples, i), at(said, i));
        left.push(0.9 * (customer + CROSSTALK * agent));
        right.push(0.9 * (agent + CROSSTALK * customer));
    }
    file::write_wav_stereo(path, VOICE_RATE_HZ, &left, &right).map_err(Failure::input)
}
