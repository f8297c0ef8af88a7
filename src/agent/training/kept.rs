//! Where what an agent learned is kept.
//!
//! `AGENT/.mynah/` holds the intent model (`intents.bin`), the slot tagger where a slot is open
//! (`slots.bin`), a stamp of what both were made from (`trained.json`), and what evidence is worth (`confidence.json`) with a stamp of its own: the
//! agent's sentences, the models, the program, the layout. Whatever does not fit its stamp is made
//! anew.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::agent::Agent;
use crate::models::{ModelStore, sha256};
use crate::nlu::classify::SlotTagger;
use crate::nlu::{Calibration, IntentModel, SEARCH, SOUND, Trust};

/// Layout of what is kept; another one is made anew.
const FORMAT: u32 = 3;

/// What was made of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    format: u32,
    program: String,
    agent_sha256: String,
    models_sha256: String,
    /// Of the intent model beside it, which may be of another training that was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intents_sha256: Option<String>,
    /// Of the slot tagger, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slots_sha256: Option<String>,
}

/// What is kept of a training on text.
#[derive(Clone, Copy, Default)]
struct Bytes<'a> {
    intents: Option<&'a [u8]>,
    slots: Option<&'a [u8]>,
}

/// What evidence is worth, learned from so many examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit<const P: usize> {
    pub examples: usize,
    pub trust: Trust<P>,
}

/// `confidence.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Confidence {
    stamp: Stamp,
    sound: Fit<SOUND>,
    search: Option<Fit<SEARCH>>,
}

/// All that was learned.
pub struct Learned {
    pub model: IntentModel,
    /// `None` where no slot is open.
    pub tagger: Option<SlotTagger>,
    pub sound: Fit<SOUND>,
    /// `None` until the agent has been trained on speech.
    pub search: Option<Fit<SEARCH>>,
}

impl Learned {
    pub fn calibration(&self) -> Calibration {
        let search = self.search.map_or(Calibration::SHIPPED.search, |fit| fit.trust);
        Calibration { search, sound: self.sound.trust }
    }
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

    fn tagger_file(&self) -> PathBuf {
        self.folder.join("slots.bin")
    }

    fn confidence_file(&self) -> PathBuf {
        self.folder.join("confidence.json")
    }

    /// What was learned from just this agent with just these models; `None` when it must be learned
    /// again, whatever the reason.
    pub fn load(&self, agent: &Agent, models: &ModelStore) -> Option<Learned> {
        let stamp: Stamp = read(&self.stamp_file())?;
        let intents = std::fs::read(self.model_file()).ok()?;
        let slots = match stamp.slots_sha256 {
            Some(_) => Some(std::fs::read(self.tagger_file()).ok()?),
            None => None,
        };
        let bytes = Bytes { intents: Some(&intents), slots: slots.as_deref() };
        if stamp != Stamp::new(agent, models, bytes) {
            return None;
        }
        let Confidence { sound, search, .. } = self.confidence(agent, models)?;
        let model = IntentModel::from_bytes(&intents).ok()?;
        let tagger = match slots {
            Some(slots) => Some(SlotTagger::from_bytes(&slots).ok()?),
            None => None,
        };
        Some(Learned { model, tagger, sound, search })
    }

    /// What was learned from speech, if it is of just this agent and these models.
    pub fn search(&self, agent: &Agent, models: &ModelStore) -> Option<Fit<SEARCH>> {
        self.confidence(agent, models)?.search
    }

    /// Has this or another state of the agent been trained on speech?
    pub fn has_heard_speech(&self) -> bool {
        read(&self.confidence_file()).is_some_and(|kept: Confidence| kept.search.is_some())
    }

    fn confidence(&self, agent: &Agent, models: &ModelStore) -> Option<Confidence> {
        let kept: Confidence = read(&self.confidence_file())?;
        (kept.stamp == Stamp::new(agent, models, Bytes::default())).then_some(kept)
    }

    /// Keeps what was learned. A training that is cut off leaves the one before it, or none.
    pub fn store(
        &self,
        agent: &Agent,
        models: &ModelStore,
        learned: &Learned,
    ) -> Result<(), TrainError> {
        let intents = learned.model.to_bytes();
        let slots = learned.tagger.as_ref().map(SlotTagger::to_bytes);
        std::fs::create_dir_all(&self.folder)
            .map_err(|source| TrainError::Keep { path: self.folder.clone(), source })?;
        keep(&self.model_file(), &intents)?;
        if let Some(slots) = &slots {
            keep(&self.tagger_file(), slots)?;
        }
        self.store_confidence(agent, models, learned.sound, learned.search)?;
        let bytes = Bytes { intents: Some(&intents), slots: slots.as_deref() };
        keep(&self.stamp_file(), &json(&Stamp::new(agent, models, bytes)))
    }

