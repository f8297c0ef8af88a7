//! What an agent learns from its own sentences: its intents, and how far what sounds like a sentence
//! is to be believed.

mod kept;
mod open_slots;
mod sentences;
mod sounding;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Agent;
use crate::nlu::{
    ClassifyError, Example, Examples, IntentModel, Mark, Mishearing, SentenceEncoder, Training,
};
use crate::nn::Team;

pub use kept::{Fit, Kept, Learned};
pub use sentences::{Kind, Sentence, sentences};

/// Sentences drawn of every intent, and draws that may be made for one.
const SENTENCES: usize = 60;
const DRAWS: u64 = 20;
/// Of the draws: the same agent learns the same.
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

/// What was learned from text alone.
pub struct Trained {
    pub learned: Learned,
    /// Texts that the intents were learned from.
    pub texts: usize,
}

/// Learns the intents of an agent from its own sentences, and from misheard ones how far what sounds
/// like a sentence is to be believed. Intents do not learn from these: they get no surer, and pass
/// more of what is out of scope (docs/understanding.md).
pub fn train(
    agent: &Agent,
    encoder: Option<&mut SentenceEncoder>,
    team: &Team,
) -> Result<Trained, TrainError> {
    let samples = samples(agent);
    let texts = || samples.iter().map(|sample| sample.text.as_str());
    let mut mishearing = Mishearing::new(agent.interpreter.sounds(), texts(), SEED);
    let examples: Vec<Example<'_>> =
        samples.iter().map(|Sample { text, intent, .. }| Example { text, intent }).collect();
    let texts = examples.len();
    let sound = sounding::fit(agent, &mut mishearing);
    let training = Training { examples, ..Training::default() };
    let model = IntentModel::train(training, encoder, team)?;
    let tagger = open_slots::fit(agent, &samples);
    Ok(Trained { learned: Learned { model, tagger, sound, search: None }, texts })
}

/// What may be said for an intent.
struct Sample<'a> {
    text: String,
    intent: &'a str,
    /// Words of an example that fill open slots; `None` where a template says it.
    marks: Option<&'a [Mark]>,
}

/// Sentences of every intent, drawn from its templates, and its examples, in an order that is the
/// same every time.
fn samples(agent: &Agent) -> Vec<Sample<'_>> {
    let intents: Vec<&str> = agent.grammar.intents().collect();
    let mut drawn: Vec<BTreeMap<String, Option<&[Mark]>>> = vec![BTreeMap::new(); intents.len()];
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
            texts.insert(sample.text, None);
        }
    }
    for (of, text, marks) in agent.grammar.examples() {
        let intent = intents.iter().position(|intent| *intent == of);
        let texts = &mut drawn[intent.expect("every intent with examples is one")];
        texts.insert(text.to_owned(), Some(marks));
    }
    let named = intents.into_iter().zip(drawn);
    let samples = named.flat_map(|(intent, texts)| {
        texts.into_iter().map(move |(text, marks)| Sample { text, intent, marks })
    });
    samples.collect()
}

impl Agent {
    /// Lets the interpreter tell intents by what was learned, and how sure it is of what.
    pub fn learn(
        &mut self,
        learned: Learned,
        encoder: Option<SentenceEncoder>,
    ) -> Result<(), TrainError> {
        self.interpreter.set_calibration(learned.calibration());
        self.interpreter.set_examples(Examples::new(learned.model, learned.tagger, encoder)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_agent;
    use super::*;
    use crate::nlu::Status;

    pub const FILES: &[(&str, &str)] = &[
        ("agent.toml", "name = \"a\"\n"),
        (
            "intents/a.yaml",
            "language: en\nintents:\n  light:\n    data:\n      - sentences: [\"(turn|switch) (on|off) the [big] (lamp|light)\"]\n  \
             music:\n    data:\n      - sentences: [\"play [me] (some|a bit of|the) (jazz|rock|blues) [music]\"]\n",
        ),
        ("dialogue.yaml", "intents:\n  light: {reply: ok}\n  music: {reply: ok}\n"),
    ];

    #[test]
    fn what_no_sentence_says_is_told_by_examples_and_only_asked_about() {
        let mut agent = test_agent(FILES);
        let text = "please play me something like jazz music";
        assert_eq!(agent.interpreter.interpret(text).status, Status::Rejected);
        let trained = train(&agent, None, &Team::default()).expect("there are sentences");
        assert!(trained.texts > 20, "{}", trained.texts);
        agent.learn(trained.learned, None).expect("it needs no encoder");
        let heard = agent.interpreter.interpret(text);
        assert_eq!((heard.status, heard.intent.as_deref()), (Status::Confirm, Some("music")));
    }

    #[test]
    fn examples_teach_words_that_no_sentence_has() {
        let text = "it is too dark for reading";
        let understood = |files: &[(&str, &str)]| {
            let mut agent = test_agent(files);
            let trained = train(&agent, None, &Team::default()).expect("there are sentences");
            agent.learn(trained.learned, None).expect("it needs no encoder");
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
}
