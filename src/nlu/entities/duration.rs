//! How long: "two and a half hours", "an hour and twenty minutes", "half a year", "2h30".

use std::fmt;

use jiff::{Span, Zoned};

use super::Entity;
use super::amount::quantities;
use super::spoken::{Forms, one_of};
use super::tokens::{Hit, Tokens};

/// A length of time. Months and days are kept apart from hours, as calendars make them differ.
/// Displays as an ISO 8601 duration; weeks are seven days, and 90 minutes are `PT1H30M`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duration {
    pub months: i64,
    pub days: i64,
    pub millis: i64,
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Of what a part of a month is taken.
const DAYS_OF_MONTH: f64 = 30.0;

/// Longest duration that is read; more is no time that anybody waits, and sums stay far from the
/// limits of an i64.
const MOST_YEARS: f64 = 10_000.0;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

/// The first two names of each are those in full, the others abbreviations.
const UNITS: [(&[&str], Unit, f64); 11] = [
    (&["centuries", "century"], Unit::Year, 100.0),
    (&["decades", "decade"], Unit::Year, 10.0),
    (&["years", "year", "yr", "yrs"], Unit::Year, 1.0),
    (&["months", "month"], Unit::Month, 1.0),
    (&["fortnights", "fortnight"], Unit::Week, 2.0),
    (&["weeks", "week", "wk", "wks"], Unit::Week, 1.0),
    (&["days", "day"], Unit::Day, 1.0),
    (&["hours", "hour", "hr", "hrs"], Unit::Hour, 1.0),
    (&["minutes", "minute", "min", "mins"], Unit::Minute, 1.0),
    (&["seconds", "second", "sec", "secs"], Unit::Second, 1.0),
    (&["milliseconds", "millisecond", "ms"], Unit::Second, 0.001),
];

/// Units by size, with those that are said behind each.
const BEHIND: [(Unit, &str, &[&str]); 7] = [
    (Unit::Year, "years", &["months", "weeks", "days"]),
    (Unit::Month, "months", &["weeks", "days"]),
    (Unit::Week, "weeks", &["days"]),
    (Unit::Day, "days", &["hours", "minutes"]),
    (Unit::Hour, "hours", &["minutes", "seconds"]),
    (Unit::Minute, "minutes", &["seconds"]),
    (Unit::Second, "seconds", &[]),
];

/// Writes out how durations are said.
pub fn say(forms: &mut Forms) {
    forms.rule("quantity", "({count:@n}|{halves:@n}|a|an|<groups> [of])");
    let mut all = Vec::new();
    for (unit, name, behind) in BEHIND {
        // Nobody times by decades, nor by thousandths of a second.
        let rows = UNITS.iter().filter(|(_, of, times)| *of == unit && (1.0..10.0).contains(times));
        forms.one_of(name, rows.flat_map(|(names, ..)| &names[..2]));
        let mut more: Vec<String> =
            behind.iter().map(|smaller| format!("[and] <time_in_{smaller}>")).collect();
        if unit < Unit::Second {
            more.push("and (half|a half|a quarter|three quarters)".to_owned());
        }
        let more = match &more[..] {
            [] => String::new(),
            more => format!(" [{}]", one_of(more)),
        };
        forms.rule(&format!("time_in_{name}"), format!("(<quantity>|<part_of>) <{name}>{more}"));
        all.push(format!("<time_in_{name}>"));
    }
    forms.one_of("below_days", ["<time_in_hours>", "<time_in_minutes>", "<time_in_seconds>"]);
    forms.one_of("full_days", ["<years>", "<months>", "<weeks>", "<days>"]);
    forms.one_of(Entity::Duration.name(), all);
}

/// Durations at `i`.
pub fn durations(t: &Tokens<'_>, i: usize) -> Vec<Hit<Duration>> {
    let mut found = Vec::new();
    for (end, unit, duration) in parts(t, i) {
        more(t, end, unit, duration, &mut found);
    }
    found.extend(half_before_unit(t, i));
    found
}

/// `duration` ends at `end`; so may longer ones that go on with smaller units.
fn more(
    t: &Tokens<'_>,
    end: usize,
    last: Unit,
    duration: Duration,
    found: &mut Vec<Hit<Duration>>,
) {
    found.push(Hit::sure(end, duration));
    if last == Unit::Second {
        return;
    }
    let and = t.skip(end, &["and"]);
    if and > end {
        // "an hour and a half", "a day and three quarters".
        for part in quantities(t, and).into_iter().filter(|part| (0.0..1.0).contains(&part.value)) {
            let added = of(last, part.value).and_then(|part| duration.plus(part));
            found.extend(added.map(|sum| Hit::sure(part.end, sum)));
        }
    }
    let starts = [and, end];
    let starts = if and > end { &starts[..] } else { &starts[..1] };
    for (end, unit, part) in starts.iter().flat_map(|start| parts(t, *start)) {
        if unit > last
            && let Some(sum) = duration.plus(part)
        {
            more(t, end, unit, sum, found);
        }
    }
    // "two hours thirty", "2h30".
    if let Some(next) = next_below(last) {
        for part in t.cardinals(end) {
            if part.value.fract() == 0.0
                && (1.0..60.0).contains(&part.value)
                && let Some(sum) = of(next, part.value).and_then(|part| duration.plus(part))
            {
                found.push(Hit::sure(part.end, sum));
            }
        }
    }
}

