//! Degrees: "minus five degrees", "20 °C", "seventy two fahrenheit", "ten below zero".

use super::amount::quantities;
use super::spoken::{Forms, one_of};
use super::tokens::{Hit, Tokens};
use super::value::{Scale, Value, rounded};
use crate::nlu::draft::Fractions;

const DEGREES: &[&str] = &["degrees", "degree"];
const BELOW: &[&str] = &["below zero", "below"];
/// What each scale is called, and the letter that stands for it after degrees.
const SCALES: [(&[&str], &str, Scale); 3] = [
    (&["celsius", "centigrade"], "c", Scale::Celsius),
    (&["fahrenheit"], "f", Scale::Fahrenheit),
    (&["kelvin", "kelvins"], "k", Scale::Kelvin),
];

/// Writes out how temperatures are said.
pub fn say(forms: &mut Forms) {
    forms.decimals("degrees", 0, 250, Fractions::Halves);
    forms.one_of("scale", SCALES.iter().flat_map(|(names, ..)| *names));
    forms.one_of("scale_letter", SCALES.map(|(_, letter, _)| letter));
    let (degrees, below) = (one_of(DEGREES), BELOW[0]);
    forms.rule("degree_count", "({degrees:@n}|(minus|negative) {hundred:@n}|<pair>|(a|half a))");
    forms.rule(
        "temperature",
        format!(
            "(<degree_count> {degrees} [(<scale>|<scale_letter>)]|<degree_count> <scale>\
             |{{hundred:@n}} [{degrees}] [<scale>] {below})"
        ),
    );
}

/// Temperatures at `i`.
pub fn temperatures(t: &Tokens<'_>, i: usize) -> Vec<Hit<Value>> {
    let mut found = Vec::new();
    for counted in quantities(t, i) {
        let degrees = t.after_any(counted.end, DEGREES).or_else(|| t.after(counted.end, "°"));
        let from = degrees.unwrap_or(counted.end);
        let scale = scale(t, from, degrees.is_some());
        let (end, scale) = scale.unwrap_or((from, Scale::Unsaid));
        let mut push = |end: usize, value: f64, scale: Scale| {
            found.push(Hit::sure(end, Value::Temperature { degrees: rounded(value), scale }));
        };
        if degrees.is_some() || scale != Scale::Unsaid {
            // "twenty degrees" is one also where a scale follows.
            if end > from && degrees.is_some() {
                push(from, counted.value, Scale::Unsaid);
            }
            push(end, counted.value, scale);
        }
        if counted.value > 0.0
            && let Some(end) = t.after_any(end, BELOW)
            && (degrees.is_some() || t.word(end - 1) == "zero")
        {
            let last = self::scale(t, end, true).filter(|_| scale == Scale::Unsaid);
            push(end, -counted.value, scale);
            if let Some((end, scale)) = last {
                push(end, -counted.value, scale);
            }
        }
    }
    found
}

/// The scale named at `i`; single letters only count after degrees.
fn scale(t: &Tokens<'_>, i: usize, letters: bool) -> Option<(usize, Scale)> {
    let word = t.word(i);
    let (.., scale) = SCALES.into_iter().find(|(names, letter, scale)| {
        // 5k is 5,000 rather than a temperature.
        let glued = t.glued(i) && *scale != Scale::Kelvin;
        names.contains(&word) || (word == *letter && (letters || glued))
    })?;
    Some((i + 1, scale))
}
