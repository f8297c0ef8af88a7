//! What an entity means, with its unit.

use std::fmt;

use jiff::civil::Date;
use serde::{Serialize, Serializer};

use super::duration::Duration;
use super::yes_no::Shade;
use crate::clock::Moment;
use crate::nlu::interpretation::SlotValue;

/// The meaning of words, by kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Value {
    Number {
        number: f64,
    },
    /// A place in a row, from 1; −1 is the last one, −2 the one before it.
    Ordinal {
        place: i64,
    },
    Money {
        amount: f64,
        /// ISO 4217, as `USD`.
        currency: &'static str,
    },
    /// A moment, to the second.
    Time {
        #[serde(serialize_with = "shown")]
        at: Moment,
    },
    Date {
        #[serde(serialize_with = "shown")]
        date: Date,
    },
    Duration {
        #[serde(serialize_with = "shown")]
        duration: Duration,
    },
    Percentage {
        percent: f64,
    },
    Temperature {
        degrees: f64,
        scale: Scale,
    },
    /// Digits in the order said, after a `+` where one was said.
    Digits {
        digits: String,
    },
    /// Capital letters in the order said.
    Letters {
        letters: String,
    },
    YesNo {
        shade: Shade,
    },
}

/// What degrees are counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    Celsius,
    Fahrenheit,
    Kelvin,
    /// Only degrees were said.
    Unsaid,
}

fn shown<S: Serializer>(value: &impl fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// To nine decimals: a third is 0.333333333, and 0.1 + 0.2 is 0.3.
pub fn rounded(value: f64) -> f64 {
    let rounded = (value * 1e9).round() / 1e9;
    // Beyond 2^53 the product has lost the decimals it rounds.
    if rounded.is_finite() && value.abs() < 1e6 { rounded } else { value }
}

/// A whole number as such: programs and conditions tell `7` from `7.0`.
fn number(value: f64) -> SlotValue {
    // Every whole number up to 2^53 is exact in an f64.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        SlotValue::Integer(value as i64)
    } else {
        SlotValue::Number(value)
    }
}

impl From<&Value> for SlotValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Number { number: value } | Value::Percentage { percent: value } => {
                number(*value)
            }
            Value::Ordinal { place } => Self::Integer(*place),
            Value::YesNo { shade } => Self::Integer(shade.degree()),
            _ => Self::Text(value.to_string()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { number: value } | Self::Percentage { percent: value } => {
                number(*value).fmt(f)
            }
            Self::Ordinal { place } => place.fmt(f),
            // ISO 4217 gives the yen no smaller unit.
            Self::Money { amount, currency: "JPY" } => write!(f, "{amount:.0} JPY"),
            Self::Money { amount, currency } => write!(f, "{amount:.2} {currency}"),
            Self::Time { at } => at.fmt(f),
            Self::Date { date } => date.fmt(f),
            Self::Duration { duration } => duration.fmt(f),
            Self::Temperature { degrees, scale } => {
                let unit = match scale {
                    Scale::Celsius => "°C",
                    Scale::Fahrenheit => "°F",
                    Scale::Kelvin => "K",
                    Scale::Unsaid => "°",
                };
                write!(f, "{degrees} {unit}")
            }
            Self::Digits { digits: text } | Self::Letters { letters: text } => text.fmt(f),
            Self::YesNo { shade } => shade.degree().fmt(f),
        }
    }
}
