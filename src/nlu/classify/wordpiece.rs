//! Text to the tokens of the sentence encoder: BERT's uncased WordPiece (Devlin et al. 2019).

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer words are unknown as a whole, as they were in training; it also bounds the search.
const MAX_WORD_CHARS: usize = 100;
/// Begins a piece that continues a word.
const CONTINUED: &str = "##";

/// A vocabulary of whole words and pieces of words.
#[derive(Debug, Clone)]
pub struct WordPiece {
    ids: HashMap<Box<str>, u32>,
    begin: u32,
    end: u32,
    unknown: u32,
}

impl WordPiece {
    /// Reads one token a line, in the order of their ids. Fails with what is wrong.
    pub fn parse(vocabulary: &str) -> Result<Self, String> {
        let ids: HashMap<Box<str>, u32> =
            vocabulary.lines().zip(0..).map(|(token, id)| (token.into(), id)).collect();
        let named = |token: &str| ids.get(token).copied().ok_or(format!("no token {token}"));
        let (begin, end, unknown) = (named("[CLS]")?, named("[SEP]")?, named("[UNK]")?);
        Ok(Self { ids, begin, end, unknown })
    }

    /// Tokens in the vocabulary.
    pub fn known(&self) -> usize {
        self.ids.len()
    }

    /// The tokens of a text between those for its begin and end, at most `limit` in all.
    pub fn encode(&self, text: &str, limit: usize) -> Vec<u32> {
        let mut tokens = vec![self.begin];
        for word in words(text) {
            self.pieces(&word, &mut tokens);
            if tokens.len() >= limit {
                tokens.truncate(limit.saturating_sub(1));
                break;
            }
        }
        tokens.push(self.end);
        tokens
    }

    /// The longest piece at every place; a word that has none at some place is unknown.
    fn pieces(&self, word: &str, tokens: &mut Vec<u32>) {
        let known = tokens.len();
        let mut piece = String::with_capacity(CONTINUED.len() + word.len());
        let mut rest = word;
        if word.chars().count() > MAX_WORD_CHARS {
            return tokens.push(self.unknown);
        }
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let mut found = None;
            for end in ends {
                piece.clear();
                piece.push_str(if rest.len() < word.len() { CONTINUED } else { "" });
                piece.push_str(&rest[..end]);
                if let Some(id) = self.ids.get(piece.as_str()) {
                    found = Some((*id, end));
                    break;
                }
            }
            let Some((id, end)) = found else {
                tokens.truncate(known);
                return tokens.push(self.unknown);
            };
            tokens.push(id);
            rest = &rest[end..];
        }
    }
}

/// Lower-case words without accents; every sign and every ideograph is a word of its own.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let plain = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    for c in plain {
        let last = words.last_mut().expect("never empty");
        if c.is_whitespace() {
            words.push(String::new());
        } else if is_sign(c) || is_ideograph(c) {
            words.extend([c.to_string(), String::new()]);
        } else if !c.is_control() {
            last.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// ASCII's signs and the punctuation of other blocks that occurs in English text.
fn is_sign(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿')
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{3001}'..='\u{3003}')
}

/// The blocks that BERT's cutter takes apart.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2ceaf}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nlamp\n##s\nun\n##lit\n'\n,\n東\nla";

    fn spelled(text: &str, limit: usize) -> String {
        let pieces = WordPiece::parse(VOCABULARY).unwrap();
        let lines: Vec<&str> = VOCABULARY.lines().collect();
        let tokens = pieces.encode(text, limit);
        tokens.iter().map(|id| lines[*id as usize]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_longest_pieces_are_taken() {
        for (text, tokens) in [
            ("", "[CLS] [SEP]"),
            ("lamps", "[CLS] lamp ##s [SEP]"),
            ("Unlit,  LÄMPS'", "[CLS] un ##lit , lamp ##s ' [SEP]"),
            ("lampshade lamp", "[CLS] [UNK] lamp [SEP]"),
            ("la東la", "[CLS] la 東 la [SEP]"),
            ("la\u{7}mp\u{200b}", "[CLS] [UNK] [SEP]"),
        ] {
            assert_eq!(spelled(text, 99), tokens, "{text:?}");
        }
        assert_eq!(spelled(&"s".repeat(101), 99), "[CLS] [UNK] [SEP]");
    }

    #[test]
    fn no_text_is_longer_than_the_limit() {
        assert_eq!(spelled("lamps lamps lamps", 4), "[CLS] lamp ##s [SEP]");
        assert_eq!(spelled("lamps lamps lamps", 5), "[CLS] lamp ##s lamp [SEP]");
        assert_eq!(spelled("lamps lamps", 6), "[CLS] lamp ##s lamp ##s [SEP]");
    }

    #[test]
    fn a_vocabulary_without_its_special_tokens_is_refused() {
        assert_eq!(WordPiece::parse("[CLS]\n[UNK]").unwrap_err(), "no token [SEP]");
    }
}