    /// Keeps what evidence is worth beside the intent model that is there.
    pub fn store_confidence(
        &self,
        agent: &Agent,
        models: &ModelStore,
        sound: Fit<SOUND>,
        search: Option<Fit<SEARCH>>,
    ) -> Result<(), TrainError> {
        let stamp = Stamp::new(agent, models, Bytes::default());
        keep(&self.confidence_file(), &json(&Confidence { stamp, sound, search }))
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn json(of: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec_pretty(of).expect("it holds texts and finite numbers only")
}

fn keep(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    replace(path, bytes).map_err(|source| TrainError::Keep { path: path.to_owned(), source })
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
    fn new(agent: &Agent, models: &ModelStore, bytes: Bytes<'_>) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            agent_sha256: agent.fingerprint.clone(),
            models_sha256: models.fingerprint(),
            intents_sha256: bytes.intents.map(sha256),
            slots_sha256: bytes.slots.map(sha256),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::FILES;
    use super::super::train;
    use super::*;
    use crate::agent::{test_agent, test_folder};
    use crate::nn::Team;

    fn no_models() -> (tempfile::TempDir, ModelStore) {
        let dir = test_folder(&[("index.json", r#"{"format":1,"files":{}}"#)]);
        let store = ModelStore::open(Some(dir.path())).expect("an empty index");
        (dir, store)
    }

    fn learned(agent: &Agent) -> Learned {
        train(agent, None, &Team::default()).expect("there are sentences").learned
    }

    fn other_agent() -> Agent {
        let mut other = FILES.to_vec();
        other[1].1 = "language: en\nintents:\n  light:\n    data:\n      - sentences: [\"light\"]\n  \
                      music:\n    data:\n      - sentences: [\"music\"]\n";
        test_agent(&other)
    }

    #[test]
    fn training_is_kept_until_something_changes() {
        let agent = test_agent(FILES);
        let (_dir, models) = no_models();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kept = Kept::of(&agent, Some(folder.path()));
        assert!(kept.load(&agent, &models).is_none());
        let learned = learned(&agent);
        kept.store(&agent, &models, &learned).expect("the folder can be written");
        let again = kept.load(&agent, &models).expect("it was just kept");
        assert_eq!(again.model.to_bytes(), learned.model.to_bytes());
        assert_eq!((again.sound, again.search), (learned.sound, None));
        assert!(kept.load(&other_agent(), &models).is_none(), "other sentences");
        std::fs::write(folder.path().join("intents.bin"), b"cut off").expect("it can be written");
        assert!(kept.load(&agent, &models).is_none(), "damaged");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 3, "no parts left");
    }

    #[test]
    fn what_was_learned_from_speech_is_kept_until_something_changes() {
        let agent = test_agent(FILES);
        let (_dir, models) = no_models();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kept = Kept::of(&agent, Some(folder.path()));
        let mut learned = learned(&agent);
        kept.store(&agent, &models, &learned).expect("the folder can be written");
        assert!(!kept.has_heard_speech());
        let trust: Trust<SEARCH> = vec![0.5, 0.7, 4.0, 1.0, 2.0].try_into().expect("good numbers");
        learned.search = Some(Fit { examples: 9, trust });
        kept.store_confidence(&agent, &models, learned.sound, learned.search).expect("again");
        let again = kept.load(&agent, &models).expect("it was just kept");
        assert_eq!(again.calibration(), learned.calibration());
        assert_eq!(again.calibration().search, trust);
        assert_eq!(kept.search(&other_agent(), &models), None, "other sentences");
        assert!(kept.has_heard_speech());
        let file = folder.path().join("confidence.json");
        let text = std::fs::read_to_string(&file).expect("it was just kept");
        std::fs::write(&file, text.replace("0.7", "-0.7")).expect("it can be written");
        assert!(kept.load(&agent, &models).is_none(), "not monotone");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let agent = test_agent(FILES);
        let (_dir, models) = no_models();
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let kept = Kept::of(&agent, Some(&file.path().join("state")));
        let error = kept.store(&agent, &models, &learned(&agent)).expect_err("a file is no folder");
        assert!(error.to_string().contains("--state-dir"), "{error}");
    }
}
