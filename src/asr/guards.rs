//! What keeps a sequence model from running away on sound that is no speech.
//!
//! Whether there is speech at all is the caller's evidence (VAD): on silence this network says
//! "You", on faint noise it repeats itself, and under a second it babbles.

use crate::units::SAMPLE_RATE_HZ;

/// Tokens per second of sound that nobody exceeds when speaking English: the model's authors stop
/// there too (6.5 in their reference implementation).
pub const TOKENS_PER_SECOND: f32 = 6.5;

/// Longest phrase, in tokens, that is watched for repetition.
const MAX_PHRASE: usize = 16;

/// Most tokens for `samples` of sound.
pub fn token_limit(samples: usize) -> usize {
    (TOKENS_PER_SECOND * samples as f32 / SAMPLE_RATE_HZ as f32).ceil() as usize
}

/// Repetitions of a phrase of `len` tokens that only a loop produces. People do say "no no no" and
/// telephone numbers with runs of one digit; they do not say a sentence four times over.
const fn repeats_of_a_loop(len: usize) -> usize {
    match len {
        1 => 8,
        2 => 6,
        _ => 4,
    }
}

/// Repetitions that are enough when the network was still talking at [`token_limit`], where speech
/// would have ended: a short sound has no room for more of them.
const REPEATS_AT_LIMIT: usize = 3;

/// When `tokens` end in a loop: how many of them to keep, the phrase standing once. `at_limit`: no
/// more tokens fit.
pub fn cut_loop(tokens: &[u32], at_limit: bool) -> Option<usize> {
    (1..=MAX_PHRASE.min(tokens.len())).find_map(|len| {
        let phrase = &tokens[tokens.len() - len..];
        let repeats = tokens.rchunks_exact(len).take_while(|chunk| *chunk == phrase).count();
        let enough = if at_limit { REPEATS_AT_LIMIT } else { repeats_of_a_loop(len) };
        (repeats >= enough).then(|| tokens.len() - (repeats - 1) * len)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_told_from_speech() {
        for (said, kept) in [
            ("", None),
            ("a small latte please", None),
            ("no no no no", None),
            ("5 5 5 5 5 5 5", None),
            ("so a a a a a a a a", Some("so a")),
            ("go on go on go on", None),
            ("x go on go on go on go on go on go on", Some("x go on")),
            ("i do not know i do not know i do not know i do not know", Some("i do not know")),
            ("we were the best we were the best we were", None),
        ] {
            let words: Vec<&str> = said.split_whitespace().collect();
            let tokens: Vec<u32> = words
                .iter()
                .map(|word| words.iter().position(|w| w == word).unwrap() as u32)
                .collect();
            let cut = cut_loop(&tokens, false).map(|len| words[..len].join(" "));
            assert_eq!(cut.as_deref(), kept, "{said}");
        }
    }

    #[test]
    fn at_the_limit_fewer_repetitions_are_a_loop() {
        assert_eq!(cut_loop(&[7, 5, 5, 5], true), Some(2));
        assert_eq!(cut_loop(&[7, 5, 5, 5], false), None);
        assert_eq!(cut_loop(&[7, 5, 5], true), None);
    }

    #[test]
    fn the_limit_follows_the_length() {
        for (seconds, limit) in [(0.0, 0), (1.0, 7), (2.0, 13), (10.0, 65)] {
            assert_eq!(token_limit((seconds * 16_000.0) as usize), limit, "{seconds}");
        }
    }
}
