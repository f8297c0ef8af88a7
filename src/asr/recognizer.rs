use super::beam::{Beam, Row};
use super::beginnings::Beginnings;
use super::greedy::Greedy;
use super::internal_lm::{InternalLm, quiet_noise};
use super::{
    AsrError, BeamOptions, Branch, Cross, Decoder, Encoder, Language, MIN_SAMPLES, Meta, Path,
    Place, Spellings, Tokenizer, guards,
};
use crate::cancel::CancelToken;
use crate::models::ModelStore;
use crate::nn::Team;
use crate::nn::kernels::Kernel;
use crate::nn::tree::Node;

/// How many tokens more than free decoding a sentence may take to spell.
const SPELLING_ROOM: usize = 8;
/// The recogniser of one stream. Holds the networks and their running state; `Send`, so that it can
/// move to the thread that uses it.
pub struct Recognizer {
    encoder: Encoder,
    decoder: Decoder,
    tokenizer: Tokenizer,
    meta: Meta,
    kernel: Kernel,
    /// Once a search needs it.
    internal_lm: Option<InternalLm>,
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
        Ok(Self { encoder, decoder, tokenizer, meta, kernel, internal_lm: None })
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
        let cross = self.encode(audio, cancel)?;
        let limit = guards::token_limit(audio.len().max(MIN_SAMPLES));
        match listening {
            None => self.decode(&cross, limit, cancel),
            Some(listening) => self.search(&cross, limit, listening, cancel),
        }
    }

    /// What is said in some sound, as the decoder attends to it: for [`Recognizer::begins`].
    /// Samples that are not finite count as silence.
    pub fn encode(&mut self, audio: &[f32], cancel: &CancelToken) -> Result<Cross, AsrError> {
        if cancel.is_cancelled() {
            return Err(AsrError::Cancelled);
        }
        if audio.iter().all(|sample| sample.is_finite()) {
            return self.encoder.encode(audio);
        }
        let finite = |sample: &f32| if sample.is_finite() { *sample } else { 0.0 };
        self.encoder.encode(&audio.iter().map(finite).collect::<Vec<_>>())
    }

    /// `texts` in normal spelling, to be asked about.
    pub fn beginnings<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Beginnings {
        Beginnings::new(&self.tokenizer, self.meta.bos, texts)
    }

    /// The natural logarithm of the probability, for each text, that what is said begins with it; minus
    /// infinity where that is next to nothing.
    pub fn begins(&mut self, cross: &Cross, beginnings: &Beginnings) -> Result<Vec<f32>, AsrError> {
        beginnings.likely(&mut self.decoder, self.kernel, cross)
    }

    /// The same where nothing is heard: how usual such beginnings are in what people write.
    pub fn expects(&mut self, beginnings: &Beginnings) -> Result<Vec<f32>, AsrError> {
        let nothing = self.encoder.encode(&quiet_noise())?;
        beginnings.usual(&mut self.decoder, self.kernel, &nothing)
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
        let Self { encoder, decoder, tokenizer, meta, kernel, internal_lm } = self;
        let internal_lm = match internal_lm {
            Some(known) => known,
            none => none.insert(InternalLm::new(decoder, encoder.encode(&quiet_noise())?)),
        };
        spellings.trim();
        let depth = limit + SPELLING_ROOM;
        let rows = depth * options.width + 1;
        internal_lm.make_room(decoder, rows);
        let mut cache = decoder.cache(cross, rows + limit);
        let mut greedy = Greedy::new(meta, limit);
        let ends = (meta.bos, meta.eos);
        let mut beam = Beam::new(tokenizer, language, spellings, options, ends, start);
        let mut steps = 0;
        while (!beam.is_done() && steps < depth) || greedy.next().is_some() {
            if cancel.is_cancelled() {
                return Err(AsrError::Cancelled);
            }
            let is_searching = steps < depth && !beam.is_done();
            let mut branches: Vec<Branch> = greedy.next().into_iter().collect();
            let free = branches.len();
            if is_searching {
                branches.extend(beam.branches());
            }
            // The beam compares sentences that differ by nats: 8 bits are enough for it.
            let step = decoder.step_coarsely(&mut cache, &branches, free)?;
            let mut rows = step.rows()?.zip((0..).map(|row| step.node(row)));
            if free > 0 {
                let (logits, node) = rows.next().expect("a row for every branch");
                greedy.take(logits, node, *kernel);
            }
            if is_searching {
                let sound: Vec<(Row<'_>, Node)> = rows
                    .map(|(logits, node)| {
                        (Row { logits, log_sum_exp: kernel.log_sum_exp(logits) }, node)
                    })
                    .collect();
                let questions = beam.expand(&sound);
                let beliefs = internal_lm.ask(decoder, *kernel, &questions)?;
                beam.weigh(&questions, &beliefs);
            }
            steps += 1;
        }
        let paths = beam.finish();
        let (best, ended) = greedy.finish(tokenizer);
        Ok(Recognition { best, paths, ended })
    }
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
