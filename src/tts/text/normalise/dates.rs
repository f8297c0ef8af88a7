//! Dates in figures ("2026-03-05", "3/5/2026") and with the month's name ("5 March", "Mar. 5").

use super::super::numbers::written;
use super::rewrite::{Rewrite, alternatives};

pub(super) struct Dates {
    iso: Rewrite,
    slashed: Rewrite,
    month_day: Rewrite,
    day_month: Rewrite,
    months: Vec<String>,
}

/// Two-figure years above this one are of the last century.
const PIVOT_YEAR: u32 = 30;

impl Dates {
    pub fn new(months: &[String]) -> Self {
        let short: Vec<String> =
            months.iter().map(|month| month.chars().take(3).collect()).collect();
        let names = months.iter().chain(&short).map(String::as_str).chain(["Sept"]);
        let names = alternatives(names);
        Self {
            iso: Rewrite::between(r"\b", "([0-9]{4})-([0-9]{2})-([0-9]{2})", r"\b"),
            slashed: Rewrite::between(
                r"\b",
                "([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})",
                r"\b",
            ),
            month_day: Rewrite::between(
                r"\b",
                &format!(r"({names})\.? ([0-9]{{1,2}})(?:st|nd|rd|th)?\b([:%]|,? [0-9]{{4}}\b)?"),
                "",
            ),
            day_month: Rewrite::between(
                r"\b",
                &format!(r"(the )?([0-9]{{1,2}}) (?:of )?({names})\b\.?"),
                "",
            ),
            months: months.to_vec(),
        }
    }

    pub fn apply_numeric(&self, text: String) -> String {
        let text = self.iso.apply(text, |date, _| {
            let (month, day) = (date[3].parse().ok()?, date[4].parse().ok()?);
            Some(format!("{}, {}", self.month_and_day(month, day)?, &date[2]))
        });
        self.slashed.apply(text, |date, _| {
            let (first, second) = (date[2].parse().ok()?, date[3].parse().ok()?);
            let (month, day) = if first <= 12 { (first, second) } else { (second, first) };
            let year = &date[4];
            let century = match year.parse::<u32>().ok()? {
                _ if year.len() == 4 => "",
                late if late > PIVOT_YEAR => "19",
                _ => "20",
            };
            Some(format!("{}, {century}{year}", self.month_and_day(month, day)?))
        })
    }

    pub fn apply_named(&self, text: String) -> String {
        let text = self.month_day.apply(text, |date, _| {
            let behind = date.get(4).map_or("", |behind| behind.as_str());
            // "May 5:" and "May 5%" go on with something else than a date.
            if behind.starts_with([':', '%']) {
                return None;
            }
            let month = self.month(&date[2])?;
            Some(format!("{}{behind}", self.month_and_day(month, date[3].parse().ok()?)?))
        });
        self.day_month.apply(text, |date, _| {
            let day = ordinal_day(date[3].parse().ok()?)?;
            let name = &date[4];
            let full = &self.months[self.month(name)? as usize - 1];
            // Only an abbreviation's stop is part of the date.
            let stop = if date[1].ends_with('.') && full.len() == name.len() { "." } else { "" };
            Some(format!("the {day} of {full}{stop}"))
        })
    }

    /// Number of a month by the first letters of its name.
    fn month(&self, name: &str) -> Option<u32> {
        let start = name.get(..3)?;
        (1..).zip(&self.months).find(|(_, month)| month.starts_with(start)).map(|(i, _)| i)
    }

    fn month_and_day(&self, month: u32, day: u32) -> Option<String> {
        month_and_day(&self.months, month, day)
    }
}

/// "March fifth"; `None` when there is no such day in any year.
pub(super) fn month_and_day(months: &[String], month: u32, day: u32) -> Option<String> {
    let name = months.get((month as usize).checked_sub(1)?)?;
    Some(format!("{name} {}", ordinal_day(day)?))
}

fn ordinal_day(day: u32) -> Option<String> {
    (1..=31).contains(&day).then(|| written(day, true))
}

#[cfg(test)]
pub(super) fn months() -> Vec<String> {
    "January February March April May June July August September October November December"
        .split(' ')
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_spoken() {
        let dates = Dates::new(&months());
        for (text, want) in [
            ("on 2026-03-05", "on March fifth, 2026"),
            ("3/5/2026", "March fifth, 2026"),
            ("25/12/99", "December twenty-fifth, 1999"),
            ("1/2/07", "January second, 2007"),
            ("13/13/2020", "13/13/2020"),
            ("Mar. 5 2024", "March fifth 2024"),
            ("Sept 21st, please", "September twenty-first, please"),
            ("May 5, 2024", "May fifth, 2024"),
            ("May 5% less", "May 5% less"),
            ("May 45", "May 45"),
            ("the 4 of July.", "the fourth of July."),
            ("4 Jul. at noon", "the fourth of July at noon"),
            ("31 December", "the thirty-first of December"),
        ] {
            let spoken = dates.apply_named(dates.apply_numeric(text.into()));
            assert_eq!(spoken, want, "{text}");
        }
    }
}
