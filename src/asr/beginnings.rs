//! How likely it is that what is said begins with given texts: the decoder is told their tokens, level
//! by level, one pass over the weights for each, and says of each how likely it was. It is no search:
//! all likely spellings of a text count together.

use std::collections::BTreeMap;

use super::decoder::Branch;
use super::spelling::spellings;
use super::{AsrError, Cross, Decoder, Tokenizer};
use crate::nn::kernels::Kernel;

/// What is less likely than this in some sound, as a natural logarithm, is not asked about further.
const UNLIKELY: f32 = -16.0;
/// The same where nothing is heard: no text is usual there.
const UNUSUAL: f32 = -26.0;
/// Most ways to write a text so far that are followed; a phrase of two words has fewer. Every further
/// word has some seven spellings, so without a bound a sentence would have millions.
const MOST_WAYS: usize = 64;

/// Texts, each in every way that the recogniser may write it.
#[derive(Debug, Clone, PartialEq)]
pub struct Beginnings {
    /// The token before any text.
    bos: u32,
    texts: Vec<Text>,
}

/// For each word, every way to write it, and every way to write them all as one.
#[derive(Debug, Clone, PartialEq)]
struct Text {
    words: Vec<Vec<Vec<u32>>>,
    joined: Vec<Vec<u32>>,
}

/// Where in a text one way to write it has come.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Written {
    text: usize,
    /// `None` in a spelling of the whole text as one word.
    word: Option<usize>,
    spelling: usize,
    /// Tokens of that spelling.
    tokens: usize,
}

/// A token that may be told next, and what is written by it.
struct Next {
    branch: Branch,
    /// Of everything up to the token.
    log_prob: f32,
    written: Vec<Written>,
}

impl Text {
    fn new(tokenizer: &Tokenizer, text: &str) -> Self {
        let encode = |forms: Vec<String>, first: bool| -> Vec<Vec<u32>> {
            let forms = forms.iter().filter(|form| !first || form.starts_with(' '));
            let encoded = forms.map(|form| tokenizer.encode(form));
            encoded.filter(|tokens| !tokens.is_empty()).collect()
        };
        let words = text.split(' ').enumerate();
        let words = words.map(|(at, word)| encode(spellings(word), at == 0)).collect();
        let joined = match text.contains(' ') {
            true => encode(spellings(&text.replace(' ', "")), true),
            false => Vec::new(),
        };
        Self { words, joined }
    }

    /// Every way to write the `word`-th word, or the whole as one.
    fn spellings(&self, word: Option<usize>) -> &[Vec<u32>] {
        word.map_or(&self.joined, |word| &self.words[word])
    }

    /// Every way to begin the `word`-th word, or the whole as one.
    fn begin(&self, text: usize, word: Option<usize>) -> impl Iterator<Item = Written> {
        (0..self.spellings(word).len()).map(move |spelling| Written {
            text,
            word,
            spelling,
            tokens: 0,
        })
    }

    /// The token that follows.
    fn token(&self, written: &Written) -> u32 {
        self.spellings(written.word)[written.spelling][written.tokens]
    }

