//! An agent folder: load it, check it, run its tests.
//!
//! ```text
//! agents/coffee/
//!   agent.toml      name, listening, voice, time-outs
//!   intents/*.yaml  sentence templates
//!   dialogue.yaml   questions, confirmations, actions, replies
//!   tests/*.yaml    conversations
//! ```
//!
//! Loading finds every mistake it can in one go and reports each with its place.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::diagnostic::{Diagnostic, Source};
use crate::config::regular;
use crate::config::yaml::Yaml;
use crate::dialogue::{RESERVED, Script};
use crate::models::sha256;
use crate::nlu::{Calling, Grammar, Interpreter, Pronounce, Sounds, Spelled, Unsounded};

mod rehearsal;
mod scaffold;
mod script_file;
mod section;
mod settings;
mod test_file;
mod thresholds;
pub mod training;
mod wording;

pub use rehearsal::{Failed, Rehearsal, rehearse};
pub use scaffold::{ScaffoldError, quoted, scaffold};
pub use settings::{
    AgentSettings, Limits, ListeningMode, ListeningSettings, TimeOuts, VoiceSettings,
};
pub use test_file::{Expectation, Happening, TestConversation, Turn};
pub use thresholds::{Costs, Thresholds};

/// Largest file an agent may have, in bytes: a typing mistake, not an agent, is larger.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// A loaded and checked agent.
pub struct Agent {
    pub name: String,
    pub folder: PathBuf,
    /// Of the files that say what is understood: equal where they are.
    pub fingerprint: String,
    pub settings: AgentSettings,
    pub grammar: Grammar,
    /// Also understands what only sounds like the grammar's sentences.
    pub interpreter: Interpreter,
    pub script: Script,
    pub tests: Vec<TestConversation>,
    /// agent.toml, and where in it each phrase stands that the agent is called by.
    toml: Source,
    phrases_at: Vec<Range<usize>>,
}

#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(
        "{}: no such agent folder. An agent is a folder with agent.toml, dialogue.yaml and \
         intents/", .0.display()
    )]
    NoFolder(PathBuf),
    #[error("{}: {why}. {help}", path.display())]
    File { path: PathBuf, why: String, help: &'static str },
    /// Mistakes in the files, by file and line.
    #[error("{}", Listing(.0))]
    Mistakes(Vec<Diagnostic>),
}

impl AgentError {
    /// The mistakes with a place in a file.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Mistakes(problems) => problems,
            _ => &[],
        }
    }
}

struct Listing<'a>(&'a [Diagnostic]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0.len();
        write!(f, "{n} mistake{} in the agent's files", if n == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n\n{problem}"))
    }
}

impl Agent {
    /// Loads and checks the agent in `dir`. Files are read in name order, so that two loads of the
    /// same folder are the same agent.
    pub fn load(dir: &Path) -> Result<Self, AgentError> {
        if !dir.is_dir() {
            return Err(AgentError::NoFolder(dir.to_owned()));
        }
        let settings_source = read_required(
            &dir.join("agent.toml"),
            "Write it; it begins with a line like `name = \"coffee\"`",
        )?;
        let dialogue_source = read_required(
            &dir.join("dialogue.yaml"),
            "Write it; it begins with `intents:` and a block for each intent",
        )?;
        let intent_sources = read_folder(&dir.join("intents"))?;
        if intent_sources.is_empty() {
            return Err(AgentError::File {
                path: dir.join("intents"),
                why: "there is no .yaml file with sentences".to_owned(),
                help: "Write what people say into intents/NAME.yaml",
            });
        }
        let test_sources = read_folder(&dir.join("tests"))?;

        let mut problems = Vec::new();
        let settings = settings::read(&settings_source, &mut problems);
        let grammar = match Grammar::parse(&intent_sources) {
            Ok(grammar) => Some(grammar),
            Err(more) => {
                problems.extend(more);
                None
            }
        };
        let folder = dir.canonicalize().map_err(|e| no_folder(dir, &e))?;
        let script = match &grammar {
            Some(grammar) => {
                refuse_reserved(grammar, &intent_sources, &mut problems);
                script_file::read(&dialogue_source, &folder, grammar, &mut problems)
            }
            // Without the grammar every intent and slot would look misspelt.
            None => {
                problems.extend(Yaml::parse(&dialogue_source).err());
                None
            }
        };
        let tests = test_file::read(&test_sources, script.as_ref(), &mut problems);
        match (settings, grammar, script) {
            (Some(written), Some(grammar), Some(script)) if problems.is_empty() => {
                let settings::Written { name, settings, phrases_at } = written;
                let interpreter = interpreter(&grammar, Arc::new(Spelled))
                    .map_err(|word| unsounded(dir, &word))?;
                let fingerprint = fingerprint(&intent_sources);
                Ok(Self {
                    name,
                    folder,
                    fingerprint,
                    settings,
                    grammar,
                    interpreter,
                    script,
                    tests,
                    toml: settings_source,
                    phrases_at,
                })
            }
            _ => Err(AgentError::Mistakes(problems)),
        }
    }
}

