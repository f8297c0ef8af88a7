//! Where a reply is cut so that its sound can start early.
//!
//! Each clause is synthesised on its own, and the listener hears nothing until the first one is
//! done. A cut costs melody, so the rule is sparing: a sentence is cut at all only when it is long,
//! only at a mark where a reader would breathe, and never so that a scrap is left. The sounds of
//! the words are settled before the cut and do not change with it.

use super::reader::Spoken;

/// A sentence that opens a reply is cut when it has more phonemes than this: about five seconds,
/// whose synthesis would be heard as a delay on a small board.
const LONG_OPENING: usize = 70;
/// Later sentences are made while the one before plays, so only about fifteen seconds are long.
const LONG: usize = 200;
/// No clause that the rule cuts is shorter: about two seconds, time enough to make the next one.
const SCRAP: usize = 24;
/// The acoustic model is used for at most this many phonemes at once, as by its authors.
pub(super) const LIMIT: usize = 400;
const _: () = assert!(2 * SCRAP < LONG_OPENING && LONG_OPENING < LONG && LONG < LIMIT);

/// Cuts a sentence into clauses of at most [`LIMIT`] phonemes. `opening` says that nothing of the
/// reply was said before.
pub(super) fn clauses(words: Vec<Spoken>, opening: bool) -> Vec<Vec<Spoken>> {
    let words = split_endless(words);
    let total = length(&words);
    let mut rest = words.as_slice();
    let mut clauses = Vec::new();
    let mut left = total;
    let mut long = if opening { LONG_OPENING } else { LONG };
    while left > long {
        let Some(at) = breath(rest, left, long == LONG_OPENING) else { break };
        let (clause, after) = rest.split_at(at);
        clauses.push(clause.to_vec());
        rest = after;
        left = length(rest);
        long = LONG;
    }
    while left > LIMIT {
        let (clause, after) = rest.split_at(last_fit(rest));
        clauses.push(clause.to_vec());
        rest = after;
        left = length(rest);
    }
    clauses.push(rest.to_vec());
    clauses
}

/// Phonemes of words in a row, the spaces between them included.
fn length(words: &[Spoken]) -> usize {
    words.iter().map(cost).sum()
}

fn cost(word: &Spoken) -> usize {
    word.phonemes.chars().count() + usize::from(word.space_after)
}

/// The number of words before the cut: at the first mark for the opening, else at the last one
/// that keeps the clause from being long.
fn breath(words: &[Spoken], total: usize, soon: bool) -> Option<usize> {
    let mut chosen = None;
    let mut before = 0;
    for (i, word) in words.iter().enumerate() {
        before += cost(word);
        let fits = (SCRAP..=LIMIT).contains(&before) && total - before >= SCRAP;
        if !fits || !word.space_after || !word.phonemes.ends_with([',', ';', ':', '—']) {
            continue;
        }
        if before <= LONG || chosen.is_none() {
            chosen = Some(i + 1);
        }
        if soon || before > LONG {
            break;
        }
    }
    chosen
}

/// The most words that stay within [`LIMIT`], at least one; behind a space when there is one.
fn last_fit(words: &[Spoken]) -> usize {
    let mut before = 0;
    let within = words.iter().take_while(|word| {
        before += cost(word);
        before <= LIMIT
    });
    let most = within.count().max(1);
    words[..most].iter().rposition(|word| word.space_after).map_or(most, |i| i + 1)
}

/// Breaks words longer than [`LIMIT`] (a hundred figures in a row), at spaces in their phonemes
/// where there are some. The text goes with the first part.
fn split_endless(words: Vec<Spoken>) -> Vec<Spoken> {
    let mut parts = Vec::with_capacity(words.len());
    for mut word in words {
        while let Some((limit, _)) = word.phonemes.char_indices().nth(LIMIT - 1) {
            let space = word.phonemes[..limit].rfind(' ').filter(|&at| at > 0);
            let at = space.unwrap_or(limit);
            let rest = word.phonemes[at..].trim_start().to_owned();
            word.phonemes.truncate(at);
            let space_after = word.space_after;
            if rest.is_empty() {
                break;
            }
            word.space_after = space.is_some();
            parts.push(std::mem::replace(
                &mut word,
                Spoken { text: String::new(), phonemes: rest, space_after },
            ));
        }
        parts.push(word);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(sentence: &str) -> Vec<Spoken> {
        sentence
            .split(' ')
            .map(|w| Spoken { text: w.into(), phonemes: w.into(), space_after: true })
            .collect()
    }

    fn cut(sentence: &str, opening: bool) -> Vec<usize> {
        clauses(words(sentence), opening).iter().map(|clause| length(clause)).collect()
    }

    #[test]
    fn only_long_sentences_are_cut_and_no_scrap_is_left() {
        let short = "Yes, one large latte, with oat milk, please.";
        assert_eq!(cut(short, true).len(), 1);
        let long = "I have one large latte with an extra shot, a small tea without any sugar, \
                    and two of the little cakes, is that right?";
        assert_eq!(cut(long, true), [43, 75]);
        assert_eq!(cut(long, false).len(), 1);
        let scraps = "Well, of course, this is a sentence whose only marks are both of them far \
                      too near to its beginning, or so.";
        assert_eq!(cut(scraps, true).len(), 1);
    }

    #[test]
    fn later_sentences_are_cut_near_fifteen_seconds() {
        let list = ["a plain round number of words in it,"; 12].join(" ");
        let lengths = cut(&list, false);
        assert!(lengths.iter().all(|&len| len <= LONG), "{lengths:?}");
        assert_eq!(lengths.len(), 3);
    }

    #[test]
    fn a_sentence_without_a_mark_is_cut_at_a_space() {
        let endless = ["word"; 200].join(" ");
        assert_eq!(cut(&endless, true), [400, 400, 200]);
    }

    proptest! {
        #[test]
        fn cutting_loses_nothing_and_keeps_the_limit(
            sentence in prop::collection::vec("[a ]{0,900}[,;]?", 0..12),
            opening in any::<bool>(),
        ) {
            let words: Vec<_> = sentence
                .iter()
                .map(|w| Spoken { text: w.clone(), phonemes: w.clone(), space_after: w.len() % 3 > 0 })
                .collect();
            let visible = |words: &[Spoken]| -> String {
                words.iter().flat_map(|w| w.phonemes.chars()).filter(|&c| c != ' ').collect()
            };
            let whole = visible(&words);
            let clauses = clauses(words, opening);
            prop_assert_eq!(clauses.iter().map(|c| visible(c)).collect::<String>(), whole);
            for clause in clauses {
                prop_assert!(length(&clause) <= LIMIT);
            }
        }
    }
}
