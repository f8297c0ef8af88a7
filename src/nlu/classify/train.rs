//! Learning intents from examples, on the device, in seconds.

use std::collections::{BTreeMap, BTreeSet};

use super::ClassifyError;
use super::calibrate::{Calibration, Held, Judge, Kind};
use super::closeness::Closeness;
use super::encoder::{EMBEDDING_LEN, SENSE_LEN, SentenceEncoder};
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
        let copies = copies.iter().map(|(text, example)| (text.as_str(), *example));
        let examples = training.examples.iter().zip(0..).map(|(e, number)| (e.text, number));
        let (mut said, origins): (Vec<&str>, Vec<usize>) = examples.chain(copies).unzip();
        let label = |example: &usize| {
            let intent = training.examples[*example].intent;
            intents.binary_search_by(|i| i.as_str().cmp(intent)).expect("gathered above") as u32
        };
        let labels: Vec<u32> = origins.iter().map(label).collect();
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
        let labels = &labels[..training.examples.len()];
        let parts = |count| Parts::new(count, &origins, labels);
        let holding = Holding { kernel, texts: &texts, senses, outside: &outside };
        let (mut head, mut calibration) = (None, None);
        team.join(
            true,
            || head = Some(Head::fit(kernel, &texts, &chosen)),
            || {
                let coarse = parts(FOLDS);
                let (mixed, inside) = (holding.intents_out(&coarse), holding.texts_out(&coarse));
                calibration = Some(match senses {
                    Some(_) => Calibration::fit(&mixed, &inside, Judge::GivingWay),
                    // Many texts tell enough by their spelling, too.
                    None if labels.len() > MANY_TEXTS => {
                        Calibration::fit(&mixed, &inside, Judge::GivingWay)
                    }
                    None => {
                        let more = holding.texts_out(&parts(2 * FOLDS));
                        Calibration::fit(&mixed, &more, Judge::Even { fewer: &inside })
                    }
                });
            },
        );
        let (head, calibration) = head.zip(calibration).expect("both were computed");
        let closeness = holding.closeness(&chosen);
        Ok(Self::new(intents, grams, scaling.zip(closeness), &head, calibration)?)
    }
}

/// Misheard copies, and the example that each is of.
fn copies(training: &mut Training) -> Vec<(String, usize)> {
    let Some((count, corrupt)) = &mut training.corrupt else { return Vec::new() };
    let mut copies = Vec::new();
    for (number, example) in training.examples.iter().enumerate() {
        copies.extend((0..*count).filter_map(|_| Some((corrupt.corrupt(example.text)?, number))));
    }
    copies
}

/// Which part of the texts each is in.
struct Parts {
    count: usize,
    of: Vec<usize>,
}

impl Parts {
    /// A copy is in the part of its example, or it would be known by the example it is of. Every
    /// intent deals its examples out in turn, so that each part has some of each.
    fn new(count: usize, origins: &[usize], labels: &[u32]) -> Self {
        let mut mixed: Vec<usize> = (0..labels.len()).collect();
        Shuffle(0x9e37_79b9_7f4a_7c15).apply(&mut mixed);
        let mut dealt = BTreeMap::<u32, usize>::new();
        let mut part = vec![0; labels.len()];
        for example in mixed {
            let turn = dealt.entry(labels[example]).or_default();
            part[example] = *turn % count;
            *turn += 1;
        }
        Self { count, of: origins.iter().map(|example| part[*example]).collect() }
    }

    /// Parts that are held out, one at a time.
    fn held_out(&self) -> std::ops::Range<usize> {
        0..if self.of.len() > MANY_TEXTS { 1 } else { self.count }
    }
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

    fn closeness(&self, learned: &[u32]) -> Option<Closeness> {
        self.senses?;
        let label = |text: &u32| self.texts.labels[*text as usize];
        let texts: Vec<(&[f32], u32)> = learned
            .iter()
            .filter_map(|text| Some((&self.sense(*text)?[..EMBEDDING_LEN], label(text))))
            .collect();
        Some(Closeness::learn(self.kernel, &texts, self.texts.classes))
    }

    /// Texts held out of all intents: what a text in scope looks like to the model to be.
    fn texts_out(&self, parts: &Parts) -> Vec<Held> {
        parts.held_out().flat_map(|part| self.out(parts, part, |_| false, &[])).collect()
    }

    /// Texts held out of the intents that were learned, all texts of the intents that were not,
    /// which are out of scope to what was learned, and texts of no intent.
    fn intents_out(&self, parts: &Parts) -> Vec<Held> {
        let few = self.texts.classes <= FOLDS;
        let unknown = |part| move |label: u32| !few && label as usize % FOLDS == part;
        let held_out = parts.held_out();
        held_out.flat_map(|part| self.out(parts, part, unknown(part), self.outside)).collect()
    }

    fn out(
        &self,
        parts: &Parts,
        part: usize,
        unknown: impl Fn(u32) -> bool,
        outside: &[u32],
    ) -> Vec<Held> {
        let Self { kernel, texts, .. } = *self;
        let known =
            |text: &u32| parts.of[*text as usize] != part && !unknown(texts.labels[*text as usize]);
        let (learned, others): (Vec<u32>, Vec<u32>) = (0..parts.of.len() as u32).partition(known);
        let head = Head::fit(kernel, texts, &learned);
        let closeness = self.closeness(&learned);
        let hold = |(text, kind): (u32, Kind)| {
            let mut scores = head.scores(kernel, texts, text);
            // What was not learned has no voice.
            for (class, score) in (0..).zip(&mut scores) {
                if unknown(class) {
                    *score = UNHEARD;
                }
            }
            let signs = signs(kernel, &scores, closeness.as_ref().zip(self.sense(text)));
            Held { scores, kind, signs }
        };
        let others = others.into_iter().map(|text| match texts.labels[text as usize] {
            label if unknown(label) => (text, Kind::OtherIntent),
            label => (text, Kind::Intent(label)),
        });
        let outside = outside.iter().map(|text| (*text, Kind::OtherTalk));
        others.chain(outside).map(hold).collect()
    }
}

/// A score that adds nothing to any sum of probabilities.
const UNHEARD: f32 = -1e6;
