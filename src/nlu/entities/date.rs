//! Which day: "tomorrow", "next friday", "the twelfth of may", "in three days", "2026-03-05".

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::amount::two_digits;
use super::duration::durations;
use super::ordinal::ordinals;
use super::tokens::{Hit, Tokens};

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

const WEEKDAYS: [(Weekday, &[&str]); 7] = [
    (Weekday::Monday, &["monday", "mon"]),
    (Weekday::Tuesday, &["tuesday", "tue", "tues"]),
    (Weekday::Wednesday, &["wednesday", "wed"]),
    (Weekday::Thursday, &["thursday", "thu", "thur", "thurs"]),
    (Weekday::Friday, &["friday", "fri"]),
    (Weekday::Saturday, &["saturday", "sat"]),
    (Weekday::Sunday, &["sunday", "sun"]),
];

/// Days that have a name, with month and day.
const FEASTS: [(&[&str], i8, i8); 7] = [
    (&["christmas eve"], 12, 24),
    (&["christmas", "christmas day"], 12, 25),
    (&["boxing day"], 12, 26),
    (&["new year's eve", "new years eve"], 12, 31),
    (&["new year's day", "new years day", "new year's"], 1, 1),
    (&["halloween"], 10, 31),
    (&["valentine's day", "valentines day"], 2, 14),
];

/// How many years ahead a day is looked for that the calendar does not have every year: the
/// twenty-ninth of February is on every day of the week within 40, also around 2100.
const YEARS_AHEAD: i16 = 40;

/// Days at `i`, seen from `today`.
pub fn dates(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
    let mut found = named(t, i, today);
    found.extend(reckoned(t, i, today));
    found
}

/// Days that stand for themselves, without counting from another.
fn named(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
    let mut found = near(t, i, today);
    found.extend(of_week(t, i, today));
    found.extend(of_periods(t, i, today));
    found.extend(of_calendar(t, i, today, None));
    found.extend(in_digits(t, i, today));
    for (names, month, day) in FEASTS {
        if let Some(end) = t.after_any(i, names) {
            let coming = Partial { year: None, month: Some(month), day };
            found.extend(coming.resolve(today, None).map(|date| Hit::sure(end, date)));
        }
    }
    found
}

/// "tomorrow", "the day after tomorrow".
fn near(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
    const NEAR: [(&[&str], i64); 5] = [
        (&["today"], 0),
        (&["tomorrow"], 1),
        (&["yesterday"], -1),
        (&["the day after tomorrow", "day after tomorrow"], 2),
        (&["the day before yesterday", "day before yesterday"], -2),
    ];
    let days = NEAR.iter().filter_map(|(names, days)| {
        let end = t.after_any(i, names)?;
        Some(Hit::sure(end, today.checked_add(days.days()).ok()?))
    });
    days.collect()
}

/// Which of the days with a name is meant.
#[derive(Clone, Copy)]
enum Which {
    /// The next one after today.
    Coming,
    /// The next one, today included.
    This,
    /// The one in the week after this one; weeks begin on Monday.
    Next,
    /// The last one before today.
    Last,
}

fn of_week(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
    let (which, from) = which(t, i);
    let Some((name_end, weekday)) = weekday(t, from) else { return Vec::new() };
    let mut found = Vec::new();
    let mut push = |end: usize, which: Which, weeks: i64| {
        let day = nearest(today, weekday, which);
        let day = day.and_then(|day| day.checked_add(weeks.weeks()).ok());
        found.extend(day.map(|day| Hit::sure(end, day)));
    };
    push(name_end, which, 0);
    if let Which::Coming = which {
        let mut ends = [
            ("this week", Which::Next, -1),
            ("next week", Which::Next, 0),
            ("last week", Which::Next, -2),
            ("week", Which::Coming, 1),
            ("after next", Which::Next, 1),
        ]
        .into_iter();
        if let Some((end, which, weeks)) =
            ends.find_map(|(words, which, weeks)| Some((t.after(name_end, words)?, which, weeks)))
        {
            push(end, which, weeks);
        }
        // "friday the thirteenth", "sunday, may third".
        found.extend(of_calendar(t, name_end, today, Some(weekday)));
    }
    found
}

