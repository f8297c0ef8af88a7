//! Money and measures: "¥500" → "500 yen", "$2.5 million" → "2.5 million dollars", "5 kg" →
//! "5 kilograms". Plain dollars, pounds and euros are left to the reader.

use std::collections::HashMap;

use super::rewrite::{Rewrite, alternatives};
use super::{FREE_BEFORE, NUMBER, WORD_END};

pub(super) struct Amounts {
    large: Rewrite,
    cents: Rewrite,
    foreign: Rewrite,
    degrees: Rewrite,
    measures: Rewrite,
    /// One and several of each unit.
    units: HashMap<String, [String; 2]>,
    currencies: HashMap<String, [String; 2]>,
}

/// A power of ten that is said before the currency, or its letter.
const POWER: &str = r"(hundred|thousand|million|billion|trillion|[kKmMbB]\b)";

impl Amounts {
    pub fn new(
        units: &HashMap<String, [String; 2]>,
        currencies: &HashMap<String, [String; 2]>,
    ) -> Self {
        let names = alternatives(units.keys().map(String::as_str));
        let measure = format!(r"(-?{NUMBER}) ?({names})");
        Self {
            large: Rewrite::between("", &format!(r"([$£€])({NUMBER}) ?{POWER}"), ""),
            cents: Rewrite::between(FREE_BEFORE, &format!(r"({NUMBER}) ?(¢)"), ""),
            foreign: Rewrite::between(
                r"(?:^|\W)",
                &format!(r"([¥₹₩]|Rs\.?|USD|EUR|GBP) ?({NUMBER})(?: ?{POWER})?"),
                "",
            ),
            degrees: Rewrite::between(FREE_BEFORE, &format!(r"(-?{NUMBER}) ?° ?([CF])?"), WORD_END),
            measures: Rewrite::between(FREE_BEFORE, &measure, WORD_END),
            units: units.clone(),
            currencies: currencies.clone(),
        }
    }

    pub fn apply(&self, text: String) -> String {
        let text =
            self.large.apply(text, |money, _| self.money(&money[2], &money[3], Some(&money[4])));
        let text = self.cents.apply(text, |money, _| self.money(&money[3], &money[2], None));
        let text = self.foreign.apply(text, |money, _| {
            self.money(&money[2], &money[3], money.get(4).map(|power| power.as_str()))
        });
        let text = self.degrees.apply(text, |degrees, _| {
            let scale = match degrees.get(3).map(|scale| scale.as_str()) {
                Some("C") => " Celsius",
                Some(_) => " Fahrenheit",
                None => "",
            };
            let unit = if is_one(&degrees[2]) { "degree" } else { "degrees" };
            Some(format!("{} {unit}{scale}", &degrees[2]))
        });
        self.measures.apply(text, |measure, _| {
            let number = &measure[2];
            let [one, several] = self.units.get(&measure[3])?;
            Some(format!("{number} {}", if is_one(number) { one } else { several }))
        })
    }

    fn money(&self, sign: &str, number: &str, power: Option<&str>) -> Option<String> {
        let [one, several] = self.currencies.get(sign.trim_end_matches('.'))?;
        let Some(power) = power else {
            return Some(format!("{number} {}", if is_one(number) { one } else { several }));
        };
        let power = match power {
            "k" | "K" => "thousand",
            "m" | "M" => "million",
            "b" | "B" => "billion",
            word => word,
        };
        Some(format!("{number} {power} {several}"))
    }
}

fn is_one(number: &str) -> bool {
    matches!(number, "1" | "1.0" | "-1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_spoken() {
        let table = |rows: &[(&str, &str, &str)]| {
            rows.iter().map(|(k, a, b)| (k.to_string(), [a.to_string(), b.to_string()])).collect()
        };
        let units = table(&[
            ("kg", "kilogram", "kilograms"),
            ("mi", "mile", "miles"),
            ("min", "minute", "minutes"),
            ("sq ft", "square foot", "square feet"),
        ]);
        let currencies = table(&[
            ("$", "dollar", "dollars"),
            ("¥", "yen", "yen"),
            ("¢", "cent", "cents"),
            ("Rs", "rupee", "rupees"),
        ]);
        let amounts = Amounts::new(&units, &currencies);
        for (text, want) in [
            ("$4.50", "$4.50"),
            ("$2.5M or $3 billion", "2.5 million dollars or 3 billion dollars"),
            ("50¢", "50 cents"),
            ("¥1,000", "1,000 yen"),
            ("Rs. 20", "20 rupees"),
            ("1 kg, 2kg", "1 kilogram, 2 kilograms"),
            ("5 min", "5 minutes"),
            ("5 mints", "5 mints"),
            ("900 sq ft", "900 square feet"),
            ("-1°C and 70 °F", "-1 degree Celsius and 70 degrees Fahrenheit"),
            ("90° turn", "90 degrees turn"),
            ("v1.5kg", "v1.5kg"),
        ] {
            assert_eq!(amounts.apply(text.into()), want, "{text}");
        }
    }
}
