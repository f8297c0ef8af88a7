//! Words that are spelled: "double u", "b as in bravo", "jay oh aitch en", "tango alfa".

use super::spoken::{Forms, one_of};
use super::tokens::{Hit, Tokens};

/// Most letters of a word that is spelled.
const MOST: usize = 24;

/// Names of letters as recognisers write them.
const NAMES: [(&str, char); 43] = [
    ("ay", 'A'),
    ("bee", 'B'),
    ("be", 'B'),
    ("cee", 'C'),
    ("see", 'C'),
    ("sea", 'C'),
    ("dee", 'D'),
    ("ee", 'E'),
    ("ef", 'F'),
    ("eff", 'F'),
    ("gee", 'G'),
    ("aitch", 'H'),
    ("haitch", 'H'),
    ("eye", 'I'),
    ("jay", 'J'),
    ("kay", 'K'),
    ("el", 'L'),
    ("ell", 'L'),
    ("em", 'M'),
    ("en", 'N'),
    ("oh", 'O'),
    ("owe", 'O'),
    ("pee", 'P'),
    ("pea", 'P'),
    ("queue", 'Q'),
    ("cue", 'Q'),
    ("ar", 'R'),
    ("are", 'R'),
    ("ess", 'S'),
    ("es", 'S'),
    ("tee", 'T'),
    ("tea", 'T'),
    ("you", 'U'),
    ("vee", 'V'),
    ("double u", 'W'),
    ("double you", 'W'),
    ("doubleyou", 'W'),
    ("ex", 'X'),
    ("why", 'Y'),
    ("wye", 'Y'),
    ("zee", 'Z'),
    ("zed", 'Z'),
    ("dubya", 'W'),
];

/// The spelling alphabet of the ICAO, each by its first letter, and two usual other spellings.
const ALPHABET: [&str; 27] = [
    "alfa", "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india",
    "juliett", "juliet", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo",
    "sierra", "tango", "uniform", "victor", "whiskey", "yankee", "zulu",
];

/// The same for X, which is two words to some.
const X_RAY: &[&str] = &["x ray", "xray"];

/// What leads to a word that begins with the letter.
const AS_IN: &[&str] = &["as in", "for", "like", "is for", "like in"];
/// Most letters that are written out: each with a word that explains it, they fill the
/// [window](super::tokens::WINDOW_BYTES).
const MOST_SAID: usize = 9;

/// Writes out how words are spelled.
pub fn say(forms: &mut Forms) {
    let as_in = one_of(AS_IN);
    for letter in 'A'..='Z' {
        let small = letter.to_ascii_lowercase();
        let names = NAMES.iter().filter(|(_, of)| *of == letter).map(|(name, _)| *name);
        let words = ALPHABET.into_iter().chain(X_RAY.iter().copied());
        let words: Vec<&str> = words.filter(|word| word.starts_with(small)).collect();
        let spoken = one_of(names.map(str::to_owned).chain([small.to_string()]));
        // "Double u" is another letter.
        let double = if matches!(letter, 'U' | 'W') { "" } else { "[double] " };
        let because = one_of(words.iter().filter(|word| !word.contains(' ')));
        let words = one_of(&words);
        let rule = format!("{double}({spoken} [{as_in} {because}]|{words})");
        forms.rule(&format!("letter_{small}"), rule);
    }
    forms.one_of("letter", ('a'..='z').map(|letter| format!("<letter_{letter}>")));
    forms.rule("letters_1", "<letter>");
    for many in 2..=MOST_SAID {
        forms.rule(&format!("letters_{many}"), format!("<letter> [<letters_{}>]", many - 1));
    }
    forms.rule("letters", format!("<letters_{MOST_SAID}>"));
}

/// Spelled words at `i`. Sure from two letters on that are nothing else, or with "as in".
pub fn spelled(t: &Tokens<'_>, i: usize) -> Vec<Hit<String>> {
    let mut found = Vec::new();
    let mut word = String::new();
    let (mut plain, mut explained) = (0, false);
    let mut at = i;
    while word.len() < MOST {
        let (times, from) = match t.after(at, "double") {
            Some(from) if letter(t, at).is_none() => (2, from),
            _ => (1, t.skip(at, &["capital"])),
        };
        let Some((end, letter, surely)) = letter(t, from) else { break };
        for _ in 0..times {
            word.push(letter);
        }
        plain += usize::from(surely);
        at = end;
        let mut push = |end: usize, sure: bool| {
            found.push(Hit { end, value: word.clone(), sure });
        };
        push(end, explained || plain >= 2);
        if let Some(end) = explanation(t, end, letter) {
            explained = true;
            push(end, true);
            at = end;
        }
    }
    found
}

/// One letter, and whether it is hardly anything else.
fn letter(t: &Tokens<'_>, i: usize) -> Option<(usize, char, bool)> {
    if let Some(end) = t.after_any(i, X_RAY) {
        return Some((end, 'X', true));
    }
    let word = t.word(i);
    if word.len() == 1 && word.starts_with(|c: char| c.is_ascii_lowercase()) {
        let letter = word.chars().next()?.to_ascii_uppercase();
        return Some((i + 1, letter, !matches!(letter, 'A' | 'I' | 'O')));
    }
    let named = NAMES.iter().filter_map(|(name, letter)| Some((t.after(i, name)?, *letter)));
    if let Some((end, letter)) = named.max_by_key(|(end, _)| *end) {
        return Some((end, letter, letter == 'W'));
    }
    let called = ALPHABET.iter().find(|name| **name == word)?;
    Some((i + 1, called.chars().next()?.to_ascii_uppercase(), true))
}

/// The place after "as in bravo" where the word begins with `letter`.
fn explanation(t: &Tokens<'_>, i: usize, letter: char) -> Option<usize> {
    let from = t.after_any(i, AS_IN)?;
    let begins = t.word(from).chars().next()?.to_ascii_uppercase() == letter;
    // "b for b" explains nothing.
    (begins && t.word(from).chars().count() > 1).then_some(from + 1)
}
