//! What the decoder believes of words before it hears any: its internal language model.
//!
//! It is asked by letting the decoder attend to noise at the threshold of hearing (in the spirit
//! of Meng et al. 2021). The answer depends on the tokens alone, and visitors of one agent say
//! much the same: what was asked once is kept, keys and values included, and a search over
//! familiar sentences asks hardly anything anew.

use std::collections::HashMap;

use super::{AsrError, Branch, Cache, Cross, Decoder};
use crate::nn::kernels::Kernel;
use crate::nn::tree::Node;
use crate::units::SAMPLE_RATE_HZ;

/// Standard deviation of the noise that stands for hearing nothing; full scale is 1.
const NOISE_LEVEL: f32 = 0.003;
/// Prefixes beyond which everything is forgotten before the next utterance: 14 MB of keys and
/// values.
const MAX_KEPT: usize = 1024;

/// What may follow a token.
#[derive(Debug, PartialEq)]
pub(super) struct Question {
    /// The token, and the one before it among the answers so far.
    pub branch: Branch,
    /// Rising.
    pub tokens: Vec<u32>,
}

/// The answer to a [`Question`].
#[derive(Debug, PartialEq)]
pub(super) struct Belief {
    /// Where the token stands now.
    pub node: Node,
    /// Natural logarithms of probabilities, in the order of the question's tokens.
    pub log_probs: Vec<f32>,
}

pub(super) struct InternalLm {
    noise: Cross,
    prefixes: Cache,
    /// Who follows whom with which token.
    known: HashMap<(Option<Node>, u32), Node>,
    /// By node: the tokens asked about, rising, each with its log-probability.
    beliefs: Vec<Vec<(u32, f32)>>,
}

impl InternalLm {
    /// `noise` is what the encoder makes of [`quiet_noise`].
    pub fn new(decoder: &mut Decoder, noise: Cross) -> Self {
        let prefixes = decoder.cache(&noise, MAX_KEPT);
        Self { noise, prefixes, known: HashMap::new(), beliefs: Vec::new() }
    }

    /// Makes room for an utterance that asks at most `questions`.
    pub fn make_room(&mut self, decoder: &mut Decoder, questions: usize) {
        if self.prefixes.len() > MAX_KEPT || self.prefixes.room() < questions {
            self.prefixes = decoder.cache(&self.noise, MAX_KEPT + questions);
            self.known.clear();
            self.beliefs.clear();
        }
    }

    /// Answers in the order of the questions, of which no two may have the same branch.
    pub fn ask(
        &mut self,
        decoder: &mut Decoder,
        kernel: Kernel,
        questions: &[Question],
    ) -> Result<Vec<Belief>, AsrError> {
        let node = |branch: Branch| self.known.get(&(branch.parent, branch.token)).copied();
        let nodes: Vec<Option<Node>> = questions.iter().map(|asked| node(asked.branch)).collect();
        let mut answers: Vec<Option<Belief>> =
            nodes.iter().zip(questions).map(|(node, asked)| self.recall((*node)?, asked)).collect();
        // Prefixes met before but asked about other tokens come last and are taken back: their
        // keys and values are there.
        let open = |is_known: bool| {
            let nodes = nodes.iter().zip(&answers).enumerate();
            nodes.filter(move |(_, (node, answer))| answer.is_none() && node.is_some() == is_known)
        };
        let mut asked: Vec<usize> = open(false).map(|(at, _)| at).collect();
        let new = asked.len();
        asked.extend(open(true).map(|(at, _)| at));
        if !asked.is_empty() {
            let branches: Vec<Branch> = asked.iter().map(|at| questions[*at].branch).collect();
            // A third of these logarithms is what counts: 8 bits are enough for them.
            let step = decoder.step_coarsely(&mut self.prefixes, &branches, 0)?;
            for ((row, at), logits) in asked.iter().enumerate().zip(step.rows()?) {
                let node = nodes[*at].unwrap_or_else(|| step.node(row));
                self.learn(node, &questions[*at], logits, kernel.log_sum_exp(logits));
                answers[*at] = self.recall(node, &questions[*at]);
            }
            self.prefixes.forget(asked.len() - new);
        }
        Ok(answers.into_iter().map(|answer| answer.expect("it was just learned")).collect())
    }

