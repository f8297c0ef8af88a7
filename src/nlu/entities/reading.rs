//! What a clock shows: "half past seven", "7:30 pm", "nineteen hundred", "noon".

use super::amount::two_digits;
use super::spoken::{As, Forms, one_of};
use super::tokens::{Hit, Tokens};

/// A time of day. Until it is known which half of the day is meant, the hour is 1 to 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// 0 to 23.
    pub hour: i8,
    pub minute: i8,
    pub second: i8,
    pub half: Half,
}

/// What is known of the half of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Nothing: seven may be 7:00 or 19:00.
    Open,
    /// The hour is one of 24.
    Known,
    /// Midnight by name: the end of a day rather than its beginning.
    Midnight,
}

impl Reading {
    fn new(hour: i64, minute: i64, half: Half) -> Option<Self> {
        let hours = if half == Half::Open { 1..=12 } else { 0..=23 };
        let fits = hours.contains(&hour) && (0..60).contains(&minute);
        fits.then_some(Self { hour: hour as i8, minute: minute as i8, second: 0, half })
    }

    /// In the first or second half of the day.
    fn of_half(self, afternoon: bool) -> Option<Self> {
        // 19:30 pm is 19:30, but 19:30 am is nothing.
        match (self.half, self.hour) {
            (Half::Midnight, _) => None,
            (Half::Known, 13..) => afternoon.then_some(self),
            (Half::Known, 0) => (!afternoon).then_some(self),
            (_, hour) => {
                let hour = hour % 12 + if afternoon { 12 } else { 0 };
                Some(Self { hour, half: Half::Known, ..self })
            }
        }
    }

    /// This many minutes later, or earlier; `None` where the half of the day would change with it.
    fn shifted(self, minutes: i64) -> Self {
        let circle = if self.half == Half::Open { 12 * 60 } else { 24 * 60 };
        let from = i64::from(self.hour) * 60 + i64::from(self.minute);
        let to = (from + minutes).rem_euclid(circle);
        let hour = match (to / 60, self.half) {
            (0, Half::Open) => 12,
            (hour, _) => hour,
        };
        // Ten past midnight is at the beginning of a day, ten to midnight at its end.
        Self {
            hour: hour as i8,
            minute: (to % 60) as i8,
            half: match self.half {
                Half::Midnight => Half::Known,
                half => half,
            },
            ..self
        }
    }
}

/// Times that have names, with the hour of 24.
const NAMED: [(&[&str], i64, Half); 2] = [
    (&["noon", "midday", "twelve noon", "12 noon", "high noon"], 12, Half::Known),
    (&["midnight", "twelve midnight", "12 midnight"], 0, Half::Midnight),
];
const PM: &[&str] = &["pm", "p m"];
const AM: &[&str] = &["am", "a m"];
/// What follows a full hour.
const O_CLOCK: &[&str] = &["o'clock", "oclock", "o clock", "sharp"];
/// What stands before the hours of one digit.
const ZERO: &[&str] = &["oh", "o", "zero"];
const PAST: &[&str] = &["past", "after"];
const TO: &[&str] = &["to", "till", "til", "before", "of"];
const MINUTES: &[&str] = &["minutes", "minute", "mins", "min"];

/// Minutes apart of times that are written in figures: others are rarely said.
const FIGURES_APART: usize = 5;

