//! Single symbols that are a word ("½", "→") or nothing to say ("®").

use std::collections::HashMap;

pub(super) struct Symbols {
    words: HashMap<char, String>,
}

impl Symbols {
    pub fn new(words: &[(char, String)]) -> Self {
        Self { words: words.iter().cloned().collect() }
    }

    /// Each word gets spaces around it. Comparisons are said only between two things.
    pub fn apply(&self, text: &str) -> String {
        let mut spoken = String::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            let Some(word) = self.words.get(&c) else {
                spoken.push(c);
                continue;
            };
            let behind = &text[at + c.len_utf8()..];
            let compares = matches!(c, '=' | '<' | '>' | '~');
            if compares && (at == 0 || behind.trim_start().is_empty()) {
                spoken.push(c);
                continue;
            }
            spoken.push(' ');
            if !word.is_empty() {
                spoken += word;
                spoken.push(' ');
            }
        }
        spoken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_words_or_silent() {
        let words = [('=', "equals"), ('½', "one half"), ('®', ""), ('<', "less than")];
        let symbols = Symbols::new(&words.map(|(c, word)| (c, word.to_owned())));
        for (text, want) in [
            ("a = b", "a  equals  b"),
            ("= b", "= b"),
            ("a <", "a <"),
            ("½ cup", " one half  cup"),
            ("Cola®", "Cola "),
        ] {
            assert_eq!(symbols.apply(text), want, "{text}");
        }
    }
}
