//! Numbers in digits and in English words, at any place of a text in normal spelling.

use crate::numerals::{BELOW_TWENTY, TENS};

/// A number that starts at the place asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spoken {
    /// Byte after its last character.
    pub end: usize,
    pub value: f64,
    /// In digits, not in words.
    pub digits: bool,
}

/// Largest number read from words; beyond it people say digits.
const MAX_SPOKEN: i64 = 999_999_999;

/// Every number that starts at byte `at` of `text`, shortest first: "twenty five" is 20 and 25.
pub fn numbers_at(text: &str, at: usize) -> Vec<Spoken> {
    let mut found = Vec::new();
    if let Some(digits) = digits_at(text, at) {
        found.push(digits);
        return found;
    }
    let (sign, start) = match word_at(text, at) {
        Some(("minus" | "negative", end)) => (-1.0, end + 1),
        _ => (1.0, at),
    };
    for (end, value) in words_at(text, start) {
        found.push(Spoken { end, value: sign * value, digits: false });
    }
    if start != at
        && let Some(digits) = digits_at(text, start)
        && digits.value >= 0.0
    {
        found.push(Spoken { value: -digits.value, ..digits });
    }
    found
}

/// Could more words make a larger whole number of `value` when the largest allowed is `most`?
/// "twenty" can become "twenty five", "two" can become "two hundred".
fn may_grow(value: f64, most: f64) -> bool {
    let value = value.abs();
    if value < 1.0 || value.fract() != 0.0 {
        return false;
    }
    let tens = value % 10.0 == 0.0 && value % 100.0 >= 20.0 && value < most;
    let hundreds = value % 100.0 == 0.0 && value < most;
    tens || hundreds || value * 100.0 <= most
}

/// Do the words from byte `at` to the end of `text` begin a number that is not there yet, as
/// "minus" or "one hundred and"? `lowest` and `most` bound the numbers meant.
pub fn begins(text: &str, at: usize, lowest: f64, most: f64, fractions: bool) -> bool {
    match &text[at..] {
        "minus" | "negative" => return lowest < 0.0,
        "a" => return most >= 100.0,
        _ => {}
    }
    let spoken = numbers_at(text, at);
    spoken.into_iter().filter(|number| !number.digits).any(|number| match &text[number.end..] {
        "" => may_grow(number.value, most),
        " and" => (number.value % 100.0 == 0.0 && number.value < most) || fractions,
        " point" | " and a" => fractions,
        _ => false,
    })
}

fn digits_at(text: &str, at: usize) -> Option<Spoken> {
    let rest = text.get(at..)?;
    let unsigned = rest.strip_prefix('-').unwrap_or(rest);
    let whole_len = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    // Fifteen digits are exact in an f64.
    if whole_len == 0 || whole_len > 15 {
        return None;
    }
    let mut end = at + rest.len() - unsigned.len() + whole_len;
    let mut number = rest[..end - at].to_owned();
    // "1,000" groups thousands; "1,5" and "1.5" are decimal.
    let group = |from: usize| {
        let tail = text[from..].strip_prefix(',')?;
        let len = tail.bytes().take_while(u8::is_ascii_digit).count();
        (len == 3).then(|| &tail[..3])
    };
    let mut grouped = false;
    while number.len() < 15
        && (grouped || (1..=3).contains(&whole_len))
        && let Some(thousands) = group(end)
    {
        number.push_str(thousands);
        end += 4;
        grouped = true;
    }
    if let Some(tail) = text[end..].strip_prefix(['.', ',']) {
        let len = tail.bytes().take_while(u8::is_ascii_digit).count();
        if len > 0 && !(grouped && text[end..].starts_with(',')) {
            number.push('.');
            number.push_str(&tail[..len]);
            end += 1 + len;
        }
    }
    let value = number.parse().ok()?;
    Some(Spoken { end, value, digits: true })
}

fn word_at(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = text.get(at..)?;
    let word = rest.split(' ').next().filter(|w| !w.is_empty())?;
    Some((word, at + word.len()))
}

enum Word {
    /// 1 to 9.
    Unit(i64),
    /// 10 to 19.
    Teen(i64),
    /// 20, 30 … 90.
    Tens(i64),
    Hundred,
    /// A thousand or a million.
    Scale(i64),
}

fn number_word(word: &str) -> Option<Word> {
    let index = |of: &[&str]| of.iter().position(|w| *w == word).map(|i| i as i64);
    match word {
        "hundred" => Some(Word::Hundred),
        "thousand" => Some(Word::Scale(1_000)),
        "million" => Some(Word::Scale(1_000_000)),
        _ => match index(&BELOW_TWENTY) {
            // A zero stands alone and is read elsewhere.
            Some(0) => None,
            Some(unit @ 1..=9) => Some(Word::Unit(unit)),
            Some(teen) => Some(Word::Teen(teen)),
            None => index(&TENS).map(|i| Word::Tens(10 * (i + 2))),
        },
    }
}

