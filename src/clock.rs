//! Which moment of the calendar a position in sound is.
//!
//! Replies may speak of it, programs are told, and "tomorrow" is reckoned from it; nothing is
//! decided by it. Time-outs and
//! endpoints count samples.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{self, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::units::{SAMPLE_RATE_HZ, SamplePos};

/// When a stream without a moment of its own opens, in UTC: a Monday. Replays, tests and
/// evaluations must not depend on the day they run.
const DEFAULT: DateTime = civil::date(2026, 1, 5).at(10, 0, 0, 0);

/// Tells the moment of a position.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock at the time of asking. It may be set while the agent runs (boards
    /// without a battery get the time late), so it is not counted on from the start.
    Machine,
    /// The stream opened at this moment, and its samples are the time.
    From(Moment),
}

impl Clock {
    pub fn at(&self, at: SamplePos) -> Moment {
        match self {
            Self::Machine => Moment(Zoned::now()),
            Self::From(start) => {
                let micros = at.0 as i64 * 1_000 / i64::from(SAMPLE_RATE_HZ / 1_000);
                // Only the last day of the year 9999 has no later moment.
                Moment(start.0.saturating_add(SignedDuration::from_micros(micros)))
            }
        }
    }
}

impl Default for Clock {
    /// A fixed clock that starts on Monday 2026-01-05 at 10:00, the same everywhere.
    fn default() -> Self {
        Self::From(Moment(
            TimeZone::UTC.to_ambiguous_zoned(DEFAULT).later().expect("UTC has no gaps"),
        ))
    }
}

/// A moment as the clocks on the spot show it. Displays as RFC 3339, to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment(Zoned);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` {why}; write 2026-03-05T14:30 or 2026-03-05T14:30:00 for local time, or \
     2026-03-05T14:30:00+01:00 (RFC 3339)"
)]
pub struct MomentError {
    text: String,
    why: &'static str,
}

impl Moment {
    pub fn year(&self) -> i16 {
        self.0.year()
    }

    /// 1 to 12.
    pub fn month(&self) -> i8 {
        self.0.month()
    }

    /// Of the month, from 1.
    pub fn day(&self) -> i8 {
        self.0.day()
    }

    /// 0 to 23.
    pub fn hour(&self) -> i8 {
        self.0.hour()
    }

    pub fn minute(&self) -> i8 {
        self.0.minute()
    }

    pub fn second(&self) -> i8 {
        self.0.second()
    }

    /// English name of the day.
    pub fn weekday(&self) -> &'static str {
        match self.0.weekday() {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        }
    }

    /// "January 5", which the voice reads as "January fifth".
    pub fn date(&self) -> String {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        format!("{} {}", MONTHS[self.month() as usize - 1], self.day())
    }

    /// "3:05 PM", which the voice reads as "three oh five P.M.".
    pub fn clock(&self) -> String {
        let half = if self.hour() < 12 { "AM" } else { "PM" };
        let hour = match self.hour() % 12 {
            0 => 12,
            hour => hour,
        };
        format!("{hour}:{:02} {half}", self.minute())
    }
}

impl Moment {
    /// To reckon with.
    pub(crate) fn zoned(&self) -> &Zoned {
        &self.0
    }
}

impl From<Zoned> for Moment {
    fn from(at: Zoned) -> Self {
        Self(at)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.0.date(), self.0.time());
        let offset = self.0.offset().seconds() / 60;
        let sign = if offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(f, "{date}T{hour:02}:{minute:02}:{second:02}{sign}{hours:02}:{minutes:02}")
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    /// Local time to the minute or second, or RFC 3339, which is turned into local time.
    fn from_str(text: &str) -> Result<Self, MomentError> {
        parse(text, TimeZone::system())
    }
}

fn parse(text: &str, zone: TimeZone) -> Result<Moment, MomentError> {
    let wrong = |why| MomentError { text: text.to_owned(), why };
    let impossible = || wrong("is no date and time of the calendar");
    // RFC 3339 lets `t` and `z` be small.
    let written = text.to_ascii_uppercase();
    if has_shape(&written, "0000-00-00T00:00") || has_shape(&written, "0000-00-00T00:00:00") {
        let local: DateTime = written.parse().map_err(|_| impossible())?;
        let ambiguous = zone.to_ambiguous_zoned(local);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => {}
            AmbiguousOffset::Gap { .. } => {
                return Err(wrong("is skipped by the local clocks, which go forward over it"));
            }
            AmbiguousOffset::Fold { .. } => {
                return Err(wrong("comes twice on the local clocks, which go back over it"));
            }
        }
        return ambiguous.unambiguous().map(Moment).map_err(|_| impossible());
    }
    if !is_rfc_3339(&written) {
        return Err(wrong("is not a time in a form that is read here"));
    }
    let instant: Timestamp = written.parse().map_err(|_| impossible())?;
    Ok(Moment(instant.to_zoned(zone)))
}