fn which(t: &Tokens<'_>, i: usize) -> (Which, usize) {
    for (words, which) in [
        ("next week", Which::Next),
        ("next", Which::Next),
        ("this coming", Which::Coming),
        ("coming", Which::Coming),
        ("this", Which::This),
        ("last", Which::Last),
        ("the", Which::Coming),
    ] {
        if let Some(end) = t.after(i, words) {
            let end = t.skip(end, &["on"]);
            return (which, end);
        }
    }
    (Which::Coming, i)
}

fn weekday(t: &Tokens<'_>, i: usize) -> Option<(usize, Weekday)> {
    WEEKDAYS.iter().find_map(|(weekday, names)| Some((t.after_any(i, names)?, *weekday)))
}

fn nearest(today: Date, weekday: Weekday, which: Which) -> Option<Date> {
    let since_monday = |day: Weekday| i64::from(day.to_monday_zero_offset());
    let ahead = (since_monday(weekday) - since_monday(today.weekday())).rem_euclid(7);
    let days = match which {
        Which::Coming if ahead == 0 => 7,
        Which::Coming | Which::This => ahead,
        Which::Next => 7 + since_monday(weekday) - since_monday(today.weekday()),
        Which::Last => ahead - 7,
    };
    today.checked_add(days.days()).ok()
}

/// "next week", "the weekend", "next month": their first day.
fn of_periods(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
    let monday = |weeks: i64| {
        let monday = nearest(today, Weekday::Monday, Which::Next)?;
        monday.checked_add((weeks - 1).weeks()).ok()
    };
    let month = |months: i64| today.first_of_month().checked_add(months.months()).ok();
    let year = |years: i64| today.first_of_year().checked_add(years.years()).ok();
    let saturday = |which: Which| nearest(today, Weekday::Saturday, which);
    let mut found = Vec::new();
    for (words, day) in [
        ("next week", monday(1)),
        ("the week after next", monday(2)),
        ("next weekend", saturday(Which::Next)),
        ("this weekend", saturday(Which::This)),
        ("the weekend", saturday(Which::This)),
        ("next month", month(1)),
        ("next year", year(1)),
        ("the end of the month", Some(today.last_of_month())),
        ("the end of this month", Some(today.last_of_month())),
        ("the end of the year", Some(today.last_of_year())),
    ] {
        found.extend(t.after(i, words).zip(day).map(|(end, day)| Hit::sure(end, day)));
    }
    // "the first of next month".
    for place in ordinals(t, i) {
        for (words, months) in [("of next month", 1), ("of this month", 0), ("of the month", 0)] {
            let Some(end) = t.after(place.end, words) else { continue };
            let day = month(months).and_then(|first| match place.value {
                -1 => Some(first.last_of_month()),
                day => date_of(first.year(), first.month(), i8::try_from(day).ok()?),
            });
            found.extend(day.map(|day| Hit::sure(end, day)));
        }
    }
    if let Some(last) = t.after_any(i, &["the last day", "last day"]) {
        for (words, months) in [("of next month", 1), ("of this month", 0), ("of the month", 0)] {
            let day = t.after(last, words).zip(month(months));
            found.extend(day.map(|(end, first)| Hit::sure(end, first.last_of_month())));
        }
    }
    found
}

/// A day of the calendar as far as it was said.
#[derive(Clone, Copy, Debug)]
struct Partial {
    year: Option<i16>,
    month: Option<i8>,
    day: i8,
}

