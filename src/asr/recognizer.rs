use super::beam::{Beam, Row};
use super::greedy::Greedy;
use super::{
    AsrError, BeamOptions, Branch, Cross, Decoder, Encoder, Language, Logits, MIN_SAMPLES, Meta,
    Path, Place, Spellings, Tokenizer, guards,
};
use crate::cancel::CancelToken;
use crate::models::ModelStore;
use crate::nn::Team;
use crate::nn::kernels::Kernel;
use crate::nn::tree::Node;
use crate::units::SAMPLE_RATE_HZ;

/// How many tokens more than free decoding a sentence may take to spell.
const SPELLING_ROOM: usize = 8;
/// Standard deviation of the noise that stands for hearing nothing; full scale is 1.
const NOISE_LEVEL: f32 = 0.003;

/// The recogniser of one stream. Holds the networks and their running state; `Send`, so that it can
/// move to the thread that uses it.
pub struct Recognizer {
    encoder: Encoder,
    decoder: Decoder,
    tokenizer: Tokenizer,
    meta: Meta,
    kernel: Kernel,
    /// What hearing nothing is like, once it is asked for.
    noise: Option<Cross>,
}

/// What to listen for: sentences of a language from a place on.
pub struct Listening<'l> {
    pub language: &'l mut dyn Language,
    pub start: Place,
    /// Kept from one utterance to the next with the same language and recogniser.
    pub spellings: &'l mut Spellings,
    pub options: BeamOptions,
}

/// What was heard in one utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognition {
    /// What free decoding wrote.
    pub best: Hypothesis,
    /// Sentences of the language listened for, best first; none without a language.
    pub paths: Vec<Path>,
    pub ended: Ended,
}

/// One way to read the sound.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hypothesis {
    pub text: String,
    /// Without the control tokens around them.
    pub tokens: Vec<u32>,
    /// Geometric mean of the token probabilities, end of text included: 0 (or nothing decoded) to
    /// 1. Not calibrated.
    pub confidence: f32,
    /// Natural logarithm of the probability of the whole sequence.
    pub log_prob: f32,
}

/// Why decoding ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The network said so.
    EndOfText,
    /// More tokens than anybody speaks ([`guards::token_limit`]).
    TokenLimit,
    /// The network repeated itself ([`guards::cut_loop`]); the repetitions are removed.
    Loop,
    /// There was no sound to decode.
    Nothing,
}

impl Recognizer {
    pub fn load(models: &ModelStore) -> Result<Self, AsrError> {
        Self::with_team(models, Team::default())
    }

    /// A recogniser whose encoder `team` computes; results do not depend on it.
    pub fn with_team(models: &ModelStore, team: Team) -> Result<Self, AsrError> {
        let kernel = Kernel::current().map_err(crate::nn::NnError::from)?;
        let meta = Meta::load(models)?;
        let tokenizer = Tokenizer::load(models)?;
        if tokenizer.len() != meta.vocabulary {
            let why = format!("{} tokens, meta.json says {}", tokenizer.len(), meta.vocabulary);
            return Err(AsrError::Damaged { file: "asr/tokenizer.bin", why });
        }
        // The larger first: what loading takes on the way then comes on top of less.
        let decoder = Decoder::load(models, &meta)?;
        let encoder = Encoder::load(models, &meta, team)?;
        Ok(Self { encoder, decoder, tokenizer, meta, kernel, noise: None })
    }

    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Recognises one utterance of mono sound at 16 kHz.
    ///
    /// The caller has evidence of speech (see [`guards`]). Up to six minutes work; the encoder's
    /// time grows with the square of the length beyond some 30 s, so cut longer sound first
    /// ([`super::long`]).
    /// Samples that are not finite count as silence. A cancel is seen before the encoder
    /// runs and before every decoding step.
    pub fn recognize(
        &mut self,
        audio: &[f32],
        cancel: &CancelToken,
    ) -> Result<Recognition, AsrError> {
        self.listen(audio, None, cancel)
    }

    /// As [`Recognizer::recognize`], and searches for sentences of a language beside it.
    pub fn listen(
        &mut self,
        audio: &[f32],
        listening: Option<Listening<'_>>,
        cancel: &CancelToken,
    ) -> Result<Recognition, AsrError> {
        if audio.is_empty() {
            let best = Hypothesis::default();
            return Ok(Recognition { best, paths: Vec::new(), ended: Ended::Nothing });
        }
        if cancel.is_cancelled() {
            return Err(AsrError::Cancelled);
        }
        let cross = if audio.iter().all(|sample| sample.is_finite()) {
            self.encoder.encode(audio)?
        } else {
            let finite = |sample: &f32| if sample.is_finite() { *sample } else { 0.0 };
            self.encoder.encode(&audio.iter().map(finite).collect::<Vec<_>>())?
        };
        let limit = guards::token_limit(audio.len().max(MIN_SAMPLES));
        match listening {
            None => self.decode(&cross, limit, cancel),
            Some(listening) => self.search(&cross, limit, listening, cancel),
        }
    }

