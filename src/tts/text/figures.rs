//! Numbers written in figures, as phonemes: counts, years, decimals, ordinals, amounts of money.

use super::lexicon::{Lexicon, Place};
use super::numbers::{self, NumberWord};
use super::stress::Stress;
use super::suffix::{add_ed, add_ing, add_s};
use crate::numerals::cardinal;

/// Money whose amounts are read as whole and part ("five dollars and fifty cents").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Currency {
    Dollar,
    Pound,
    Euro,
}

impl Currency {
    pub fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "$" => Self::Dollar,
            "£" => Self::Pound,
            "€" => Self::Euro,
            _ => return None,
        })
    }

    fn units(self) -> [&'static str; 2] {
        match self {
            Self::Dollar => ["dollar", "cent"],
            Self::Pound => ["pound", "pence"],
            Self::Euro => ["euro", "cent"],
        }
    }
}

/// Endings that figures may carry, as in "90s", "3rd", "OK'd".
const ENDINGS: [&str; 9] = ["ing", "'d", "ed", "'s", "st", "nd", "rd", "th", "s"];

/// Whether `text` is a number to this module: figures with points and commas, perhaps an ending,
/// and a minus only when nothing stands before it.
pub(super) fn is_number(text: &str, head: bool) -> bool {
    let body = ENDINGS.iter().find_map(|ending| text.strip_suffix(ending)).unwrap_or(text);
    let unsigned = body.strip_prefix('-').filter(|_| head).unwrap_or(body);
    unsigned.bytes().any(|b| b.is_ascii_digit())
        && unsigned.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
}

impl Lexicon {
    /// Phonemes of a number. `head` is false inside a mixed word ("B52"), where figures are read
    /// in the short way of codes.
    pub fn read_number(
        &self,
        text: &str,
        currency: Option<Currency>,
        head: bool,
    ) -> Option<String> {
        let body = text.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '\'');
        let ending = &text[body.len()..];
        let mut reading = Reading { lexicon: self, sounds: Vec::new() };
        let figures = body.strip_prefix('-').unwrap_or(body);
        let negative = figures.len() < body.len();
        if negative {
            reading.word("minus", None);
        }
        let is_whole = figures.bytes().all(|b| b.is_ascii_digit());
        let is_ordinal = matches!(ending, "st" | "nd" | "rd" | "th");
        let points = figures.matches('.').count();
        if is_whole && is_ordinal {
            reading.words(numbers::ordinal(figures));
        } else if is_whole && !negative && figures.len() == 4 && currency.is_none() {
            reading.words(numbers::year(figures));
        } else if !head && points == 0 {
            reading.code(&figures.replace(',', ""));
        } else if !head || points > 1 {
            reading.parts(&figures.replace(',', ""));
        } else if let Some(currency) = currency.filter(|_| is_amount(figures)) {
            reading.amount(&figures.replace(',', ""), currency);
        } else if points == 1 {
            reading.decimal(&figures.replace(',', ""));
        } else if is_ordinal {
            reading.words(numbers::ordinal(figures));
        } else {
            reading.words(cardinal(figures));
        }
        let sounds = reading.sounds.join(" ");
        if sounds.is_empty() {
            return None;
        }
        match ending {
            "s" | "'s" => add_s(&sounds),
            "ed" | "'d" => add_ed(&sounds),
            "ing" => add_ing(&sounds),
            _ => Some(sounds),
        }
    }

    /// A word that stands behind a currency sign ("$five"): the unit is said after it.
    pub fn read_unit(&self, currency: Currency) -> Option<String> {
        self.with_s(&format!("{}s", currency.units()[0]), Place::default())
    }
}

/// Whole money, or money with at most two figures after the point.
fn is_amount(figures: &str) -> bool {
    figures.split_once('.').is_none_or(|(_, part)| part.len() < 3)
}

struct Reading<'l> {
    lexicon: &'l Lexicon,
    sounds: Vec<String>,
}

