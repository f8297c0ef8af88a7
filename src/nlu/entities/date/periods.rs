//! Weeks, months and years, which stand for a day of theirs.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::super::ordinal::ordinals;
use super::super::spoken::{Forms, one_of};
use super::super::tokens::{Hit, Tokens};
use super::date_of;
use super::week::{Which, nearest};

/// Which day a period stands for.
#[derive(Clone, Copy)]
enum Day {
    /// Monday so many weeks after this one.
    Monday(i64),
    Saturday(Which),
    /// The first of the month so many months after this one.
    OfMonth(i64),
    OfYear(i64),
    EndOfMonth,
    EndOfYear,
}

const PERIODS: [(&str, Day); 10] = [
    ("next week", Day::Monday(1)),
    ("the week after next", Day::Monday(2)),
    ("next weekend", Day::Saturday(Which::Next)),
    ("this weekend", Day::Saturday(Which::This)),
    ("the weekend", Day::Saturday(Which::This)),
    ("next month", Day::OfMonth(1)),
    ("next year", Day::OfYear(1)),
    ("the end of the month", Day::EndOfMonth),
    ("the end of this month", Day::EndOfMonth),
    ("the end of the year", Day::EndOfYear),
];

/// Words behind a day of a month, with how many months after this one it is.
const MONTHS: [(&str, i64); 3] = [("of next month", 1), ("of this month", 0), ("of the month", 0)];

const LAST_DAY: &[&str] = &["the last day", "last day"];

pub(super) fn say(forms: &mut Forms) {
    let (periods, months) =
        (one_of(PERIODS.map(|(words, _)| words)), one_of(MONTHS.map(|(words, _)| words)));
    // Every month has so many days.
    let day = format!("[the] <place_28> {months}");
    let last = one_of(LAST_DAY);
    forms.rule("period", format!("({periods}|{day}|{last} {months})"));
}

/// "next week", "the weekend", "next month": their first day.
pub(super) fn of_periods(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
    let mut found = Vec::new();
    for (words, day) in PERIODS {
        let day = t.after(i, words).and_then(|end| Some(Hit::sure(end, day.seen_from(today)?)));
        found.extend(day);
    }
    // "the first of next month".
    for place in ordinals(t, i) {
        for (words, months) in MONTHS {
            let Some(end) = t.after(place.end, words) else { continue };
            let day = month(today, months).and_then(|first| match place.value {
                -1 => Some(first.last_of_month()),
                day => date_of(first.year(), first.month(), i8::try_from(day).ok()?),
            });
            found.extend(day.map(|day| Hit::sure(end, day)));
        }
    }
    if let Some(last) = t.after_any(i, LAST_DAY) {
        for (words, months) in MONTHS {
            let day = t.after(last, words).zip(month(today, months));
            found.extend(day.map(|(end, first)| Hit::sure(end, first.last_of_month())));
        }
    }
    found
}

/// The first of a month.
fn month(today: Date, months: i64) -> Option<Date> {
    today.first_of_month().checked_add(months.months()).ok()
}

impl Day {
    fn seen_from(self, today: Date) -> Option<Date> {
        match self {
            Self::Monday(weeks) => {
                let monday = nearest(today, Weekday::Monday, Which::Next)?;
                monday.checked_add((weeks - 1).weeks()).ok()
            }
            Self::Saturday(which) => nearest(today, Weekday::Saturday, which),
            Self::OfMonth(months) => month(today, months),
            Self::OfYear(years) => today.first_of_year().checked_add(years.years()).ok(),
            Self::EndOfMonth => Some(today.last_of_month()),
            Self::EndOfYear => Some(today.last_of_year()),
        }
    }
}
