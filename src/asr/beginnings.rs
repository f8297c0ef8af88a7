//! How likely it is that what is said begins with given texts: their tokens are handed to the decoder,
//! which says of each how likely it was. One pass over the weights for all of them, and no search.

use std::collections::HashMap;

use super::decoder::{Branch, Cache};
use super::spelling::spellings;
use super::{AsrError, Cross, Decoder, Tokenizer};
use crate::nn::kernels::Kernel;
use crate::nn::tree::Node;

/// Texts, each in every way that the recogniser may write it.
#[derive(Debug, Clone, PartialEq)]
pub struct Beginnings {
    /// What the decoder is told: the first token is the one before any text.
    branches: Vec<Branch>,
    /// For each text: the branch behind which each of its spellings ends, and its last token.
    texts: Vec<Vec<(usize, u32)>>,
}

impl Beginnings {
    /// `texts` in normal spelling, at least one word each; `bos` is the token before any text.
    pub(super) fn new<'t>(
        tokenizer: &Tokenizer,
        bos: u32,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        let mut all =
            Self { branches: vec![Branch { token: bos, parent: None }], texts: Vec::new() };
        let mut known = HashMap::new();
        for text in texts {
            let spelled = written(text).iter().map(|text| tokenizer.encode(text)).collect();
            let spelled = without_longer(spelled);
            let ends = spelled.iter().filter_map(|tokens| {
                let (last, before) = tokens.split_last()?;
                Some((all.branch(before, &mut known), *last))
            });
            let ends = ends.collect();
            all.texts.push(ends);
        }
        all
    }

    /// The branch behind which `tokens` have been said.
    fn branch(&mut self, tokens: &[u32], known: &mut HashMap<(usize, u32), usize>) -> usize {
        tokens.iter().fold(0, |parent, token| {
            *known.entry((parent, *token)).or_insert_with(|| {
                self.branches.push(Branch { token: *token, parent: Some(Node::at(parent)) });
                self.branches.len() - 1
            })
        })
    }

    /// Tokens that [`Beginnings::ask`] needs room for.
    pub(super) fn len(&self) -> usize {
        self.branches.len()
    }

    /// The natural logarithm of the probability of each text; `cache` is empty.
    pub(super) fn ask(
        &self,
        decoder: &mut Decoder,
        cache: &mut Cache,
        kernel: Kernel,
    ) -> Result<Vec<f32>, AsrError> {
        let step = decoder.step(cache, &self.branches)?;
        let rows: Vec<(&[f32], f32)> =
            step.rows()?.map(|logits| (logits, kernel.log_sum_exp(logits))).collect();
        // Of all branches the likelihood of their token behind the one before.
        let mut told: Vec<f32> = vec![0.0; self.branches.len()];
        let behind = |told: &[f32], row: usize, token: u32| {
            let (logits, log_sum_exp) = rows[row];
            told[row] + logits[token as usize] - log_sum_exp
        };
        for (at, branch) in self.branches.iter().enumerate().skip(1) {
            let parent = branch.parent.expect("only the first has none").index();
            told[at] = behind(&told, parent, branch.token);
        }
        let text = |ends: &Vec<(usize, u32)>| {
            log_sum(ends.iter().map(|(row, token)| behind(&told, *row, *token)))
        };
        Ok(self.texts.iter().map(text).collect())
    }
}

/// Every way to write a text of several words, which may also be written as one.
fn written(text: &str) -> Vec<String> {
    let first = |word: &str| spellings(word).into_iter().filter(|form| form.starts_with(' '));
    let mut words = text.split(' ');
    let mut all: Vec<String> = words.next().into_iter().flat_map(first).collect();
    for word in words {
        let forms = spellings(word);
        all =
            all.iter().flat_map(|begun| forms.iter().map(move |f| format!("{begun}{f}"))).collect();
    }
    if text.contains(' ') {
        all.extend(first(&text.replace(' ', "")));
    }
    all
}

/// Without sequences that begin with another: that one holds them.
fn without_longer(mut sequences: Vec<Vec<u32>>) -> Vec<Vec<u32>> {
    sequences.sort();
    sequences.dedup_by(|next, kept| next.starts_with(kept));
    sequences
}

/// The logarithm of the sum of what these are the logarithms of.
fn log_sum(logs: impl Iterator<Item = f32> + Clone) -> f32 {
    let most = logs.clone().fold(f32::NEG_INFINITY, f32::max);
    if most == f32::NEG_INFINITY {
        return most;
    }
    most + logs.map(|log| (log - most).exp()).sum::<f32>().ln()
}

/// [`Beginnings::ask`] of one sound.
pub(super) fn ask(
    decoder: &mut Decoder,
    kernel: Kernel,
    cross: &Cross,
    beginnings: &Beginnings,
) -> Result<Vec<f32>, AsrError> {
    let mut cache = decoder.cache(cross, beginnings.len());
    beginnings.ask(decoder, &mut cache, kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_in_many_ways() {
        let all = written("smart tv");
        for form in [" smart tv", " Smart TV", " smart, tv", " Smart-tv", " Smarttv"] {
            assert!(all.iter().any(|text| text == form), "{form} of {all:?}");
        }
        assert!(all.iter().all(|text| text.starts_with(' ')), "{all:?}");
    }

    #[test]
    fn what_begins_with_another_is_held_by_it() {
        let kept = without_longer(vec![vec![1, 2, 3], vec![4], vec![1, 2], vec![1, 2], vec![1, 3]]);
        assert_eq!(kept, [vec![1, 2], vec![1, 3], vec![4]]);
    }

    #[test]
    fn probabilities_are_summed() {
        let sum = log_sum([0.5f32.ln(), 0.25f32.ln()].into_iter());
        assert!((sum - 0.75f32.ln()).abs() < 1e-6);
        assert_eq!(log_sum(std::iter::empty()), f32::NEG_INFINITY);
    }
}
