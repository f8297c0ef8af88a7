use super::{Branch, Ended, Hypothesis, Meta, Tokenizer, guards};
use crate::nn::kernels::Kernel;
use crate::nn::tree::Node;

/// Decoding that follows the likeliest token at every step.
pub(super) struct Greedy {
    limit: usize,
    eos: u32,
    tokens: Vec<u32>,
    log_probs: Vec<f32>,
    /// What to decode next, until the end.
    next: Option<Branch>,
    ended: Ended,
}

impl Greedy {
    /// Decodes at most `limit` tokens.
    pub fn new(meta: &Meta, limit: usize) -> Self {
        let first = Branch { token: meta.bos, parent: None };
        Self {
            limit,
            eos: meta.eos,
            tokens: Vec::with_capacity(limit),
            log_probs: Vec::with_capacity(limit),
            next: (limit > 0).then_some(first),
            ended: Ended::TokenLimit,
        }
    }

    /// The branch whose logits [`Greedy::take`] waits for; `None` at the end.
    pub fn next(&self) -> Option<Branch> {
        self.next
    }

    /// Takes what follows the branch, which is `node` in the tree now.
    pub fn take(&mut self, logits: &[f32], node: Node, kernel: Kernel) {
        let (best, score) = likeliest(logits);
        self.log_probs.push(score - kernel.log_sum_exp(logits));
        self.next = None;
        if best == self.eos {
            self.ended = Ended::EndOfText;
            return;
        }
        self.tokens.push(best);
        let at_limit = self.log_probs.len() == self.limit;
        if let Some(kept) = guards::cut_loop(&self.tokens, at_limit) {
            self.tokens.truncate(kept);
            self.log_probs.truncate(kept);
            self.ended = Ended::Loop;
        } else if !at_limit {
            self.next = Some(Branch { token: best, parent: Some(node) });
        }
    }

    pub fn finish(self, tokenizer: &Tokenizer) -> (Hypothesis, Ended) {
        let log_prob: f32 = self.log_probs.iter().sum();
        let confidence = (log_prob / self.log_probs.len().max(1) as f32).exp();
        let text = tokenizer.decode(&self.tokens);
        (Hypothesis { text, tokens: self.tokens, confidence, log_prob }, self.ended)
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
}
