//! From text to sound: normalisation, phonemes, acoustic model, vocoder.
//!
//! [`text`] makes clauses of phonemes; [`speaker`] makes them sound: [`acoustic`] predicts timing,
//! pitch and spectra, [`vocoder`] turns those into samples, [`edges`] trims and fades the ends.
//! [`Voice`] joins the two.

use std::sync::Arc;

use crate::cancel::CancelToken;
use crate::models::{ModelError, ModelStore};
use crate::nn::NnError;

pub mod acoustic;
pub mod edges;
#[cfg(test)]
mod golden;
pub mod noise;
mod pronounce;
pub mod speaker;
pub mod stream;
mod style;
pub mod text;
pub mod vocoder;

pub use speaker::Piece;
pub use style::{PACE, PITCH, Style};
pub use text::{SpokenClause as Clause, WordEnd};

use speaker::Speaker;
use text::{Phonemizer, TextError};

/// Sample rate of the voice, in hertz.
pub const VOICE_RATE_HZ: u32 = 24_000;

/// Silence between two clauses, besides the pause the text asks for: stands for what [`edges`]
/// trims.
const BREATH_MS: u32 = 150;

#[derive(Debug, thiserror::Error)]
pub enum TtsError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(transparent)]
    Load(#[from] NnError),
    #[error("{name}: {why}. Run `make models` again to rebuild the models")]
    Plan { name: &'static str, why: String },
    #[error("{field} is {value}; it must lie between {low} and {high}")]
    Style { field: &'static str, value: f32, low: f32, high: f32 },
    #[error("speaking was cancelled")]
    Cancelled,
}

impl TtsError {
    /// A plan that does not load or run: the file is not the one this program was written for.
    pub(crate) fn plan(name: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Plan { name, why: format!("{error:#}") }
    }
}

/// The agent's voice: American English, one speaker, [`VOICE_RATE_HZ`].
pub struct Voice {
    text: Arc<Phonemizer>,
    speaker: Speaker,
}

impl Voice {
    pub fn load(store: &ModelStore) -> Result<Self, TtsError> {
        Ok(Self { text: Arc::new(Phonemizer::load(store)?), speaker: Speaker::load(store)? })
    }

    /// How words sound.
    pub fn dictionary(&self) -> Arc<Phonemizer> {
        Arc::clone(&self.text)
    }

    /// The clauses of a text in order; none when it holds nothing to say. Each carries the silence
    /// that follows it; after the last there is none, so give one text, not its sentences.
    pub fn clauses(&self, text: &str) -> Result<Vec<Clause>, TtsError> {
        let mut clauses = self.text.phonemize(text);
        if let Some((_, before)) = clauses.split_last_mut() {
            before.iter_mut().for_each(|clause| clause.pause_after_ms += BREATH_MS);
        }
        Ok(clauses)
    }

    /// A clause as somebody says it who makes other sounds: `phonemes` in the voice's alphabet, in
    /// which [`Clause::phonemes`] are.
    pub fn respoken(&self, clause: &Clause, phonemes: String) -> Clause {
        self.text.respoken(clause, phonemes)
    }

    /// The samples of a clause and of the silence after it, in -1..1 at [`VOICE_RATE_HZ`]. Starts
    /// and ends without a click. Depends on nothing but clause and style.
    pub fn synthesize(
        &mut self,
        clause: &Clause,
        style: &Style,
        cancel: &CancelToken,
    ) -> Result<Vec<f32>, TtsError> {
        let mut samples = Vec::new();
        self.speak(clause, style, cancel, |piece| samples.extend_from_slice(piece))?;
        Ok(samples)
    }

    /// A whole text, whatever its length, for who does not wait to hear it.
    pub fn read_out(&mut self, text: &str, style: &Style) -> Result<Vec<f32>, TtsError> {
        let mut samples = Vec::new();
        for clause in self.clauses(text)? {
            samples.extend(self.synthesize(&clause, style, &CancelToken::never())?);
        }
        Ok(samples)
    }

    /// [`Voice::synthesize`] piece by piece: `sink` gets the first after a fraction of the work, so
    /// that playing can start while the rest is made.
    pub fn speak(
        &mut self,
        clause: &Clause,
        style: &Style,
        cancel: &CancelToken,
        mut sink: impl FnMut(&[f32]),
    ) -> Result<(), TtsError> {
        self.speak_words(clause, style, cancel, |piece| {
            if let Piece::Sound(samples) = piece {
                sink(samples);
            }
        })
    }

    /// [`Voice::speak`], and before the first sound, where each of the clause's words will end.
    pub fn speak_words(
        &mut self,
        clause: &Clause,
        style: &Style,
        cancel: &CancelToken,
        mut sink: impl FnMut(Piece<'_>),
    ) -> Result<(), TtsError> {
        let ends = clause.words.iter().map(|word| word.ids);
        self.speaker.speak(&clause.ids, ends, style, cancel, &mut sink)?;
        let pause = (u64::from(clause.pause_after_ms) * u64::from(VOICE_RATE_HZ) / 1000) as usize;
        if pause > 0 {
            sink(Piece::Sound(&vec![0.0; pause]));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice() -> Voice {
        Voice::load(&ModelStore::open(None).unwrap()).unwrap()
    }

    fn say(voice: &mut Voice, text: &str) -> Vec<f32> {
        voice.read_out(text, &Style::default()).unwrap()
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn clauses_are_apart_and_the_last_ends_at_once() {
        let mut voice = voice();
        let clauses = voice.clauses("Good morning. What would you like?").unwrap();
        let [first, last] = clauses.as_slice() else { panic!("{clauses:?}") };
        assert!(first.pause_after_ms >= BREATH_MS);
        assert_eq!(last.pause_after_ms, 0);
        let samples = voice.synthesize(first, &Style::default(), &CancelToken::never()).unwrap();
        let silence = samples.iter().rev().take_while(|&&x| x == 0.0).count();
        assert!(silence as u32 >= VOICE_RATE_HZ * first.pause_after_ms / 1000);
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn every_clause_starts_and_ends_in_silence() {
        let mut voice = voice();
        let clauses = voice.clauses("Yes. No! Perhaps? Stop, please; then go on: now.").unwrap();
        assert!(clauses.len() > 3);
        for clause in &clauses {
            let samples =
                voice.synthesize(clause, &Style::default(), &CancelToken::never()).unwrap();
            let peak = samples.iter().fold(0.0f32, |a, x| a.max(x.abs()));
            assert!((0.05..1.0).contains(&peak), "{}: peak {peak}", clause.text);
            let ends = samples[..5].iter().chain(samples.iter().rev().take(5));
            let loudest = ends.fold(0.0f32, |a, x| a.max(x.abs()));
            assert!(loudest < 1e-3, "{}: {loudest} at an end", clause.text);
        }
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn odd_texts_are_spoken_or_passed_over() {
        let mut voice = voice();
        for (text, sounds) in [
            ("", false),
            (" \n\t ", false),
            ("?!…—", false),
            ("\u{0}\u{7}\u{202e}", false),
            ("日本語 한국어", false),
            ("Zxqwvtkj!!!", true),
            ("naïve café 🙂 done", true),
            ("a", true),
            ("1e309 and 99999999999999999999999", true),
            ("ONE\r\n\r\ntwo", true),
        ] {
            assert_eq!(!say(&mut voice, text).is_empty(), sounds, "{text:?}");
        }
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn a_long_text_without_a_stop_is_cut_into_clauses() {
        let mut voice = voice();
        let clauses = voice.clauses(&"and then another thing ".repeat(100)).unwrap();
        assert!(clauses.len() > 1);
        // A second of speech takes some 15 phonemes; beyond half a minute, breath runs out.
        assert!(clauses.iter().all(|clause| clause.ids.len() < 500), "{}", clauses.len());
        let last = clauses.last().unwrap();
        let samples = voice.synthesize(last, &Style::default(), &CancelToken::never()).unwrap();
        assert!(!samples.is_empty());
    }
}
