//! Degrees: "minus five degrees", "20 °C", "seventy two fahrenheit", "ten below zero".

use super::amount::quantities;
use super::tokens::{Hit, Tokens};
use super::value::{Scale, Value, rounded};

/// Temperatures at `i`.
pub fn temperatures(t: &Tokens<'_>, i: usize) -> Vec<Hit<Value>> {
    let mut found = Vec::new();
    for counted in quantities(t, i) {
        let degrees = t.after_any(counted.end, &["degrees", "degree", "°"]);
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
            && let Some(end) = t.after_any(end, &["below zero", "below"])
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
    let scale = match t.word(i) {
        "celsius" | "centigrade" => Scale::Celsius,
        "fahrenheit" => Scale::Fahrenheit,
        "kelvin" | "kelvins" => Scale::Kelvin,
        "c" if letters || t.glued(i) => Scale::Celsius,
        "f" if letters || t.glued(i) => Scale::Fahrenheit,
        "k" if letters => Scale::Kelvin,
        _ => return None,
    };
    Some((i + 1, scale))
}
