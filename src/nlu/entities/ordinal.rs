//! Places in a row: "third", "twenty first", "3rd", "the last".

use std::ops::RangeInclusive;

use super::spoken::{Forms, one_of};
use super::tokens::{Hit, Tokens};
use crate::nlu::numbers::numbers_at;
use crate::numerals::{self, BELOW_TWENTY, TENS};

/// Most words before the last one of an ordinal: "nine hundred and ninety nine thousand nine
/// hundred and ninety ninth" has ten.
const MOST_WORDS_BEFORE: usize = 10;

/// What is said for the last but one.
const BEFORE_LAST: &[&str] = &["second to last", "second last", "last but one", "next to last"];

/// Writes out how places are said.
pub fn say(forms: &mut Forms) {
    forms.one_of("place", written(1..=99));
    forms.figures("place", in_figures(1..=99));
    let before_last = one_of(BEFORE_LAST);
    let hundredth = numerals::ordinal("hundred");
    forms.rule(
        "ordinal",
        format!("[the] (<place>|<figures_place>|last|{before_last}|(a|one) {hundredth})"),
    );
}

/// The places in words, one for each.
pub fn written(places: RangeInclusive<i64>) -> impl Iterator<Item = String> {
    places.map(|place| {
        let mut words = numerals::cardinal(&place.to_string());
        let last = words.pop().map(|word| numerals::ordinal(&word)).unwrap_or_default();
        words.push(last.into());
        words.join(" ")
    })
}

/// The places in figures, one for each.
pub fn in_figures(places: RangeInclusive<i64>) -> impl Iterator<Item = String> {
    places.map(|place| format!("{place}{}", ending(place)))
}

/// What makes an ordinal of figures.
fn ending(place: i64) -> &'static str {
    match (place % 100, place % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

/// The cardinal whose ordinal `word` is, with its value: "fifth" → "five", 5.
pub fn cardinal_of(word: &str) -> Option<(&'static str, i64)> {
    // Most words of a text are none, and end otherwise.
    if !["st", "nd", "rd", "th"].iter().any(|ending| word.ends_with(ending)) {
        return None;
    }
    let units = BELOW_TWENTY.iter().zip(0i64..).map(|(name, value)| (*name, value));
    let tens = TENS.iter().zip((20i64..).step_by(10)).map(|(name, value)| (*name, value));
    let larger = [("hundred", 100), ("thousand", 1_000), ("million", 1_000_000)];
    units.chain(tens).chain(larger).find(|(name, _)| numerals::ordinal(name) == word)
}

/// Ordinals at `i`, with or without "the".
pub fn ordinals(t: &Tokens<'_>, i: usize) -> Vec<Hit<i64>> {
    let mut found = Vec::new();
    let i = t.skip(i, &["the"]);
    if let Some((_, value)) = t.digits(i, 9) {
        if t.glued(i + 1) && t.word(i + 1) == ending(value) {
            found.push(Hit::sure(i + 2, value));
        }
        return found;
    }
    found.extend(t.after(i, "last").map(|end| Hit::sure(end, -1)));
    found.extend(t.after_any(i, BEFORE_LAST).map(|end| Hit::sure(end, -2)));
    for last in i..=i + MOST_WORDS_BEFORE {
        let Some((cardinal, value)) = cardinal_of(t.word(last)) else {
            // Nothing that is no number stands before the last word.
            if t.word(last) != "and" && t.word(last) != "a" && t.whole_words(last).next().is_none()
            {
                let scale = matches!(t.word(last), "hundred" | "thousand" | "million");
                if !(scale && last > i) {
                    break;
                }
            }
            continue;
        };
        if last == i {
            if value < 100 {
                found.push(Hit::sure(last + 1, value));
            }
            continue;
        }
        let text = format!("{} {cardinal}", t.text(i, last));
        let whole = numbers_at(&text, 0).into_iter().find(|number| number.end == text.len());
        found.extend(whole.map(|number| Hit::sure(last + 1, number.value as i64)));
    }
    found
}
