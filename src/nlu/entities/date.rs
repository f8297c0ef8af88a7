//! Which day: "tomorrow", "next friday", "the twelfth of may", "in three days", "2026-03-05".

use jiff::ToSpan;
use jiff::civil::Date;

use super::duration::durations;
use super::spoken::{Forms, one_of};
use super::tokens::{Hit, Tokens};
use calendar::{Partial, in_digits, of_calendar};
use periods::of_periods;
use week::of_week;

mod calendar;
mod periods;
mod week;

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

/// Days beside today, with how many days later they are.
const NEAR: [(&[&str], i64); 5] = [
    (&["today"], 0),
    (&["tomorrow"], 1),
    (&["yesterday"], -1),
    (&["the day after tomorrow", "day after tomorrow"], 2),
    (&["the day before yesterday", "day before yesterday"], -2),
];

/// What makes a moment of a length of time: it begins now.
pub const FROM_NOW: &[&str] = &["from now", "hence"];
/// The same for a day.
const FROM_TODAY: &[&str] = &["from now", "from today", "hence"];
/// What a length of time is counted from, and whether backwards.
const COUNTED_FROM: [(&str, bool); 4] =
    [("from", false), ("after", false), ("before", true), ("on", false)];

/// Writes out how days are said.
pub fn say(forms: &mut Forms) {
    week::say(forms);
    periods::say(forms);
    calendar::say(forms);
    forms.one_of("near_day", NEAR.iter().flat_map(|(names, _)| *names));
    forms.one_of("feast", FEASTS.iter().flat_map(|(names, ..)| *names));
    forms.rule("dated_day", "(<week_day>|<day_of_week_and_month>|<calendar_day>|<feast>)");
    forms.rule("named_day", "(<near_day>|<period>|<dated_day>)");
    forms.rule("whole_days", "({count:@n}|a|<groups> [of]) <full_days>");
    let (now, from) = (one_of(FROM_TODAY), one_of(COUNTED_FROM.map(|(word, _)| word)));
    forms.rule(
        "date",
        format!("(<named_day>|on <dated_day>|in <whole_days>|<whole_days> ({now}|ago|{from} <named_day>))"),
    );
}

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
    let days = NEAR.iter().filter_map(|(names, days)| {
        let end = t.after_any(i, names)?;
        Some(Hit::sure(end, today.checked_add(days.days()).ok()?))
    });
    days.collect()
}

fn date_of(year: i16, month: i8, day: i8) -> Option<Date> {
    Date::new(year, month, day).ok()
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
        if let Some(end) = t.after_any(far.end, FROM_TODAY) {
            push(end, today, false);
        }
        if let Some(end) = t.after(far.end, "ago") {
            push(end, today, true);
        }
        for (words, before) in COUNTED_FROM {
            if let Some(start) = t.after(far.end, words) {
                for day in named(t, start, today) {
                    push(day.end, day.value, before);
                }
            }
        }
    }
    found
}
