//! How many: cardinals, fractions, dozens, millions, and years as they are said.

use super::ordinal;
use super::spoken::{As, Forms, one_of};
use super::tokens::{Hit, Tokens};
use crate::nlu::draft::Fractions;

/// Words that multiply what stands before them.
const MULTIPLES: [(&str, f64); 7] = [
    ("hundred", 1e2),
    ("thousand", 1e3),
    ("k", 1e3),
    ("million", 1e6),
    ("billion", 1e9),
    ("trillion", 1e12),
    ("dozen", 12.0),
];

/// What is said for 0 besides "zero".
const ZEROS: [&str; 5] = ["nought", "naught", "nil", "oh", "o"];

/// What is said for so many.
const GROUPS: [(&str, f64); 5] =
    [("a couple", 2.0), ("couple", 2.0), ("a pair", 2.0), ("a few", 3.0), ("a dozen", 12.0)];

/// What stands for the tens of a number that is said in pairs: "one oh five".
const NO_TENS: &[&str] = &["oh", "o", "zero"];

/// Writes out how numbers are said, and the parts that other kinds use.
pub fn say(forms: &mut Forms) {
    forms.numbers("whole", 0, 1_000_000, As::Both);
    forms.numbers("hundred", 1, 100, As::Both);
    forms.numbers("count", 1, 365, As::Both);
    forms.decimals("tenths", 0, 20, Fractions::Tenths);
    forms.decimals("halves", 1, 23, Fractions::Halves);
    forms.numbers("below_hundred", 1, 99, As::Words);
    forms.numbers("two_digit_number", 10, 99, As::Words);
    forms.numbers("digit_number", 1, 9, As::Words);
    forms.one_of("groups", GROUPS.map(|(name, _)| name));
    let no_tens = one_of(NO_TENS);
    forms.rule("two_digits", format!("({{two_digit_number:@n}}|{no_tens} {{digit_number:@n}})"));
    forms.rule("pair", "{below_hundred:@n} <two_digits>");
    forms.rule("part", "(half|a half|a quarter|three quarters|a third|two thirds)");
    forms
        .rule("part_of", "(half (a|an)|a half|[a|one] quarter of (a|an)|three quarters of (a|an))");
    forms.rule(
        "number",
        "({whole:@n}|(minus|negative) {hundred:@n}|{tenths:@n}|point {digit_number:@n}|<pair>|<part>\
         |<groups>|half a dozen|{digit_number:@n} dozen|a thousand|a million\
         |{digit_number:@n} and (a quarter|three quarters)|{hundred:@n} million)",
    );
}

/// Amounts at `i`.
pub fn amounts(t: &Tokens<'_>, i: usize) -> Vec<Hit<f64>> {
    let mut found = unsigned(t, i);
    if let Some(start) = t.after_any(i, &["minus", "negative"]) {
        let below = unsigned(t, start).into_iter().filter(|hit| hit.value > 0.0);
        found.extend(below.map(|hit| hit.map(|value| -value)));
    }
    found
}

/// Amounts of something that is counted: also "a" and "an" for one, "half a", "a couple of". Ends
/// before the unit.
pub fn quantities(t: &Tokens<'_>, i: usize) -> Vec<Hit<f64>> {
    let mut found = amounts(t, i);
    for plain in 0..found.len() {
        let Hit { end, value, sure } = found[plain];
        let of = t.skip(end, &["of"]);
        let from = if value.abs() < 1.0 { t.skip(of, &["a", "an", "one"]) } else { of };
        if from > end {
            found.push(Hit { end: from, value, sure });
        }
    }
    found.extend(t.after_any(i, &["a", "an"]).map(|end| Hit::sure(end, 1.0)));
    found
}

fn unsigned(t: &Tokens<'_>, i: usize) -> Vec<Hit<f64>> {
    let mut found: Vec<Hit<f64>> =
        t.cardinals(i).into_iter().map(|hit| Hit::sure(hit.end, hit.value)).collect();
    found.extend(pointed(t, i));
    for plain in 0..found.len() {
        let Hit { end, value, .. } = found[plain];
        if value.fract() == 0.0 {
            let from = t.skip(end, &["and"]);
            let parts = fractions(t, from).into_iter().filter(|part| part.value < 1.0);
            // "two quarters" are no two and a quarter: without "and" only signs may follow.
            let parts =
                parts.filter(|_| from > end || !t.word(from).starts_with(char::is_alphabetic));
            found
                .extend(parts.map(|part| Hit::sure(part.end, value + value.signum() * part.value)));
        }
    }
    found.extend(pairs(t, i));
    let parts_from = found.len();
    found.extend(fractions(t, i));
    let groups = GROUPS.iter().filter_map(|(name, many)| Some(Hit::sure(t.after(i, name)?, *many)));
    found.extend(groups);
    found.extend(t.after_any(i, &["a billion"]).map(|end| Hit::sure(end, 1e9)));
    found.extend(t.after_any(i, &["a trillion"]).map(|end| Hit::sure(end, 1e12)));
    for plain in 0..found.len() {
        multiply(t, plain >= parts_from, plain, &mut found);
    }
    found
}

