//! Values that every agent needs and nobody wants to write templates for: numbers, money, times,
//! durations, letters that are spelled, shades of yes and no.
//!
//! Each kind is a set of rules in a file of its own. A rule looks at one place of a text in normal
//! spelling, no further than a [window](tokens::WINDOW_BYTES), and returns every end it finds, as
//! the search over templates needs them: "twenty five" is 20 and 25. `docs/entities.md` lists what
//! is understood.

mod amount;
mod date;
mod digits;
mod duration;
mod letters;
mod money;
mod ordinal;
mod percentage;
mod reading;
mod spoken;
mod temperature;
mod time;
mod tokens;
mod value;
mod wordings;
mod yes_no;

use std::ops::Range;
use std::str::FromStr;

use super::words::Words;
use crate::clock::Moment;
use tokens::{Hit, Tokens};

pub use duration::Duration;
pub(super) use spoken::{forms, writes_figures};
pub use value::{Scale, Value};
pub(super) use wordings::begins_entity;
pub use yes_no::Shade;

/// What a list can be filled with instead of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    Number,
    Ordinal,
    Money,
    /// A moment: a time of day, with or without a date.
    Time,
    Date,
    /// A moment or, where no time of day is said, a date.
    When,
    Duration,
    Percentage,
    Temperature,
    Digits,
    Letters,
    YesNo,
}

impl Entity {
    pub const ALL: [Self; 12] = [
        Self::Number,
        Self::Ordinal,
        Self::Money,
        Self::Time,
        Self::Date,
        Self::When,
        Self::Duration,
        Self::Percentage,
        Self::Temperature,
        Self::Digits,
        Self::Letters,
        Self::YesNo,
    ];

    /// As it is written in a list.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Ordinal => "ordinal",
            Self::Money => "money",
            Self::Time => "time",
            Self::Date => "date",
            Self::When => "when",
            Self::Duration => "duration",
            Self::Percentage => "percentage",
            Self::Temperature => "temperature",
            Self::Digits => "digits",
            Self::Letters => "letters",
            Self::YesNo => "yes_no",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of entity; there are {names}", names = names())]
pub struct UnknownEntity(String);

fn names() -> String {
    Entity::ALL.map(|kind| format!("`{}`", kind.name())).join(", ")
}

impl FromStr for Entity {
    type Err = UnknownEntity;

    fn from_str(name: &str) -> Result<Self, UnknownEntity> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownEntity(name.to_owned()))
    }
}

/// An entity that starts at the place asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Byte after its last character.
    pub end: usize,
    pub value: Value,
    /// Says by itself that it is of its kind: "seven o'clock" is a time, "seven" only where a time
    /// is expected.
    pub sure: bool,
}

/// An entity somewhere in what was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Spotted {
    /// Bytes of what was said.
    pub range: Range<usize>,
    pub value: Value,
    /// As it was said.
    pub text: String,
}

/// What one look for entities counts as in the exact search, whose work is bounded: some hundredths
/// of a millisecond, as thousands of its smallest steps take.
pub(super) const ENTITY_WORK: u64 = 3_000;

/// Every entity of a kind that starts at byte `at` of `text`, which is in
/// [normal spelling](Words): one per end, shortest first. Words that reckon from the present are
/// resolved against `now`.
pub fn entities_at(kind: Entity, text: &str, at: usize, now: &Moment) -> Vec<Found> {
    let tokens = Tokens::new(text, at);
    let mut found: Vec<Found> = hits(kind, &tokens, now)
        .into_iter()
        .map(|hit| Found { end: at + tokens.len_to(hit.end), value: hit.value, sure: hit.sure })
        .filter(|found| found.end > at)
        .collect();
    // Of several readings of the same words the sure one, then the one that was found first.
    found.sort_by_key(|found| (found.end, !found.sure));
    found.dedup_by_key(|found| found.end);
    found
}

fn hits(kind: Entity, t: &Tokens<'_>, now: &Moment) -> Vec<Hit<Value>> {
    fn valued<T>(hits: Vec<Hit<T>>, value: impl Fn(T) -> Value) -> Vec<Hit<Value>> {
        hits.into_iter().map(|hit| hit.map(&value)).collect()
    }
    let dates = || {
        let from = t.skip(0, &["on"]);
        valued(date::dates(t, from, now.zoned().date()), |date| Value::Date { date })
    };
    let times = || {
        let found = time::moments(t, 0, now.zoned());
        valued(found, |at| Value::Time { at: Moment::from(at) })
    };
    match kind {
        Entity::Number => {
            valued(amount::amounts(t, 0), |number| Value::Number { number: value::rounded(number) })
        }
        Entity::Ordinal => valued(ordinal::ordinals(t, 0), |place| Value::Ordinal { place }),
        Entity::Money => money::sums(t, 0),
        Entity::Time => times(),
        Entity::Date => dates(),
        Entity::When => times().into_iter().chain(dates()).collect(),
        Entity::Duration => {
            valued(duration::durations(t, 0), |duration| Value::Duration { duration })
        }
        Entity::Percentage => percentage::percentages(t, 0),
        Entity::Temperature => temperature::temperatures(t, 0),
        Entity::Digits => valued(digits::strings(t, 0), |digits| Value::Digits { digits }),
        Entity::Letters => valued(letters::spelled(t, 0), |letters| Value::Letters { letters }),
        Entity::YesNo => valued(yes_no::answers(t, 0), |shade| Value::YesNo { shade }),
    }
}

/// The entities of a kind in what was said, from left to right, the longest at each place. What
/// [may be something else](Found::sure) counts only where nothing else was said.
pub fn parse(kind: Entity, said: &str, now: &Moment) -> Vec<Spotted> {
    let words = Words::new(said);
    let mut spotted = Vec::new();
    let mut at = 0;
    while at < words.text.len() {
        let whole = |end: usize| at == 0 && end == words.text.len();
        let found = entities_at(kind, &words.text, at, now).into_iter().rev();
        let mut fits =
            found.filter(|found| words.ends_word(found.end) && (found.sure || whole(found.end)));
        if let Some(Found { end, value, .. }) = fits.next() {
            let text = words.said(at..end).to_owned();
            spotted.push(Spotted { range: words.origin(at..end), value, text });
            at = end;
        }
        at = words.text[at..].find(' ').map_or(words.text.len(), |space| at + space + 1);
    }
    spotted
}

#[cfg(test)]
mod tests;