/// Writes out how times of day are said.
pub fn say(forms: &mut Forms) {
    forms.numbers("hour", 1, 12, As::Both);
    forms.numbers("hour_in_words", 1, 12, As::Words);
    forms.numbers("late_hour", 13, 23, As::Words);
    forms.numbers("minutes_beside", 1, 29, As::Both);
    let named = NAMED.iter().flat_map(|(names, ..)| *names);
    forms.one_of("hour_by_name", named.filter(|name| !name.contains(|c: char| c.is_ascii_digit())));
    let (o_clock, zero, past, to) = (one_of(O_CLOCK), one_of(ZERO), one_of(PAST), one_of(TO));
    let half_of_day = one_of(AM.iter().chain(PM));
    // The first two stand in full.
    let minutes = one_of(&MINUTES[..2]);
    forms.rule("minutes_of_hour", "({two_digit_minutes:@n}|<minutes_with_zero>)");
    forms.numbers("two_digit_minutes", 10, 59, As::Words);
    forms.rule("minutes_with_zero", format!("{zero} {{digit_number:@n}}"));
    forms.rule("beside", format!("([a] quarter|{{minutes_beside:@n}} [{minutes}]) ({past}|{to})"));
    let apart = |hours: std::ops::RangeInclusive<usize>, sign: char| {
        let minutes = (0..60).step_by(FIGURES_APART);
        hours.flat_map(move |hour| minutes.clone().map(move |m| format!("{hour}{sign}{m:02}")))
    };
    forms.figures("early_time", apart(1..=12, ':').chain(apart(1..=12, '.')));
    forms.figures("late_time", apart(13..=23, ':'));
    forms.rule(
        "clock_in_halves",
        format!(
            "({{hour:@n}} [{o_clock}]|{{hour_in_words:@n}} <minutes_of_hour>|<figures_early_time>\
             |(<beside>|half {past}) {{hour:@n}}|half {{hour_in_words:@n}})"
        ),
    );
    forms.rule(
        "clock",
        format!(
            "(<clock_in_halves> [{half_of_day}]|[(<beside>|half {past})] <hour_by_name>\
             |{{late_hour:@n}} <minutes_of_hour>|<figures_late_time>\
             |{zero} {{digit_number:@n}} (hundred [hours]|{{two_digit_minutes:@n}}))"
        ),
    );
}

/// Times of day at `i`.
pub fn readings(t: &Tokens<'_>, i: usize) -> Vec<Hit<Reading>> {
    let mut found = whole(t, i);
    found.extend(relative(t, i));
    for plain in 0..found.len() {
        let Hit { end, value, .. } = found[plain];
        if let Some((end, afternoon)) = meridiem(t, end) {
            found.extend(value.of_half(afternoon).map(|value| Hit::sure(end, value)));
        }
    }
    found
}

/// The place after "am" or "pm", and whether it is "pm".
fn meridiem(t: &Tokens<'_>, i: usize) -> Option<(usize, bool)> {
    let pm = t.after_any(i, PM).map(|end| (end, true));
    pm.or_else(|| t.after_any(i, AM).map(|end| (end, false)))
}

/// Everything that is not counted from another time.
fn whole(t: &Tokens<'_>, i: usize) -> Vec<Hit<Reading>> {
    let mut found = Vec::new();
    for (names, hour, half) in NAMED {
        let end = t.after_any(i, names);
        found
            .extend(end.zip(Reading::new(hour, 0, half)).map(|(end, value)| Hit::sure(end, value)));
    }
    found.extend(in_digits(t, i));
    found.extend(in_words(t, i));
    found
}

/// Whether the hour is one of 24 is seen from the hour itself.
fn of_hour(hour: i64, minute: i64) -> Option<Reading> {
    let half = if (1..=12).contains(&hour) { Half::Open } else { Half::Known };
    Reading::new(hour, minute, half)
}

fn in_digits(t: &Tokens<'_>, i: usize) -> Vec<Hit<Reading>> {
    let mut found = Vec::new();
    let Some((digits, hour)) = t.digits(i, 4) else { return found };
    // "0730" and "1930 hours".
    if digits.len() == 4 {
        let reading = Reading::new(hour / 100, hour % 100, Half::Known);
        let hours = t.after(i + 1, "hours");
        let end = hours.unwrap_or(i + 1);
        found.extend(reading.map(|value| Hit { end, value, sure: hours.is_some() }));
        return found;
    }
    let known = digits.len() == 2 && digits.starts_with('0');
    let reading = |minute| {
        if known { Reading::new(hour, minute, Half::Known) } else { of_hour(hour, minute) }
    };
    let Some(bare) = reading(0).filter(|_| digits.len() <= 2) else { return found };
    let minute = |sign: &str, at: usize| {
        let signed = t.word(at) == sign && t.glued(at) && t.glued(at + 1);
        t.digits(at + 1, 2).filter(|(digits, _)| signed && digits.len() == 2)
    };
    if let Some((_, minutes)) = minute(":", i + 1) {
        if let Some((_, second)) = minute(":", i + 3).filter(|(_, second)| *second < 60) {
            let exact = reading(minutes).map(|value| Reading { second: second as i8, ..value });
            found.extend(exact.map(|value| Hit::sure(i + 5, value)));
        }
        found.extend(reading(minutes).map(|value| Hit::sure(i + 3, value)));
    } else if let Some((_, minutes)) = minute(".", i + 1) {
        // "7.30" is a number as well.
        found.extend(reading(minutes).map(|value| Hit::unsure(i + 3, value)));
    } else {
        found.push(Hit::unsure(i + 1, bare));
        found.extend(o_clock(t, i + 1).map(|end| Hit::sure(end, bare)));
    }
    found
}

