//! Sums of money: "two dollars fifty", "$2.50", "fifty cents".

use super::Entity;
use super::amount::{amounts, quantities};
use super::spoken::{As, Forms, one_of};
use super::tokens::{Hit, Tokens};
use super::value::{Value, rounded};

struct Currency {
    /// ISO 4217.
    code: &'static str,
    names: &'static [&'static str],
    /// What follows a sum in the unit, and makes it a hundredth.
    hundredths: &'static [&'static str],
}

const CENTS: &[&str] = &["cents", "cent"];

/// "cents" alone are American, "pence" British: the first currency that has the name.
const CURRENCIES: [Currency; 10] = [
    Currency {
        code: "USD",
        names: &["dollars", "dollar", "bucks", "buck", "us dollars", "us dollar", "usd", "$"],
        hundredths: &["cents", "cent"],
    },
    Currency { code: "EUR", names: &["euros", "euro", "eur", "€"], hundredths: CENTS },
    Currency {
        code: "GBP",
        names: &["pounds", "pound", "quid", "gbp", "£", "pounds sterling"],
        hundredths: &["pence", "penny", "pennies", "p"],
    },
    Currency { code: "JPY", names: &["yen", "jpy", "¥"], hundredths: &[] },
    Currency {
        code: "CAD",
        names: &["canadian dollars", "canadian dollar", "cad"],
        hundredths: CENTS,
    },
    Currency {
        code: "AUD",
        names: &["australian dollars", "australian dollar", "aud"],
        hundredths: CENTS,
    },
    Currency {
        code: "CHF",
        names: &["francs", "franc", "swiss francs", "swiss franc", "chf"],
        hundredths: &["centimes", "centime", "rappen"],
    },
    Currency { code: "INR", names: &["rupees", "rupee", "inr"], hundredths: &["paise", "paisa"] },
    Currency { code: "CNY", names: &["yuan", "renminbi", "cny"], hundredths: &[] },
    Currency { code: "SEK", names: &["kronor", "krona", "sek"], hundredths: &["ore"] },
];

/// Signs and codes that may stand before the amount, as in "$5" and "EUR 5".
fn stands_before(name: &str) -> bool {
    !name.chars().all(|c| c.is_ascii_alphabetic() || c == ' ')
        || CURRENCIES.iter().any(|currency| currency.code.eq_ignore_ascii_case(name))
}

/// Hundredths that prices end in.
const USUAL_CENTS: [&str; 14] =
    ["00", "10", "20", "25", "30", "40", "49", "50", "60", "70", "75", "80", "95", "99"];
/// Prices are written in figures with hundredths up to so many whole units.
const MOST_WITH_CENTS: usize = 20;

/// Writes out how sums are said.
pub fn say(forms: &mut Forms) {
    let spoken = |names: &'static [&'static str]| names.iter().filter(|name| !stands_before(name));
    let mut sums = Vec::new();
    let mut parts: Vec<&str> = Vec::new();
    for currency in &CURRENCIES {
        let (code, names) = (currency.code.to_lowercase(), one_of(spoken(currency.names)));
        forms.rule(
            &format!("sum_{code}"),
            match currency.hundredths {
                [] => format!("<units> {names}"),
                hundredths => {
                    let rest = format!("[and] {{cents:@n}} {}", one_of(hundredths));
                    format!("<units> {names} [({rest}|and a half)]")
                }
            },
        );
        sums.push(format!("<sum_{code}>|half a {names}"));
        parts.extend(currency.hundredths);
    }
    parts.sort_unstable();
    parts.dedup();
    forms.numbers("cents", 1, 99, As::Both);
    forms.numbers("figures_of_sum", 1, 200, As::Figures);
    forms.rule("units", "({whole:@n}|a|<groups> [of])");
    forms.rule("hundredths", format!("{{cents:@n}} {}", one_of(parts)));
    let signs = CURRENCIES.iter().flat_map(|currency| currency.names);
    let signs = one_of(signs.filter(|name| !name.is_ascii() || **name == "$"));
    let with_cents =
        (0..MOST_WITH_CENTS).flat_map(|whole| USUAL_CENTS.map(|cents| format!("{whole}.{cents}")));
    forms.figures("money", [format!("{signs}({{figures_of_sum:@n}}|{})", one_of(with_cents))]);
    forms.rule(Entity::Money.name(), format!("({}|<hundredths>|<figures_money>)", sums.join("|")));
}

/// Sums at `i`.
pub fn sums(t: &Tokens<'_>, i: usize) -> Vec<Hit<Value>> {
    let mut found = Vec::new();
    for currency in &CURRENCIES {
        let signs = currency.names.iter().filter(|name| stands_before(name));
        let (sign, start) = match t.after(i, "minus") {
            Some(start) => (-1.0, start),
            None => (1.0, i),
        };
        for start in signs.filter_map(|sign| t.after(start, sign)) {
            found.extend(
                amounts(t, start)
                    .into_iter()
                    .map(|hit| hit.map(|value| money(sign * value, currency))),
            );
        }
    }
    for counted in quantities(t, i) {
        for currency in &CURRENCIES {
            if let Some(end) = t.after_any(counted.end, currency.names) {
                found.push(Hit::sure(end, money(counted.value, currency)));
                rest(t, end, counted.value, currency, &mut found);
            }
        }
        let hundredths =
            CURRENCIES.iter().find_map(|c| Some((t.after_any(counted.end, c.hundredths)?, c)));
        if let Some((end, currency)) = hundredths {
            found.push(Hit::sure(end, money(counted.value / 100.0, currency)));
        }
    }
    found
}

/// What follows a sum in whole units: "and fifty cents", "fifty", "and a half".
fn rest(t: &Tokens<'_>, end: usize, whole: f64, currency: &Currency, found: &mut Vec<Hit<Value>>) {
    if whole.fract() != 0.0 || currency.hundredths.is_empty() {
        return;
    }
    let with = |part: f64| money(whole + if whole < 0.0 { -part } else { part }, currency);
    let from = t.skip(end, &["and"]);
    for part in quantities(t, from) {
        if (1.0..100.0).contains(&part.value) && part.value.fract() == 0.0 {
            if let Some(end) = t.after_any(part.end, currency.hundredths) {
                found.push(Hit::sure(end, with(part.value / 100.0)));
            } else if from == end && part.value >= 10.0 {
                found.push(Hit::sure(part.end, with(part.value / 100.0)));
            }
        } else if from > end && matches!(part.value, 0.25 | 0.5) {
            found.push(Hit::sure(part.end, with(part.value)));
        }
    }
}

fn money(amount: f64, currency: &Currency) -> Value {
    Value::Money { amount: rounded(amount), currency: currency.code }
}
