//! Which marks come off the start, the end and the inside of a chunk.
//!
//! The rules are those of the tokeniser that the tagger's training text was cut with (spaCy's
//! English rules), so that the tagger sees the words it knows.

use super::letters::{
    is_capital, is_icon, is_letter, is_loose_mark, is_quote, is_sentence_mark, is_small,
};

/// Currency signs of one character.
const CURRENCY_SIGNS: &str = "$£€¥฿₽₹₩₪₺₴₦₫₱₲₵₸₼₾₿";
/// Dollars with their country.
const DOLLARS: [&str; 3] = ["US$", "C$", "A$"];

/// Units that are written against their number.
const UNITS: [&str; 45] = [
    "km", "km²", "km³", "m", "m²", "m³", "dm", "dm²", "dm³", "cm", "cm²", "cm³", "mm", "mm²",
    "mm³", "ha", "µm", "nm", "yd", "in", "ft", "kg", "g", "mg", "µg", "t", "lb", "oz", "m/s",
    "km/h", "kmh", "mph", "hPa", "Pa", "mbar", "mb", "MB", "kb", "KB", "gb", "GB", "tb", "TB", "T",
    "%",
];
/// Units of one capital letter: giga, mega, kilo, tera.
const CAPITAL_UNITS: [&str; 3] = ["G", "M", "K"];

/// Bytes of the mark that starts `text`, 0 when none does.
pub(super) fn prefix_len(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    let after = text[first.len_utf8()..].chars().next();
    if let Some(dollars) = DOLLARS.iter().find(|dollars| text.starts_with(**dollars)) {
        return dollars.len();
    }
    match first {
        '+' if after.is_some_and(|c| c.is_ascii_digit()) => 0,
        '.' => dots(text.chars()),
        '+' | '%' | '=' => 1,
        _ if is_loose_mark(first) || CURRENCY_SIGNS.contains(first) => first.len_utf8(),
        _ => 0,
    }
}

/// Length of the dots at the front of `chars`; a single one is no mark of its own.
fn dots(chars: impl Iterator<Item = char>) -> usize {
    Some(chars.take_while(|&c| c == '.').count()).filter(|&n| n > 1).unwrap_or(0)
}

/// Bytes of the mark that ends `text`, 0 when none does.
pub(super) fn suffix_len(text: &str) -> usize {
    let Some(last) = text.chars().next_back() else { return 0 };
    if text.ends_with("……") {
        return "……".len();
    }
    let run = dots(text.chars().rev());
    if run > 0 {
        return run;
    }
    if let Some(owner) = ["'s", "'S", "’s", "’S"].iter().find(|owner| text.ends_with(**owner)) {
        return owner.len();
    }
    let before = &text[..text.len() - last.len_utf8()];
    let at_digit = |rest: &str| rest.ends_with(|c: char| c.is_ascii_digit());
    let written_on = DOLLARS.iter().chain(&UNITS).chain(&CAPITAL_UNITS);
    let unit = written_on
        .filter(|unit| text.strip_suffix(**unit).is_some_and(at_digit))
        .map(|unit| unit.len())
        .max();
    if let Some(len) = unit {
        return len;
    }
    let ends = match last {
        '.' => closes_with_stop(before),
        '+' => at_digit(before),
        _ => is_loose_mark(last) || (CURRENCY_SIGNS.contains(last) && at_digit(before)),
    };
    if ends { last.len_utf8() } else { 0 }
}

/// Whether a stop after `before` ends a sentence rather than an abbreviation.
fn closes_with_stop(before: &str) -> bool {
    let mut back = before.chars().rev();
    let Some(last) = back.next() else { return false };
    let two_capitals = is_capital(last) && back.next().is_some_and(is_capital);
    let degrees = ["°F", "°f", "°C", "°c", "°K", "°k"].iter().any(|d| before.ends_with(d));
    two_capitals
        || degrees
        || last.is_ascii_digit()
        || is_small(last)
        || matches!(last, '%' | '²' | '-' | '+')
        || is_sentence_mark(last)
        || is_quote(last)
}

/// Bytes of the mark inside `word` at byte `at`, 0 when the word is not cut there.
pub(super) fn inner_len(word: &str, at: usize) -> usize {
    let rest = &word[at..];
    let Some(mark) = rest.chars().next() else { return 0 };
    let run = dots(rest.chars());
    if run > 0 {
        return run;
    }
    if mark == '…' || is_icon(mark) {
        return mark.len_utf8();
    }
    let Some(before) = word[..at].chars().next_back() else { return 0 };
    let after = rest[mark.len_utf8()..].chars().next();
    let letter_after = after.is_some_and(is_letter);
    let alphanumeric_before = before.is_alphanumeric();
    let cut = match mark {
        '+' | '-' | '*' | '^' if before.is_ascii_digit() => {
            after.is_some_and(|c| c.is_ascii_digit() || c == '-')
        }
        '.' => {
            (is_small(before) || is_quote(before))
                && after.is_some_and(|c| is_capital(c) || is_quote(c))
        }
        ',' => is_letter(before) && letter_after,
        ':' | '<' | '>' | '=' | '/' => alphanumeric_before && letter_after,
        _ => false,
    };
    if cut {
        return mark.len_utf8();
    }
    let dashes = ["---", "--", "-", "——", "—", "–", "~"];
    dashes
        .iter()
        .find(|dash| rest.strip_prefix(**dash).is_some_and(|r| r.starts_with(is_letter)))
        .filter(|_| alphanumeric_before)
        .map_or(0, |dash| dash.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_at_the_start() {
        for (text, want) in [
            ("(a", "("),
            ("US$5", "US$"),
            ("...so", "..."),
            (".5", ""),
            ("+4", ""),
            ("+a", "+"),
            ("“a", "“"),
            ("a", ""),
        ] {
            assert_eq!(&text[..prefix_len(text)], want, "{text}");
        }
    }

    #[test]
    fn marks_at_the_end() {
        for (text, want) in [
            ("cup.", "."),
            ("cup...", "..."),
            ("John's", "'s"),
            ("5kg", "kg"),
            ("5km/h", "km/h"),
            ("5$", "$"),
            ("18+", "+"),
            ("NASA.", "."),
            ("Mr.", "."),
            ("J.", ""),
            ("20°C.", "."),
            ("20%", "%"),
            ("kg", ""),
            ("", ""),
        ] {
            assert_eq!(&text[text.len() - suffix_len(text)..], want, "{text}");
        }
    }

    #[test]
    fn marks_inside() {
        for (word, at, want) in [
            ("oat-milk", 3, "-"),
            ("a--b", 1, "--"),
            ("a-1", 1, ""),
            ("2-1", 1, "-"),
            ("so.Then", 2, "."),
            ("e.g", 1, ""),
            ("and/or", 3, "/"),
            ("1/2", 1, ""),
        ] {
            assert_eq!(&word[at..at + inner_len(word, at)], want, "{word}");
        }
    }
}
