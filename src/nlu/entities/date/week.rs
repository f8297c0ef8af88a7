//! Days of a week: "friday", "next tuesday", "friday week".

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::super::spoken::{Forms, one_of};
use super::super::tokens::{Hit, Tokens};
use super::calendar::of_calendar;

pub(super) const WEEKDAYS: [(Weekday, &[&str]); 7] = [
    (Weekday::Monday, &["monday", "mon"]),
    (Weekday::Tuesday, &["tuesday", "tue", "tues"]),
    (Weekday::Wednesday, &["wednesday", "wed"]),
    (Weekday::Thursday, &["thursday", "thu", "thur", "thurs"]),
    (Weekday::Friday, &["friday", "fri"]),
    (Weekday::Saturday, &["saturday", "sat"]),
    (Weekday::Sunday, &["sunday", "sun"]),
];

/// Which of the days with a name is meant.
#[derive(Clone, Copy)]
pub(super) enum Which {
    /// The next one after today.
    Coming,
    /// The next one, today included.
    This,
    /// The one in the week after this one; weeks begin on Monday.
    Next,
    /// The last one before today.
    Last,
}

/// Words before the name of a day.
const BEFORE: [(&str, Which); 7] = [
    ("next week", Which::Next),
    ("next", Which::Next),
    ("this coming", Which::Coming),
    ("coming", Which::Coming),
    ("this", Which::This),
    ("last", Which::Last),
    ("the", Which::Coming),
];

/// Words behind it, with the weeks that they add.
const BEHIND: [(&str, Which, i64); 5] = [
    ("this week", Which::Next, -1),
    ("next week", Which::Next, 0),
    ("last week", Which::Next, -2),
    ("week", Which::Coming, 1),
    ("after next", Which::Next, 1),
];

pub(super) fn say(forms: &mut Forms) {
    // The first name is the one in full.
    forms.one_of("day_name", WEEKDAYS.iter().map(|(_, names)| names[0]));
    let (before, behind) =
        (one_of(BEFORE.map(|(words, _)| words)), one_of(BEHIND.map(|(words, ..)| words)));
    forms.rule("week_day", format!("({before} [on] <day_name>|<day_name> [{behind}])"));
    forms.rule("day_of_week_and_month", "<day_name> <day_of_month>");
}

pub(super) fn of_week(t: &Tokens<'_>, i: usize, today: Date) -> Vec<Hit<Date>> {
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
        let mut ends = BEHIND.into_iter();
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
    for (words, which) in BEFORE {
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

pub(super) fn nearest(today: Date, weekday: Weekday, which: Which) -> Option<Date> {
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
}
