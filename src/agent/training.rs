//! What an agent learns from its own sentences, and where it is kept.
//!
//! `AGENT/.mynah/` holds the intent model and a stamp of what it was made from: the agent's
//! sentences, the models, the layout. Whatever does not fit its stamp is made anew.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Agent;
use crate::models::{ModelStore, sha256};
use crate::nlu::{
    ClassifyError, Example, Examples, IntentModel, Mishearing, SentenceEncoder, Training,
};
use crate::nn::Team;

/// Layout of what is kept; another one is made anew.
const FORMAT: u32 = 1;
/// Sentences drawn of every intent, and draws that may be made for one.
const SENTENCES: usize = 60;
const DRAWS: u64 = 20;
/// Misheard copies of each.
const COPIES: usize = 1;
/// Of the draws and the copies: the same agent learns the same.
const SEED: u64 = 1;

#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Classify(#[from] ClassifyError),
    #[error(
        "{}: {source}. Make room or make it writable, or name another folder with --state-dir",
        path.display()
    )]
    Keep { path: PathBuf, source: std::io::Error },
}

/// What was made of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    format: u32,
    program: String,
    agent_sha256: String,
    models_sha256: String,
    /// Of the intent model beside it, which may be of another training that was cut off.
    intents_sha256: String,
}

/// What was learned.
pub struct Trained {
    pub model: IntentModel,
    /// Texts it was learned from, misheard ones included.
    pub texts: usize,
}

/// Where an agent's training is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// `folder` instead of `AGENT/.mynah`, for agents on a read-only disk.
    pub fn of(agent: &Agent, folder: Option<&Path>) -> Self {
        let own = || agent.folder.join(".mynah");
        Self { folder: folder.map_or_else(own, Path::to_owned) }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn stamp_file(&self) -> PathBuf {
        self.folder.join("trained.json")
    }

    fn model_file(&self) -> PathBuf {
        self.folder.join("intents.bin")
    }

    /// What was learned from just this agent with just these models; `None` when it must be learned
    /// again, whatever the reason.
    pub fn load(&self, agent: &Agent, models: &ModelStore) -> Option<IntentModel> {
        let stamp = std::fs::read(self.stamp_file()).ok()?;
        let stamp: Stamp = serde_json::from_slice(&stamp).ok()?;
        let bytes = std::fs::read(self.model_file()).ok()?;
        let fits = stamp == Stamp::new(agent, models, &bytes);
        fits.then(|| IntentModel::from_bytes(&bytes).ok())?
    }

    /// Keeps what was learned. A training that is cut off leaves the one before it, or none.
    pub fn store(
        &self,
        agent: &Agent,
        models: &ModelStore,
        model: &IntentModel,
    ) -> Result<(), TrainError> {
        let bytes = model.to_bytes();
        let stamp = Stamp::new(agent, models, &bytes);
        let stamp = serde_json::to_vec_pretty(&stamp).expect("a stamp is plain text");
        let keep = |path: &Path, bytes: &[u8]| {
            replace(path, bytes)
                .map_err(|source| TrainError::Keep { path: path.to_owned(), source })
        };
        std::fs::create_dir_all(&self.folder)
            .map_err(|source| TrainError::Keep { path: self.folder.clone(), source })?;
        keep(&self.model_file(), &bytes)?;
        keep(&self.stamp_file(), &stamp)
    }
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let write = || {
        let mut file = std::fs::File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&part)))
}

impl Stamp {
    fn new(agent: &Agent, models: &ModelStore, intents: &[u8]) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            agent_sha256: agent.fingerprint.clone(),
            models_sha256: models.fingerprint(),
            intents_sha256: sha256(intents),
        }
    }
}

/// Learns the intents of an agent from its own sentences and misheard copies of them.
pub fn train(
    agent: &Agent,
    encoder: Option<&mut SentenceEncoder>,
    team: &Team,
) -> Result<Trained, TrainError> {
    let samples = samples(agent);
    let texts = || samples.iter().map(|(text, _)| text.as_str());
    let mut mishearing = Mishearing::new(agent.interpreter.sounds(), texts(), SEED);
    let examples: Vec<Example<'_>> =
        samples.iter().map(|(text, intent)| Example { text, intent }).collect();
    let texts = examples.len() * (1 + COPIES);
    let corrupt = Some((COPIES, &mut mishearing as _));
    let training = Training { examples, corrupt, ..Training::default() };
    let model = IntentModel::train(training, encoder, team)?;
    Ok(Trained { model, texts })
}

