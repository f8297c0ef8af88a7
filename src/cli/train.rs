use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::output::progress;
use super::{Context, Failure};
use crate::agent::Agent;
use crate::agent::training::{Fit, Kept, Learned, Trained, sentences, train};
use crate::config::board::Board;
use crate::models::ModelStore;
use crate::nlu::{Calibration, Observed, SEARCH, SOUND, SentenceEncoder, Spelled, Trust};
use crate::nn::Team;
use crate::runtime::Engines;
use crate::simulate::Trials;
use crate::tts::text::Phonemizer;

/// Of what is said with `--speech`, and of how.
const SPEECH_SEED: u64 = 1;
/// Sentences said with `--speech`: the figures of docs/understanding.md change little beyond.
const SENTENCES: u32 = 600;

/// Learn an agent's intents from its own sentences, and how sure to be of them
///
/// Templates say what is understood for certain; what was learned here tells what visitors mean who
/// say it in other words, and the agent then asks whether it is right. `run`, `replay`, `eval`,
/// `chat` and `understand` do the same when it was not done, so this command is for images that are
/// prepared once, and for seeing how long it takes.
///
/// How much the search's evidence is worth was learned beforehand, on the agents that come with this
/// program. With --speech it is learned for this agent: our own voice says its sentences, some that
/// are nearly its own and some that are not, at many paces and pitches, in made rooms and noise, and
/// what the recogniser makes of them is compared. That takes minutes, once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mynah train agents/coffee
  mynah train agents/home --force
  mynah train agents/coffee --speech
  mynah train agents/coffee agents/home --speech --force --json")]
pub struct Args {
    /// Folders of agents
    #[arg(required = true, value_name = "AGENT")]
    agents: Vec<PathBuf>,
    #[command(flatten)]
    state: State,
    /// Learn again even if nothing has changed
    #[arg(long)]
    force: bool,
    /// Learn also from sentences that our own voice says
    #[arg(long)]
    speech: bool,
    /// How many of them
    #[arg(
        long,
        value_name = "N",
        requires = "speech",
        default_value_t = SENTENCES,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    sentences: u32,
}

/// Where training is kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct State {
    /// Folder for what is learned (default: .mynah in the agent's folder)
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl State {
    /// Where what `agent` learns is kept.
    pub fn kept(&self, agent: &Agent) -> Kept {
        Kept::of(agent, self.state_dir.as_deref())
    }
}

/// What `--json` prints: one object for each agent.
#[derive(Serialize)]
struct Report<'a> {
    agent: &'a str,
    folder: &'a Path,
    trained: bool,
    texts: usize,
    sound: Fit<SOUND>,
    search: Option<Fit<SEARCH>>,
    seconds: f64,
}

/// And one for all of them, when they were all trained on speech.
#[derive(Serialize)]
struct Together {
    agents: usize,
    search: Fit<SEARCH>,
    brier: f64,
    brier_shipped: f64,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    if args.agents.len() > 1 && args.state.state_dir.is_some() {
        return Err(Failure::Input(anyhow::anyhow!(
            "--state-dir is one folder, and {} agents are named: train them one by one",
            args.agents.len()
        )));
    }
    let models = context.models()?;
    let mut engines = None;
    let mut observed = Vec::new();
    for folder in &args.agents {
        observed.extend(train_one(folder, args, context, &models, &mut engines)?);
    }
    if args.agents.len() > 1 && !observed.is_empty() {
        together(args.agents.len(), &observed, context)?;
    }
    Ok(())
}

