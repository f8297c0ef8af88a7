//! Clock times: "7:05 pm" → "seven oh five P.M."

use regex::Captures;

use super::super::numbers::written;
use super::rewrite::Rewrite;

pub(super) struct Clock {
    with_half: Rewrite,
    plain: Rewrite,
}

const TIME: &str = "([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?";

impl Clock {
    pub fn new() -> Self {
        let with_half = format!(r"{TIME} ?([AaPp])\.?[Mm]\.?");
        Self {
            // "10:30 amber" is a plain time.
            with_half: Rewrite::between(r"\b", &with_half, "(?:[^A-Za-z0-9]|$)"),
            plain: Rewrite::between(r"\b", TIME, "(?:[^0-9]|$)"),
        }
    }

    pub fn apply(&self, text: String) -> String {
        let text = self.with_half.apply(text, |time, after| {
            // With its dots the reader spells the letters; a stop that follows serves as the last.
            let half = time[5].to_uppercase();
            let stop = if after.starts_with('.') { "" } else { "." };
            Some(format!("{} {half}.M{stop}", spoken(time, "")?))
        });
        self.plain.apply(text, |time, _| spoken(time, " o'clock"))
    }
}

/// `None` for figures that are no time of day. `full_hour` follows an hour without minutes.
fn spoken(time: &Captures, full_hour: &str) -> Option<String> {
    let number = |group: usize| time.get(group).map(|figures| figures.as_str().parse::<u32>().ok());
    let (hour, minute) = (number(2)??, number(3)??);
    let second = match number(4) {
        Some(second) => Some(second?),
        None => None,
    };
    if hour > 24 || minute > 59 || second.is_some_and(|second| second > 59) {
        return None;
    }
    let mut words = written(hour, false);
    match minute {
        0 if second.is_none() => words += full_hour,
        0 => {}
        1..10 => words += &format!(" oh {}", written(minute, false)),
        _ => words += &format!(" {}", written(minute, false)),
    }
    if let Some(second) = second {
        let unit = if second == 1 { "second" } else { "seconds" };
        words += &format!(" and {} {unit}", written(second, false));
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spoken() {
        for (text, want) in [
            ("at 7:05 pm", "at seven oh five P.M."),
            ("at 7:30 p.m. sharp", "at seven thirty P.M. sharp"),
            ("at 7:30 p.m..", "at seven thirty P.M."),
            ("10:00", "ten o'clock"),
            ("10:00AM", "ten A.M."),
            ("0:45", "zero forty-five"),
            ("1:02:01", "one oh two and one second"),
            ("10:30 amber", "ten thirty amber"),
            ("25:00 and 10:75", "25:00 and 10:75"),
            ("ratio 3:2", "ratio 3:2"),
            ("9:15-9:45", "nine fifteen-nine forty-five"),
        ] {
            assert_eq!(Clock::new().apply(text.into()), want, "{text}");
        }
    }
}
