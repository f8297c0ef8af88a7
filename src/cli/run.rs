use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use crossbeam_channel::Receiver;

use super::board::Profile;
use super::train::{Hears, prepare};
use super::{Context, Failure, gpio, keyboard, press};
use crate::agent::{Agent, ListeningMode};
use crate::audio::devices::{DeviceChoice, DeviceError, Direction};
use crate::config::board::Board;
use crate::models::ModelStore;
use crate::nn::kernels::Kernel;
use crate::observe::Event;
use crate::observe::budget::BudgetWatch;
use crate::observe::console::Console;
use crate::runtime::listener::Duplex;
use crate::runtime::{Engines, LiveOptions, RuntimeError, live, text_only};
use crate::turn::Press;

/// Listen and answer, live
///
/// Runs until Ctrl-C. A device that is unplugged is opened again when it is back. With no
/// microphone or speaker at all at the start the exit code is 1: try again later; when --mic or
/// --speaker names none, it is 2.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah run agents/coffee
  mynah run agents/coffee --mic \"USB Audio\" --mic default    the second if the first is away
  mynah run agents/coffee --board raspberry-pi-5 --json
  mynah run agents/coffee --headset    no echo is expected
  touch-screen | mynah run agents/coffee --keyboard")]
pub struct Args {
    /// Agent folder.
    agent: PathBuf,
    #[command(flatten)]
    state: super::train::State,
    #[command(flatten)]
    profile: Profile,
    /// Microphone: an id or a part of a name from `mynah devices` (default: the board's). Given
    /// several times, the first that works is used, and the next when it stays away.
    #[arg(long, value_name = "NAME")]
    mic: Vec<DeviceChoice>,
    /// Speaker, likewise.
    #[arg(long, value_name = "NAME")]
    speaker: Vec<DeviceChoice>,
    /// The microphone cannot hear the speaker: listen while speaking, without taking the agent's
    /// own voice out of what is heard.
    #[arg(long)]
    headset: bool,
    /// Be deaf while speaking, whatever the board profile says about echo.
    #[arg(long, conflicts_with = "headset")]
    half_duplex: bool,
    /// Take lines of standard input as said, too: for a keyboard, a touch screen or a script beside
    /// the microphone. Goes on when they end.
    #[arg(long)]
    keyboard: bool,
    /// Make a Unix socket at PATH for a button: whoever connects writes `down`, `up` or `tap`, a
    /// line each. With --keyboard an empty line is a tap.
    #[arg(long, value_name = "PATH")]
    press: Option<PathBuf>,
    /// A button between this GPIO line and ground: its name, as GPIO17, or chip and number, as
    /// gpiochip0:17.
    #[arg(long, value_name = "LINE")]
    press_gpio: Option<String>,
}

impl Args {
    /// What `mynah demo --live` runs.
    pub fn for_agent(agent: PathBuf) -> Self {
        Self {
            agent,
            state: Default::default(),
            profile: Profile::default(),
            mic: Vec::new(),
            speaker: Vec::new(),
            headset: false,
            half_duplex: false,
            keyboard: false,
            press: None,
            press_gpio: None,
        }
    }

    /// The device was asked for by name.
    fn names(&self, direction: Direction) -> bool {
        match direction {
            Direction::Record => !self.mic.is_empty(),
            Direction::Play => !self.speaker.is_empty(),
        }
    }
}

/// What is pressed on any of the buttons that were asked for.
fn presses(args: &Args) -> Result<Option<Receiver<Press>>, Failure> {
    let (sender, presses) = press::channel();
    if let Some(path) = &args.press {
        press::socket(path, sender.clone())?;
    }
    if let Some(line) = &args.press_gpio {
        gpio::watch(line, sender.clone())?;
    }
    let has_button = args.press.is_some() || args.press_gpio.is_some();
    Ok(has_button.then_some(presses))
}

/// An agent that nothing could ever wake does not begin.
fn can_be_pressed(args: &Args, agent: &Agent) -> Result<(), Failure> {
    let has_button = args.press.is_some() || args.press_gpio.is_some() || args.keyboard;
    if agent.settings.listening.mode != ListeningMode::PushToTalk || has_button {
        return Ok(());
    }
    Err(Failure::Input(anyhow!(
        "{}: listening.mode in agent.toml is `push-to-talk`, and there is nothing to press; add \
         --press PATH for a socket, --press-gpio LINE for a button on a GPIO line, or --keyboard for the key Enter",
        agent.name
    )))
}

/// Nor one whose phrases would cost more than the board has.
pub(super) fn can_wake(agent: &Agent, board: &Board, models: &ModelStore) -> Result<(), Failure> {
    let unknown = text_only(&agent.settings.listening, models).map_err(Failure::input)?;
    match unknown.filter(|_| !board.cpu.constant_recognition) {
        None => Ok(()),
        Some(phrase) => Err(Failure::Input(anyhow!(
            "{}: the phrase `{phrase}` in agent.toml is known to no small network, so that whatever \
             is said nearby would have to be recognised, and the board {} is too slow for that \
             (cpu.constant_recognition); use a phrase that is known, or another board",
            agent.name,
            board.name
        ))),
    }
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let started = Instant::now();
    let board = args.profile.load()?;
    let mut agent = Agent::load(&args.agent).map_err(Failure::input)?;
    let models = context.models()?;
    can_be_pressed(args, &agent)?;
    can_wake(&agent, &board, &models)?;
    prepare(&mut agent, &models, &args.state, Hears::Speech)?;
    let agent = Arc::new(agent);
    let mut engines = Engines::load(&models, board.cpu.encoder_threads).map_err(Failure::input)?;
    agent.check_phrases(engines.voice.dictionary()).map_err(Failure::input)?;
    engines.warm_up().map_err(anyhow::Error::from)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second signal ends the process at once, should the first one not be heard.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .context("cannot listen for Ctrl-C")?;
    }
    let options = LiveOptions {
        microphones: DeviceChoice::ranked(&args.mic, &board.audio.capture_device),
        speakers: DeviceChoice::ranked(&args.speaker, &board.audio.playback_device),
        capture_level: board.audio.capture_level,
        playback_level: board.audio.playback_level,
        period_ms: board.audio.period_ms,
        lines: args.keyboard.then(keyboard::texts),
        presses: presses(args)?,
        duplex: Duplex::of(args.headset, args.half_duplex, board.echo),
        threads: board.threads.clone(),
        started,
    };
    let mut console = Console::new(context.json);
    if let Ok(kernel) = Kernel::current()
        && let Some(warning) = board.slower_than_expected(kernel.name())
    {
        eprintln!("mynah: {warning}");
    }
    let mut budget = BudgetWatch::new(board);
    let show = |event: &Event| {
        console.show(event);
        budget.see(event).iter().for_each(|fault| console.show(fault));
    };
    live(&mut engines, &agent, &options, &stop, show).map_err(|error| match error {
        // A name that was asked for is wrong; that nothing is plugged in may change by itself, and
        // whoever restarts the agent on status 1 finds out.
        RuntimeError::Device(DeviceError::NotFound { direction, .. }) if args.names(direction) => {
            Failure::input(error)
        }
        error => Failure::Runtime(error.into()),
    })
}
