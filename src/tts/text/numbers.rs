//! Number words. Figures come in as text, so their length has no limit.

use std::borrow::Cow;

use crate::numerals::{self, BELOW_TWENTY, TENS, below_thousand, cardinal};

pub(super) type NumberWord = Cow<'static, str>;

/// The words of a digit, none for anything else.
pub(super) fn digit(c: char) -> Option<NumberWord> {
    Some(BELOW_TWENTY[c.to_digit(10)? as usize].into())
}

pub(super) fn ordinal(figures: &str) -> Vec<NumberWord> {
    let mut words = cardinal(figures);
    if let Some(last) = words.last_mut() {
        *last = numerals::ordinal(last).into();
    }
    words
}

/// Four figures as a year: "1905" → nineteen oh five, "2010" → twenty ten, "2005" → two thousand
/// five.
pub(super) fn year(figures: &str) -> Vec<NumberWord> {
    let Some((century, rest)) = figures.split_at_checked(2).filter(|_| figures.len() == 4) else {
        return cardinal(figures);
    };
    let round = century == "00" || (century.ends_with('0') && rest.starts_with('0'));
    if round {
        return cardinal(figures);
    }
    let mut words = cardinal(century);
    match rest.strip_prefix('0') {
        Some("0") => words.push("hundred".into()),
        Some(one) => {
            words.push("oh".into());
            words.extend(cardinal(one));
        }
        None => words.extend(cardinal(rest)),
    }
    words
}

/// A decimal fraction; closing zeros are not read: "3.140" → three point one four.
pub(super) fn decimal(figures: &str) -> Vec<NumberWord> {
    let (whole, fraction) = figures.split_once('.').unwrap_or((figures, ""));
    let mut words = cardinal(if whole.is_empty() { "0" } else { whole });
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        words.push("point".into());
        words.extend(fraction.chars().filter_map(digit));
    }
    words
}

/// Number words as text below a thousand, the way they are written: "a hundred and twenty-one".
pub(super) fn written(value: u32, ordinal: bool) -> String {
    let mut words = Vec::new();
    below_thousand(value as usize % 1000, &mut words);
    if words.is_empty() {
        words.push(BELOW_TWENTY[0].into());
    }
    if ordinal && let Some(last) = words.last_mut() {
        *last = numerals::ordinal(last).into();
    }
    let mut text = String::new();
    for (i, word) in words.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| words[i].as_ref());
        match before {
            None => {}
            Some("hundred") => text += " and ",
            Some(tens) if TENS.contains(&tens) => text.push('-'),
            Some(_) => text.push(' '),
        }
        text += word;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_words() {
        type Reader = fn(&str) -> Vec<NumberWord>;
        for (read, figures, want) in [
            (cardinal as Reader, "0", "zero"),
            (cardinal, "007", "seven"),
            (cardinal, "19", "nineteen"),
            (cardinal, "40", "forty"),
            (cardinal, "121", "one hundred twenty one"),
            (cardinal, "1,204", "one thousand two hundred four"),
            (cardinal, "3000000", "three million"),
            (cardinal, "", ""),
            (ordinal, "1", "first"),
            (ordinal, "12", "twelfth"),
            (ordinal, "20", "twentieth"),
            (ordinal, "33", "thirty third"),
            (ordinal, "100", "one hundredth"),
            (year, "1905", "nineteen oh five"),
            (year, "1800", "eighteen hundred"),
            (year, "2000", "two thousand"),
            (year, "2005", "two thousand five"),
            (year, "2010", "twenty ten"),
            (year, "1066", "ten sixty six"),
            (year, "0099", "ninety nine"),
            (decimal, "3.140", "three point one four"),
            (decimal, "2.0", "two"),
            (decimal, ".5", "zero point five"),
        ] {
            assert_eq!(read(figures).join(" "), want, "{figures}");
        }
    }

    #[test]
    fn a_number_without_a_name_is_read_figure_by_figure() {
        let words = cardinal(&"9".repeat(50));
        assert_eq!(words.len(), 50);
        assert_eq!(cardinal(&"9".repeat(36)).last().map(AsRef::as_ref), Some("nine"));
    }

    #[test]
    fn small_numbers_are_written_with_their_hyphens() {
        for (value, ordinal, want) in [
            (0, false, "zero"),
            (35, false, "thirty-five"),
            (21, true, "twenty-first"),
            (100, true, "one hundredth"),
            (114, true, "one hundred and fourteenth"),
            (142, false, "one hundred and forty-two"),
        ] {
            assert_eq!(written(value, ordinal), want);
        }
    }
}
