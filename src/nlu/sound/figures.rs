//! What is read aloud as other words: figures, signs, the ending 's.

use std::borrow::Cow;

use crate::numerals::{BELOW_TWENTY, TENS, ordinal};

/// Longest number that is read as a number; a longer row of digits is read one by one.
const LONGEST_NUMBER: usize = 9;

/// The words that one word of the normal spelling is read as: `50%` as "fifty percent", `no2` as
/// "no two", `lamp's` as "lamp" and the ending `'s`.
pub(in crate::nlu) fn spoken(word: &str) -> Vec<Cow<'_, str>> {
    let mut spoken = Vec::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let part = match first {
            '0'..='9' => rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len(),
            c if is_letter(c) => rest.find(|c| !is_letter(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (part, after) = rest.split_at(part);
        rest = after;
        if first.is_ascii_digit() {
            rest = figures(part, rest, &mut spoken);
        } else if is_letter(first) {
            match part.strip_suffix("'s") {
                Some("") | None => spoken.push(part.into()),
                Some(owner) => spoken.extend([owner.into(), "'s".into()]),
            }
        } else {
            spoken.extend(sign(first, rest).map(Cow::Borrowed));
        }
    }
    spoken
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || c == '\''
}

/// How a sign is said; `None` when it is passed over, as the colon of a time.
fn sign(sign: char, after: &str) -> Option<&'static str> {
    Some(match sign {
        '%' => "percent",
        '°' => "degrees",
        '$' => "dollars",
        '€' => "euros",
        '£' => "pounds",
        '¥' => "yen",
        '&' => "and",
        '+' => "plus",
        '@' => "at",
        '=' => "equals",
        '#' => "number",
        '-' if after.starts_with(|c: char| c.is_ascii_digit()) => "minus",
        '.' if after.starts_with(|c: char| c.is_ascii_digit()) => "point",
        _ => return None,
    })
}

/// Reads `digits` and what belongs to them at the start of `rest`; returns what is left of it.
fn figures<'w>(digits: &str, mut rest: &'w str, spoken: &mut Vec<Cow<'w, str>>) -> &'w str {
    let mut all = digits.to_owned();
    // "1,000" groups thousands.
    while let Some(group) = rest.strip_prefix(',').and_then(|tail| tail.get(..3))
        && group.bytes().all(|b| b.is_ascii_digit())
    {
        all.push_str(group);
        rest = &rest[4..];
    }
    if all == "1"
        && let Some(after) = rest.strip_prefix("/2")
        && !after.starts_with(|c: char| c.is_ascii_digit())
    {
        spoken.push("half".into());
        return after;
    }
    let value = (all.len() <= LONGEST_NUMBER).then(|| all.parse().ok()).flatten();
    match value {
        Some(value) => cardinal(value, spoken),
        None => {
            let digit = |b: u8| Cow::Borrowed(BELOW_TWENTY[usize::from(b - b'0')]);
            spoken.extend(all.bytes().map(digit));
        }
    }
    let endings = ["st", "nd", "rd", "th"];
    if let Some(after) = endings.iter().find_map(|ending| rest.strip_prefix(ending))
        && !after.starts_with(is_letter)
    {
        if let Some(last) = spoken.last_mut() {
            *last = ordinal(last).into();
        }
        rest = after;
    }
    if let Some(tail) = rest.strip_prefix(['.', ','])
        && tail.starts_with(|c: char| c.is_ascii_digit())
    {
        // Decimals are read digit by digit.
        let len = tail.bytes().take_while(u8::is_ascii_digit).count();
        spoken.push("point".into());
        spoken.extend(tail.bytes().take(len).map(|b| BELOW_TWENTY[usize::from(b - b'0')].into()));
        rest = &tail[len..];
    }
    rest
}

/// The words of a whole number below a thousand million.
fn cardinal(value: u32, spoken: &mut Vec<Cow<'_, str>>) {
    for (scale, name) in [(1_000_000, "million"), (1_000, "thousand"), (100, "hundred")] {
        if value >= scale {
            cardinal(value / scale, spoken);
            spoken.push(name.into());
            if !value.is_multiple_of(scale) {
                cardinal(value % scale, spoken);
            }
            return;
        }
    }
    match value as usize {
        small @ 0..20 => spoken.push(BELOW_TWENTY[small].into()),
        value => {
            spoken.push(TENS[value / 10 - 2].into());
            if !value.is_multiple_of(10) {
                spoken.push(BELOW_TWENTY[value % 10].into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_aloud() {
        for (word, words) in [
            ("lamp", "lamp"),
            ("lamp's", "lamp 's"),
            ("don't", "don't"),
            ("50%", "fifty percent"),
            ("no2", "no two"),
            ("20.5°", "twenty point five degrees"),
            ("1,250", "one thousand two hundred fifty"),
            ("1/2", "half"),
            ("21st", "twenty first"),
            ("-5", "minus five"),
            ("8:30", "eight thirty"),
            ("007", "seven"),
            ("1234567890", "one two three four five six seven eight nine zero"),
            ("café", "café"),
            ("*", ""),
        ] {
            assert_eq!(spoken(word).join(" "), words, "{word}");
        }
    }
}
