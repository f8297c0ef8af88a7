//! Spoken forms with their values, and what holds for every text.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::clock::Clock;
use crate::nlu::SlotValue;
use crate::units::SamplePos;

mod spoken;

fn now() -> Moment {
    Clock::default().at(SamplePos(0))
}

/// A local time where the clocks go by the rule of Central Europe.
fn moment(local: &str) -> Moment {
    // By rule, so that no zone file is needed.
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let local: DateTime = local.parse().unwrap();
    Moment::from(local.to_zoned(zone).unwrap())
}

/// What the whole of `said` is, as the value of a slot.
fn whole(kind: Entity, said: &str, now: &Moment) -> Option<SlotValue> {
    let words = Words::new(said);
    let found = entities_at(kind, &words.text, 0, now);
    found.iter().find(|found| found.end == words.text.len()).map(|found| (&found.value).into())
}

/// The forms of a kind in `forms.txt`.
fn forms(kind: Entity) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("forms.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(move |line| {
        let mut fields = line.split(" | ");
        let (name, form, value) = (fields.next()?, fields.next()?, fields.next()?);
        (name == kind.name()).then_some((form, value))
    })
}

#[test]
fn every_form_has_its_value() {
    let mut count = 0;
    let mut wrong = String::new();
    for kind in Entity::ALL {
        for (form, value) in forms(kind) {
            let found = whole(kind, form, &now());
            let found = found.map_or_else(|| "-".to_owned(), |value| value.to_string());
            count += 1;
            if found != value {
                wrong += &format!("{} | {form} | {found}, not {value}\n", kind.name());
            }
        }
    }
    assert!(wrong.is_empty(), "of {count} forms:\n{wrong}");
    assert!(count >= 300, "{count}");
}

#[test]
fn the_present_and_its_zone_decide() {
    use Entity::{Date, Time, When};
    // The clocks go forward on 2026-03-29, from 2:00 to 3:00, and back on 2026-10-25.
    let (spring, autumn) = ("2026-03-28T22:00", "2026-10-24T22:00");
    let (friday, last) = ("2026-01-09T20:15", "9999-12-30T10:00");
    for (now, kind, said, expected) in [
        (spring, Time, "in six hours", "2026-03-29T05:00:00+02:00"),
        (spring, Time, "tomorrow at seven", "2026-03-29T07:00:00+02:00"),
        (spring, Time, "two thirty a.m.", "2026-03-29T03:30:00+02:00"),
        (spring, When, "tomorrow", "2026-03-29"),
        (autumn, Time, "2:30 am", "2026-10-25T02:30:00+02:00"),
        (autumn, Time, "in six hours", "2026-10-25T03:00:00+01:00"),
        (friday, Date, "friday", "2026-01-16"),
        (friday, Date, "this friday", "2026-01-09"),
        (friday, Time, "eight", "2026-01-10T08:00:00+01:00"),
        (friday, Time, "today at eight", "2026-01-09T20:00:00+01:00"),
        (friday, Time, "half past eight", "2026-01-09T20:30:00+01:00"),
        (friday, Time, "tonight at one", "2026-01-10T01:00:00+01:00"),
        (last, Date, "tomorrow", "9999-12-31"),
        (last, Date, "in two days", "-"),
        (last, Date, "january first", "-"),
        (last, Time, "in ten thousand hours", "-"),
    ] {
        let found = whole(kind, said, &moment(now));
        let found = found.map_or_else(|| "-".to_owned(), |value| value.to_string());
        assert_eq!(found, expected, "{said} at {now}");
    }
}

#[test]
fn entities_are_spotted_where_they_are_sure() {
    for (kind, said, expected) in [
        (Entity::Time, "Wake me at Seven, please.", "at Seven"),
        (Entity::Time, "two lattes for 8:30", "8:30"),
        (Entity::Time, "two lattes", ""),
        (Entity::Time, "Seven", "Seven"),
        (Entity::Date, "the third lamp on may 5th", "the third, on may 5th"),
        (
            Entity::Duration,
            "boil it for two and a half minutes then wait an hour",
            "two and a half minutes, an hour",
        ),
        (Entity::Number, "fifty percent or 60 %", "fifty, 60"),
        (Entity::Number, "set it to 50%", ""),
        (Entity::Percentage, "set it to 50%", "50%"),
        (Entity::Money, "that’s $2.50!", "$2.50"),
        (Entity::Letters, "are you there", ""),
        (Entity::Letters, "my name is B as in Bravo, O, B", "B as in Bravo, O, B"),
        (Entity::Digits, "call five five five, oh one", "five five five, oh one"),
        (Entity::YesNo, "turn right", ""),
        (Entity::YesNo, "well, definitely not that", "definitely not"),
        (Entity::Duration, "½ hour…", "½ hour"),
    ] {
        let spotted = parse(kind, said, &now());
        for one in &spotted {
            assert_eq!(&said[one.range.clone()], one.text);
        }
        let texts: Vec<&str> = spotted.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(texts.join(", "), expected, "{} in {said}", kind.name());
    }
}

