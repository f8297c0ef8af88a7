use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Context, Failure};
use crate::agent::Agent;
use crate::audio::capture::Capture;
use crate::audio::devices::{self, DeviceChoice, DeviceError, Direction};
use crate::audio::file::Clip;
use crate::audio::playback::Playback;
use crate::audio::stream::StreamWish;
use crate::clock::Clock;
use crate::config::board::Board;
use crate::doctor::{Finding, Verdict, machine, sound};
use crate::models::ModelStore;
use crate::nn::kernels::Kernel;
use crate::sandbox;
use crate::tts::VOICE_RATE_HZ;
use crate::units::{SAMPLE_RATE_HZ, SamplePos};

/// Time the room is listened to before anything is played.
const ROOM: Duration = Duration::from_millis(1500);
/// Time from the start of playing in which its sound must come back; the sound itself takes a second.
const ECHO: Duration = Duration::from_millis(2500);
/// Longest wait for one frame; beyond it the microphone is asked whether it is still there.
const FRAME_WAIT: Duration = Duration::from_millis(100);

/// Find out what is wrong with this machine
///
/// Looks at processor, memory, disk, clock, network filter, models and agent; then listens to the
/// room, plays a rising tone and listens for it. The exit code is 1 when there is a fault, 0 with
/// warnings only.
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
    /// Microphone: an id or a part of a name from `mynah devices` (default: the board's).
    #[arg(long, value_name = "NAME")]
    mic: Option<DeviceChoice>,
    /// Speaker, likewise.
    #[arg(long, value_name = "NAME")]
    speaker: Option<DeviceChoice>,
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
    let board = Board::default_for_build();
    let kernel = Kernel::current();
    let slower = kernel.as_ref().ok().and_then(|k| board.slower_than_expected(k.name()));
    show(machine::kernel(kernel, slower))?;
    show(machine::memory(std::fs::read_to_string("/proc/meminfo")))?;
    let now = Clock::Machine.at(SamplePos(0));
    show(machine::clock(now.year(), &format!("{} {}, {}", now.date(), now.year(), now.clock())))?;
    show(machine::sandbox(sandbox::probe()))?;
    show(machine::models(&ModelStore::open(context.models.as_deref())))?;
    if let Some(folder) = &args.agent {
        let loaded = Agent::load(folder);
        show(machine::agent(&loaded))?;
        if let Ok(agent) = &loaded {
            show(machine::disk(&standing(args.state.kept(agent).folder())))?;
        }
    }
    if !args.no_sound {
        let listed = devices::list();
        show(sound::devices(&listed, Direction::Record))?;
        show(sound::devices(&listed, Direction::Play))?;
        listen_and_play(args, &board, &mut show)?;
    }
    match worst {
        Verdict::Fault => Err(Failure::Runtime(anyhow::anyhow!("there is a fault; see above"))),
        Verdict::Ok | Verdict::Warning => Ok(()),
    }
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

fn listen_and_play(
    args: &Args,
    board: &Board,
    show: &mut impl FnMut(Finding) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let wish = StreamWish::default();
    let fault = |direction: Direction, error: &DeviceError| {
        Finding::fault(direction.device(), error.to_string(), "`mynah devices` shows what works")
    };
    let microphone = DeviceChoice::or_board(args.mic.as_ref(), &board.audio.capture_device);
    let mut capture = match Capture::open(&microphone, &wish) {
        Ok(capture) => capture,
        Err(error) => return show(fault(Direction::Record, &error)),
    };
    let heard = match listen(&mut capture, ROOM) {
        Ok(heard) => heard,
        Err(error) => return show(fault(Direction::Record, &error)),
    };
    let deaf = sound::room(&heard);
    let hears = deaf.verdict != Verdict::Fault;
    show(deaf)?;
    let speaker = DeviceChoice::or_board(args.speaker.as_ref(), &board.audio.playback_device);
    let mut playback = match Playback::open(&speaker, &wish) {
        Ok(playback) => playback,
        Err(error) => return show(fault(Direction::Play, &error)),
    };
    if !hears {
        return Ok(());
    }
    let sweep = sound::sweep();
    let tone = Clip { rate_hz: SAMPLE_RATE_HZ, samples: sweep.clone() }.to_rate(VOICE_RATE_HZ);
    let feeder = playback.feeder();
    feeder.begin();
    // A queue that is flushed is one that nobody but us could flush.
    let _ = feeder.push(&tone.samples);
    let _ = feeder.end();
    match listen(&mut capture, ECHO) {
        Ok(heard) => show(sound::echo(&sweep, &heard, 0)),
        Err(error) => show(fault(Direction::Record, &error)),
    }
}

/// What the microphone hears from now on; less where it delivers nothing.
fn listen(capture: &mut Capture, long: Duration) -> Result<Vec<f32>, DeviceError> {
    let wanted = (long.as_millis() as usize) * SAMPLE_RATE_HZ as usize / 1000;
    let mut heard = Vec::with_capacity(wanted);
    // Sound that waited while nobody read is not from now.
    while capture.next_frame(Duration::ZERO).is_some() {}
    let until = Instant::now() + 2 * long;
    while heard.len() < wanted && Instant::now() < until {
        match capture.next_frame(FRAME_WAIT) {
            Some(frame) => heard.extend_from_slice(&frame.samples),
            None => capture.check()?,
        }
    }
    Ok(heard)
}
