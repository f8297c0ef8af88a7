//! English number words, for every stage that reads or writes numbers.

use std::borrow::Cow;

/// "zero" to "nineteen", by value.
pub const BELOW_TWENTY: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

/// "twenty" to "ninety"; the value is ten times two more than the index.
pub const TENS: [&str; 8] =
    ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Names of the powers of a thousand. Beyond the last one, figures are read one by one.
const SCALES: [&str; 12] = [
    "",
    "thousand",
    "million",
    "billion",
    "trillion",
    "quadrillion",
    "quintillion",
    "sextillion",
    "septillion",
    "octillion",
    "nonillion",
    "decillion",
];

/// Whole number in words: "1204" → one thousand two hundred four. Other characters are ignored.
pub fn cardinal(figures: &str) -> Vec<Cow<'static, str>> {
    let digits: Vec<u8> = figures.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
    let leading = digits.iter().take_while(|&&d| d == 0).count();
    let digits = &digits[leading.min(digits.len().saturating_sub(1))..];
    if digits.len() > 3 * SCALES.len() {
        return digits.iter().map(|&d| BELOW_TWENTY[usize::from(d)].into()).collect();
    }
    let mut words = Vec::new();
    let groups = digits.rchunks(3).enumerate().collect::<Vec<_>>();
    for (scale, group) in groups.into_iter().rev() {
        let value = group.iter().fold(0, |n, &d| n * 10 + usize::from(d));
        below_thousand(value, &mut words);
        if value > 0 && scale > 0 {
            words.push(SCALES[scale].into());
        }
    }
    if words.is_empty() && !digits.is_empty() {
        words.push(BELOW_TWENTY[0].into());
    }
    words
}

/// Words of 1–999; nothing for 0.
pub fn below_thousand(value: usize, words: &mut Vec<Cow<'static, str>>) {
    if value >= 100 {
        words.extend([BELOW_TWENTY[value / 100].into(), "hundred".into()]);
    }
    let rest = value % 100;
    if rest >= 20 {
        words.push(TENS[rest / 10 - 2].into());
    }
    let ones = if rest >= 20 { rest % 10 } else { rest };
    if ones > 0 {
        words.push(BELOW_TWENTY[ones].into());
    }
}

/// The ordinal of a cardinal's last word: "five" → "fifth", "twenty" → "twentieth".
pub fn ordinal(word: &str) -> String {
    match word {
        "one" => "first".into(),
        "two" => "second".into(),
        "three" => "third".into(),
        "five" => "fifth".into(),
        "eight" => "eighth".into(),
        "nine" => "ninth".into(),
        "twelve" => "twelfth".into(),
        _ => match word.strip_suffix('y') {
            Some(stem) => format!("{stem}ieth"),
            None => format!("{word}th"),
        },
    }
}