impl Reading<'_> {
    fn word(&mut self, word: &str, stress: Option<Stress>) {
        self.sounds.extend(self.lexicon.look_up(word, Place { stress, ..Place::default() }));
    }

    fn words(&mut self, words: impl IntoIterator<Item = NumberWord>) {
        for word in words {
            self.word(&word, (word == "point").then_some(Stress::None));
        }
    }

    fn digits(&mut self, figures: &str) {
        self.words(figures.chars().filter_map(numbers::digit));
    }

    /// Figures of a code: room 305 is "three oh five", flight 1024 figure by figure.
    fn code(&mut self, figures: &str) {
        let bytes = figures.as_bytes();
        match bytes {
            [b'0', ..] | [_, _, _, _, ..] => self.digits(figures),
            [_, b'0', b'0'] => self.words(cardinal(figures)),
            [_, b'0', _] => {
                self.digits(&figures[..1]);
                self.word("O", Some(Stress::None));
                self.digits(&figures[2..]);
            }
            [_, _, _] => {
                self.digits(&figures[..1]);
                self.words(cardinal(&figures[1..]));
            }
            _ => self.words(cardinal(figures)),
        }
    }

    /// Figures in several parts (versions, addresses): each part on its own, short ones as numbers.
    fn parts(&mut self, figures: &str) {
        for part in figures.split('.').filter(|part| !part.is_empty()) {
            let round = part.bytes().skip(1).all(|b| b == b'0');
            if part.starts_with('0') || (part.len() != 2 && !round) {
                self.digits(part);
            } else {
                self.words(cardinal(part));
            }
        }
    }

    /// Money: a part of zero is left out, on either side of the point.
    fn amount(&mut self, figures: &str, currency: Currency) {
        let (whole, part) = figures.split_once('.').unwrap_or((figures, ""));
        let zero = |figures: &str| figures.bytes().all(|b| b == b'0');
        let [unit, small] = currency.units();
        let both = [(whole, unit), (part, small)];
        let said = match (zero(whole), zero(part)) {
            (_, true) => &both[..1],
            (true, false) => &both[1..],
            (false, false) => &both[..],
        };
        for (i, (figures, unit)) in said.iter().enumerate() {
            if i > 0 {
                self.word("and", None);
            }
            self.words(cardinal(if figures.is_empty() { "0" } else { figures }));
            let single = figures.trim_start_matches('0') == "1";
            if single || *unit == "pence" {
                self.word(unit, None);
            } else {
                self.sounds.extend(self.lexicon.with_s(&format!("{unit}s"), Place::default()));
            }
        }
    }

    fn decimal(&mut self, figures: &str) {
        match figures.strip_prefix('.') {
            Some(part) => {
                self.word("point", Some(Stress::None));
                self.digits(part);
            }
            None => self.words(numbers::decimal(figures)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexicon::tests::lexicon;
    use super::*;

    /// Each number word's "phonemes" are its own letters, so that the reading can be read here.
    fn read(text: &str, currency: Option<Currency>, head: bool) -> String {
        let words = [
            "zero", "one", "two", "three", "four", "five", "nine", "ten", "twelve", "nineteen",
            "twenty", "fifty", "ninety", "hundred", "thousand", "third", "point", "minus", "and",
            "dollar", "cent", "pound", "pence", "oh", "fifth",
        ];
        let mut gold: Vec<(&str, &str)> = words.iter().map(|w| (*w, *w)).collect();
        gold.push(("O", "o"));
        lexicon(&gold, &[]).read_number(text, currency, head).unwrap_or_default()
    }

    #[test]
    fn numbers_are_read_by_their_place() {
        use Currency::*;
        for (text, currency, head, want) in [
            ("12", None, true, "twelve"),
            ("1,200", None, true, "one thousand two hundred"),
            ("1905", None, true, "nineteen oh five"),
            ("3rd", None, true, "third"),
            ("-5", None, true, "minus five"),
            ("2.50", None, true, "two point five"),
            (".5", None, true, "point five"),
            ("90s", None, true, "ninetyz"),
            ("4.50", Some(Dollar), true, "four dollarz and fifty cents"),
            ("1", Some(Dollar), true, "one dollar"),
            ("0.50", Some(Dollar), true, "fifty cents"),
            ("1.00", Some(Pound), true, "one pound"),
            ("2.10", Some(Pound), true, "two poundz and ten pence"),
            ("1.234", Some(Dollar), true, "one point two three four"),
            ("52", None, false, "fifty two"),
            ("305", None, false, "three o five"),
            ("512", None, false, "five twelve"),
            ("500", None, false, "five hundred"),
            ("12345", None, false, "one two three four five"),
            ("1.2.3", None, true, "one two three"),
            ("10.50.199", None, true, "ten fifty one nine nine"),
        ] {
            assert_eq!(read(text, currency, head), want, "{text}");
        }
    }

    #[test]
    fn only_figures_are_numbers() {
        for (text, head, want) in [
            ("12", true, true),
            ("1,000.5", true, true),
            ("-3", true, true),
            ("-3", false, false),
            ("3rd", true, true),
            ("2x", true, false),
            (".", true, false),
            ("", true, false),
        ] {
            assert_eq!(is_number(text, head), want, "{text}");
        }
    }
}