/// Trains one agent; what was observed of its speech comes back.
fn train_one(
    folder: &Path,
    args: &Args,
    context: &Context,
    models: &ModelStore,
    engines: &mut Option<Engines>,
) -> Result<Vec<Observed>, Failure> {
    let start = Instant::now();
    let mut agent = Agent::load(folder).map_err(Failure::input)?;
    let kept = args.state.kept(&agent);
    let known = kept.load(&agent, models).filter(|_| !args.force);
    let heard_before = kept.has_heard_speech();
    let was_known = known.is_some();
    let (mut learned, texts) = match known {
        Some(learned) => (learned, 0),
        None => learn(&mut agent, models, &kept)?,
    };
    let mut observed = Vec::new();
    let listen = args.speech && (args.force || learned.search.is_none());
    if listen {
        let engines = match engines {
            Some(engines) => engines,
            None => engines.insert(load(models)?),
        };
        observed = listened(folder, args.sentences, engines)?;
        let trust = Calibration::SHIPPED.search.fitted(&observed);
        learned.search = Some(Fit { examples: observed.len(), trust });
        kept.store_confidence(&agent, models, learned.sound, learned.search)
            .map_err(Failure::input)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let (name, folder) = (agent.name.as_str(), kept.folder());
    if context.json {
        let trained = !was_known || listen;
        let Learned { sound, search, .. } = learned;
        let report = Report { agent: name, folder, trained, texts, sound, search, seconds };
        super::chat::print_json(&report)?;
    }
    if was_known && !listen {
        context.say(format_args!("{name}: nothing has changed since it was trained"));
    } else {
        let spoken = match observed.len() {
            0 => String::new(),
            n => format!(" and {n} spoken sentences"),
        };
        context.say(format_args!(
            "{name}: learned from {texts} texts{spoken} in {seconds:.1} s, kept in {}",
            folder.display()
        ));
    }
    if heard_before && learned.search.is_none() {
        context.say(format_args!(
            "{name}: what it had learned from speech was of other sentences and is gone; \
             `mynah train --speech` learns it again"
        ));
    }
    Ok(observed)
}

fn learn(agent: &mut Agent, models: &ModelStore, kept: &Kept) -> Result<(Learned, usize), Failure> {
    pronounce(agent, models)?;
    let mut encoder = SentenceEncoder::load(models).map_err(Failure::input)?;
    let Trained { mut learned, texts } = taught(agent, &mut encoder)?;
    learned.search = kept.search(agent, models);
    kept.store(agent, models, &learned).map_err(Failure::input)?;
    Ok((learned, texts))
}

fn load(models: &ModelStore) -> Result<Engines, Failure> {
    let threads = Board::default_for_build().cpu.encoder_threads;
    Engines::load(models, threads).map_err(Failure::input)
}

/// What the search makes of sentences that are said to the agent in `folder`, which hears as it
/// does when it runs.
fn listened(folder: &Path, count: u32, engines: &mut Engines) -> Result<Vec<Observed>, Failure> {
    let agent = Arc::new(Agent::load(folder).map_err(Failure::input)?);
    let said = sentences(&agent, count as usize, SPEECH_SEED);
    let mut trials = Trials::new(agent, SPEECH_SEED);
    let mut observed = Vec::new();
    for (done, sentence) in said.iter().enumerate() {
        progress(done, said.len());
        let Engines { voice, recognizer, .. } = engines;
        observed.extend(trials.hear(sentence, voice, recognizer).map_err(anyhow::Error::from)?);
    }
    progress(said.len(), said.len());
    Ok(observed)
}

/// One fit to what all agents heard: how the numbers that ship are found.
fn together(agents: usize, observed: &[Observed], context: &Context) -> Result<(), Failure> {
    let shipped = Calibration::SHIPPED.search;
    let trust: Trust<SEARCH> = shipped.refitted(observed);
    let (brier, brier_shipped) = (trust.brier(observed), shipped.brier(observed));
    let search = Fit { examples: observed.len(), trust };
    if context.json {
        super::chat::print_json(&Together { agents, search, brier, brier_shipped })?;
    }
    context.say(format_args!(
        "together: {} spoken sentences; Brier score {brier:.3}, {brier_shipped:.3} with what ships",
        observed.len()
    ));
    Ok(())
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
    let kept = state.kept(agent);
    let known = kept.load(agent, models);
    if known.is_none() || hears == Hears::Text {
        pronounce(agent, models)?;
    }
    let learned = match known {
        Some(learned) => learned,
        None => {
            let mut learned = taught(agent, &mut encoder)?.learned;
            learned.search = kept.search(agent, models);
            if let Err(error) = kept.store(agent, models, &learned) {
                eprintln!("note: what {} learned is not kept: {error}", agent.name);
            }
            if hears == Hears::Speech {
                // The dictionary has done its work; it is larger than all the rest.
                agent.pronounce_with(Arc::new(Spelled)).map_err(Failure::input)?;
            }
            learned
        }
    };
    agent.learn(learned, Some(encoder)).map_err(Failure::input)
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
