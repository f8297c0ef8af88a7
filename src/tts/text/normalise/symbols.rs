//! Single symbols that are a word ("½", "→") or nothing to say ("®").

use std::collections::HashMap;

pub(super) struct Symbols {
    words: HashMap<char, String>,
}

impl Symbols {
    pub fn new(words: &[(char, String)]) -> Self {
        Self { words: words.iter().cloned().collect() }
    }

    /// Each word gets spaces around it. Comparisons are said only between two things; pictures and
    /// control characters are not said at all.
    pub fn apply(&self, text: &str) -> String {
        let mut spoken = String::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            let Some(word) = self.words.get(&c) else {
                spoken.push(if is_picture(c) || c.is_control() { ' ' } else { c });
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

/// Emoji, dingbats and what modifies them (Unicode blocks 2600–27BF, 1F000–1FAFF, joiners,
/// variation selectors, tags).
fn is_picture(c: char) -> bool {
    matches!(c,
        '\u{2600}'..='\u{27bf}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{200b}'..='\u{200f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0020}'..='\u{e007f}')
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
            ("☕️🎉!\u{7}", "   ! "),
        ] {
            assert_eq!(symbols.apply(text), want, "{text}");
        }
    }
}