#[test]
fn every_end_is_found_shortest_first() {
    let found = entities_at(Entity::Number, "set twenty one fifty", 4, &now());
    let shown: Vec<String> = found.iter().map(|f| format!("{}@{}", f.value, f.end)).collect();
    assert_eq!(shown, ["20@10", "21@14", "2150@20"]);
}

#[test]
fn kinds_are_named() {
    for kind in Entity::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    let error = "colour".parse::<Entity>().unwrap_err().to_string();
    assert!(error.starts_with("`colour` is no kind of entity; there are `number`,"), "{error}");
}

#[test]
fn values_are_written_as_json_with_their_kind() {
    for (kind, said, expected) in [
        (Entity::Money, "$2.50", r#"{"kind":"money","amount":2.5,"currency":"USD"}"#),
        (
            Entity::Temperature,
            "20 °C",
            r#"{"kind":"temperature","degrees":20.0,"scale":"celsius"}"#,
        ),
        (Entity::Duration, "an hour", r#"{"kind":"duration","duration":"PT1H"}"#),
        (Entity::Time, "noon", r#"{"kind":"time","at":"2026-01-05T12:00:00+00:00"}"#),
        (Entity::YesNo, "rather not", r#"{"kind":"yes_no","shade":"rather_not"}"#),
    ] {
        let spotted = parse(kind, said, &now());
        assert_eq!(serde_json::to_string(&spotted[0].value).unwrap(), expected);
    }
}

/// Words that rules look for, digits, signs, and some that are nothing.
fn speech() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = include_str!("forms.txt")
        .lines()
        .filter_map(|line| line.split(" | ").nth(1))
        .flat_map(str::split_whitespace)
        .chain(["lamp", "the", "and", "of", "a", "’", "99999", "🙂", "İ"])
        .collect();
    let word = prop_oneof![9 => prop::sample::select(words).prop_map(str::to_owned), 1 => ".{0,4}"];
    prop::collection::vec(word, 0..16).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_found_lies_in_the_text(said in speech()) {
        let words = Words::new(&said);
        for kind in Entity::ALL {
            for at in 0..=words.text.len() + 1 {
                let mut last = at;
                for found in entities_at(kind, &words.text, at, &now()) {
                    prop_assert!(found.end > last && words.text.is_char_boundary(found.end));
                    last = found.end;
                }
                prop_assert!(last <= words.text.len().max(at));
            }
            for spotted in parse(kind, &said, &now()) {
                prop_assert_eq!(&said[spotted.range], spotted.text);
            }
        }
    }

    /// So the work per place has a bound, and a text of 10,000 words takes that many times it.
    #[test]
    fn nothing_is_looked_at_beyond_the_window(said in speech(), filler in "[a-c ]{300}", more in speech()) {
        let near = Words::new(&format!("{said} {filler}")).text;
        let far = Words::new(&format!("{said} {filler} {more}")).text;
        for kind in Entity::ALL {
            prop_assert_eq!(entities_at(kind, &near, 0, &now()), entities_at(kind, &far, 0, &now()));
        }
    }
}

#[test]
fn ten_thousand_words_are_walked_to_their_end() {
    let words = ["twenty", "and", "a", "half", "past", "one", "double", "in", "5", "yes", "lamp"];
    let said: Vec<&str> = (0..10_000).map(|i| words[i * i % 10_007 % words.len()]).collect();
    let said = said.join(" ");
    for kind in Entity::ALL {
        let spotted = parse(kind, &said, &now());
        assert!(spotted.iter().all(|one| one.text.len() <= tokens::WINDOW_BYTES));
    }
}
