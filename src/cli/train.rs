use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::{Context, Failure};
use crate::agent::Agent;
use crate::agent::training::{Kept, Trained, train};
use crate::models::ModelStore;
use crate::nlu::{SentenceEncoder, Spelled};
use crate::nn::Team;
use crate::tts::text::Phonemizer;

/// Learn an agent's intents from its own sentences
///
/// Templates say what is understood for certain; what was learned here tells what visitors mean who
/// say it in other words, and the agent then asks whether it is right. `run`, `replay`, `eval`,
/// `chat` and `understand` do the same when it was not done, so this command is for images that are
/// prepared once, and for seeing how long it takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  mynah train agents/coffee\n  mynah train agents/home --force")]
pub struct Args {
    /// The agent's folder
    agent: PathBuf,
    #[command(flatten)]
    state: State,
    /// Learn again even if nothing has changed
    #[arg(long)]
    force: bool,
}

/// Where training is kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct State {
    /// Folder for what is learned (default: .mynah in the agent's folder)
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// What `--json` prints: one object.
#[derive(Serialize)]
struct Report<'a> {
    agent: &'a str,
    folder: &'a std::path::Path,
    trained: bool,
    texts: usize,
    seconds: f64,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let start = Instant::now();
    let mut agent = Agent::load(&args.agent).map_err(Failure::input)?;
    let models = context.models()?;
    let kept = Kept::of(&agent, args.state.state_dir.as_deref());
    let known = !args.force && kept.load(&agent, &models).is_some();
    let texts = if known { 0 } else { learn(&mut agent, &models, &kept)? };
    let seconds = start.elapsed().as_secs_f64();
    let folder = kept.folder();
    if context.json {
        let (agent, trained) = (agent.name.as_str(), !known);
        super::chat::print_json(&Report { agent, folder, trained, texts, seconds })?;
    }
    context.say(match known {
        true => format!("{}: nothing has changed since it was trained", agent.name),
        false => format!(
            "{}: learned from {texts} texts in {seconds:.1} s, kept in {}",
            agent.name,
            folder.display()
        ),
    });
    Ok(())
}

fn learn(agent: &mut Agent, models: &ModelStore, kept: &Kept) -> Result<usize, Failure> {
    pronounce(agent, models)?;
    let mut encoder = SentenceEncoder::load(models).map_err(Failure::input)?;
    let trained = taught(agent, &mut encoder)?;
    kept.store(agent, models, &trained.model).map_err(Failure::input)?;
    Ok(trained.texts)
}

/// What an agent is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// Text: words are compared by sound, with the voice's pronunciations.
    Text,
    /// Speech: the recogniser compares sounds.
    Speech,
}

/// Gives an agent what it learned from its sentences, now if it was not before, and what comparing
/// words takes. What cannot be kept is learned for this run alone, and a line says so.
pub fn prepare(
    agent: &mut Agent,
    models: &ModelStore,
    state: &State,
    hears: Hears,
) -> Result<(), Failure> {
    let mut encoder = SentenceEncoder::load(models).map_err(Failure::input)?;
    let kept = Kept::of(agent, state.state_dir.as_deref());
    let known = kept.load(agent, models);
    if known.is_none() || hears == Hears::Text {
        pronounce(agent, models)?;
    }
    let model = match known {
        Some(model) => model,
        None => {
            let model = taught(agent, &mut encoder)?.model;
            if let Err(error) = kept.store(agent, models, &model) {
                eprintln!("note: what {} learned is not kept: {error}", agent.name);
            }
            if hears == Hears::Speech {
                // The dictionary has done its work; it is larger than all the rest.
                agent.pronounce_with(Arc::new(Spelled)).map_err(Failure::input)?;
            }
            model
        }
    };
    agent.learn(model, Some(encoder)).map_err(Failure::input)
}

/// On two threads: the embeddings of all sentences are most of the work.
fn taught(agent: &Agent, encoder: &mut SentenceEncoder) -> Result<Trained, Failure> {
    let team = Team::of(2).map_err(anyhow::Error::from)?;
    train(agent, Some(encoder), &team).map_err(Failure::input)
}

fn pronounce(agent: &mut Agent, models: &ModelStore) -> Result<(), Failure> {
    let voice = Phonemizer::load(models).map_err(Failure::input)?;
    agent.pronounce_with(Arc::new(voice)).map_err(Failure::input)
}
