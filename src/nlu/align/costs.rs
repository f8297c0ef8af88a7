//! What each difference between the words heard and a sentence costs, in thousandths of a sound.
//!
//! Recognisers lose and swap small words; the words that make a difference are long. So everything
//! is weighed by sounds, and small words at less than their length.

use super::super::sound::Milli;

/// A word that people say while they think, or say twice.
pub(super) const HESITATION: Milli = 100;
/// Going back, and each word that is taken back.
pub(super) const CORRECTION: Milli = 500;
pub(super) const TAKEN_BACK: Milli = 100;
/// Two heard words for one of the sentence.
pub(super) const SPLIT: Milli = 200;

/// A word that fills a slot of any words: it says nothing about the sentence.
pub(super) fn wild(len: u32) -> Milli {
    250 + 120 * len
}

/// A heard word that no sentence wants.
pub(super) fn inserted(len: u32, small: bool) -> Milli {
    if small { 300 * len } else { 800 * len }
}

/// A word of the sentence that was not heard.
pub(super) fn skipped(len: u32, small: bool, in_list: bool) -> Milli {
    match (small, in_list) {
        (true, _) => 300 * len,
        (false, false) => 1000 * len,
        (false, true) => 1100 * len,
    }
}

/// A word of the sentence that was heard as another, `distance` away; `None` when nobody would
/// hear it so.
pub(super) fn heard_as(distance: Milli, len: u32, small: bool, in_list: bool) -> Option<Milli> {
    if distance == 0 {
        return Some(0);
    }
    // Names must be heard well; a small word may have been nearly anything.
    let limit = match (small, in_list) {
        (true, _) => 1000 * len + 500,
        (false, false) => 800 * len + 500,
        (false, true) => 500 * len + 150,
    };
    if distance > limit {
        return None;
    }
    Some(match (small, in_list) {
        (true, _) => distance * 6 / 10,
        (false, false) => distance,
        (false, true) => distance * 11 / 10,
    })
}
