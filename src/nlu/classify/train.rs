//! Learning intents from examples, on the device, in seconds.

use std::collections::BTreeSet;

use super::ClassifyError;
use super::calibrate::{Calibration, Held};
use super::encoder::{EMBEDDING_LEN, SentenceEncoder};
use super::everyday::EVERYDAY;
use super::grams::{Grams, Sparse};
use super::head::{Head, Shuffle, Texts};
use super::model::{IntentModel, Scaling, signs};
use crate::nn::kernels::Kernel;
use crate::nn::{NnError, Team};

/// Makes copies of texts as a recogniser might mishear them.
pub trait Corrupt {
    /// One such copy, or none where nothing of the text can be misheard. Another call may give
    /// another copy.
    fn corrupt(&mut self, text: &str) -> Option<String>;
}

/// A text and its intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example<'a> {
    pub text: &'a str,
    pub intent: &'a str,
}

/// What a model is to learn from.
#[derive(Default)]
pub struct Training<'a> {
    pub examples: Vec<Example<'a>>,
    /// Texts that are none of the intents, if such are known: they join everyday talk.
    pub others: Vec<&'a str>,
    /// Misheard copies of every example, and who makes them.
    pub corrupt: Option<(usize, &'a mut dyn Corrupt)>,
}

/// Parts into which intents and texts are divided, one of which is held out at a time.
const FOLDS: usize = 5;
/// With more texts than this, one part is held out and the others are not: it says enough.
const MANY_TEXTS: usize = 3_000;
/// Everyday talk as near as this (cosine) to an example is no counter-example: the agent's own
/// business is somebody's everyday talk.
const TOO_NEAR: f32 = 0.6;
/// The same where there is no sentence encoder, by the pieces of the words.
const TOO_ALIKE: f32 = 0.4;

impl IntentModel {
    /// Learns the intents of `training`, with the meaning of texts if there is an encoder.
    ///
    /// The same examples in the same order give the same model. `team` shares the embedding.
    pub fn train(
        mut training: Training,
        encoder: Option<&mut SentenceEncoder>,
        team: &Team,
    ) -> Result<Self, ClassifyError> {
        let names: BTreeSet<&str> = training.examples.iter().map(|e| e.intent).collect();
        if names.is_empty() {
            return Err(ClassifyError::NothingToLearn { what: "example" });
        }
        let intents: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let copies = copies(&mut training);
        let examples = training.examples.iter().map(|e| (e.text, e.intent));
        let copies = copies.iter().map(|(text, intent)| (text.as_str(), *intent));
        let everyday = intents.len() as u32;
        let label = |intent: &str| {
            intents.binary_search_by(|i| i.as_str().cmp(intent)).expect("gathered above") as u32
        };
        let mut said: Vec<(&str, u32)> =
            examples.chain(copies).map(|(text, intent)| (text, label(intent))).collect();
        let inside = said.len();
        said.extend(training.others.iter().map(|text| (*text, everyday)));
        let given = said.len();
        said.extend(EVERYDAY.lines().map(|text| (text, everyday)));

        let texts: Vec<&str> = said.iter().map(|(text, _)| *text).collect();
        let grams = Grams::learn(texts[..inside].iter().copied());
        let pieces: Vec<Sparse> = texts.iter().map(|text| grams.vector(text)).collect();
        let embeddings = match encoder {
            Some(encoder) => Some(encoder.encode_all(&texts, team)?),
            None => None,
        };
        let foreign = |text: &usize| *text < given || !near(*text, inside, &pieces, embeddings.as_deref());
        let chosen: Vec<u32> = (0..said.len()).filter(foreign).map(|text| text as u32).collect();
        let scaling = embeddings.as_ref().map(|e| Scaling::learn(&e[..inside * EMBEDDING_LEN]));
        let mut meanings = Vec::new();
        if let (Some(embeddings), Some(scaling)) = (&embeddings, &scaling) {
            embeddings.chunks_exact(EMBEDDING_LEN).for_each(|e| scaling.apply(e, &mut meanings));
        }
        let labels: Vec<u32> = said.iter().map(|(_, label)| *label).collect();
        let texts = Texts {
            width: if scaling.is_some() { EMBEDDING_LEN } else { 0 },
            meanings: &meanings,
            pieces: &pieces,
            labels: &labels,
            rows: grams.len(),
            classes: intents.len() + 1,
        };
        let kernel = Kernel::current().map_err(NnError::from)?;
        let (mut head, mut calibration) = (None, None);
        team.join(
            true,
            || head = Some(Head::fit(kernel, &texts, &chosen)),
            || calibration = Some(Calibration::fit(&held_out(kernel, &texts, &chosen))),
        );
        let (head, calibration) = head.zip(calibration).expect("both were computed");
        Ok(Self::new(intents, grams, scaling, &head, calibration)?)
    }
}