/// Sentences of every intent, drawn from its templates, and its examples, in an order that is the
/// same every time.
fn samples(agent: &Agent) -> Vec<(String, String)> {
    let intents: Vec<&str> = agent.grammar.intents().collect();
    let mut drawn: Vec<BTreeSet<String>> = vec![BTreeSet::new(); intents.len()];
    let draws = DRAWS * SENTENCES as u64 * intents.len() as u64;
    for draw in 0..draws {
        if drawn.iter().all(|texts| texts.len() >= SENTENCES) {
            break;
        }
        let Some(sample) = agent.grammar.sample(SEED.wrapping_add(draw)) else { continue };
        let intent = intents.iter().position(|intent| *intent == sample.intent);
        if let Some(texts) = intent.map(|intent| &mut drawn[intent])
            && texts.len() < SENTENCES
        {
            texts.insert(sample.text);
        }
    }
    for (of, text) in agent.grammar.examples() {
        let intent = intents.iter().position(|intent| *intent == of);
        drawn[intent.expect("every intent with examples is one")].insert(text.to_owned());
    }
    let named = intents.iter().zip(drawn);
    named.flat_map(|(i, texts)| texts.into_iter().map(|text| (text, (*i).to_owned()))).collect()
}

impl Agent {
    /// Lets the interpreter tell intents by what was learned.
    pub fn learn(
        &mut self,
        model: IntentModel,
        encoder: Option<SentenceEncoder>,
    ) -> Result<(), TrainError> {
        self.interpreter.set_examples(Examples::new(model, encoder)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{test_agent, test_folder};
    use super::*;
    use crate::nlu::Status;

    const FILES: &[(&str, &str)] = &[
        ("agent.toml", "name = \"a\"\n"),
        (
            "intents/a.yaml",
            "language: en\nintents:\n  light:\n    data:\n      - sentences: [\"(turn|switch) (on|off) the [big] (lamp|light)\"]\n  \
             music:\n    data:\n      - sentences: [\"play [me] (some|a bit of|the) (jazz|rock|blues) [music]\"]\n",
        ),
        ("dialogue.yaml", "intents:\n  light: {reply: ok}\n  music: {reply: ok}\n"),
    ];

    fn no_models() -> (tempfile::TempDir, ModelStore) {
        let dir = test_folder(&[("index.json", r#"{"format":1,"files":{}}"#)]);
        let store = ModelStore::open(Some(dir.path())).expect("an empty index");
        (dir, store)
    }

    #[test]
    fn what_no_sentence_says_is_told_by_examples_and_only_asked_about() {
        let mut agent = test_agent(FILES);
        let text = "please play me something like jazz music";
        assert_eq!(agent.interpreter.interpret(text).status, Status::Rejected);
        let trained = train(&agent, None, &Team::default()).expect("there are sentences");
        assert!(trained.texts > 20, "{}", trained.texts);
        agent.learn(trained.model, None).expect("it needs no encoder");
        let heard = agent.interpreter.interpret(text);
        assert_eq!((heard.status, heard.intent.as_deref()), (Status::Confirm, Some("music")));
    }

    #[test]
    fn examples_teach_words_that_no_sentence_has() {
        let text = "it is too dark for reading";
        let understood = |files: &[(&str, &str)]| {
            let mut agent = test_agent(files);
            let trained = train(&agent, None, &Team::default()).expect("there are sentences");
            agent.learn(trained.model, None).expect("it needs no encoder");
            agent.interpreter.interpret(text)
        };
        assert_eq!(understood(FILES).status, Status::Rejected);
        let mut files = FILES.to_vec();
        files.push((
            "intents/examples.yaml",
            "intents:\n  light:\n    examples:\n      - it is too dark in here\n      \
             - I cannot see a thing\n      - it is dark\n      - too dark for my reading\n",
        ));
        let heard = understood(&files);
        assert_eq!((heard.status, heard.intent.as_deref()), (Status::Confirm, Some("light")));
        let exact = test_agent(&files).interpreter.interpret("it is dark");
        assert_eq!(exact.status, Status::Rejected, "no example is a sentence");
    }

    #[test]
    fn training_is_kept_until_something_changes() {
        let agent = test_agent(FILES);
        let (_dir, models) = no_models();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kept = Kept::of(&agent, Some(folder.path()));
        assert!(kept.load(&agent, &models).is_none());
        let model = train(&agent, None, &Team::default()).expect("there are sentences").model;
        kept.store(&agent, &models, &model).expect("the folder can be written");
        let again = kept.load(&agent, &models).expect("it was just kept");
        assert_eq!(again.to_bytes(), model.to_bytes());
        let mut other = FILES.to_vec();
        other[1].1 = "language: en\nintents:\n  light:\n    data:\n      - sentences: [\"light\"]\n  \
                      music:\n    data:\n      - sentences: [\"music\"]\n";
        assert!(kept.load(&test_agent(&other), &models).is_none(), "other sentences");
        std::fs::write(folder.path().join("intents.bin"), b"cut off").expect("it can be written");
        assert!(kept.load(&agent, &models).is_none(), "damaged");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "no parts left");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let agent = test_agent(FILES);
        let (_dir, models) = no_models();
        let model = train(&agent, None, &Team::default()).expect("there are sentences").model;
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let kept = Kept::of(&agent, Some(&file.path().join("state")));
        let error = kept.store(&agent, &models, &model).expect_err("a file is no folder");
        assert!(error.to_string().contains("--state-dir"), "{error}");
    }
}
