//! How likely it is that what is said begins with given texts: their tokens are handed to the decoder,
//! which says of each how likely it was: one pass over the weights for all of the same length, and no
//! search.

use super::decoder::Branch;
use super::spelling::spellings;
use super::{AsrError, Cross, Decoder, Tokenizer};
use crate::nn::kernels::Kernel;
use crate::nn::tree::Node;

/// What is less likely than this, as a natural logarithm, is not asked about further.
const UNLIKELY: f32 = -16.0;

/// Texts, each in every way that the recogniser may write it.
#[derive(Debug, Clone, PartialEq)]
pub struct Beginnings {
    /// What the decoder is told, level by level: the first token is the one before any text.
    levels: Vec<Vec<Told>>,
    /// For each text: level and number of what each of its spellings ends behind, and its last token.
    texts: Vec<Vec<(usize, usize, u32)>>,
}

/// A token behind the `parent`-th of the level before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    token: u32,
    parent: usize,
}

/// What the decoder said behind a token.
struct Row<'l> {
    node: Node,
    logits: &'l [f32],
    log_sum_exp: f32,
    /// Of everything up to the token.
    log_prob: f32,
}

impl Row<'_> {
    fn behind(&self, token: u32) -> f32 {
        self.log_prob + self.logits[token as usize] - self.log_sum_exp
    }
}

impl Beginnings {
    /// `texts` in normal spelling, at least one word each; `bos` is the token before any text.
    pub(super) fn new<'t>(
        tokenizer: &Tokenizer,
        bos: u32,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        let mut all =
            Self { levels: vec![vec![Told { token: bos, parent: 0 }]], texts: Vec::new() };
        for text in texts {
            let spelled = written(text).iter().map(|text| tokenizer.encode(text)).collect();
            let mut ends = Vec::new();
            for tokens in without_longer(spelled) {
                if let Some((last, before)) = tokens.split_last() {
                    ends.push((before.len(), all.told(before), *last));
                }
            }
            all.texts.push(ends);
        }
        all
    }

    /// The number, in its level, of what has been told when `tokens` have.
    fn told(&mut self, tokens: &[u32]) -> usize {
        let mut parent = 0;
        for (before, token) in tokens.iter().enumerate() {
            let told = Told { token: *token, parent };
            if self.levels.len() == before + 1 {
                self.levels.push(Vec::new());
            }
            let level = &mut self.levels[before + 1];
            let known = level.iter().position(|known| *known == told);
            parent = known.unwrap_or_else(|| {
                level.push(told);
                level.len() - 1
            });
        }
        parent
    }

    /// The natural logarithm of the probability of each text in `cross`; minus infinity where every
    /// spelling is less likely than `floor` on the way.
    fn ask(
        &self,
        decoder: &mut Decoder,
        kernel: Kernel,
        cross: &Cross,
        floor: f32,
    ) -> Result<Vec<f32>, AsrError> {
        let mut cache = decoder.cache(cross, self.levels.iter().map(Vec::len).sum());
        let mut spelled: Vec<Vec<f32>> = vec![Vec::new(); self.texts.len()];
        // What is told next: its number in its level, and how likely everything up to it is.
        let mut next: Vec<(usize, Branch, f32)> =
            vec![(0, Branch { token: self.levels[0][0].token, parent: None }, 0.0)];
        for (depth, level) in self.levels.iter().enumerate() {
            if next.is_empty() {
                break;
            }
            let branches: Vec<Branch> = next.iter().map(|(_, branch, _)| *branch).collect();
            let step = decoder.step(&mut cache, &branches)?;
            let mut rows: Vec<Option<Row<'_>>> = (0..level.len()).map(|_| None).collect();
            for (row, ((number, _, log_prob), logits)) in next.iter().zip(step.rows()?).enumerate()
            {
                let log_sum_exp = kernel.log_sum_exp(logits);
                let (node, log_prob) = (step.node(row), *log_prob);
                rows[*number] = Some(Row { node, logits, log_sum_exp, log_prob });
            }
            for (ends, spelled) in self.texts.iter().zip(&mut spelled) {
                let here = ends.iter().filter(|(at, ..)| *at == depth);
                spelled.extend(
                    here.filter_map(|(_, number, token)| {
                        Some(rows[*number].as_ref()?.behind(*token))
                    }),
                );
            }
            let following = self.levels.get(depth + 1).into_iter().flatten().enumerate();
            next = following
                .filter_map(|(number, told)| {
                    let parent = rows[told.parent].as_ref()?;
                    let log_prob = parent.behind(told.token);
                    let branch = Branch { token: told.token, parent: Some(parent.node) };
                    (log_prob >= floor).then_some((number, branch, log_prob))
                })
                .collect();
        }
        let likely = |spelled: &Vec<f32>| match &spelled[..] {
            [] => f32::NEG_INFINITY,
            some => kernel.log_sum_exp(some),
        };
        Ok(spelled.iter().map(likely).collect())
    }

    /// What is likely in `cross`; minus infinity where nothing is that counts.
    pub(super) fn likely(
        &self,
        decoder: &mut Decoder,
        kernel: Kernel,
        cross: &Cross,
    ) -> Result<Vec<f32>, AsrError> {
        self.ask(decoder, kernel, cross, UNLIKELY)
    }

    /// As [`Beginnings::likely`], however unlikely it is.
    pub(super) fn exact(
        &self,
        decoder: &mut Decoder,
        kernel: Kernel,
        cross: &Cross,
    ) -> Result<Vec<f32>, AsrError> {
        self.ask(decoder, kernel, cross, f32::NEG_INFINITY)
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
}
