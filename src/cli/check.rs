use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::{Context, Failure};
use crate::agent::{Agent, AgentError, ListeningMode};
use crate::config::board::Board;
use crate::nlu::{Overlap, Unspoken};
use crate::tts::text::Phonemizer;

/// Check an agent folder: every file, every name, every template
///
/// Lists all mistakes with file, line and a way out. Exit status 2 when there are any. Sentences
/// that two intents claim alike are warned of, and words that the voice cannot pronounce.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  mynah check agents/coffee\n  mynah check agents/coffee --json"
)]
pub struct Args {
    /// The agent's folder
    pub agent: PathBuf,
    /// Board it is to run on: a name from boards/ or a file (default: the one this program was built
    /// for).
    #[arg(long, value_name = "BOARD")]
    pub board: Option<String>,
}

/// What `--json` prints: one object.
#[derive(Serialize)]
struct Report<'a> {
    agent: &'a std::path::Path,
    problems: Vec<Problem<'a>>,
    /// What works, and perhaps not as meant.
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Problem<'a> {
    file: &'a std::path::Path,
    /// From 1; 0 when the problem is the file itself.
    line: u32,
    column: u32,
    message: String,
    help: Option<&'a str>,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let loaded = Agent::load(&args.agent);
    let voice = match &loaded {
        Ok(_) => voice(context)?,
        Err(_) => None,
    };
    let mut loaded = loaded.and_then(|agent| match &voice {
        Some(voice) => agent.check_phrases(voice.clone()).map(|()| agent),
        // Who is called by a phrase is refused below, for want of models.
        None => Ok(agent),
    });
    let warnings = match &mut loaded {
        Ok(agent) => warnings(agent, voice)?,
        Err(_) => Vec::new(),
    };
    if context.json {
        let problems = loaded.as_ref().err().map(problems).unwrap_or_default();
        super::chat::print_json(&Report { agent: &args.agent, problems, warnings: &warnings })?;
    }
    let agent = loaded.map_err(Failure::input)?;
    let board = match &args.board {
        Some(board) => Board::load(board).map_err(Failure::input)?,
        None => Board::default_for_build(),
    };
    if agent.settings.listening.mode == ListeningMode::Wake {
        super::run::can_wake(&agent, &board, &context.models()?)?;
    }
    for warning in &warnings {
        context.say(format_args!("warning: {warning}"));
    }
    let slots: usize = agent.script.intents.values().map(|intent| intent.slots.len()).sum();
    context.say(format_args!(
        "{}: no mistakes. {} intents, {slots} slots, {} test conversations",
        agent.name,
        agent.script.intents.len(),
        agent.tests.len(),
    ));
    Ok(())
}

/// How the agent's voice pronounces words; without models, nothing knows.
fn voice(context: &Context) -> Result<Option<Arc<Phonemizer>>, Failure> {
    match context.models() {
        Ok(models) => Ok(Some(Arc::new(Phonemizer::load(&models).map_err(Failure::input)?))),
        Err(_) if context.models.is_none() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What works, and perhaps not as meant.
fn warnings(agent: &mut Agent, voice: Option<Arc<Phonemizer>>) -> Result<Vec<String>, Failure> {
    // Without a voice a word is pronounced by its letters.
    if let Some(voice) = voice {
        agent.pronounce_with(voice).map_err(Failure::input)?;
    }
    let overlaps = agent.grammar.overlaps();
    let unspoken = agent.grammar.unspoken(agent.interpreter.aligner());
    let unspoken = unspoken.iter().map(Unspoken::to_string);
    Ok(overlaps.iter().map(Overlap::to_string).chain(unspoken).collect())
}

fn problems(error: &AgentError) -> Vec<Problem<'_>> {
    match error {
        AgentError::Mistakes(problems) => problems
            .iter()
            .map(|p| Problem {
                file: &p.file,
                line: p.line,
                column: p.column,
                message: p.message.clone(),
                help: p.help.as_deref(),
            })
            .collect(),
        AgentError::NoFolder(path) => {
            vec![Problem { file: path, line: 0, column: 0, message: error.to_string(), help: None }]
        }
        AgentError::File { path, why, help } => {
            vec![Problem { file: path, line: 0, column: 0, message: why.clone(), help: Some(help) }]
        }
    }
}
