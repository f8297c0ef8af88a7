//! Hundredths: "fifty percent", "12.5%", "half a percent".

use super::amount::quantities;
use super::spoken::{Forms, one_of};
use super::tokens::{Hit, Tokens};
use super::value::{Value, rounded};
use crate::nlu::draft::Fractions;

/// The first two are those that are spoken.
const PERCENT: &[&str] = &["percent", "per cent", "%", "pct"];

/// Writes out how percentages are said.
pub fn say(forms: &mut Forms) {
    forms.decimals("hundredths_of_all", 0, 100, Fractions::Tenths);
    let percent = one_of(&PERCENT[..2]);
    forms.rule("percentage", format!("({{hundredths_of_all:@n}}|half a) {percent}"));
}

/// Percentages at `i`.
pub fn percentages(t: &Tokens<'_>, i: usize) -> Vec<Hit<Value>> {
    let counted = quantities(t, i).into_iter();
    let found = counted.filter_map(|hit| {
        let end = t.after_any(hit.end, PERCENT)?;
        Some(Hit::sure(end, Value::Percentage { percent: rounded(hit.value) }))
    });
    found.collect()
}