    fn recall(&self, node: Node, asked: &Question) -> Option<Belief> {
        let beliefs = &self.beliefs[node.index()];
        let log_prob = |token: &u32| {
            let at = beliefs.binary_search_by_key(token, |(token, _)| *token).ok()?;
            Some(beliefs[at].1)
        };
        let log_probs = asked.tokens.iter().map(log_prob).collect::<Option<_>>()?;
        Some(Belief { node, log_probs })
    }

    fn learn(&mut self, node: Node, asked: &Question, logits: &[f32], log_sum_exp: f32) {
        if node.index() == self.beliefs.len() {
            self.known.insert((asked.branch.parent, asked.branch.token), node);
            self.beliefs.push(Vec::with_capacity(asked.tokens.len()));
        }
        let beliefs = &mut self.beliefs[node.index()];
        let log_prob = |token: u32| logits[token as usize] - log_sum_exp;
        beliefs.extend(asked.tokens.iter().map(|token| (*token, log_prob(*token))));
        beliefs.sort_by_key(|(token, _)| *token);
        beliefs.dedup_by_key(|(token, _)| *token);
    }
}

/// Two seconds of white noise near the threshold of hearing, the same every time: what evidence of
/// the search is worth was fitted with these very samples, and others move scores by tenths of a nat.
pub(super) fn quiet_noise() -> Vec<f32> {
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
    use crate::asr::{Encoder, Meta};
    use crate::models::ModelStore;
    use crate::nn::Team;

    fn decoder() -> (Decoder, Cross, Meta) {
        let models = ModelStore::open(None).unwrap();
        let meta = Meta::load(&models).unwrap();
        let mut encoder = Encoder::load(&models, &meta, Team::default()).unwrap();
        let noise = encoder.encode(&quiet_noise()).unwrap();
        (Decoder::load(&models, &meta).unwrap(), noise, meta)
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn what_was_asked_once_is_known_and_the_rest_is_learned() {
        let (mut decoder, noise, meta) = decoder();
        let kernel = Kernel::current().unwrap();
        let first = |tokens: &[u32]| Question {
            branch: Branch { token: meta.bos, parent: None },
            tokens: tokens.to_vec(),
        };
        let mut known = InternalLm::new(&mut decoder, noise.clone());
        let root = known.ask(&mut decoder, kernel, &[first(&[300, 400])]).unwrap().remove(0);
        let behind = |token, tokens: &[u32]| Question {
            branch: Branch { token, parent: Some(root.node) },
            tokens: tokens.to_vec(),
        };
        let asked = [behind(300, &[310, 320]), behind(400, &[310])];
        let answers = known.ask(&mut decoder, kernel, &asked).unwrap();
        let prefixes = known.prefixes.len();
        assert_eq!(prefixes, 3);
        // Again, and about more tokens, beside a prefix that is new.
        assert_eq!(known.ask(&mut decoder, kernel, &asked).unwrap(), answers);
        let more = [behind(300, &[310, 315, 320]), behind(500, &[310])];
        let more = known.ask(&mut decoder, kernel, &more).unwrap();
        assert_eq!(known.prefixes.len(), prefixes + 1);
        assert_eq!(more[0].node, answers[0].node);
        assert_eq!([more[0].log_probs[0], more[0].log_probs[2]], answers[0].log_probs[..]);
        // The same as from somebody who is asked for the first time.
        let mut fresh = InternalLm::new(&mut decoder, noise);
        fresh.ask(&mut decoder, kernel, &[first(&[300])]).unwrap();
        let fresh = fresh.ask(&mut decoder, kernel, &[behind(300, &[315])]).unwrap();
        assert_eq!(fresh[0].log_probs[0], more[0].log_probs[1]);
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn it_forgets_everything_when_it_is_full() {
        let (mut decoder, noise, meta) = decoder();
        let kernel = Kernel::current().unwrap();
        let mut known = InternalLm::new(&mut decoder, noise);
        let question =
            Question { branch: Branch { token: meta.bos, parent: None }, tokens: vec![300] };
        let answer = known.ask(&mut decoder, kernel, std::slice::from_ref(&question)).unwrap();
        known.make_room(&mut decoder, MAX_KEPT - 1);
        assert_eq!(known.prefixes.len(), 1, "there is room");
        known.make_room(&mut decoder, MAX_KEPT);
        assert!(known.prefixes.is_empty() && known.prefixes.room() >= MAX_KEPT);
        assert_eq!(known.ask(&mut decoder, kernel, &[question]).unwrap(), answer);
    }
}
