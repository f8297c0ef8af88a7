//! What people say for each kind: to try a grammar with, and to tell what is still being said.

use super::tokens::WINDOW_BYTES;
use super::{Entity, entities_at};
use crate::clock::Moment;

impl Entity {
    /// Some ways to say an entity of this kind.
    pub(in crate::nlu) fn wordings(self) -> &'static [&'static str] {
        match self {
            Self::Number => &["seven", "forty two", "two point five", "1,250"],
            Self::Ordinal => &["first", "the third", "twenty second", "the last"],
            Self::Money => &["five dollars", "two fifty dollars", "$12.50", "eighty cents"],
            Self::Time => &["seven pm", "half past eight", "noon", "tomorrow at 10:15"],
            Self::Date => &["tomorrow", "next friday", "the twelfth of may", "2027-03-05"],
            Self::When => &["tomorrow", "at seven pm", "on monday at noon", "in two days"],
            Self::Duration => &["ten minutes", "an hour and a half", "two days", "45s"],
            Self::Percentage => &["fifty percent", "12.5%", "five percent"],
            Self::Temperature => &["twenty degrees", "72 fahrenheit", "minus five celsius"],
            Self::Digits => &["five five five", "double three seven", "0 4 2"],
            Self::Letters => &["a b c", "b as in bravo", "x y z"],
            Self::YesNo => &["yes", "definitely", "maybe", "no way"],
        }
    }

    /// Words that complete what has been said of an entity.
    fn completions(self) -> &'static [&'static str] {
        match self {
            Self::Number => &["five", "hundred"],
            Self::Ordinal => &["first", "last", "to last"],
            Self::Money => &["dollars", "five dollars"],
            Self::Time => &["pm", "seven pm", "minutes", "two minutes", "noon"],
            Self::Date => &["friday", "days", "two days", "may", "of may", "first"],
            Self::When => &[
                "pm",
                "seven pm",
                "minutes",
                "two minutes",
                "noon",
                "friday",
                "days",
                "may",
                "of may",
                "first",
            ],
            Self::Duration => &["hours", "two hours", "hour", "half"],
            Self::Percentage => &["percent", "five percent"],
            Self::Temperature => &["degrees", "five degrees"],
            Self::Digits => &["five"],
            Self::Letters => &["b", "bravo", "as in bravo", "in bravo"],
            Self::YesNo => &["way", "so", "not"],
        }
    }
}

/// Do the words from `at` to the end begin an entity that is not whole yet, or one whose kind, as
/// strings of digits, has no end of its own? Also how often entities were looked for.
pub(in crate::nlu) fn begins_entity(
    kind: Entity,
    text: &str,
    at: usize,
    now: &Moment,
) -> (bool, u64) {
    let Some(said) = text.get(at..).filter(|said| !said.is_empty()) else { return (false, 0) };
    // What is longer than the window is never seen to be whole.
    if said.len() > WINDOW_BYTES {
        return (false, 0);
    }
    let endless = matches!(kind, Entity::Digits | Entity::Letters);
    let ends_here = |found: &super::Found| found.end == said.len() && found.sure;
    let mut looks = 0;
    if !endless {
        looks += 1;
        if entities_at(kind, said, 0, now).iter().any(ends_here) {
            return (false, looks);
        }
    }
    let begins = kind.completions().iter().any(|more| {
        let longer = format!("{said} {more}");
        looks += 1;
        entities_at(kind, &longer, 0, now).iter().any(|found| found.end == longer.len())
    });
    (begins, looks)
}
