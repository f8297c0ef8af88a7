use super::{AsrError, Branch, Cross, Decoder, Encoder, MIN_SAMPLES, Meta, Tokenizer, guards};
use crate::cancel::CancelToken;
use crate::models::ModelStore;
use crate::nn::Team;
use crate::nn::kernels::Kernel;

/// The recogniser of one stream. Holds the networks and their running state; `Send`, so that it can
/// move to the thread that uses it.
pub struct Recognizer {
    encoder: Encoder,
    decoder: Decoder,
    tokenizer: Tokenizer,
    meta: Meta,
    kernel: Kernel,
}

/// What was heard in one utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognition {
    pub best: Hypothesis,
    /// Alternatives to `best`, likeliest first. Greedy decoding computes none.
    pub nbest: Vec<Hypothesis>,
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
        Ok(Self { encoder, decoder, tokenizer, meta, kernel })
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
        if audio.is_empty() {
            let best = Hypothesis::default();
            return Ok(Recognition { best, nbest: Vec::new(), ended: Ended::Nothing });
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
        self.decode(&cross, limit, cancel)
    }

    /// Follows the likeliest token at every step.
    fn decode(
        &mut self,
        cross: &Cross,
        limit: usize,
        cancel: &CancelToken,
    ) -> Result<Recognition, AsrError> {
        let mut cache = self.decoder.cache(cross, limit);
        let mut tokens: Vec<u32> = Vec::with_capacity(limit);
        let mut log_probs: Vec<f32> = Vec::with_capacity(limit);
        let mut last = Branch { token: self.meta.bos, parent: None };
        let mut ended = Ended::TokenLimit;
        while log_probs.len() < limit {
            if cancel.is_cancelled() {
                return Err(AsrError::Cancelled);
            }
            let step = self.decoder.step(&mut cache, &[last])?;
            let logits = step.rows()?.next().expect("a row for the one branch");
            let (best, score) = likeliest(logits);
            log_probs.push(score - self.kernel.log_sum_exp(logits));
            if best == self.meta.eos {
                ended = Ended::EndOfText;
                break;
            }
            tokens.push(best);
            last = Branch { token: best, parent: Some(step.node(0)) };
            if let Some(kept) = guards::cut_loop(&tokens, log_probs.len() == limit) {
                tokens.truncate(kept);
                log_probs.truncate(kept);
                ended = Ended::Loop;
                break;
            }
        }
        let log_prob: f32 = log_probs.iter().sum();
        let confidence = (log_prob / log_probs.len().max(1) as f32).exp();
        let text = self.tokenizer.decode(&tokens);
        let best = Hypothesis { text, tokens, confidence, log_prob };
        Ok(Recognition { best, nbest: Vec::new(), ended })
    }
}

/// The token with the highest logit; the first of equals.
fn likeliest(logits: &[f32]) -> (u32, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, logit) in (0..).zip(logits) {
        if *logit > best.1 {
            best = (token, *logit);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_tokens_wins() {
        assert_eq!(likeliest(&[0.5, 2.0, 2.0, -1.0]), (1, 2.0));
    }

    #[test]
    fn a_recognizer_can_move_to_its_thread() {
        fn sendable<T: Send>() {}
        sendable::<Recognizer>();
    }
}
