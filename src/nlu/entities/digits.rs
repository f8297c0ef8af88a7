//! Digits one after another, as in telephone numbers and codes: "oh one double three seven".

use super::spoken::{Forms, one_of};
use super::tokens::{Hit, Tokens};
use crate::numerals::BELOW_TWENTY;

/// Most groups of a string that are said one by one; telephone numbers have at most fifteen digits
/// (ITU-T E.164).
const MOST_SAID: usize = 15;
/// Most digits of a string.
const MOST: usize = 3 * MOST_SAID;
/// From here on a string is surely meant as one: two digits may be a number.
const SURE: usize = 3;

const REPEATED: [(&str, usize); 3] = [("double", 2), ("triple", 3), ("treble", 3)];
/// What is said for 0 besides "zero".
const ZEROS: &[&str] = &["oh", "o", "nought", "naught"];

/// Writes out how strings of digits are said.
pub fn say(forms: &mut Forms) {
    forms.one_of("digit", BELOW_TWENTY[..10].iter().chain(ZEROS));
    forms.figures("digit", 0..=9);
    let repeated = one_of(REPEATED.map(|(word, _)| word));
    forms.rule("group", format!("[{repeated}] (<digit>|<figures_digit>)"));
    forms.rule("digits_1", "<group>");
    for many in 2..=MOST_SAID {
        forms.rule(&format!("digits_{many}"), format!("<group> [<digits_{}>]", many - 1));
    }
    forms.rule("digits", format!("[plus] <digits_{MOST_SAID}>"));
}

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
    for (word, times) in REPEATED {
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
    if let Some(end) = t.after_any(i, ZEROS) {
        return Some((end, "0".to_owned()));
    }
    if let Some((digit, _)) = t.digits(i, 1) {
        return Some((i + 1, digit.to_owned()));
    }
    t.whole_words(i).find(|(_, n)| *n < 10).map(|(end, n)| (end, n.to_string()))
}
