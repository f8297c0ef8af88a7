//! Hundredths: "fifty percent", "12.5%", "half a percent".

use super::amount::quantities;
use super::tokens::{Hit, Tokens};
use super::value::{Value, rounded};

/// Percentages at `i`.
pub fn percentages(t: &Tokens<'_>, i: usize) -> Vec<Hit<Value>> {
    let counted = quantities(t, i).into_iter();
    let found = counted.filter_map(|hit| {
        let end = t.after_any(hit.end, &["percent", "per cent", "%", "pct"])?;
        Some(Hit::sure(end, Value::Percentage { percent: rounded(hit.value) }))
    });
    found.collect()
}
