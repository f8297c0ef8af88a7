//! Digits one after another, as in telephone numbers and codes: "oh one double three seven".

use super::tokens::{Hit, Tokens};

/// Most digits of a string; telephone numbers have at most fifteen (ITU-T E.164).
const MOST: usize = 24;
/// From here on a string is surely meant as one: two digits may be a number.
const SURE: usize = 3;

/// Strings of digits at `i`.
pub fn strings(t: &Tokens<'_>, i: usize) -> Vec<Hit<String>> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut at = i;
    if let Some(end) = t.after_any(i, &["+", "plus"]) {
        text.push('+');
        at = end;
    }
    let plus = text.len();
    while let Some((end, digits)) = group(t, at) {
        if text.len() + digits.len() > MOST {
            break;
        }
        text.push_str(&digits);
        found.push(Hit { end, value: text.clone(), sure: text.len() - plus >= SURE });
        at = end;
    }
    found
}

/// The digits that the next words stand for: "seven", "oh", "twenty one", "double three", "555".
fn group(t: &Tokens<'_>, i: usize) -> Option<(usize, String)> {
    if let Some((digits, _)) = t.digits(i, 15) {
        return Some((i + 1, digits.to_owned()));
    }
    for (word, times) in [("double", 2), ("triple", 3), ("treble", 3)] {
        if let Some(one) = t.after(i, word) {
            return digit(t, one).map(|(end, digit)| (end, digit.repeat(times)));
        }
    }
    if let Some(found) = digit(t, i).filter(|(end, _)| t.word(*end) != "hundred") {
        return Some(found);
    }
    // "eight hundred" ends in zeros, "thirty five" does not.
    let numbers = t.whole_words(i);
    let number = numbers.take_while(|(_, n)| *n < 1000).filter(|(_, n)| *n < 100 || n % 100 == 0);
    number.last().map(|(end, number)| (end, number.to_string()))
}

fn digit(t: &Tokens<'_>, i: usize) -> Option<(usize, String)> {
    if let Some(end) = t.after_any(i, &["oh", "o", "nought", "naught"]) {
        return Some((end, "0".to_owned()));
    }
    if let Some((digit, _)) = t.digits(i, 1) {
        return Some((i + 1, digit.to_owned()));
    }
    t.whole_words(i).find(|(_, n)| *n < 10).map(|(end, n)| (end, n.to_string()))
}