    /// Follows the likeliest token at every step.
    fn decode(
        &mut self,
        cross: &Cross,
        limit: usize,
        cancel: &CancelToken,
    ) -> Result<Recognition, AsrError> {
        let mut cache = self.decoder.cache(cross, limit);
        let mut greedy = Greedy::new(&self.meta, limit);
        while let Some(branch) = greedy.next() {
            if cancel.is_cancelled() {
                return Err(AsrError::Cancelled);
            }
            let step = self.decoder.step(&mut cache, &[branch])?;
            let logits = step.rows()?.next().expect("a row for the one branch");
            greedy.take(logits, step.node(0), self.kernel);
        }
        let (best, ended) = greedy.finish(&self.tokenizer);
        Ok(Recognition { best, paths: Vec::new(), ended })
    }

    /// Follows the likeliest token, and a beam of sentences of the language in the same passes.
    fn search(
        &mut self,
        cross: &Cross,
        limit: usize,
        listening: Listening<'_>,
        cancel: &CancelToken,
    ) -> Result<Recognition, AsrError> {
        let Listening { language, start, spellings, options } = listening;
        spellings.trim();
        let noise = self.noise()?;
        let depth = limit + SPELLING_ROOM;
        let rows = depth * options.width + 1;
        let mut cache = self.decoder.cache(cross, rows + limit);
        let mut noise_cache = self.decoder.cache(&noise, rows);
        let mut greedy = Greedy::new(&self.meta, limit);
        let ends = (self.meta.bos, self.meta.eos);
        let mut beam = Beam::new(&self.tokenizer, language, spellings, options, ends, start);
        let mut steps = 0;
        while (!beam.is_done() && steps < depth) || greedy.next().is_some() {
            if cancel.is_cancelled() {
                return Err(AsrError::Cancelled);
            }
            let is_searching = steps < depth && !beam.is_done();
            let mut branches: Vec<Branch> =
                if is_searching { beam.branches().collect() } else { Vec::new() };
            let searched = branches.len();
            branches.extend(greedy.next());
            let step = self.decoder.step(&mut cache, &branches)?;
            if greedy.next().is_some() {
                let logits = step.rows()?.nth(searched).expect("a row for every branch");
                greedy.take(logits, step.node(searched), self.kernel);
            }
            if is_searching {
                let branches: Vec<Branch> = beam.noise_branches().collect();
                let plain = self.decoder.step(&mut noise_cache, &branches)?;
                let (sound, noise) = (self.rows(&step)?, self.rows(&plain)?);
                beam.take(&sound[..searched], &noise);
            }
            steps += 1;
        }
        let paths = beam.finish();
        let (best, ended) = greedy.finish(&self.tokenizer);
        Ok(Recognition { best, paths, ended })
    }

    /// The rows of a step as probabilities, with their nodes.
    fn rows<'l>(&self, step: &'l Logits) -> Result<Vec<(Row<'l>, Node)>, AsrError> {
        let row = |(at, logits): (usize, &'l [f32])| {
            let log_sum_exp = self.kernel.log_sum_exp(logits);
            (Row { logits, log_sum_exp }, step.node(at))
        };
        Ok(step.rows()?.enumerate().map(row).collect())
    }

    /// What the decoder attends to when it hears nothing but noise.
    fn noise(&mut self) -> Result<Cross, AsrError> {
        if let Some(noise) = &self.noise {
            return Ok(noise.clone());
        }
        let noise = self.encoder.encode(&quiet_noise())?;
        self.noise = Some(noise.clone());
        Ok(noise)
    }
}

/// Two seconds of white noise near the threshold of hearing, the same every time.
fn quiet_noise() -> Vec<f32> {
    let mut state = 1u32;
    let mut uniform = || {
        // Numerical Recipes' linear congruential generator; only the high bits are used.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    // The sum of twelve uniform numbers is all but normal, with a deviation of one.
    (0..2 * SAMPLE_RATE_HZ).map(|_| NOISE_LEVEL * (0..12).map(|_| uniform()).sum::<f32>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recognizer_can_move_to_its_thread() {
        fn sendable<T: Send>() {}
        sendable::<Recognizer>();
    }
}