fn is_rfc_3339(text: &str) -> bool {
    let Some((seconds, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let has_digits = !rest.starts_with('.') || rest.len() > offset.len() + 1;
    has_shape(seconds, "0000-00-00T00:00:00")
        && has_digits
        && (offset == "Z" || has_shape(offset, "+00:00") || has_shape(offset, "-00:00"))
}

/// Whether `text` looks like `shape`, in which `0` stands for any digit.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(found, wanted)| match wanted {
            b'0' => found.is_ascii_digit(),
            wanted => found == wanted,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central European time by rule, so that no zone file is needed.
    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    #[test]
    fn local_times_and_rfc_3339_are_read() {
        for (text, shown) in [
            ("2026-03-05T14:30", "2026-03-05T14:30:00+01:00"),
            ("2026-03-05T14:30:59", "2026-03-05T14:30:59+01:00"),
            ("2026-07-01T00:00", "2026-07-01T00:00:00+02:00"),
            ("2024-02-29T23:59", "2024-02-29T23:59:00+01:00"),
            ("2026-03-05T14:30:00Z", "2026-03-05T15:30:00+01:00"),
            ("2026-03-05t14:30:00z", "2026-03-05T15:30:00+01:00"),
            ("2026-03-05T14:30:00.25-05:00", "2026-03-05T20:30:00+01:00"),
            ("2026-03-05T23:30:00+00:00", "2026-03-06T00:30:00+01:00"),
        ] {
            assert_eq!(parse(text, berlin()).unwrap().to_string(), shown, "{text}");
        }
        let halfway = TimeZone::posix("<-0330>3:30").unwrap();
        let shown = parse("2026-03-05T14:30", halfway).unwrap().to_string();
        assert_eq!(shown, "2026-03-05T14:30:00-03:30");
    }

    #[test]
    fn anything_else_is_refused_with_the_forms_that_are_read() {
        for (text, why) in [
            ("", "not a time in a form"),
            ("now", "not a time in a form"),
            ("14:30", "not a time in a form"),
            ("2026-03-05", "not a time in a form"),
            ("2026-03-05 14:30", "not a time in a form"),
            ("2026-03-05T14:30Z", "not a time in a form"),
            ("2026-03-05T14:30:00.", "not a time in a form"),
            ("2026-03-05T14:30:00.Z", "not a time in a form"),
            ("2026-03-05T14:30:00+0100", "not a time in a form"),
            ("2026-03-05T14:30:00+01:00[Europe/Berlin]", "not a time in a form"),
            ("2026-03-05T1é:30", "not a time in a form"),
            ("+002026-03-05T14:30", "not a time in a form"),
            ("2026-02-29T14:30", "no date and time"),
            ("2026-03-05T24:00", "no date and time"),
            ("2026-03-05T14:60:00Z", "no date and time"),
            ("2026-03-29T02:30", "skipped"),
            ("2026-10-25T02:30", "comes twice"),
        ] {
            let error = parse(text, berlin()).unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains(why), "{error}");
            assert!(error.contains("2026-03-05T14:30:00+01:00"), "{error}");
        }
    }

    #[test]
    fn a_fixed_clock_goes_with_the_samples() {
        let clock = Clock::From(parse("2026-10-25T01:59:30", berlin()).unwrap());
        let shown = |seconds: u64| clock.at(SamplePos::from_ms(seconds * 1000)).to_string();
        assert_eq!(shown(0), "2026-10-25T01:59:30+02:00");
        assert_eq!(shown(29), "2026-10-25T01:59:59+02:00");
        assert_eq!(shown(3_630), "2026-10-25T02:00:00+01:00", "the hour that comes twice");
        let last = Clock::From(parse("9999-12-30T21:59:59", TimeZone::UTC).unwrap());
        assert_eq!(last.at(SamplePos::from_ms(u64::from(u32::MAX))).year(), 9999);
    }

    #[test]
    fn the_default_is_the_same_everywhere() {
        assert_eq!(Clock::default().at(SamplePos(0)).to_string(), "2026-01-05T10:00:00+00:00");
        assert_eq!(Clock::default().at(SamplePos(0)).weekday(), "Monday");
    }

    #[test]
    fn moments_are_put_into_words() {
        for (text, clock, date, weekday) in [
            ("2026-01-05T00:00", "12:00 AM", "January 5", "Monday"),
            ("2026-03-05T09:07", "9:07 AM", "March 5", "Thursday"),
            ("2026-12-31T12:30", "12:30 PM", "December 31", "Thursday"),
            ("2026-08-01T15:05", "3:05 PM", "August 1", "Saturday"),
        ] {
            let moment = parse(text, TimeZone::UTC).unwrap();
            let found = (moment.clock(), moment.date(), moment.weekday());
            assert_eq!(found, (clock.to_owned(), date.to_owned(), weekday));
        }
    }
}
