//! Learning intents from examples, on the device, in seconds.

use std::collections::BTreeSet;

use super::ClassifyError;
use super::calibrate::{Calibration, Held, Kind};
use super::encoder::{EMBEDDING_LEN, SENSE_LEN, SentenceEncoder};
use super::everyday::EVERYDAY;
use super::grams::{Grams, Sparse};
use super::head::{Head, Shuffle, Texts};
use super::model::{Centres, IntentModel, Scaling, signs};
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
    /// Texts that are none of the intents, if such are known. They and everyday talk are not learned,
    /// but what is out of scope is told by them.
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
        let label = |intent: &str| {
            intents.binary_search_by(|i| i.as_str().cmp(intent)).expect("gathered above") as u32
        };
        let (mut said, labels): (Vec<&str>, Vec<u32>) =
            examples.chain(copies).map(|(text, intent)| (text, label(intent))).unzip();
        let inside = said.len();
        said.extend(&training.others);
        let given = said.len();
        said.extend(EVERYDAY.lines());

        let grams = Grams::learn(said[..inside].iter().copied());
        let pieces: Vec<Sparse> = said.iter().map(|text| grams.vector(text)).collect();
        let senses = match encoder {
            Some(encoder) => Some(encoder.sense_all(&said, team)?),
            None => None,
        };
        let senses = senses.as_deref();
        let foreign = |text: &usize| *text < given || !near(*text, inside, &pieces, senses);
        let outside: Vec<u32> =
            (inside..said.len()).filter(foreign).map(|text| text as u32).collect();
        let scaling = senses.map(|senses| Scaling::learn(&senses[..inside * SENSE_LEN]));
        let mut meanings = Vec::new();
        if let (Some(senses), Some(scaling)) = (senses, &scaling) {
            senses.chunks_exact(SENSE_LEN).for_each(|sense| scaling.apply(sense, &mut meanings));
        }
        let texts = Texts {
            width: if scaling.is_some() { SENSE_LEN } else { 0 },
            meanings: &meanings,
            pieces: &pieces,
            labels: &labels,
            rows: grams.len(),
            classes: intents.len(),
        };
        let kernel = Kernel::current().map_err(NnError::from)?;
        let chosen: Vec<u32> = (0..inside as u32).collect();
        let holding = Holding { kernel, texts: &texts, senses, outside: &outside };
        let (mut head, mut calibration) = (None, None);
        team.join(
            true,
            || head = Some(Head::fit(kernel, &texts, &chosen)),
            || calibration = Some(Calibration::fit(&holding.out())),
        );
        let (head, calibration) = head.zip(calibration).expect("both were computed");
        let centres = holding.centres(&chosen);
        Ok(Self::new(intents, grams, scaling.zip(centres), &head, calibration)?)
    }
}

fn copies<'a>(training: &mut Training<'a>) -> Vec<(String, &'a str)> {
    let Some((count, corrupt)) = &mut training.corrupt else { return Vec::new() };
    let mut copies = Vec::new();
    for example in &training.examples {
        copies.extend(
            (0..*count).filter_map(|_| Some((corrupt.corrupt(example.text)?, example.intent))),
        );
    }
    copies
}

/// Whether a text is close to one of the first `inside`.
fn near(text: usize, inside: usize, pieces: &[Sparse], senses: Option<&[f32]>) -> bool {
    match senses {
        Some(senses) => {
            let this = &senses[text * SENSE_LEN..][..EMBEDDING_LEN];
            let dot = |row: &[f32]| row.iter().zip(this).map(|(a, b)| a * b).sum::<f32>();
            senses.chunks_exact(SENSE_LEN).take(inside).any(|row| dot(row) > TOO_NEAR)
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

/// Everything that scores of texts that were not learned are made from.
struct Holding<'a> {
    kernel: Kernel,
    texts: &'a Texts<'a>,
    senses: Option<&'a [f32]>,
    /// Texts of no intent.
    outside: &'a [u32],
}

impl Holding<'_> {
    fn sense(&self, text: u32) -> Option<&[f32]> {
        Some(&self.senses?[text as usize * SENSE_LEN..][..SENSE_LEN])
    }

    fn centres(&self, learned: &[u32]) -> Option<Centres> {
        self.senses?;
        let label = |text: &u32| self.texts.labels[*text as usize];
        let texts = learned.iter().filter_map(|text| Some((self.sense(*text)?, label(text))));
        Some(Centres::learn(texts, self.texts.classes))
    }

    /// Scores of texts that were held out: some of every intent that was learned, all of the intents
    /// that were not, which are out of scope to what was learned, and texts of no intent.
    fn out(&self) -> Vec<Held> {
        let Self { kernel, texts, .. } = *self;
        let mut mixed: Vec<u32> = (0..texts.labels.len() as u32).collect();
        Shuffle(0x9e37_79b9_7f4a_7c15).apply(&mut mixed);
        // Every intent deals its texts out in turn, so that each part has some of each.
        let mut dealt = vec![0; texts.classes];
        let part: Vec<(u32, usize)> = mixed
            .into_iter()
            .map(|text| {
                let turn = &mut dealt[texts.labels[text as usize] as usize];
                *turn += 1;
                (text, (*turn - 1) % FOLDS)
            })
            .collect();
        let folds = if part.len() > MANY_TEXTS { 1 } else { FOLDS };
        let mut held = Vec::new();
        for fold in 0..folds {
            let unknown = |label: u32| texts.classes > FOLDS && label as usize % FOLDS == fold;
            let label = |text: u32| texts.labels[text as usize];
            let learned = part.iter().filter(|(t, p)| *p != fold && !unknown(label(*t)));
            let learned: Vec<u32> = learned.map(|(text, _)| *text).collect();
            let head = Head::fit(kernel, texts, &learned);
            let centres = self.centres(&learned);
            let mut hold = |text: u32, kind: Kind| {
                let mut scores = head.scores(kernel, texts, text);
                // What was not learned has no voice.
                for (class, score) in (0..).zip(&mut scores) {
                    if unknown(class) {
                        *score = UNHEARD;
                    }
                }
                let signs = signs(&scores, centres.as_ref().zip(self.sense(text)));
                held.push(Held { scores, kind, signs });
            };
            for (text, p) in &part {
                let label = label(*text);
                if unknown(label) {
                    hold(*text, Kind::OtherIntent);
                } else if *p == fold {
                    hold(*text, Kind::Intent(label));
                }
            }
            self.outside.iter().for_each(|text| hold(*text, Kind::OtherTalk));
        }
        held
    }
}

/// A score that adds nothing to any sum of probabilities.
const UNHEARD: f32 = -1e6;