fn copies<'a>(training: &mut Training<'a>) -> Vec<(String, &'a str)> {
    let Some((count, corrupt)) = &mut training.corrupt else { return Vec::new() };
    let mut copies = Vec::new();
    for example in &training.examples {
        copies.extend((0..*count).filter_map(|_| Some((corrupt.corrupt(example.text)?, example.intent))));
    }
    copies
}

/// Whether a text is close to one of the first `inside`.
fn near(text: usize, inside: usize, pieces: &[Sparse], embeddings: Option<&[f32]>) -> bool {
    match embeddings {
        Some(embeddings) => {
            let mut rows = embeddings.chunks_exact(EMBEDDING_LEN);
            let this = &embeddings[text * EMBEDDING_LEN..][..EMBEDDING_LEN];
            let dot = |row: &[f32]| row.iter().zip(this).map(|(a, b)| a * b).sum::<f32>();
            rows.by_ref().take(inside).any(|row| dot(row) > TOO_NEAR)
        }
        None => pieces[..inside].iter().any(|row| alike(row, &pieces[text]) > TOO_ALIKE),
    }
}

/// The product of two sparse vectors, both in row order.
fn alike(a: &Sparse, b: &Sparse) -> f32 {
    let mut b = b.iter().peekable();
    let mut sum = 0.0;
    for (row, x) in a {
        while b.next_if(|(other, _)| other < row).is_some() {}
        if let Some((_, y)) = b.next_if(|(other, _)| other == row) {
            sum += x * y;
        }
    }
    sum
}

/// Scores of texts that were held out: some of every intent that was learned, and all of the intents
/// that were not, which are out of scope to what was learned.
fn held_out(kernel: Kernel, texts: &Texts, chosen: &[u32]) -> Vec<Held> {
    let everyday = texts.classes as u32 - 1;
    let mut mixed = chosen.to_vec();
    Shuffle(0x9e37_79b9_7f4a_7c15).apply(&mut mixed);
    // Every class deals its texts out in turn, so that each part has some of each.
    let mut dealt = vec![0; texts.classes];
    let part: Vec<(u32, usize)> = mixed
        .into_iter()
        .map(|text| {
            let turn = &mut dealt[texts.labels[text as usize] as usize];
            *turn += 1;
            (text, (*turn - 1) % FOLDS)
        })
        .collect();
    let folds = if chosen.len() > MANY_TEXTS { 1 } else { FOLDS };
    let mut held = Vec::new();
    for fold in 0..folds {
        let unknown = |label: u32| {
            label != everyday && texts.classes > FOLDS && label as usize % FOLDS == fold
        };
        let label = |text: u32| texts.labels[text as usize];
        let learned = part.iter().filter(|(t, p)| *p != fold && !unknown(label(*t)));
        let learned: Vec<u32> = learned.map(|(text, _)| *text).collect();
        let head = Head::fit(kernel, texts, &learned);
        for (text, _) in part.iter().filter(|(t, p)| *p == fold || unknown(label(*t))) {
            let mut scores = head.scores(kernel, texts, *text);
            // What was not learned has no voice.
            for class in 0..everyday {
                if unknown(class) {
                    scores[class as usize] = f32::MIN / 1e3;
                }
            }
            let signs = signs(&scores);
            scores.truncate(everyday as usize);
            let inside = label(*text) != everyday && !unknown(label(*text));
            held.push(Held { scores, label: inside.then_some(label(*text)), signs });
        }
    }
    held
}
