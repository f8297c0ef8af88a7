//! The next few words of a text, cut into words, digits and signs, for rules to walk over.

use crate::nlu::numbers::numbers_at;

/// Most bytes that one entity is looked for in. "The twenty third of september nineteen eighty four
/// at a quarter to eight in the evening" has 84; what lies beyond is never looked at, so that the
/// work per place has a bound.
pub const WINDOW_BYTES: usize = 256;

/// A reading by some rule: it ends before token `end`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<T> {
    pub end: usize,
    pub value: T,
    /// Says by itself that it is of its kind: "seven o'clock" is a time, "seven" may be one.
    pub sure: bool,
}

impl<T> Hit<T> {
    pub fn sure(end: usize, value: T) -> Self {
        Self { end, value, sure: true }
    }

    pub fn unsure(end: usize, value: T) -> Self {
        Self { end, value, sure: false }
    }

    pub fn map<U>(self, into: impl FnOnce(T) -> U) -> Hit<U> {
        Hit { end: self.end, value: into(self.value), sure: self.sure }
    }
}

#[derive(Clone, Copy, Debug)]
struct Token<'t> {
    text: &'t str,
    /// First byte, counted from the start of the window.
    start: usize,
    /// No space before it.
    glued: bool,
}

/// Tokens from one place of a text in normal spelling: runs of letters, runs of ASCII digits, and
/// single signs. Rules name places by the index of a token; every index may be asked for.
#[derive(Debug)]
pub struct Tokens<'t> {
    window: &'t str,
    tokens: Vec<Token<'t>>,
}

impl<'t> Tokens<'t> {
    /// From byte `at` of `text`.
    pub fn new(text: &'t str, at: usize) -> Self {
        let window = window(text.get(at..).unwrap_or_default());
        let mut tokens = Vec::new();
        let mut start = 0;
        let mut glued = false;
        while let Some(first) = window[start..].chars().next() {
            if first == ' ' {
                (start, glued) = (start + 1, false);
                continue;
            }
            let rest = &window[start..];
            let run = |of: fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
            let len = match first {
                '0'..='9' => run(|c| c.is_ascii_digit()),
                c if c.is_alphabetic() => run(|c| c.is_alphabetic() || c == '\''),
                c => c.len_utf8(),
            };
            tokens.push(Token { text: &rest[..len], start, glued });
            (start, glued) = (start + len, true);
        }
        Self { window, tokens }
    }

    /// Bytes from the start of the window to the end of the token before `end`.
    pub fn len_to(&self, end: usize) -> usize {
        end.checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(0, |token| token.start + token.text.len())
    }

    /// The token at `i`; nothing beyond the last.
    pub fn word(&self, i: usize) -> &'t str {
        self.tokens.get(i).map_or("", |token| token.text)
    }

    /// Whether token `i` follows the one before it without a space.
    pub fn glued(&self, i: usize) -> bool {
        self.tokens.get(i).is_some_and(|token| token.glued)
    }

    /// The place after `phrase`, if it stands at `i`.
    pub fn after(&self, i: usize, phrase: &str) -> Option<usize> {
        let mut end = i;
        for word in phrase.split(' ') {
            if self.word(end) != word {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// The place after the longest of `phrases` at `i`.
    pub fn after_any(&self, i: usize, phrases: &[&str]) -> Option<usize> {
        phrases.iter().filter_map(|phrase| self.after(i, phrase)).max()
    }

    /// The place after one of `phrases`, or `i` itself.
    pub fn skip(&self, i: usize, phrases: &[&str]) -> usize {
        self.after_any(i, phrases).unwrap_or(i)
    }

    /// The digits at `i` with their value, where there are at most `most` of them.
    pub fn digits(&self, i: usize, most: usize) -> Option<(&'t str, i64)> {
        let word = self.word(i);
        let fits = (1..=most.min(15)).contains(&word.len());
        let value =
            word.parse().ok().filter(|_| fits && word.starts_with(|c: char| c.is_ascii_digit()));
        Some((word, value?))
    }

    /// Cardinals at `i` in digits or words, as [`numbers_at`] reads them. Sure where in digits.
    pub fn cardinals(&self, i: usize) -> Vec<Hit<f64>> {
        let Some(token) = self.tokens.get(i) else { return Vec::new() };
        let found = numbers_at(self.window, token.start).into_iter();
        found
            .filter_map(|spoken| {
                let sure = spoken.digits;
                Some(Hit { end: self.index_after(spoken.end)?, value: spoken.value, sure })
            })
            .collect()
    }

    /// Whole cardinals in words at `i`.
    pub fn whole_words(&self, i: usize) -> impl Iterator<Item = (usize, i64)> {
        let cardinals = self.cardinals(i).into_iter();
        cardinals
            .filter(|hit| !hit.sure && hit.value >= 0.0 && hit.value.fract() == 0.0)
            .map(|hit| (hit.end, hit.value as i64))
    }

    /// What [`numbers_at`] reads when the tokens from `i` to `to` were `said` instead, followed by
    /// what follows them.
    pub fn cardinals_as(&self, said: &str, to: usize) -> Vec<Hit<f64>> {
        let shift = self.tokens.get(to).map_or(self.window.len(), |token| token.start);
        let text = format!("{said} {}", &self.window[shift..]);
        let ends = numbers_at(&text, 0).into_iter().filter_map(|spoken| {
            let end = match spoken.end.checked_sub(said.len() + 1) {
                Some(end) => self.index_after(shift + end)?,
                None if spoken.end == said.len() => to,
                None => return None,
            };
            Some(Hit { end, value: spoken.value, sure: spoken.digits })
        });
        ends.collect()
    }

    /// The text of the tokens from `i` to `end`.
    pub fn text(&self, i: usize, end: usize) -> &'t str {
        let from = self.tokens.get(i).map_or(self.window.len(), |token| token.start);
        self.window.get(from..self.len_to(end)).unwrap_or_default()
    }

    fn index_after(&self, byte: usize) -> Option<usize> {
        let next = self.tokens.partition_point(|token| token.start < byte);
        (self.len_to(next) == byte).then_some(next)
    }
}

/// The whole words of `rest` that fit into the window.
fn window(rest: &str) -> &str {
    if rest.len() <= WINDOW_BYTES {
        return rest;
    }
    // A space is never part of another character.
    let cut = rest.as_bytes()[..=WINDOW_BYTES].iter().rposition(|byte| *byte == b' ');
    &rest[..cut.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_digits_and_signs() {
        for (text, expected) in [
            ("half past seven", "half past seven"),
            ("7:30pm o'clock", "7+:+30+pm o'clock"),
            ("$2.50 20 °c 3rd ½", "$+2+.+50 20 °+c 3+rd ½"),
            ("", ""),
        ] {
            let tokens = Tokens::new(text, 0);
            let mut shown = String::new();
            for i in 0..tokens.tokens.len() {
                let space = if i == 0 {
                    ""
                } else if tokens.glued(i) {
                    "+"
                } else {
                    " "
                };
                shown.push_str(space);
                shown.push_str(tokens.word(i));
            }
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn a_long_text_is_looked_at_up_to_the_window() {
        let text = "seven ".repeat(1000);
        let tokens = Tokens::new(&text, 6);
        assert_eq!(tokens.tokens.len(), WINDOW_BYTES / 6);
        assert_eq!(Tokens::new(&"é".repeat(1000), 0).tokens.len(), 0);
        assert_eq!(Tokens::new("seven", 99).word(0), "");
    }
}
