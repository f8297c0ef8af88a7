//! The one spelling in which said words and written templates meet.
//!
//! Case is folded, punctuation and hyphens separate words, apostrophes stay inside them, and the
//! signs that people read aloud (`%`, `°`, `$`…) stay. Every byte remembers where it came from, so
//! that a slot can quote the words as they were said.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest text that is interpreted, in bytes of the normal spelling. An utterance of 40 seconds
/// stays below; anything longer is nobody's request, and the search is quadratic at worst.
pub const MAX_TEXT_BYTES: usize = 2_000;

/// Text in normal spelling: words with one space between, none around.
#[derive(Clone, Debug, Default)]
pub struct Words<'a> {
    said: &'a str,
    pub text: String,
    /// For each byte of `text`, the bytes of `said` it came from.
    origin: Vec<Range<u32>>,
}

impl<'a> Words<'a> {
    pub fn new(said: &'a str) -> Self {
        let mut words = Self { said, ..Self::default() };
        let mut gap = false;
        fold(said, Edges::Open, |piece| match piece {
            Piece::Gap => gap = true,
            Piece::Part(part, from) => {
                if std::mem::take(&mut gap) && !words.text.is_empty() {
                    words.push(" ", &from);
                }
                words.push(part, &from);
            }
        });
        words
    }

    fn push(&mut self, part: &str, from: &Range<usize>) {
        self.text.push_str(part);
        let from = from.start as u32..from.end as u32;
        self.origin.extend(std::iter::repeat_n(from, part.len()));
    }

    /// Where a word starts.
    pub fn starts_word(&self, at: usize) -> bool {
        at == 0 || self.text.as_bytes().get(at - 1) == Some(&b' ')
    }

    /// Where a word ends.
    pub fn ends_word(&self, at: usize) -> bool {
        at == self.text.len() || self.text.as_bytes().get(at) == Some(&b' ')
    }

    /// The words as they were said, for a range of the normal spelling.
    pub fn said(&self, at: Range<usize>) -> &'a str {
        &self.said[self.origin(at)]
    }

    /// The bytes of what was said that a range of the normal spelling came from.
    pub fn origin(&self, at: Range<usize>) -> Range<usize> {
        let at = at.start.min(self.origin.len())..at.end.min(self.origin.len());
        match (self.origin.get(at.start), at.end.checked_sub(1).and_then(|e| self.origin.get(e))) {
            (Some(first), Some(last)) if at.start < at.end => {
                let (start, end) = (first.start as usize, last.end as usize);
                let said = &self.said[start..end];
                let start = end - said.trim_start().len();
                start..start + said.trim().len()
            }
            _ => 0..0,
        }
    }
}

/// A text in normal spelling.
pub fn normal(said: &str) -> String {
    Words::new(said).text
}

/// What the ends of a text touch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edges {
    /// Nothing: a whole utterance.
    Open,
    /// Possibly a letter: a literal between other parts of a template, as `'s` in `{name}['s]`.
    Glued,
}

pub(super) enum Piece<'p> {
    /// A word ends here, and another may start.
    Gap,
    /// A character in normal spelling, and the bytes it came from.
    Part(&'p str, Range<usize>),
}

/// Walks `text` in normal spelling, character by character.
pub(super) fn fold(text: &str, edges: Edges, mut emit: impl FnMut(Piece<'_>)) {
    let glued = edges == Edges::Glued;
    let mut before: [Option<char>; 2] = [None; 2];
    let mut rest = text.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        let mut end = start + c.len_utf8();
        while let Some((at, mark)) = rest.next_if(|(_, m)| is_combining_mark(*m)) {
            end = at + mark.len_utf8();
        }
        let previous = before[0];
        let next = rest.peek().map(|(_, c)| *c);
        let touches = |side: Option<char>, kind: fn(char) -> bool| side.map_or(glued, kind);
        let inside = |kind: fn(char) -> bool| touches(previous, kind) && touches(next, kind);
        match c {
            c if c.is_alphanumeric() => {
                let part: String = text[start..end].nfc().flat_map(char::to_lowercase).collect();
                emit(Piece::Part(&part, start..end));
            }
            '\'' | '’' | '‘' | 'ʼ' | '`' => {
                if inside(char::is_alphanumeric) {
                    emit(Piece::Part("'", start..end));
                }
            }
            '-' | '−'
                if next.is_some_and(|n| n.is_ascii_digit())
                    && !previous.is_some_and(char::is_alphanumeric) =>
            {
                emit(Piece::Part("-", start..end));
            }
            '.' | ',' | ':' if inside(|c| c.is_ascii_digit()) => {
                emit(Piece::Part(c.encode_utf8(&mut [0; 4]), start..end));
            }
            // "a.m.", "U.S.": the dots of initials are not heard.
            '.' if previous.is_some_and(char::is_alphabetic)
                && !before[1].is_some_and(char::is_alphanumeric) => {}
            '%' | '°' | '$' | '€' | '£' | '¥' | '&' | '+' | '/' | '#' | '@' | '*' | '=' => {
                emit(Piece::Part(c.encode_utf8(&mut [0; 4]), start..end));
            }
            _ => emit(Piece::Gap),
        }
        before = [Some(c), previous];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_spelling() {
        for (said, normal) in [
            ("", ""),
            ("  Turn ON,  the light!  ", "turn on the light"),
            ("What's up?", "what's up"),
            ("What’s up…", "what's up"),
            ("the dogs' bowl", "the dogs bowl"),
            ("'hello'", "hello"),
            ("an up-to-date, twenty-five_year plan", "an up to date twenty five year plan"),
            ("set it to -5°", "set it to -5°"),
            ("well - 5", "well 5"),
            ("20.5% of 1,000 at 8:30.", "20.5% of 1,000 at 8:30"),
            ("at 8 a.m. in the U.S.", "at 8 am in the us"),
            ("one.Two", "one two"),
            ("So do I. Then", "so do i then"),
            ("Cafe\u{301} CAFÉ", "café café"),
            ("ÜBER straße", "über straße"),
            ("a 1/2 & more", "a 1/2 & more"),
        ] {
            assert_eq!(Words::new(said).text, normal, "{said}");
        }
    }

    #[test]
    fn a_range_quotes_the_words_as_they_were_said() {
        let words = Words::new("Play “Don’t  Stop”, Cafe\u{301}-style!");
        assert_eq!(words.text, "play don't stop café style");
        for (normal, said) in
            [("play", "Play"), ("don't stop", "Don’t  Stop"), ("café", "Cafe\u{301}")]
        {
            let at = words.text.find(normal).expect("in the text");
            assert_eq!(words.said(at..at + normal.len()), said);
        }
        assert_eq!(words.said(3..3), "");
        assert_eq!(words.said(90..99), "");
    }
}
