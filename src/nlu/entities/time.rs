//! Which moment: "tomorrow at noon", "half past seven", "friday evening", "in twenty minutes".

use jiff::civil::{Date, Time, time};
use jiff::{ToSpan, Zoned};

use super::Entity;
use super::date::{FROM_NOW, dates};
use super::duration::durations;
use super::reading::{self, Half, Reading, readings};
use super::spoken::{Forms, one_of};
use super::tokens::{Hit, Tokens};

/// Part of a day, from the words around a time or instead of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Morning,
    Afternoon,
    Evening,
    Night,
}

impl Part {
    /// The time meant when no other is said.
    fn usual(self) -> Time {
        match self {
            Self::Morning => time(9, 0, 0, 0),
            Self::Afternoon => time(15, 0, 0, 0),
            Self::Evening => time(19, 0, 0, 0),
            Self::Night => time(21, 0, 0, 0),
        }
    }

    /// The hour of 24, and how many days later, that an hour of 12 means in this part of a day.
    fn hour(self, hour: i8) -> (i8, i64) {
        match (self, hour) {
            (Self::Morning, hour) => (hour % 12, 0),
            (Self::Evening | Self::Night, 12) => (0, 1),
            // One at night comes after the evening of the day.
            (Self::Night, 1..=5) => (hour, 1),
            (_, 12) => (12, 0),
            (_, hour) => (hour + 12, 0),
        }
    }
}

/// What was said of a moment so far.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    date: Option<Date>,
    reading: Option<Reading>,
    part: Option<Part>,
    sure: bool,
}

/// Phrases for a part of a day, phrases for the one of today, its name, the part.
const OF_DAY: [(&[&str], &[&str], &str, Part); 4] = [
    (&["in the morning"], &["this morning"], "morning", Part::Morning),
    (&["in the afternoon"], &["this afternoon"], "afternoon", Part::Afternoon),
    (&["in the evening"], &["this evening"], "evening", Part::Evening),
    (&["at night", "in the night"], &["tonight"], "night", Part::Night),
];
const LAST_NIGHT: &str = "last night";

/// This moment.
const AT_ONCE: &[&str] = &["right now", "now", "at once", "immediately", "right away"];
/// What may stand before a time of day.
const BEFORE: &[&str] = &["at", "around", "about", "by", "at around", "at about"];
/// What may stand before a length of time that begins now.
const IN: &[&str] = &["in", "in about"];

/// Writes out how moments are said.
pub fn say(forms: &mut Forms) {
    reading::say(forms);
    forms.one_of("in_part", OF_DAY.iter().flat_map(|(phrases, ..)| *phrases));
    let today = OF_DAY.iter().flat_map(|(_, today, ..)| *today).copied();
    forms.one_of("part_today", today.chain([LAST_NIGHT]));
    forms.one_of("part_name", OF_DAY.map(|(_, _, name, _)| name));
    let (before, inside) = (one_of(BEFORE), one_of(IN));
    let (at_once, from_now) = (one_of(AT_ONCE), one_of(FROM_NOW));
    forms.rule("time_of_day", format!("[{before}] <clock>"));
    // Whole days make a date of it.
    let length = "below_days";
    forms.rule(
        Entity::Time.name(),
        format!(
            "({at_once}|{inside} <{length}>|<{length}> ({from_now}|ago)\
             |<time_of_day> [(<in_part> [<date>]|<date> [<in_part>]|<part_today>)]\
             |<date> <time_of_day> [<in_part>]|<date> (<in_part>|<part_name>) [<time_of_day>]\
             |<part_today> [<time_of_day>])"
        ),
    );
}

/// Most parts of a moment: date, part of the day, time of day.
const PARTS: usize = 3;

/// Moments at `i`, seen from `now`.
pub fn moments(t: &Tokens<'_>, i: usize, now: &Zoned) -> Vec<Hit<Zoned>> {
    let mut found = Vec::new();
    let at_once = t.after_any(i, AT_ONCE);
    found.extend(at_once.map(|end| Hit::sure(end, now.clone())));
    found.extend(reckoned(t, i, now));
    extend(t, i, i, Said::default(), PARTS, now, &mut found);
    found
}

