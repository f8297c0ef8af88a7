//! Titles, abbreviations, numbers of things and Roman numerals.

use std::collections::HashMap;

use super::super::numbers::written;
use super::super::tables::Tables;
use super::rewrite::{Rewrite, alternatives};
use super::{FREE_BEFORE, WORD_END};

pub(super) struct Names {
    title: Rewrite,
    abbreviation: Rewrite,
    number_of: Rewrite,
    hash: Rewrite,
    numbered: Rewrite,
    ordered: Rewrite,
    titles: HashMap<String, String>,
    abbreviations: HashMap<String, String>,
}

/// Letters that may be a Roman numeral below a thousand.
const ROMAN: &str = "[IVXLC][IVXLCDM]*";

impl Names {
    pub fn new(tables: &Tables) -> Self {
        let keys = |table: &HashMap<String, String>| alternatives(table.keys().map(String::as_str));
        let words = |words: &[String]| alternatives(words.iter().map(String::as_str));
        let roman = |before: &[String]| {
            Rewrite::between(r"\b", &format!("({}) ({ROMAN})", words(before)), r"\b")
        };
        Self {
            title: Rewrite::between(r"\b", &format!(r"({})\.? ", keys(&tables.titles)), "[A-Z]"),
            abbreviation: Rewrite::between(FREE_BEFORE, &keys(&tables.abbreviations), WORD_END),
            number_of: Rewrite::between(r"\b", r"(Nos?)\. ?", "[0-9]"),
            hash: Rewrite::between(r"(?:^|[^\w&])", "#", "[0-9]"),
            numbered: roman(&tables.numbered),
            ordered: roman(&tables.ordered),
            titles: tables.titles.clone(),
            abbreviations: tables.abbreviations.clone(),
        }
    }

    pub fn apply(&self, text: String) -> String {
        let text =
            self.title.apply(text, |title, _| Some(format!("{} ", self.titles.get(&title[2])?)));
        let text = self.abbreviation.apply(text, |short, after| {
            // The stop of the last abbreviation also ends the sentence.
            let stop = if after.is_empty() && short[1].ends_with('.') { "." } else { "" };
            Some(format!("{}{stop}", self.abbreviations.get(&short[1])?))
        });
        let text = self.number_of.apply(text, |number, _| {
            Some(if &number[2] == "No" { "Number " } else { "Numbers " }.to_owned())
        });
        let text = self.hash.apply(text, |_, _| Some("number ".to_owned()));
        let text = self.numbered.apply(text, |name, after| {
            let value = roman(&name[3]).filter(|_| !goes_on(after))?;
            Some(format!("{} {value}", &name[2]))
        });
        self.ordered.apply(text, |name, after| {
            let value = roman(&name[3]).filter(|_| !goes_on(after))?;
            Some(format!("{} the {}", &name[2], written(value, true)))
        })
    }
}

/// Whether letters follow behind a stop or an apostrophe ("Part I'm", "Act I.e").
fn goes_on(after: &str) -> bool {
    after.strip_prefix(['.', '\'', '’']).is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
}

/// The value of a well-formed Roman numeral below a thousand.
fn roman(letters: &str) -> Option<u32> {
    const SIGNS: [(&str, u32); 11] = [
        ("CM", 900),
        ("D", 500),
        ("CD", 400),
        ("C", 100),
        ("XC", 90),
        ("L", 50),
        ("XL", 40),
        ("X", 10),
        ("IX", 9),
        ("V", 5),
        ("IV", 4),
    ];
    let (mut rest, mut value) = (letters, 0);
    for (sign, worth) in SIGNS {
        while let Some(after) = rest.strip_prefix(sign) {
            (rest, value) = (after, value + worth);
        }
    }
    value += rest.len() as u32;
    let only_ones = rest.bytes().all(|b| b == b'I');
    (only_ones && value > 0 && numeral(value) == letters).then_some(value)
}

fn numeral(value: u32) -> String {
    let digit = |value: u32, [one, five, ten]: [&str; 3]| match value % 10 {
        4 => format!("{one}{five}"),
        9 => format!("{one}{ten}"),
        few if few < 4 => one.repeat(few as usize),
        more => format!("{five}{}", one.repeat(more as usize - 5)),
    };
    let hundreds = digit(value / 100, ["C", "D", "M"]);
    hundreds + &digit(value / 10, ["X", "L", "C"]) + &digit(value, ["I", "V", "X"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let tables = r#"{"format":1,"ids":{},"letters":[],"sounds":[],"slots":1,"longest":1,
            "months":["1","2","3","4","5","6","7","8","9","10","11","12"],
            "titles":{"Dr":"Doctor","St":"Saint"},
            "abbreviations":{"St.":"Street","approx.":"approximately","vs":"versus"},
            "units":{},"currencies":{},"symbols":[],"numbered":["Chapter"],"ordered":["Henry"],
            "exceptions":{}}"#;
        Names::new(&Tables::parse(tables.as_bytes()).unwrap())
    }

    #[test]
    fn names_are_written_out() {
        for (text, want) in [
            ("Dr. Gray of St Ives", "Doctor Gray of Saint Ives"),
            ("on Main St.", "on Main Street."),
            ("on Main St. today", "on Main Street today"),
            ("approx. ten vs five", "approximately ten versus five"),
            ("No. 5, Nos. 3 and 4", "Number 5, Numbers 3 and 4"),
            ("No. Thanks", "No. Thanks"),
            ("order #7", "order number 7"),
            ("Chapter IV and Henry VIII", "Chapter 4 and Henry the eighth"),
            ("Chapter IIII, Chapter I'm", "Chapter IIII, Chapter I'm"),
            ("Henry V.", "Henry the fifth."),
        ] {
            assert_eq!(names().apply(text.into()), want, "{text}");
        }
    }

    #[test]
    fn roman_numerals_have_one_form() {
        for value in 1..1000 {
            assert_eq!(roman(&numeral(value)), Some(value));
        }
        for wrong in ["", "IIII", "VX", "IC", "XIVI"] {
            assert_eq!(roman(wrong), None, "{wrong}");
        }
    }
}
