//! Days by month and number: "the twelfth of may", "december 24th", "2026-03-05".

use jiff::civil::{Date, Weekday};

use super::super::amount::two_digits;
use super::super::ordinal::{self, ordinals};
use super::super::spoken::{As, Forms, one_of};
use super::super::tokens::{Hit, Tokens};
use super::date_of;

const MONTHS: [&[&str]; 12] = [
    &["january", "jan"],
    &["february", "feb"],
    &["march", "mar"],
    &["april", "apr"],
    &["may"],
    &["june", "jun"],
    &["july", "jul"],
    &["august", "aug"],
    &["september", "sep", "sept"],
    &["october", "oct"],
    &["november", "nov"],
    &["december", "dec"],
];

/// Days of each month in every year.
const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Words behind a day of the year, with how many years after this one it is.
const YEARS: [(&str, i16); 3] = [("next year", 1), ("this year", 0), ("last year", -1)];

pub(super) fn say(forms: &mut Forms) {
    forms.numbers("day_number", 1, 28, As::Both);
    for days in [28, 30, 31] {
        forms.one_of(&format!("place_{days}"), ordinal::written(1..=days));
        forms.figures(&format!("place_{days}"), ordinal::in_figures(1..=days));
        // The first name of a month is the one in full.
        let long =
            MONTHS.iter().zip(DAYS).filter(|(_, all)| *all >= days).map(|(names, _)| names[0]);
        forms.one_of(&format!("month_{days}"), long);
    }
    // Only with days that every year has: another may be none.
    let year = one_of(YEARS.map(|(words, _)| words));
    let day = |days: i64| format!("(<place_{days}>|<figures_place_{days}>)");
    let (day, most, all) = (day(28), day(30), day(31));
    forms.rule(
        "common_day",
        format!("([the] ({day}|{{day_number:@n}}) [of] <month_28>|<month_28> [the] ({day}|{{day_number:@n}}))"),
    );
    forms.rule(
        "day_of_month",
        format!(
            "(<common_day>|[the] {most} [of] <month_30>|<month_30> [the] {most}\
             |[the] {all} [of] <month_31>|<month_31> [the] {all}|[the] {all})"
        ),
    );
    forms.rule("calendar_day", format!("(<day_of_month>|<common_day> {year})"));
}

/// How many years ahead a day is looked for that the calendar does not have every year: the
/// twenty-ninth of February is on every day of the week within 40, also around 2100.
const YEARS_AHEAD: i16 = 40;

/// A day of the calendar as far as it was said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Partial {
    pub year: Option<i16>,
    pub month: Option<i8>,
    pub day: i8,
}

impl Partial {
    /// The first such day from today on that is a `weekday`.
    pub fn resolve(self, today: Date, weekday: Option<Weekday>) -> Option<Date> {
        let fits = |day: &Date| weekday.is_none_or(|weekday| day.weekday() == weekday);
        let years = match self.year {
            Some(year) => year..=year,
            None => today.year()..=today.year().saturating_add(YEARS_AHEAD),
        };
        let months = match self.month {
            Some(month) => month..=month,
            None => 1..=12,
        };
        let mut days = years.flat_map(|year| {
            months.clone().filter_map(move |month| date_of(year, month, self.day))
        });
        days.find(|day| (self.year.is_some() || *day >= today) && fits(day))
    }

    /// The day that was said up to `end`, and the same with each year that follows there.
    fn in_years(
        self,
        t: &Tokens<'_>,
        end: usize,
        today: Date,
        weekday: Option<Weekday>,
    ) -> Vec<Hit<Date>> {
        let mut ends = vec![(end, None)];
        for (words, years) in YEARS {
            let year = t.after(end, words).zip(today.year().checked_add(years));
            ends.extend(year.map(|(end, year)| (end, Some(year))));
        }
        let said = years(t, t.skip(end, &["in"])).into_iter();
        ends.extend(said.map(|(end, year)| (end, Some(year))));
        let days = ends.into_iter().filter_map(|(end, year)| {
            Some(Hit::sure(end, Self { year, ..self }.resolve(today, weekday)?))
        });
        days.collect()
    }
}