impl Partial {
    /// The first such day from today on that is a `weekday`.
    fn resolve(self, today: Date, weekday: Option<Weekday>) -> Option<Date> {
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
}

fn date_of(year: i16, month: i8, day: i8) -> Option<Date> {
    Date::new(year, month, day).ok()
}

/// "may twelfth", "the twelfth of may 2027", "the twelfth".
fn of_calendar(t: &Tokens<'_>, i: usize, today: Date, weekday: Option<Weekday>) -> Vec<Hit<Date>> {
    let mut found = Vec::new();
    // Without a month the day must be an ordinal: "the twelfth", "12th".
    let from = t.skip(i, &["the"]);
    for (end, day, ordinal) in days(t, from) {
        let of = t.skip(end, &["of"]);
        if let Some((end, month)) = month(t, of) {
            dated(
                t,
                end,
                Partial { year: None, month: Some(month), day },
                today,
                weekday,
                &mut found,
            );
        } else if ordinal {
            let coming = Partial { year: None, month: None, day };
            let sure = from > i || weekday.is_some();
            let coming = coming.resolve(today, weekday);
            found.extend(coming.map(|value| Hit { end, value, sure }));
        }
    }
    if let Some((end, month)) = month(t, i) {
        for (end, day, _) in days(t, t.skip(end, &["the"])) {
            dated(
                t,
                end,
                Partial { year: None, month: Some(month), day },
                today,
                weekday,
                &mut found,
            );
        }
    }
    found
}

/// Adds a day of a month, and the same with each year that follows it.
fn dated(
    t: &Tokens<'_>,
    end: usize,
    day: Partial,
    today: Date,
    weekday: Option<Weekday>,
    found: &mut Vec<Hit<Date>>,
) {
    found.extend(day.resolve(today, weekday).map(|day| Hit::sure(end, day)));
    for (words, years) in [("next year", 1), ("this year", 0), ("last year", -1)] {
        if let Some(end) = t.after(end, words) {
            let day = Partial { year: today.year().checked_add(years), ..day };
            found.extend(day.resolve(today, weekday).map(|day| Hit::sure(end, day)));
        }
    }
    for (end, year) in years(t, t.skip(end, &["in"])) {
        let day = Partial { year: Some(year), ..day };
        found.extend(day.resolve(today, weekday).map(|day| Hit::sure(end, day)));
    }
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
fn in_digits(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
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

/// "in three days", "two weeks ago", "a week from friday".
fn reckoned(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
    let mut found = Vec::new();
    let inside = t.after(i, "in");
    for far in durations(t, inside.unwrap_or(i)) {
        if !far.value.is_whole_days() {
            continue;
        }
        let mut push = |end: usize, from: Date, before: bool| {
            found.extend(far.value.reckon_date(from, before).map(|day| Hit::sure(end, day)));
        };
        if inside.is_some() {
            push(far.end, today, false);
            continue;
        }
        if let Some(end) = t.after_any(far.end, &["from now", "from today", "hence"]) {
            push(end, today, false);
        }
        if let Some(end) = t.after(far.end, "ago") {
            push(end, today, true);
        }
        for (words, before) in [("from", false), ("after", false), ("before", true), ("on", false)]
        {
            if let Some(start) = t.after(far.end, words) {
                for day in named(t, start, today) {
                    push(day.end, day.value, before);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// Monday is the first day of a week, whatever day it is today.
    #[test]
    fn coming_this_next_and_last() {
        let monday = date(2026, 1, 5);
        let friday = date(2026, 1, 9);
        for (today, weekday, expected) in [
            (monday, Weekday::Friday, [9, 9, 16, 2]),
            (monday, Weekday::Monday, [12, 5, 12, 29]),
            (friday, Weekday::Friday, [16, 9, 16, 2]),
            (friday, Weekday::Monday, [12, 12, 12, 5]),
        ] {
            let found = [Which::Coming, Which::This, Which::Next, Which::Last]
                .map(|which| nearest(today, weekday, which).unwrap().day());
            assert_eq!(found, expected, "{today} {weekday:?}");
        }
    }

    #[test]
    fn rare_days_are_found_across_a_year_without_them() {
        let leap = Partial { year: None, month: Some(2), day: 29 };
        assert_eq!(leap.resolve(date(2096, 3, 1), None), Some(date(2104, 2, 29)));
        for weekday in WEEKDAYS.map(|(weekday, _)| weekday) {
            assert!(leap.resolve(date(2096, 3, 1), Some(weekday)).is_some());
        }
        let none = Partial { year: None, month: Some(2), day: 30 };
        assert_eq!(none.resolve(date(2026, 1, 1), None), None);
    }
}
