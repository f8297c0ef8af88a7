//! Sentences of a text.

use std::collections::HashMap;

/// A sentence, and whether a line break ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sentence<'t> {
    pub text: &'t str,
    pub ends_line: bool,
}

/// Cuts at line breaks and behind `.`, `!`, `?` and `…`. A stop after a title or an initial
/// ("Dr. Smith", "J. Doe") and one before a small letter end no sentence. Quotation marks and
/// brackets that close behind the last mark are dropped: they make no sound.
pub(super) fn sentences<'t>(text: &'t str, titles: &HashMap<String, String>) -> Vec<Sentence<'t>> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut from = 0;
        for (at, mark) in line.char_indices().filter(|(_, c)| matches!(c, '.' | '!' | '?' | '…'))
        {
            let end = at + mark.len_utf8();
            let behind = line[end..].trim_start_matches(['"', '”', '’', ')', ']']);
            let next = behind.trim_start();
            let gap = next.len() < behind.len();
            if gap && !next.is_empty() && ends_sentence(&line[..at], mark, next, titles) {
                found.push(Sentence { text: &line[from..end], ends_line: false });
                from = line.len() - next.len();
            }
        }
        found.push(Sentence { text: &line[from..], ends_line: true });
    }
    found
}

fn ends_sentence(before: &str, mark: char, next: &str, titles: &HashMap<String, String>) -> bool {
    if next.starts_with(char::is_lowercase) {
        return false;
    }
    if mark != '.' {
        return true;
    }
    let word = before.rsplit(' ').next().unwrap_or_default();
    let word = word.trim_start_matches(['(', '"', '“', '\'', '‘']);
    let mut letters = word.chars();
    let initial = letters.next().is_some_and(char::is_uppercase) && letters.next().is_none();
    !initial && !titles.contains_key(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_marks_and_line_breaks() {
        let titles = HashMap::from([("Dr".to_owned(), "Dr".to_owned())]);
        for (text, want) in [
            ("", ""),
            (" \n\n ", ""),
            ("One. Two! Three? Four", "One.|Two!|Three?|Four"),
            ("Ask Dr. Gray or J. Doe.", "Ask Dr. Gray or J. Doe."),
            ("Version 2.5 is out.", "Version 2.5 is out."),
            ("It took approx. ten minutes.", "It took approx. ten minutes."),
            ("\"Stop!\" She ran.", "\"Stop!|She ran."),
            ("Well… Yes.", "Well…|Yes."),
            ("first line\nsecond line", "first line|second line"),
            ("Really?! Yes.", "Really?!|Yes."),
            ("...", "..."),
        ] {
            let found = sentences(text, &titles);
            let texts: Vec<_> = found.iter().map(|s| s.text).collect();
            assert_eq!(texts.join("|"), want, "{text}");
        }
    }
}