/// Adds what a multiple after `found[plain]` makes of it: "2.5 million", "half a dozen".
fn multiply(t: &Tokens<'_>, part: bool, plain: usize, found: &mut Vec<Hit<f64>>) {
    let Hit { end, value, .. } = found[plain];
    let of = if part { t.skip(end, &["of"]) } else { end };
    let from = if part && value < 1.0 { t.skip(of, &["a", "one"]) } else { of };
    let Some((name, multiple)) = MULTIPLES.into_iter().find(|(name, _)| *name == t.word(from))
    else {
        return;
    };
    // "5k" is written in one.
    if (name == "k") != t.glued(from) {
        return;
    }
    let end = from + 1;
    let product = value * multiple;
    if !found.iter().any(|hit| hit.end == end) {
        found.push(Hit::sure(end, product));
    }
    // numbers_at reads on from thousands and millions itself.
    if multiple >= 1e9 {
        for rest in t.cardinals(t.skip(end, &["and"])) {
            if (1.0..multiple).contains(&rest.value) {
                found.push(Hit::sure(rest.end, product + rest.value));
            }
        }
    }
}

/// "point five", "nought point five", and a nought alone.
fn pointed(t: &Tokens<'_>, i: usize) -> Vec<Hit<f64>> {
    let zero = t.after_any(i, &ZEROS);
    let from = zero.unwrap_or(i);
    if t.word(from) == "point" {
        let read = t.cardinals_as("zero", from).into_iter();
        return read
            .filter(|hit| hit.end > from)
            .map(|hit| Hit::sure(hit.end, hit.value))
            .collect();
    }
    let alone = t.after_any(i, &["nought", "naught"]);
    alone.map(|end| Hit::sure(end, 0.0)).into_iter().collect()
}

/// Two numbers of two digits that are said side by side: "nineteen eighty four", "one oh five".
fn pairs(t: &Tokens<'_>, i: usize) -> Vec<Hit<f64>> {
    let mut found = Vec::new();
    for (end, high) in t.whole_words(i).filter(|(_, high)| (1..100).contains(high)) {
        for (end, low) in two_digits(t, end) {
            found.push(Hit::sure(end, (high * 100 + low) as f64));
        }
    }
    found
}

/// "thirty", "thirty five", "oh five": the last two digits where numbers are said in pairs.
pub fn two_digits(t: &Tokens<'_>, i: usize) -> Vec<(usize, i64)> {
    match t.after_any(i, NO_TENS) {
        Some(units) => t.whole_words(units).filter(|(_, unit)| (1..10).contains(unit)).collect(),
        None => t.whole_words(i).filter(|(_, low)| (10..100).contains(low)).collect(),
    }
}

/// "half", "a quarter", "two thirds", "1/2", "½".
fn fractions(t: &Tokens<'_>, i: usize) -> Vec<Hit<f64>> {
    let sign = match t.word(i) {
        "½" => Some(0.5),
        "¼" => Some(0.25),
        "¾" => Some(0.75),
        "⅓" => Some(1.0 / 3.0),
        "⅔" => Some(2.0 / 3.0),
        _ => None,
    };
    if let Some(value) = sign {
        return vec![Hit::sure(i + 1, value)];
    }
    if let Some((_, above)) = t.digits(i, 4) {
        let below = (t.word(i + 1) == "/" && t.glued(i + 1)).then(|| t.digits(i + 2, 4)).flatten();
        let fraction = below.filter(|(_, below)| *below > 0);
        return fraction
            .map(|(_, below)| Hit::sure(i + 3, above as f64 / below as f64))
            .into_iter()
            .collect();
    }
    let one = t.skip(i, &["a", "one"]);
    let mut found = Vec::new();
    if let Some(parts) = part(t.word(one)).filter(|parts| one > i || *parts <= 4) {
        // "third" alone is a place in a row.
        if one > i || parts != 3 {
            found.push(Hit { end: one + 1, value: 1.0 / parts as f64, sure: one > i });
        }
    }
    for (end, above) in t.whole_words(i).filter(|(_, above)| *above > 1) {
        let parts = match t.word(end) {
            "halves" => Some(2),
            plural => plural.strip_suffix('s').and_then(part).filter(|parts| *parts > 2),
        };
        found.extend(parts.map(|parts| Hit::sure(end + 1, above as f64 / parts as f64)));
    }
    found
}

/// Into how many a whole is cut: "half" is one of 2, "fifth" one of 5.
fn part(word: &str) -> Option<i64> {
    match word {
        "half" => Some(2),
        "quarter" => Some(4),
        _ => ordinal::cardinal_of(word).map(|(_, value)| value).filter(|value| *value > 2),
    }
}
