//! Word errors: the one spelling in which transcripts are compared, and the distance between them.
//!
//! The spelling is lower case, words separated by single spaces, numbers in words:
//! - letters and digits stay, accents too; apostrophes vanish inside a word ("what's" → "whats");
//!   every other sign separates words;
//! - figures become English words ("12" → "twelve", "1,250" → "one thousand two hundred fifty",
//!   "8:30" → "eight thirty", "3.5" → "three point five", "21st" → "twenty first"); a leading zero
//!   or more than nine figures are read one by one ("007" → "zero zero seven"). References are
//!   mostly written in words, so this direction leaves their length alone;
//! - `%`, `°`, `&`, `+` and a currency sign before a figure are read aloud.
//!
//! Nothing else is forgiven: contractions, "okay"/"ok", British spellings and hyphenation of
//! compounds count as they stand.

use crate::numerals::{self, BELOW_TWENTY};

/// Edits that turn a reference into what was heard, and the reference's length in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordErrors {
    /// Substitutions, deletions and insertions.
    pub errors: usize,
    pub words: usize,
}

impl WordErrors {
    pub fn between(reference: &str, heard: &str) -> Self {
        let (reference, heard) = (words(reference), words(heard));
        Self { errors: distance(&reference, &heard), words: reference.len() }
    }
}

/// `text` in the spelling of comparison, word by word.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let len = if c.is_ascii_digit() {
            figures(rest, &mut words)
        } else if c.is_alphabetic() {
            word(rest, &mut words)
        } else {
            sign(rest, c, &mut words)
        };
        rest = &rest[len..];
    }
    words
}

/// Takes a run of letters, figures and apostrophes.
fn word(text: &str, words: &mut Vec<String>) -> usize {
    let is_apostrophe = |c: char| matches!(c, '\'' | '’' | '‘');
    let len = text
        .find(|c: char| !(c.is_alphanumeric() || is_apostrophe(c) || is_mark(c)))
        .unwrap_or(text.len());
    let kept = text[..len].chars().filter(|c| !is_apostrophe(*c));
    words.push(kept.flat_map(char::to_lowercase).collect());
    len
}

/// Combining accents belong to the letter before them.
fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Takes a sign; some are read aloud.
fn sign(text: &str, c: char, words: &mut Vec<String>) -> usize {
    let currency = match c {
        '$' => Some("dollars"),
        '£' => Some("pounds"),
        '€' => Some("euros"),
        _ => None,
    };
    let rest = &text[c.len_utf8()..];
    if let Some(unit) = currency.filter(|_| rest.starts_with(|d: char| d.is_ascii_digit())) {
        let len = figures(rest, words);
        words.push(unit.to_owned());
        return c.len_utf8() + len;
    }
    let aloud = match c {
        '%' => Some("percent"),
        '°' => Some("degrees"),
        '&' => Some("and"),
        '+' => Some("plus"),
        _ => None,
    };
    words.extend(aloud.map(str::to_owned));
    c.len_utf8()
}

/// Takes one number in figures, with groups of thousands, a decimal part or an ordinal ending.
fn figures(text: &str, words: &mut Vec<String>) -> usize {
    let mut len = digits(text);
    let mut number = text[..len].to_owned();
    while let Some(group) = text[len..].strip_prefix(',')
        && digits(group) == 3
        && number.len() <= 6
    {
        number.push_str(&group[..3]);
        len += 4;
    }
    for ending in ["st", "nd", "rd", "th"] {
        let tail = &text[len..];
        let ends = tail.get(..2).is_some_and(|t| t.eq_ignore_ascii_case(ending));
        if ends && !tail[2..].starts_with(char::is_alphanumeric) {
            spell_ordinal(&number, words);
            return len + 2;
        }
    }
    spell(&number, words);
    if let Some(decimals) = text[len..].strip_prefix('.')
        && digits(decimals) > 0
    {
        let count = digits(decimals);
        words.push("point".to_owned());
        one_by_one(&decimals[..count], words);
        len += 1 + count;
    }
    len
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn one_by_one(number: &str, words: &mut Vec<String>) {
    words.extend(number.bytes().map(|digit| BELOW_TWENTY[usize::from(digit - b'0')].to_owned()));
}

fn spell(number: &str, words: &mut Vec<String>) {
    let leading_zero = number.len() > 1 && number.starts_with('0');
    match number.parse::<usize>() {
        Ok(_) if number.len() <= 9 && !leading_zero => {
            words.extend(numerals::cardinal(number).into_iter().map(Into::into));
        }
        _ => one_by_one(number, words),
    }
}

fn spell_ordinal(number: &str, words: &mut Vec<String>) {
    spell(number, words);
    if let Some(last) = words.last_mut() {
        *last = numerals::ordinal(last);
    }
}

/// Levenshtein distance in words.
fn distance(reference: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, wanted) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, got) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(wanted != got);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[heard.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_of_comparison() {
        for (text, expected) in [
            ("", ""),
            ("  Hello,   WORLD!! ", "hello world"),
            ("What's up? It’s “fine”…", "whats up its fine"),
            ("up-to-date", "up to date"),
            ("Café CAFE\u{301}", "café cafe\u{301}"),
            ("12 oz", "twelve oz"),
            ("0 7 10 19 20 21 99", "zero seven ten nineteen twenty twenty one ninety nine"),
            ("100 105 342", "one hundred one hundred five three hundred forty two"),
            ("1,250", "one thousand two hundred fifty"),
            ("12,000,001", "twelve million one"),
            ("1000000", "one million"),
            ("1, 250", "one two hundred fifty"),
            ("007", "zero zero seven"),
            ("1234567890", "one two three four five six seven eight nine zero"),
            ("at 8:30.", "at eight thirty"),
            ("3.5 and 3.", "three point five and three"),
            ("1st 2nd 3rd 4th 12th", "first second third fourth twelfth"),
            ("20th 21st 30TH", "twentieth twenty first thirtieth"),
            ("4them", "four them"),
            ("50% of $5 & 20°", "fifty percent of five dollars and twenty degrees"),
            ("b2b", "b2b"),
            ("press # now", "press now"),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text:?}");
        }
    }

    #[test]
    fn errors_are_the_fewest_edits() {
        for (reference, heard, errors, words) in [
            ("one two three", "one two three", 0, 3),
            ("one two three", "1, 2, 3!", 0, 3),
            ("a large latte please", "a latte please", 1, 4),
            ("a latte", "a large latte", 1, 2),
            ("a large latte", "a barge latte", 1, 3),
            ("a b c d", "b c d e", 2, 4),
            ("say something", "", 2, 2),
            ("", "you you", 2, 0),
        ] {
            let counted = WordErrors::between(reference, heard);
            assert_eq!(counted, WordErrors { errors, words }, "{reference:?} / {heard:?}");
        }
    }
}