/// "may twelfth", "the twelfth of may 2027", "the twelfth".
pub(super) fn of_calendar(
    t: &Tokens<'_>,
    i: usize,
    today: Date,
    weekday: Option<Weekday>,
) -> Vec<Hit<Date>> {
    let mut found = Vec::new();
    let mut dated = |end: usize, month: i8, day: i8| {
        let day = Partial { year: None, month: Some(month), day };
        found.extend(day.in_years(t, end, today, weekday));
    };
    let from = t.skip(i, &["the"]);
    let mut alone = Vec::new();
    for (end, day, ordinal) in days(t, from) {
        match month(t, t.skip(end, &["of"])) {
            Some((end, month)) => dated(end, month, day),
            // Without a month the day must be an ordinal: "the twelfth", "12th".
            None if ordinal => alone.push((end, day)),
            None => {}
        }
    }
    if let Some((end, month)) = month(t, i) {
        for (end, day, _) in days(t, t.skip(end, &["the"])) {
            dated(end, month, day);
        }
    }
    for (end, day) in alone {
        let coming = Partial { year: None, month: None, day }.resolve(today, weekday);
        let sure = from > i || weekday.is_some();
        found.extend(coming.map(|value| Hit { end, value, sure }));
    }
    found
}

/// Days of a month, and whether as an ordinal.
fn days(t: &Tokens<'_>, i: usize) -> Vec<(usize, i8, bool)> {
    let ordinals = ordinals(t, i).into_iter().map(|hit| (hit.end, hit.value, true));
    let digits = t.digits(i, 2).filter(|_| !t.glued(i + 1));
    let digits = digits.map(|(_, day)| (i + 1, day, false));
    let cardinals = t.whole_words(i).map(|(end, day)| (end, day, false));
    let all = ordinals.chain(digits).chain(cardinals);
    let day = |(end, day, ordinal)| {
        let day = i8::try_from(day).ok().filter(|day| (1..=31).contains(day))?;
        Some((end, day, ordinal))
    };
    all.filter_map(day).collect()
}

fn month(t: &Tokens<'_>, i: usize) -> Option<(usize, i8)> {
    let months = MONTHS.iter().zip(1..);
    months.into_iter().find_map(|(names, month)| Some((t.after_any(i, names)?, month)))
}

/// Years of four digits: "2027", "nineteen eighty four", "two thousand and six".
fn years(t: &Tokens<'_>, i: usize) -> Vec<(usize, i16)> {
    let digits = t.digits(i, 4).filter(|(digits, _)| digits.len() == 4 && !t.glued(i + 1));
    let mut found: Vec<(usize, i64)> = digits.map(|(_, year)| (i + 1, year)).into_iter().collect();
    found.extend(t.whole_words(i).filter(|(_, year)| *year >= 1000));
    for (end, century) in t.whole_words(i).filter(|(_, high)| (10..100).contains(high)) {
        found.extend(two_digits(t, end).into_iter().map(|(end, year)| (end, century * 100 + year)));
    }
    let year = |(end, year)| Some((end, i16::try_from(year).ok().filter(|y| *y < 3000)?));
    found.into_iter().filter_map(year).collect()
}

/// "2026-03-05", "12/25", "12/25/2026".
pub(super) fn in_digits(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
    let mut found = Vec::new();
    let number = |i: usize, len: std::ops::RangeInclusive<usize>| {
        t.digits(i, 4).filter(|(digits, _)| len.contains(&digits.len())).map(|(_, value)| value)
    };
    // The hyphens of ISO 8601 are spaces in normal spelling.
    if let (Some(year), Some(month), Some(day)) =
        (number(i, 4..=4), number(i + 1, 2..=2), number(i + 2, 2..=2))
        && !t.glued(i + 3)
    {
        let date = date_of(year as i16, month as i8, day as i8);
        found.extend(date.map(|date| Hit::sure(i + 3, date)));
    }
    if t.word(i + 1) == "/"
        && t.glued(i + 1)
        && let (Some(first), Some(second)) = (number(i, 1..=2), number(i + 2, 1..=2))
    {
        // American order, unless there is no such month.
        let (month, day) = if first > 12 { (second, first) } else { (first, second) };
        let mut day = Partial { year: None, month: Some(month as i8), day: day as i8 };
        // "1/2" is a half as well.
        found.extend(day.resolve(today, None).map(|date| Hit::unsure(i + 3, date)));
        if t.word(i + 3) == "/"
            && let Some(year) = number(i + 4, 2..=4)
        {
            let year = if year < 100 { 2000 + year } else { year };
            day.year = Some(year as i16);
            found.extend(day.resolve(today, None).map(|date| Hit::sure(i + 5, date)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn rare_days_are_found_across_a_year_without_them() {
        let leap = Partial { year: None, month: Some(2), day: 29 };
        assert_eq!(leap.resolve(date(2096, 3, 1), None), Some(date(2104, 2, 29)));
        for weekday in super::super::week::WEEKDAYS.map(|(weekday, _)| weekday) {
            assert!(leap.resolve(date(2096, 3, 1), Some(weekday)).is_some());
        }
        let none = Partial { year: None, month: Some(2), day: 30 };
        assert_eq!(none.resolve(date(2026, 1, 1), None), None);
    }
}