/// The unit of a number that follows without one: "two hours thirty".
fn next_below(unit: Unit) -> Option<Unit> {
    match unit {
        Unit::Hour => Some(Unit::Minute),
        Unit::Minute => Some(Unit::Second),
        _ => None,
    }
}

/// A quantity with its unit.
fn parts(t: &Tokens<'_>, i: usize) -> Vec<(usize, Unit, Duration)> {
    let mut found = Vec::new();
    for counted in quantities(t, i) {
        if counted.value < 0.0 {
            continue;
        }
        if let Some((end, unit, times)) = unit(t, counted.end) {
            found.extend(of(unit, counted.value * times).map(|duration| (end, unit, duration)));
        }
    }
    found
}

fn unit(t: &Tokens<'_>, i: usize) -> Option<(usize, Unit, f64)> {
    let word = t.word(i);
    if let Some((_, unit, times)) = UNITS.iter().find(|(names, ..)| names.contains(&word)) {
        return Some((i + 1, *unit, *times));
    }
    let unit = match word {
        "h" => Unit::Hour,
        "m" if t.glued(i) => Unit::Minute,
        "s" => Unit::Second,
        "d" if t.glued(i) => Unit::Day,
        _ => return None,
    };
    Some((i + 1, unit, 1.0))
}

/// "two hours and a half" is read elsewhere; this is "half hour", "a half hour", "quarter hour".
fn half_before_unit(t: &Tokens<'_>, i: usize) -> Option<Hit<Duration>> {
    let from = t.skip(i, &["a"]);
    let part = match t.word(from) {
        "half" => 0.5,
        "quarter" => 0.25,
        _ => return None,
    };
    let (end, unit, times) = unit(t, from + 1)?;
    Some(Hit::sure(end, of(unit, part * times)?))
}

/// So many of a unit; what is no whole number of it goes to smaller ones.
fn of(unit: Unit, count: f64) -> Option<Duration> {
    let years = match unit {
        Unit::Year => count,
        Unit::Month => count / 12.0,
        Unit::Week => count / 52.0,
        Unit::Day => count / 365.0,
        Unit::Hour => count / 8760.0,
        Unit::Minute => count / 525_600.0,
        Unit::Second => count / 31_536_000.0,
    };
    if !(0.0..=MOST_YEARS).contains(&years) {
        return None;
    }
    let mut duration = Duration::default();
    let mut days = 0.0;
    match unit {
        Unit::Year => {
            // Half a year is six months; less than a month of a year is left off.
            duration.months = (count * 12.0).round() as i64;
        }
        Unit::Month => {
            duration.months = count.trunc() as i64;
            days = (count.fract() * DAYS_OF_MONTH).round();
        }
        Unit::Week => days = count * 7.0,
        Unit::Day => days = count,
        Unit::Hour => duration.millis = (count * HOUR as f64).round() as i64,
        Unit::Minute => duration.millis = (count * MINUTE as f64).round() as i64,
        Unit::Second => duration.millis = (count * SECOND as f64).round() as i64,
    }
    duration.days = days.trunc() as i64;
    duration.millis += (days.fract() * DAY as f64).round() as i64;
    Some(duration)
}

impl Duration {
    /// Only whole days and months.
    pub fn is_whole_days(self) -> bool {
        self.millis == 0 && self != Self::default()
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            millis: self.millis.checked_add(other.millis)?,
        })
    }

    fn span(self) -> Option<Span> {
        let span = Span::new().try_months(self.months).ok()?;
        span.try_days(self.days).ok()?.try_milliseconds(self.millis).ok()
    }

    /// The moment this long after `moment`, or before it.
    pub fn reckon(self, moment: &Zoned, before: bool) -> Option<Zoned> {
        let span = self.span()?;
        if before { moment.checked_sub(span).ok() } else { moment.checked_add(span).ok() }
    }

    /// The day this long after `date`, or before it. Hours do not count.
    pub fn reckon_date(self, date: jiff::civil::Date, before: bool) -> Option<jiff::civil::Date> {
        let span = Self { millis: 0, ..self }.span()?;
        if before { date.checked_sub(span).ok() } else { date.checked_add(span).ok() }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("PT0S");
        }
        let part = |count: i64, unit: char| match count {
            0 => String::new(),
            count => format!("{count}{unit}"),
        };
        let (years, months, days) = (self.months / 12, self.months % 12, self.days);
        write!(f, "P{}{}{}", part(years, 'Y'), part(months, 'M'), part(days, 'D'))?;
        if self.millis == 0 {
            return Ok(());
        }
        let (hours, minutes) = (self.millis / HOUR, self.millis % HOUR / MINUTE);
        write!(f, "T{}{}", part(hours, 'H'), part(minutes, 'M'))?;
        match self.millis % MINUTE {
            0 => Ok(()),
            millis => write!(f, "{}S", millis as f64 / SECOND as f64),
        }
    }
}
