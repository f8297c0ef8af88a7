use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::board::Pair;
use super::{Context, Failure};
use crate::agent::{Agent, AgentError};
use crate::audio::capture::Capture;
use crate::audio::devices::{self, DeviceError, Direction};
use crate::audio::levels;
use crate::audio::playback::Playback;
use crate::audio::sounding;
use crate::audio::stream::StreamWish;
use crate::clock::Clock;
use crate::config::board::{Board, PlacementError};
use crate::doctor::{Finding, Verdict, level, machine, sound};
use crate::models::ModelStore;
use crate::nn::kernels::Kernel;
use crate::sandbox;
use crate::tts::text::Phonemizer;
use crate::units::SamplePos;

/// Time the room is listened to before anything is played.
const ROOM: Duration = Duration::from_millis(1500);
/// Time from the start of playing in which its sound must come back; the sound itself takes four
/// seconds.
const ECHO: Duration = Duration::from_millis(5500);

/// Find out what is wrong with this machine
///
/// Looks at processor, memory, priority, disk, clock, network filter, models and agent; then sets the
/// levels that the board profile asks for, listens to the room, plays a rising tone twice and listens
/// for it. The exit code is 1 when there is a fault, 0 with warnings only.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah doctor                          the machine and its sound
  mynah doctor agents/coffee            with an agent that is to run on it
  mynah doctor --no-sound --json        for provisioning; one JSON object per finding")]
pub struct Args {
    /// Agent folder.
    agent: Option<PathBuf>,
    #[command(flatten)]
    state: super::train::State,
    #[command(flatten)]
    devices: Pair,
    /// Neither listen nor play.
    #[arg(long)]
    no_sound: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let mut worst = Verdict::Ok;
    let mut show = |finding: Finding| -> Result<(), Failure> {
        worst = worst.max(finding.verdict);
        if context.json {
            super::put(serde_json::to_string(&finding).map_err(anyhow::Error::from)?);
        } else {
            super::put(line(&finding));
        }
        Ok(())
    };
    let board = args.devices.profile.load()?;
    let kernel = Kernel::current();
    let slower = kernel.as_ref().ok().and_then(|k| board.slower_than_expected(k.name()));
    show(machine::kernel(kernel, slower))?;
    show(machine::memory(std::fs::read_to_string("/proc/meminfo")))?;
    show(machine::priority(placed(&board), machine::rtprio()))?;
    let now = Clock::Machine.at(SamplePos(0));
    show(machine::clock(now.year(), &format!("{} {}, {}", now.date(), now.year(), now.clock())))?;
    show(machine::sandbox(sandbox::probe()))?;
    let models = ModelStore::open(context.models.as_deref());
    show(machine::models(&models))?;
    if let Some(folder) = &args.agent {
        let loaded = Agent::load(folder);
        let called = match (&loaded, &models) {
            (Ok(agent), Ok(models)) => check_called(agent, models),
            _ => Ok(()),
        };
        show(machine::agent(&loaded, &called))?;
        if let Ok(agent) = &loaded {
            show(machine::disk(&standing(args.state.kept(agent).folder())))?;
        }
    }
    if !args.no_sound {
        listen_and_play(args, &board, &mut show)?;
    }
    match worst {
        Verdict::Fault => Err(Failure::Runtime(anyhow::anyhow!("there is a fault; see above"))),
        Verdict::Ok | Verdict::Warning => Ok(()),
    }
}

/// Whether an agent can be called by what it says it is called by. Models that cannot be read were told
/// of, and without them nothing knows how that sounds.
fn check_called(agent: &Agent, models: &ModelStore) -> Result<(), AgentError> {
    if agent.settings.listening.phrases.is_empty() {
        return Ok(());
    }
    Phonemizer::load(models).map_or(Ok(()), |voice| agent.check_phrases(Arc::new(voice)))
}

/// The folder itself, or, before the first training, the one it will be made in.
fn standing(folder: &Path) -> PathBuf {
    let stands = folder.ancestors().find(|folder| folder.is_dir());
    stands.unwrap_or(folder).to_owned()
}

fn line(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Fault => "FAULT",
    };
    let next = finding.next.as_ref().map(|next| format!("\n{:22}{next}", "")).unwrap_or_default();
    format!("{verdict:8} {:12} {}{next}", finding.check, finding.what)
}

/// Whether the board's threads may run where it wants them: tried on threads of their own, for a
/// priority that was given up is not always given back.
fn placed(board: &Board) -> Result<(), PlacementError> {
    let threads = [&board.threads.listener, &board.threads.thinker];
    threads.into_iter().try_for_each(|placement| {
        let tried = std::thread::scope(|scope| scope.spawn(|| placement.apply()).join());
        tried.expect("a placement does not panic")
    })
}

fn listen_and_play(
    args: &Args,
    board: &Board,
    show: &mut impl FnMut(Finding) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let wish = StreamWish { period_ms: board.audio.period_ms, ..StreamWish::default() };
    let listed = devices::list();
    let audio = &board.audio;

    let microphone = args.devices.choice(Direction::Record, board);
    let mut capture = Capture::open(&microphone, &wish);
    let opened = capture.as_ref().map(|capture| capture.device());
    show(sound::device(&listed, Direction::Record, opened))?;
    if let Ok(id) = opened {
        show(turned(Direction::Record, id, audio.capture_level))?;
    }
    let quiet = match &mut capture {
        Ok(capture) => sounding::listen(capture, ROOM),
        Err(_) => Ok(Vec::new()),
    };
    let mut hears = false;
    if capture.is_ok() {
        let room = match &quiet {
            Ok(quiet) => sound::room(quiet),
            Err(error) => lost(error),
        };
        hears = room.verdict != Verdict::Fault;
        show(room)?;
    }

    let speaker = args.devices.choice(Direction::Play, board);
    let mut playback = Playback::open(&speaker, &wish);
    let opened = playback.as_ref().map(|playback| playback.device());
    show(sound::device(&listed, Direction::Play, opened))?;
    if let Ok(id) = opened {
        show(turned(Direction::Play, id, audio.playback_level))?;
    }
    let (Ok(capture), Ok(playback), Ok(quiet), true) = (&mut capture, &mut playback, &quiet, hears)
    else {
        return Ok(());
    };
    // A queue that is flushed is one that nobody but us could flush.
    let _ = sounding::play(playback, &sound::sweeps());
    match sounding::listen(capture, ECHO) {
        Ok(heard) => show(sound::echo(quiet, &heard)),
        Err(error) => show(lost(&error)),
    }
}

/// A device's level, set as the board asks for it.
fn turned(direction: Direction, id: &str, asked: Option<u8>) -> Finding {
    let level = match asked {
        Some(percent) => levels::set(direction, id, percent),
        None => levels::read(direction, id),
    };
    level::level(direction, &level, asked.is_some())
}

/// The microphone was there, and is no more.
fn lost(error: &DeviceError) -> Finding {
    Finding::fault("room", error.to_string(), "look at its cable; `mynah devices` shows what works")
}
