//! A language folder of Home Assistant's intents repository, read and tested as its own tests
//! mean it: sentence templates, the devices and rooms of a made-up home, sentences with the intent,
//! slots and reply each must get.
//!
//! Two layouts stand side by side there and are two grammars to us. The flat one has a file per
//! intent and domain (`sentences/en/light_HassTurnOn.yaml`) and one home for all tests
//! (`tests/en/_fixtures.yaml`). The newer one has a folder per intent
//! (`sentences/en/HassTurnOn/name_only.yaml`), lists and rules in folders of their own, and a home
//! in each test file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::diagnostic::{Diagnostic, Source};
use crate::nlu::Grammar;

mod home;
mod respond;
mod run;

pub use run::{Failed, Heard, Outcome, Report, Summary, heard, run};

use home::{Home, TestFile, TestIntent};
use respond::Responses;

/// Whose sentences are read where the folder holds several languages.
const LANGUAGE: &str = "en";

#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error(
        "{}: no folder of Home Assistant's sentences: there is no sentences/{LANGUAGE}/*.yaml and no \
         sentences/*.yaml in it", .0.display()
    )]
    NoSentences(PathBuf),
    #[error(
        "{}: there is no test: no tests/{LANGUAGE}/*.yaml and no tests/*.yaml with sentences",
        .0.display()
    )]
    NoTests(PathBuf),
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {what}", path.display())]
    File { path: PathBuf, what: String },
    /// Mistakes in the templates.
    #[error(
        "{} mistake{} in the sentences, the first one:\n\n{}",
        .0.len(),
        if .0.len() == 1 { "" } else { "s" },
        .0[0]
    )]
    Mistakes(Vec<Diagnostic>),
}

/// Sentences that one home is tested with.
pub struct Suite {
    pub grammar: Grammar,
    home: Home,
    tests: Vec<Test>,
}

/// One sentence and what it must be understood as.
struct Test {
    file: PathBuf,
    sentence: String,
    intent: TestIntent,
    response: Option<String>,
    /// What this test changes about its home.
    home: Option<Home>,
}

/// Everything of a folder that is tested.
pub struct LanguageFolder {
    pub suites: Vec<Suite>,
    responses: Responses,
}

impl LanguageFolder {
    pub fn load(dir: &Path) -> Result<Self, FolderError> {
        let sentences = language_folder(dir, "sentences");
        let flat = yaml_files(&sentences, 1)?;
        let nested: Vec<PathBuf> =
            yaml_files(&sentences, 2)?.into_iter().filter(|f| !flat.contains(f)).collect();
        if flat.is_empty() && nested.is_empty() {
            return Err(FolderError::NoSentences(dir.to_owned()));
        }
        let tests = language_folder(dir, "tests");
        let mut suites = Vec::new();
        if !flat.is_empty() {
            suites.extend(flat_suite(&flat, &tests)?);
        }
        if !nested.is_empty() {
            let mut files = nested;
            for part in ["lists", "rules"] {
                files.extend(yaml_files(&dir.join(part), 1)?);
                files.extend(yaml_files(&dir.join(part).join(LANGUAGE), 1)?);
            }
            let mut sources = sources(&files)?;
            let common = sentences.join("_common.yaml");
            if common.exists() {
                sources.extend(common_lists(&common, &sources)?);
            }
            for file in yaml_files(&tests, 2)? {
                if file.parent() != Some(&tests) {
                    suites.push(nested_suite(&sources, &file)?);
                }
            }
        }
        if suites.iter().all(|suite| suite.tests.is_empty()) {
            return Err(FolderError::NoTests(dir.to_owned()));
        }
        let responses = yaml_files(&language_folder(dir, "responses"), 1)?;
        let responses = Responses::read(&responses)?;
        Ok(Self { suites, responses })
    }

    /// How many sentences are tested.
    pub fn len(&self) -> usize {
        self.suites.iter().map(|suite| suite.tests.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn flat_suite(sentences: &[PathBuf], tests: &Path) -> Result<Option<Suite>, FolderError> {
    let fixtures = tests.join("_fixtures.yaml");
    let files: Vec<PathBuf> =
        yaml_files(tests, 1)?.into_iter().filter(|file| !is_shared(file)).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let home: Home = if fixtures.exists() { parse(&fixtures)? } else { Home::default() };
    let mut all = Vec::new();
    for file in files {
        let read: TestFile = parse(&file)?;
        all.extend(read.tests(&file, None)?);
    }
    suite(&sources(sentences)?, home, all).map(Some)
}

fn nested_suite(sources: &[Source], file: &Path) -> Result<Suite, FolderError> {
    let read: TestFile = parse(file)?;
    let home = read.home.clone();
    let intent = file.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let tests = read.tests(file, intent)?;
    suite(sources, home, tests)
}

fn suite(sources: &[Source], home: Home, tests: Vec<Test>) -> Result<Suite, FolderError> {
    let lists = home.lists();
    let grammar = Grammar::parse_with(sources, &lists).map_err(FolderError::Mistakes)?;
    Ok(Suite { grammar, home, tests })
}

/// The lists of the flat layout's common file that no file of the newer layout writes anew.
fn common_lists(common: &Path, sources: &[Source]) -> Result<Option<Source>, FolderError> {
    #[derive(Deserialize, Serialize)]
    struct Shared {
        #[serde(default)]
        lists: BTreeMap<String, serde_json::Value>,
    }
    let mut shared: Shared = parse(common)?;
    for source in sources {
        let own: Shared = parse_text(&source.path, &source.text)?;
        shared.lists.retain(|name, _| !own.lists.contains_key(name));
    }
    // JSON is YAML.
    Ok(serde_json::to_string_pretty(&shared).ok().map(|text| Source::new(common, text)))
}

/// `dir/part/en` where there is one, else `dir/part`.
fn language_folder(dir: &Path, part: &str) -> PathBuf {
    let of_language = dir.join(part).join(LANGUAGE);
    if of_language.is_dir() { of_language } else { dir.join(part) }
}

/// Files that others share have a leading underscore.
fn is_shared(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('_'))
}

/// `*.yaml` in name order, down to a depth of folders; none where there is no such folder.
fn yaml_files(dir: &Path, depth: u32) -> Result<Vec<PathBuf>, FolderError> {
    let mut files = Vec::new();
    if !dir.is_dir() {
        return Ok(files);
    }
    let unreadable = |source| FolderError::Unreadable { path: dir.to_owned(), source };
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() && depth > 1 {
            files.extend(yaml_files(&path, depth - 1)?);
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn sources(files: &[PathBuf]) -> Result<Vec<Source>, FolderError> {
    files.iter().map(|path| Ok(Source::new(path, text(path)?))).collect()
}

fn text(path: &Path) -> Result<String, FolderError> {
    crate::config::regular::metadata(path)
        .and_then(|_| std::fs::read_to_string(path))
        .map_err(|source| FolderError::Unreadable { path: path.to_owned(), source })
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, FolderError> {
    parse_text(path, &text(path)?)
}

fn parse_text<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, FolderError> {
    serde_saphyr::from_str(text).map_err(|error| FolderError::File {
        path: path.to_owned(),
        what: error.to_string().lines().next().unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests;