    /// What there is to write behind that token: nothing where the text is complete.
    fn go_on(&self, written: Written) -> Vec<Written> {
        let next = Written { tokens: written.tokens + 1, ..written };
        if next.tokens < self.spellings(written.word)[written.spelling].len() {
            return vec![next];
        }
        match written.word {
            Some(word) if word + 1 < self.words.len() => {
                self.begin(written.text, Some(word + 1)).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Beginnings {
    /// `texts` in normal spelling, at least one word each; `bos` is the token before any text.
    pub(super) fn new<'t>(
        tokenizer: &Tokenizer,
        bos: u32,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        Self { bos, texts: texts.into_iter().map(|text| Text::new(tokenizer, text)).collect() }
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
        let mut cache = decoder.cache(cross, 1);
        let mut spelled: Vec<Vec<f32>> = vec![Vec::new(); self.texts.len()];
        let begun =
            self.texts.iter().enumerate().flat_map(|(number, text)| {
                text.begin(number, Some(0)).chain(text.begin(number, None))
            });
        let branch = Branch { token: self.bos, parent: None };
        let mut next = vec![Next { branch, log_prob: 0.0, written: begun.collect() }];
        while !next.is_empty() {
            let branches: Vec<Branch> = next.iter().map(|next| next.branch).collect();
            decoder.make_room(&mut cache, branches.len());
            let step = decoder.step(&mut cache, &branches)?;
            let mut following = Vec::new();
            for (row, (told, logits)) in next.iter().zip(step.rows()?).enumerate() {
                let log_sum_exp = kernel.log_sum_exp(logits);
                for (token, written) in self.by_token(&told.written) {
                    let log_prob = told.log_prob + logits[token as usize] - log_sum_exp;
                    let branch = Branch { token, parent: Some(step.node(row)) };
                    let written = self.tell(&written, |text| spelled[text].push(log_prob));
                    if log_prob >= floor && !written.is_empty() {
                        following.push(Next { branch, log_prob, written });
                    }
                }
            }
            next = likeliest(following, self.texts.len());
        }
        let likely = |spelled: &Vec<f32>| match &spelled[..] {
            [] => f32::NEG_INFINITY,
            some => kernel.log_sum_exp(some),
        };
        Ok(spelled.iter().map(likely).collect())
    }

    /// Which of `written` go on with each token.
    fn by_token(&self, written: &[Written]) -> BTreeMap<u32, Vec<Written>> {
        let mut by_token = BTreeMap::<u32, Vec<Written>>::new();
        for written in written {
            let token = self.texts[written.text].token(written);
            by_token.entry(token).or_default().push(*written);
        }
        by_token
    }

    /// What there is to write behind the token that all of `written` go on with. `complete` learns once
    /// of each text that ends there: the longer ways to write that one are held by it.
    fn tell(&self, written: &[Written], mut complete: impl FnMut(usize)) -> Vec<Written> {
        let mut behind: Vec<Written> = Vec::new();
        let mut done: Vec<usize> = Vec::new();
        for written in written {
            let more = self.texts[written.text].go_on(*written);
            if more.is_empty() && !done.contains(&written.text) {
                done.push(written.text);
                complete(written.text);
            }
            behind.extend(more);
        }
        behind.retain(|written| !done.contains(&written.text));
        behind
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

    /// As [`Beginnings::likely`] where nothing is heard.
    pub(super) fn usual(
        &self,
        decoder: &mut Decoder,
        kernel: Kernel,
        nothing: &Cross,
    ) -> Result<Vec<f32>, AsrError> {
        self.ask(decoder, kernel, nothing, UNUSUAL)
    }
}

/// Of each text the [`MOST_WAYS`] likeliest ways to write it so far, whatever the others are.
fn likeliest(mut following: Vec<Next>, texts: usize) -> Vec<Next> {
    following.sort_by(|a, b| b.log_prob.total_cmp(&a.log_prob));
    let mut ways = vec![0; texts];
    for next in &mut following {
        next.written.retain(|written| ways[written.text] < MOST_WAYS);
        // Those of one text stand together.
        for of_one in next.written.chunk_by(|a, b| a.text == b.text) {
            ways[of_one[0].text] += 1;
        }
    }
    following.retain(|next| !next.written.is_empty());
    following
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asr::Meta;
    use crate::models::ModelStore;

    /// One text, of which each word has one token for each of `spellings`.
    fn text(words: &[&[&[u32]]], joined: &[&[u32]]) -> Beginnings {
        let spellings = |all: &[&[u32]]| all.iter().map(|tokens| tokens.to_vec()).collect();
        let words = words.iter().map(|word| spellings(word)).collect();
        Beginnings { bos: 0, texts: vec![Text { words, joined: spellings(joined) }] }
    }

    fn begin(beginnings: &Beginnings) -> Vec<Written> {
        let text = &beginnings.texts[0];
        text.begin(0, Some(0)).chain(text.begin(0, None)).collect()
    }

    /// Every sequence of tokens that `ask` would follow to a text's end.
    fn all_ways(beginnings: &Beginnings) -> Vec<Vec<u32>> {
        let mut ways = Vec::new();
        let mut next = vec![(Vec::new(), begin(beginnings))];
        while let Some((tokens, written)) = next.pop() {
            for (token, written) in beginnings.by_token(&written) {
                let tokens = [&tokens[..], &[token]].concat();
                let behind = beginnings.tell(&written, |_| ways.push(tokens.clone()));
                next.push((tokens, behind));
            }
        }
        ways.sort();
        ways
    }

    #[test]
    fn words_are_written_one_behind_the_other_or_as_one() {
        let smart_tv = text(&[&[&[1], &[2, 3]], &[&[4], &[5]]], &[&[1, 6]]);
        assert_eq!(
            all_ways(&smart_tv),
            [vec![1, 4], vec![1, 5], vec![1, 6], vec![2, 3, 4], vec![2, 3, 5]]
        );
    }

    #[test]
    fn what_begins_with_another_way_is_held_by_it() {
        let ways = all_ways(&text(&[&[&[1, 2, 3], &[4], &[1, 2], &[1, 2], &[1, 3]]], &[]));
        assert_eq!(ways, [vec![1, 2], vec![1, 3], vec![4]]);
    }

    #[test]
    fn each_text_has_its_likeliest_ways_whatever_the_others_are() {
        let next = |token: u32, texts: &[usize]| Next {
            branch: Branch { token, parent: None },
            log_prob: -(token as f32),
            written: texts
                .iter()
                .map(|text| Written { text: *text, word: Some(0), spelling: 0, tokens: 0 })
                .collect(),
        };
        let most = MOST_WAYS as u32;
        let mut all: Vec<Next> = (0..2 * most).map(|token| next(token, &[0])).collect();
        all.extend([next(2 * most, &[0, 1, 1]), next(3 * most, &[1])]);
        let kept = likeliest(all, 2);
        let tokens: Vec<u32> = kept.iter().map(|next| next.branch.token).collect();
        assert_eq!(tokens[..MOST_WAYS], (0..most).collect::<Vec<_>>());
        assert_eq!(tokens[MOST_WAYS..], [2 * most, 3 * most]);
        assert!(kept[MOST_WAYS].written.iter().all(|written| written.text == 1));
    }

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn texts_are_written_as_the_recogniser_writes_them() {
        let models = ModelStore::open(None).unwrap();
        let tokenizer = Tokenizer::load(&models).unwrap();
        let bos = Meta::load(&models).unwrap().bos;
        let ways = all_ways(&Beginnings::new(&tokenizer, bos, ["smart tv"]));
        for form in [" smart tv", " Smart TV", " smart, tv", " Smart-tv", " Smarttv"] {
            let tokens = tokenizer.encode(form);
            assert!(ways.iter().any(|way| tokens.starts_with(way)), "{form}");
        }
    }
}