/// Adds every moment that goes on at `i` after what was said from `start` on.
fn extend(
    t: &Tokens<'_>,
    start: usize,
    i: usize,
    said: Said,
    left: usize,
    now: &Zoned,
    found: &mut Vec<Hit<Zoned>>,
) {
    if left == 0 {
        return;
    }
    let mut go_on = |end: usize, said: Said| {
        if (said.reading.is_some() || said.part.is_some())
            && let Some(value) = said.resolve(now)
        {
            found.push(Hit { end, value, sure: said.sure });
        }
        extend(t, start, end, said, left - 1, now, found);
    };
    if said.reading.is_none() {
        let from = t.skip(i, BEFORE);
        for hit in readings(t, from) {
            let sure = said.sure || hit.sure || from > i;
            go_on(hit.end, Said { reading: Some(hit.value), sure, ..said });
        }
    }
    if said.date.is_none() {
        for hit in dates(t, t.skip(i, &["on"]), now.date()) {
            let sure = said.sure || hit.sure;
            go_on(hit.end, Said { date: Some(hit.value), sure, ..said });
        }
    }
    if said.part.is_none()
        && let Some((end, part, days)) = parts(t, i, i > start && said.date.is_some())
        && (days.is_none() || said.date.is_none())
    {
        let named = days.and_then(|days| now.date().checked_add(days.days()).ok());
        go_on(end, Said { part: Some(part), date: named.or(said.date), sure: true, ..said });
    }
}

/// Parts of a day at `i`, some of which say the day as well, counted from today. After a date the
/// bare name will do: "tomorrow morning".
fn parts(t: &Tokens<'_>, i: usize, after_date: bool) -> Option<(usize, Part, Option<i64>)> {
    for (phrases, today, name, part) in OF_DAY {
        if let Some(end) = t.after_any(i, phrases) {
            return Some((end, part, None));
        }
        if let Some(end) = t.after_any(i, today) {
            return Some((end, part, Some(0)));
        }
        if let Some(end) = t.after(i, name).filter(|_| after_date) {
            return Some((end, part, None));
        }
    }
    t.after(i, LAST_NIGHT).map(|end| (end, Part::Night, Some(-1)))
}

impl Said {
    fn resolve(self, now: &Zoned) -> Option<Zoned> {
        let zone = now.time_zone();
        // A time that the clocks skip is read as if they had not, one that comes twice is the
        // first of both.
        let on = |date: Date, days: i64, time: Time| {
            let date = date.checked_add(days.days()).ok()?;
            zone.to_ambiguous_zoned(date.to_datetime(time)).compatible().ok()
        };
        let today = now.date();
        let mut times = Vec::new();
        match (self.reading, self.part) {
            (Some(reading), part) => times.extend(reading.times(part)),
            (None, Some(part)) => times.push((part.usual(), 0)),
            (None, None) => return None,
        }
        match self.date {
            None => {
                // Yesterday's night may be still to come.
                let days = [-1, 0, 1].into_iter();
                let all =
                    days.flat_map(|day| times.iter().map(move |(time, days)| (day + days, *time)));
                all.filter_map(|(days, time)| on(today, days, time)).filter(|at| at > now).min()
            }
            Some(date) => {
                let all = times.iter().filter_map(|(time, days)| on(date, *days, *time));
                let all: Vec<Zoned> = all.collect();
                let coming = all.iter().find(|at| date != today || *at > now);
                coming.or(all.last()).cloned()
            }
        }
    }
}

impl Reading {
    /// Times it may mean, the likelier first, each with how many days after the day that was named.
    fn times(self, part: Option<Part>) -> Vec<(Time, i64)> {
        let at = |hour: i8| time(hour, self.minute, self.second, 0);
        match (self.half, part) {
            (Half::Midnight, _) => vec![(at(0), 1)],
            (Half::Known, _) => vec![(at(self.hour), 0)],
            (Half::Open, Some(part)) => {
                let (hour, days) = part.hour(self.hour);
                vec![(at(hour), days)]
            }
            (Half::Open, None) => {
                let (morning, afternoon) = (at(self.hour % 12), at(self.hour % 12 + 12));
                // By day rather than by night.
                if (7..12).contains(&self.hour) {
                    vec![(morning, 0), (afternoon, 0)]
                } else {
                    vec![(afternoon, 0), (morning, 0)]
                }
            }
        }
    }
}

/// "in twenty minutes", "an hour from now", "half an hour ago".
fn reckoned(t: &Tokens<'_>, i: usize, now: &Zoned) -> Vec<Hit<Zoned>> {
    let mut found = Vec::new();
    let inside = t.after_any(i, IN);
    for far in durations(t, inside.unwrap_or(i)) {
        if far.value.millis == 0 {
            continue;
        }
        let after = t.after_any(far.end, FROM_NOW);
        let (end, before) = match (inside, after, t.after(far.end, "ago")) {
            (Some(_), ..) => (far.end, false),
            (_, Some(end), _) => (end, false),
            (.., Some(end)) => (end, true),
            _ => continue,
        };
        found.extend(far.value.reckon(now, before).map(|at| Hit::sure(end, at)));
    }
    found
}
