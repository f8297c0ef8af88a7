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

/// When `tokens` end in a loop: how many of them to keep, the phrase standing once.
pub fn cut_loop(tokens: &[u32]) -> Option<usize> {
    (1..=MAX_PHRASE.min(tokens.len())).find_map(|len| {
        let phrase = &tokens[tokens.len() - len..];
        let repeats = tokens.rchunks_exact(len).take_while(|chunk| *chunk == phrase).count();
        (repeats >= repeats_of_a_loop(len)).then(|| tokens.len() - (repeats - 1) * len)
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
            let cut = cut_loop(&tokens).map(|len| words[..len].join(" "));
            assert_eq!(cut.as_deref(), kept, "{said}");
        }
    }

    #[test]
    fn the_limit_follows_the_length() {
        for (seconds, limit) in [(0.0, 0), (1.0, 7), (2.0, 13), (10.0, 65)] {
            assert_eq!(token_limit((seconds * 16_000.0) as usize), limit, "{seconds}");
        }
    }
}