/// Numbers in words that start at `at`, as (end, value).
fn words_at(text: &str, at: usize) -> Vec<(usize, f64)> {
    let mut found: Vec<(usize, f64)> = Vec::new();
    // `total` holds finished thousands and millions, `current` what is below the next scale.
    let (mut total, mut current, mut smallest_scale) = (0i64, 0i64, i64::MAX);
    let mut place = at;
    match word_at(text, at) {
        Some(("zero", end)) => found.push((end, 0.0)),
        Some(("a", end)) => {
            // "a hundred", "a thousand"; "a" alone is no number.
            current = 1;
            place = end + 1;
            if !matches!(
                word_at(text, place).and_then(|(w, _)| number_word(w)),
                Some(Word::Hundred | Word::Scale(_))
            ) {
                return found;
            }
        }
        _ => {}
    }
    while found.first().is_none_or(|(_, v)| *v != 0.0) {
        let Some((mut word, mut end)) = word_at(text, place) else { break };
        if word == "and" && (current >= 100 && current % 100 == 0 || current == 0 && total > 0) {
            let Some(after) = word_at(text, end + 1) else { break };
            if !matches!(number_word(after.0), Some(Word::Unit(_) | Word::Teen(_) | Word::Tens(_)))
            {
                break;
            }
            (word, end) = after;
        }
        let fresh = current % 100 == 0;
        match number_word(word) {
            Some(Word::Unit(n)) if fresh || (current % 10 == 0 && current % 100 >= 20) => {
                current += n;
            }
            Some(Word::Teen(n) | Word::Tens(n)) if fresh => current += n,
            Some(Word::Hundred) if (1..100).contains(&current) && current % 10 != 0 => {
                current *= 100;
            }
            Some(Word::Scale(scale)) if (1..1000).contains(&current) && scale < smallest_scale => {
                total += current * scale;
                (current, smallest_scale) = (0, scale);
            }
            _ => break,
        }
        if total + current > MAX_SPOKEN {
            break;
        }
        found.push((end, (total + current) as f64));
        place = end + 1;
    }
    if let Some(&(end, whole)) = found.last() {
        found.extend(fraction_at(text, end, whole));
    }
    found
}

/// What "point five" or "and a half" after a whole number makes of it.
fn fraction_at(text: &str, whole_end: usize, whole: f64) -> Vec<(usize, f64)> {
    let mut found = Vec::new();
    let Some((word, mut end)) = word_at(text, whole_end + 1) else { return found };
    if word == "and" && text[end..].starts_with(" a half") {
        let end = end + " a half".len();
        if text[end..].is_empty() || text[end..].starts_with(' ') {
            found.push((end, whole + 0.5));
        }
    }
    if word == "point" {
        let mut scale = 0.1;
        let mut value = whole;
        while let Some((digit, digit_end)) = word_at(text, end + 1) {
            let digit = match (digit, number_word(digit)) {
                ("zero" | "oh", _) => 0,
                (_, Some(Word::Unit(n))) => n,
                _ => break,
            };
            value += digit as f64 * scale;
            scale /= 10.0;
            end = digit_end;
            // Decimal digits, not their binary shadow: 0.1 + 0.02 must be 0.12.
            found.push((end, (value * 1e9).round() / 1e9));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_words_and_digits() {
        for (text, expected) in [
            ("five", "5@4"),
            ("twenty five", "20@6 25@11"),
            ("twenty fifteen", "20@6"),
            ("one hundred and five lights", "1@3 100@11 105@20"),
            ("a hundred", "100@9"),
            ("a latte", ""),
            ("one hundred and a bit", "1@3 100@11"),
            ("two thousand twenty four", "2@3 2000@12 2020@19 2024@24"),
            ("two million three thousand", "2@3 2000000@11 2000003@17 2003000@26"),
            ("twelve hundred", "12@6 1200@14"),
            ("zero", "0@4"),
            ("zero one", "0@4"),
            ("zero point five", "0@4 0.5@15"),
            ("twenty one point two five", "20@6 21@10 21.2@20 21.25@25"),
            ("two and a half hours", "2@3 2.5@14"),
            ("two and a halfway", "2@3"),
            ("minus five", "-5@10"),
            ("minus 5", "-5@7"),
            ("minus", ""),
            ("one two", "1@3"),
            ("hundred", ""),
            ("50%", "50@2"),
            ("-5.5°", "-5.5@4"),
            ("20,5", "20.5@4"),
            ("1,000", "1000@5"),
            ("1,000,000.5", "1000000.5@11"),
            ("8:30", "8@1"),
            ("1234567890123456", ""),
            ("ten", "10@3"),
            ("tent", ""),
        ] {
            let found: Vec<String> =
                numbers_at(text, 0).iter().map(|n| format!("{}@{}", n.value, n.end)).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn words_that_begin_a_number() {
        for (text, most, fractions, expected) in [
            ("twenty", 100.0, false, true),
            ("one hundred and", 200.0, false, true),
            ("one hundred and", 100.0, false, false),
            ("two and", 10.0, true, true),
            ("two and a", 10.0, true, true),
            ("two point", 10.0, false, false),
            ("minus", 10.0, false, true),
            ("a", 10.0, false, false),
            ("a", 100.0, false, true),
            ("20", 100.0, false, false),
            ("twenty five", 100.0, false, false),
            ("lamp", 100.0, true, false),
        ] {
            assert_eq!(begins(text, 0, -5.0, most, fractions), expected, "{text} of {most}");
        }
    }

    #[test]
    fn numbers_that_more_words_can_make_larger() {
        for (value, most, grows) in [
            (20.0, 100.0, true),
            (25.0, 100.0, false),
            (90.0, 90.0, false),
            (2.0, 100.0, false),
            (1.0, 100.0, true),
            (2.0, 1000.0, true),
            (100.0, 100.0, false),
            (100.0, 200.0, true),
            (0.0, 100.0, false),
            (10.0, 100.0, false),
        ] {
            assert_eq!(may_grow(value, most), grows, "{value} of {most}");
        }
    }
}
