//! Words of a text for the slot tagger, each with its place.

use std::ops::Range;

/// A word, a number, or one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// In lower case.
    pub word: String,
    pub shape: Shape,
    /// Bytes of the text.
    pub at: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Lower,
    Capital,
    Number,
    Sign,
}

/// Cuts at blanks, around signs, and between letters and digits.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut joins = None;
    for (at, c) in text.char_indices() {
        let kind = if c.is_numeric() {
            Some(true)
        } else if c.is_alphabetic() {
            Some(false)
        } else {
            None
        };
        let end = at + c.len_utf8();
        match tokens.last_mut() {
            Some(last) if kind.is_some() && joins == kind && last.at.end == at => {
                last.word.extend(c.to_lowercase());
                last.at.end = end;
            }
            _ if c.is_whitespace() => {}
            _ => {
                let shape = match kind {
                    Some(true) => Shape::Number,
                    Some(false) if c.is_uppercase() => Shape::Capital,
                    Some(false) => Shape::Lower,
                    None => Shape::Sign,
                };
                tokens.push(Token { word: c.to_lowercase().collect(), shape, at: at..end });
            }
        }
        joins = kind;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_signs() {
        let text = "Play 5pm's  Élan, ok?";
        let found: Vec<_> = tokens(text).into_iter().map(|t| (t.word, &text[t.at])).collect();
        let want = ["Play", "5", "pm", "'", "s", "Élan", ",", "ok", "?"];
        assert_eq!(found.iter().map(|(_, said)| *said).collect::<Vec<_>>(), want);
        assert_eq!(found[5].0, "élan");
        assert!(tokens(" \t").is_empty());
    }
}