impl Agent {
    /// Compares words by the sounds that `voice` gives them; letters are all there is before.
    pub fn pronounce_with(&mut self, voice: Arc<dyn Pronounce>) -> Result<(), AgentError> {
        let calibration = *self.interpreter.calibration();
        self.interpreter =
            interpreter(&self.grammar, voice).map_err(|word| unsounded(&self.folder, &word))?;
        self.interpreter.set_calibration(calibration);
        Ok(())
    }

    /// Refuses phrases that nobody can call the agent by, each with its place. How many sounds one has
    /// only the voice knows: letters are no measure, so loading does not ask.
    pub fn check_phrases(&self, voice: Arc<dyn Pronounce>) -> Result<(), AgentError> {
        let sounds = Sounds::new(voice, self.grammar.respelled())
            .map_err(|word| unsounded(&self.folder, &word))?;
        let sounds = Arc::new(sounds);
        let phrases = self.settings.listening.phrases.iter().zip(&self.phrases_at);
        let wrong = phrases.filter_map(|(phrase, at)| {
            let error = Calling::new(std::slice::from_ref(phrase), Arc::clone(&sounds)).err()?;
            Some(Diagnostic::new(&self.toml, at.clone(), format!("listening.phrases: {error}")))
        });
        let wrong: Vec<Diagnostic> = wrong.collect();
        if wrong.is_empty() { Ok(()) } else { Err(AgentError::Mistakes(wrong)) }
    }
}

fn interpreter(grammar: &Grammar, voice: Arc<dyn Pronounce>) -> Result<Interpreter, Unsounded> {
    let sounds = Sounds::new(voice, grammar.respelled())?;
    Ok(Interpreter::new(grammar, Arc::new(sounds)))
}

fn fingerprint(sources: &[Source]) -> String {
    let all: String = sources.iter().map(|source| format!("{}\0", source.text)).collect();
    sha256(all.as_bytes())
}

fn unsounded(dir: &Path, word: &Unsounded) -> AgentError {
    AgentError::File {
        path: dir.join("intents"),
        why: format!("`pronounce`: {word}"),
        help: "Write the word as other words that sound like it, in letters",
    }
}

/// Names of the conversation's own intents are not an agent's to use.
fn refuse_reserved(grammar: &Grammar, sources: &[Source], problems: &mut Vec<Diagnostic>) {
    for name in grammar.intents().filter(|name| name.starts_with(RESERVED)) {
        let place = sources.iter().find_map(|s| Some((s, s.text.find(name)?)));
        if let Some((source, at)) = place {
            problems.push(
                Diagnostic::new(
                    source,
                    at..at + name.len(),
                    format!("the intent name `{name}` begins with `{RESERVED}`"),
                )
                .help(
                    "names with this beginning belong to the conversation itself; choose another",
                ),
            );
        }
    }
}

fn read_required(path: &Path, help: &'static str) -> Result<Source, AgentError> {
    if path.exists() {
        return read_file(path);
    }
    Err(AgentError::File { path: path.to_owned(), why: "the file is missing".to_owned(), help })
}

fn read_file(path: &Path) -> Result<Source, AgentError> {
    let size = regular::metadata(path).map_err(|e| unreadable(path, &e))?.len();
    if size > MAX_FILE_BYTES {
        return Err(AgentError::File {
            path: path.to_owned(),
            why: format!("the file has {size} bytes, more than {MAX_FILE_BYTES}"),
            help: "Split it, or move what is not the agent's elsewhere",
        });
    }
    let bytes = std::fs::read(path).map_err(|e| unreadable(path, &e))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(e) => {
            let good = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(AgentError::File {
                path: path.to_owned(),
                why: format!("line {line} is not UTF-8 text"),
                help: "Save the file as UTF-8",
            })
        }
    }
}

/// The `.yaml` files of a folder in name order; a folder that is not there has none.
fn read_folder(dir: &Path) -> Result<Vec<Source>, AgentError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(no_folder(dir, &e)),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<PathBuf>, _>>()
        .map_err(|e| no_folder(dir, &e))?;
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml"));
    paths.sort();
    paths.iter().map(|path| read_file(path)).collect()
}

fn no_folder(path: &Path, error: &std::io::Error) -> AgentError {
    AgentError::File {
        path: path.to_owned(),
        why: format!("cannot be read: {error}"),
        help: "It must be a folder that you may read",
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> AgentError {
    AgentError::File {
        path: path.to_owned(),
        why: format!("cannot be read: {error}"),
        help: "It must be a file that you may read",
    }
}

/// A folder with these files, for tests.
#[cfg(test)]
pub(crate) fn test_folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder above")).expect("a new folder");
        std::fs::write(path, text).expect("a new file");
    }
    dir
}

/// The agent made of these files, which must be in order.
#[cfg(test)]
pub(crate) fn test_agent(files: &[(&str, &str)]) -> Agent {
    Agent::load(test_folder(files).path()).unwrap_or_else(|e| panic!("{e}"))
}

#[cfg(test)]
mod tests;
