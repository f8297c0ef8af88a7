//! Arguments and exit codes; one file per subcommand.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::agent::Agent;
use crate::models::{ModelError, ModelStore};
use crate::sandbox;

mod bench;
mod board;
mod calibrate;
mod chat;
mod check;
mod demo;
mod devices;
mod doctor;
mod eval;
mod eval_echo;
mod eval_text;
mod eval_wake;
mod gpio;
mod keyboard;
mod levels;
mod new;
mod output;
mod press;
mod replay;
mod run;
mod say;
mod test;
mod train;
mod transcribe;
mod understand;

/// A voice agent in one program. It listens, understands, converses and answers aloud, all on
/// this device; it opens no network connection.
#[derive(Debug, Parser)]
#[command(name = "mynah", version = env!("MYNAH_VERSION"), arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    context: Context,
    #[command(subcommand)]
    command: Command,
}

/// What every subcommand knows.
#[derive(Debug, clap::Args)]
pub struct Context {
    /// Machine-readable lines on stdout; text for people goes to stderr.
    #[arg(long, global = true)]
    pub json: bool,
    /// Folder with the converted models (default: $MYNAH_MODELS, or where `make models` put them).
    #[arg(long, global = true, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

impl Context {
    /// Opens the models this invocation asked for.
    pub fn models(&self) -> Result<ModelStore, Failure> {
        Ok(ModelStore::open(self.models.as_deref())?)
    }

    /// Gives an agent what it needs models for ([`train::prepare`]). Where none are built, it does
    /// without, and a line says so.
    fn prepare_if_possible(&self, agent: &mut Agent, state: &train::State) -> Result<(), Failure> {
        match self.models() {
            Ok(models) => train::prepare(agent, &models, state, train::Hears::Text),
            Err(_) if self.models.is_none() => {
                eprintln!(
                    "note: no models are built (`make models`): words that sound alike are found \
                     by their letters, and nothing is learned from examples"
                );
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// A line for people: stdout, or stderr when stdout carries JSON.
    pub fn say(&self, line: impl std::fmt::Display) {
        if self.json { eprintln!("{line}") } else { put(line) }
    }
}

/// Writes a line to stdout. A reader that has left (`| head`) wants no more, so the command has done
/// its work; any other failure ends it.
pub fn put(line: impl std::fmt::Display) {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("mynah: cannot write to standard output: {error}");
            std::process::exit(1)
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Run(run::Args),
    Replay(replay::Args),
    Transcribe(transcribe::Args),
    Understand(understand::Args),
    Say(say::Args),
    Chat(chat::Args),
    New(new::Args),
    Check(check::Args),
    Train(train::Args),
    Test(test::Args),
    Devices(devices::Args),
    Levels(levels::Args),
    Calibrate(calibrate::Args),
    Doctor(doctor::Args),
    Eval(eval::Args),
    EvalText(eval_text::Args),
    EvalEcho(eval_echo::Args),
    EvalWake(eval_wake::Args),
    Bench(bench::Args),
}

/// Why a command failed, which decides the exit code.
#[derive(Debug)]
pub enum Failure {
    /// Bad usage or bad input: exit 2. The message names file, line and field, and what to do.
    Input(anyhow::Error),
    /// The command was right and could not be done: exit 1.
    Runtime(anyhow::Error),
}

impl Failure {
    pub fn input(error: impl Into<anyhow::Error>) -> Self {
        Self::Input(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Runtime(error)
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Self::input(error)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = sandbox::enter() {
        eprintln!("mynah: warning: {error}");
    }
    let context = &cli.context;
    let result = match &cli.command {
        Command::Demo(args) => demo::run(args, context),
        Command::Run(args) => run::run(args, context),
        Command::Replay(args) => replay::run(args, context),
        Command::Transcribe(args) => transcribe::run(args, context),
        Command::Understand(args) => understand::run(args, context),
        Command::Say(args) => say::run(args, context),
        Command::Chat(args) => chat::run(args, context),
        Command::New(args) => new::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Train(args) => train::run(args, context),
        Command::Test(args) => test::run(args, context),
        Command::Devices(args) => devices::run(args, context),
        Command::Levels(args) => levels::run(args, context),
        Command::Calibrate(args) => calibrate::run(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Eval(args) => eval::run(args, context),
        Command::EvalText(args) => eval_text::run(args, context),
        Command::EvalEcho(args) => eval_echo::run(args, context),
        Command::EvalWake(args) => eval_wake::run(args, context),
        Command::Bench(args) => bench::run(args, context),
    };
    let (error, code) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Input(error)) => (error, 2),
        Err(Failure::Runtime(error)) => (error, 1),
    };
    eprintln!("mynah: {}", told_once(&error));
    ExitCode::from(code)
}

/// An error with its causes, each said once: many of our messages quote their cause themselves.
fn told_once(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |told, cause| {
        let cause = cause.to_string();
        match told {
            told if told.is_empty() => cause,
            told if told.contains(&cause) => told,
            told => format!("{told}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_quoted_is_not_said_twice() {
        let plain = anyhow::anyhow!("no space left").context("cannot write a.wav");
        assert_eq!(told_once(&plain), "cannot write a.wav: no space left");
        let quoting = anyhow::anyhow!("no space left").context("a.wav: no space left; make room");
        assert_eq!(told_once(&quoting), "a.wav: no space left; make room");
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
