//! Words the lexicon lacks: a small network spells them out as sounds.
//!
//! A character transformer (0.65 M weights, 4 layers) reads up to `longest` letters at once and
//! gives every letter `slots` places for a sound; repeats collapse and blanks drop out, as in
//! connectionist temporal classification.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::prelude::*;

use super::TextError;

pub(super) const FILE: &str = "tts/oov.onnx";
/// Added to the attention scores of empty places; its exponential is exactly zero.
const MASKED: f32 = -1e9;
/// The class that means "no sound here", and the letter that means "no letter here".
const BLANK: usize = 0;

pub(super) struct Guesser {
    plan: Arc<TypedRunnableModel>,
    /// Number of each letter; 0 is the empty place.
    letters: HashMap<char, i64>,
    /// Sound of each class but the blank.
    sounds: Vec<char>,
    slots: usize,
    longest: usize,
}

impl Guesser {
    /// `slots` sounds at most per letter, `longest` letters at most per word.
    pub fn load(
        network: &[u8],
        letters: &[char],
        sounds: Vec<char>,
        slots: usize,
        longest: usize,
    ) -> Result<Self, TextError> {
        let refused = |why: String| TextError::Network { file: FILE, why };
        let plan = tract_onnx::onnx()
            .model_for_read(&mut &*network)
            .and_then(|model| model.into_optimized())
            .and_then(|model| model.into_runnable())
            .map_err(|e| refused(format!("{e:#}")))?;
        let letters = letters.iter().zip(1..).map(|(&c, i)| (c, i)).collect();
        let guesser = Self { plan, letters, sounds, slots, longest };
        let trial =
            guesser.classes(&vec![BLANK as i64; longest], &vec![0.0; longest], longest * slots);
        match trial.map_err(|e| refused(format!("{e:#}")))?.len() {
            places if places == longest * slots => Ok(guesser),
            places => Err(refused(format!("{places} sounds for {longest} letters"))),
        }
    }

    /// Phonemes of a word; `None` when it has no letter of the network's alphabet. Letters beyond
    /// the longest word the network was made for are not read.
    pub fn guess(&self, word: &str) -> Option<String> {
        let mut letters: Vec<i64> =
            word.chars().filter_map(|c| self.letters.get(&c).copied()).take(self.longest).collect();
        let used = letters.len();
        if used == 0 {
            return None;
        }
        letters.resize(self.longest, BLANK as i64);
        let mask: Vec<f32> =
            (0..self.longest).map(|i| if i < used { 0.0 } else { MASKED }).collect();
        let classes = self
            .classes(&letters, &mask, used * self.slots)
            .expect("the network ran on this one shape when it was loaded");
        let mut before = BLANK;
        let mut phonemes = String::new();
        for class in classes {
            if class != before && class != BLANK {
                phonemes.extend(self.sounds.get(class - 1));
            }
            before = class;
        }
        Some(phonemes)
    }

    /// The best class of each of the first `places` places.
    fn classes(&self, letters: &[i64], mask: &[f32], places: usize) -> TractResult<Vec<usize>> {
        let letters = Tensor::from_shape(&[self.longest], letters)?;
        let mask = Tensor::from_shape(&[1, 1, self.longest], mask)?;
        let outputs = self.plan.run(tvec!(letters.into(), mask.into()))?;
        let scores = outputs[0].to_plain_array_view::<f32>()?;
        let rows = scores.as_slice().unwrap_or_default().chunks(self.sounds.len() + 1);
        Ok(rows.take(places).map(best).collect())
    }
}

/// Place of the highest score, the first one of equals.
fn best(scores: &[f32]) -> usize {
    let mut best = 0;
    for (i, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = i;
        }
    }
    best
}
