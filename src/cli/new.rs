use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Context, Failure};
use crate::agent::{ScaffoldError, quoted, scaffold};

/// Write a first agent to a new folder: small, complete, and passing its own tests
///
/// The folder must be empty or not there yet; its name becomes the agent's.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  mynah new my-agent\n  mynah new 'Corner Café'")]
pub struct Args {
    /// The folder to make
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// What `--json` prints: one object.
#[derive(Serialize)]
struct Report<'a> {
    agent: &'a Path,
    files: &'a [&'static str],
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let files = scaffold(&args.dir).map_err(|error| match error {
        ScaffoldError::Write { .. } => Failure::Runtime(error.into()),
        _ => Failure::input(error),
    })?;
    if context.json {
        super::chat::print_json(&Report { agent: &args.dir, files: &files })?;
    }
    let dir = quoted(&args.dir);
    context.say(format_args!("{dir} is an agent: {}. What next:", files.join(", ")));
    for (command, does) in [
        ("check", "finds mistakes in the files"),
        ("test", "plays the talks in tests/"),
        ("chat", "lets you talk to it by keyboard"),
    ] {
        context.say(format_args!("  mynah {command:<5} {dir}   # {does}"));
    }
    Ok(())
}