fn o_clock(t: &Tokens<'_>, i: usize) -> Option<usize> {
    t.after_any(i, O_CLOCK)
}

fn in_words(t: &Tokens<'_>, i: usize) -> Vec<Hit<Reading>> {
    let mut found = Vec::new();
    let mut push = |end: usize, reading: Option<Reading>, sure: bool| {
        found.extend(reading.map(|value| Hit { end, value, sure }));
    };
    // "oh seven hundred", "zero seven thirty".
    let zero = t.after_any(i, ZERO);
    let from = zero.unwrap_or(i);
    for (end, hour) in t.whole_words(from) {
        let known = zero.is_some();
        let reading = |minute| {
            if known { Reading::new(hour, minute, Half::Known) } else { of_hour(hour, minute) }
        };
        if zero.is_some() && hour >= 10 && hour % 100 != 0 {
            continue;
        }
        if hour % 100 == 0 && (100..2400).contains(&hour) {
            let military = Reading::new(hour / 100, 0, Half::Known);
            let hours = t.after(end, "hours");
            push(hours.unwrap_or(end), military, hours.is_some() || zero.is_some());
        } else if hour < 24 {
            if !known && hour > 0 {
                push(end, reading(0), false);
                if let Some(end) = o_clock(t, end) {
                    push(end, reading(0), true);
                }
            }
            for (end, minute) in two_digits(t, end) {
                push(end, reading(minute), false);
            }
        }
    }
    if let Some(hours) = t.after_any(i, &["zero hundred hours", "zero hundred"]) {
        push(hours, Reading::new(0, 0, Half::Known), true);
    }
    found
}

/// "quarter to eight", "ten minutes past noon", "half seven".
fn relative(t: &Tokens<'_>, i: usize) -> Vec<Hit<Reading>> {
    let mut found = Vec::new();
    let mut minutes: Vec<(usize, i64)> = Vec::new();
    let from = t.skip(i, &["a"]);
    minutes.extend(t.after(from, "quarter").map(|end| (end, 15)));
    minutes.extend(t.after(i, "half").map(|end| (end, 30)));
    let counted = t.cardinals(i).into_iter();
    let counted =
        counted.filter(|hit| hit.value.fract() == 0.0 && (1.0..60.0).contains(&hit.value));
    minutes.extend(counted.map(|hit| (t.skip(hit.end, MINUTES), hit.value as i64)));
    if let Some(start) = t.after(i, "half") {
        // British: thirty minutes past.
        let hours = whole(t, start).into_iter().filter(|hour| hour.value.half == Half::Open);
        let full = hours.filter(|hour| hour.value.minute == 0);
        found.extend(full.map(|hour| hour.map(|value| value.shifted(30))));
    }
    for (end, count) in minutes {
        let past = t.after_any(end, PAST).map(|end| (end, count));
        let to = t.after_any(end, TO).map(|end| (end, -count));
        let Some((start, minutes)) = past.or(to) else { continue };
        for hour in whole(t, start).into_iter().filter(|hour| hour.value.minute == 0) {
            found.push(Hit::sure(hour.end, hour.value.shifted(minutes)));
        }
    }
    found
}
