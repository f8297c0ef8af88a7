//! The usual ways to say each kind, as automata.

use super::super::spoken::unknown_names;
use super::*;
use crate::asr::{Language, Place};
use crate::nlu::{Automaton, Context, Grammar, Said, Source, Talk};

/// The words for one kind, and where they begin.
fn automaton(kind: Entity) -> (Automaton, Place) {
    let yaml = format!(
        "language: en\nintents: {{i: {{data: [{{sentences: ['{{x}}']}}]}}}}\n\
         lists: {{x: {{entity: {}}}}}\n",
        kind.name()
    );
    let grammar = Grammar::parse(&[Source::new("a.yaml", yaml)]).expect("a good grammar");
    let mut talk = Talk::default();
    let (start, end) = (talk.stop(false), talk.stop(true));
    talk.leg(start, end, 0, Said::Value("x".to_owned()), 0.0);
    let mut automaton = Automaton::new(&[&grammar], talk, &Context::new());
    let start = automaton.start(start);
    (automaton, start)
}

fn takes(automaton: &mut Automaton, start: Place, words: &str) -> bool {
    let end = words.split(' ').try_fold(start, |place, word| {
        let edges = automaton.edges(place).to_vec();
        edges.iter().find(|edge| automaton.word(edge.word) == word).map(|edge| edge.to)
    });
    end.is_some_and(|end| automaton.ends(end).is_some())
}

#[test]
fn the_forms_refer_to_one_another() {
    assert_eq!(unknown_names(), std::collections::BTreeMap::new());
}

/// Forms of the table that the rules read and a search does not expect: rare wordings, and figures
/// that recognisers write otherwise or in too many ways to wait for each.
#[rustfmt::skip] // one line each would hide what the list is
const OPEN: &[&str] = &[
    "two thousand and twenty six", "twenty five hundred", "two and a half million",
    "2.5 million", "three billion", "two billion three hundred million", "a billion",
    "a quarter of a million", "half a million", "three quarters of a million",
    "one and a half thousand", "a couple of hundred", "a couple dozen", "one tenth",
    "five and two thirds", "nought point two five", "oh point seven", "zero point one two",
    "nought", "negative twelve point five", "minus a half", "minus two and a half", "1,000",
    "1,234,567.5", "-3", "1/2", "2 1/2", "2½", "¾", "5k",
    "nine hundred and ninety nine thousand nine hundred and ninety nine",
    "one hundred and third", "two thousandth", "112th", "101st",
    "two dollars fifty", "a buck fifty", "five pounds thirty", "one euro twenty",
    "two and a half million dollars", "twelve hundred dollars", "minus ten dollars",
    "$2 million", "$1,250", "5 €", "3.20€", "20 USD", "EUR 15",
    "nineteen hundred hours", "in a day and six hours", "7:30pm", "7pm", "07:30", "00:15", "19:30:15",
    "2026-03-05 at 14:30",
    "the third of june two thousand and six", "february twenty ninth", "May 12, 2027", "12 may 2027",
    "july fourth nineteen eighty four", "march third twenty twenty seven", "2026-03-05",
    "12/25/2026", "3/5", "25/12",
    "one hour twenty", "two decades", "5 min", "2h30", "2h 30m", "45s", "1½ hours", "zero minutes",
    "minus three percent", "50%", "12.5 %",
    "five degrees below zero celsius", "300 kelvin", "20 °C", "68°F", "-5°", "20C",
    "one eight hundred five five five", "fifty five twenty one", "555-1234", "(030) 123 456",
    "+49 30 1234567",
    "B as in Bravo, O as in Oscar, B as in Bob", "capital m c d",
    "Yeah, sure", "yes, definitely", "definitely, yes", "no, no, definitely not",
    "yes, no, maybe",
];

#[test]
fn every_form_is_expected_or_known_to_be_open() {
    let mut wrong = String::new();
    for kind in Entity::ALL {
        let (mut automaton, start) = automaton(kind);
        for (form, _) in forms(kind).filter(|(_, value)| *value != "-") {
            let taken = takes(&mut automaton, start, &Words::new(form).text);
            if taken == OPEN.contains(&form) {
                wrong += &format!("{} | {form} | expected: {taken}\n", kind.name());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Words that are drawn from the automaton of a kind, from those that end there.
fn drawn(automaton: &mut Automaton, start: Place, draws: &[u16]) -> Option<String> {
    let (mut place, mut words) = (start, Vec::new());
    for draw in draws {
        let draw = usize::from(*draw);
        if automaton.ends(place).is_some() && draw.is_multiple_of(4) {
            return Some(words.join(" "));
        }
        let edges = automaton.edges(place).to_vec();
        let Some(edge) = edges.get(draw / 4 % edges.len().max(1)) else { break };
        words.push(automaton.word(edge.word).to_owned());
        place = edge.to;
    }
    automaton.ends(place).is_some().then(|| words.join(" "))
}

/// Automata keep what they have expanded.
fn with_each<R>(check: impl FnOnce(&mut [(Entity, Automaton, Place)]) -> R) -> R {
    thread_local! {
        static EACH: std::cell::RefCell<Vec<(Entity, Automaton, Place)>> = Entity::ALL
            .iter()
            .map(|kind| {
                let (automaton, start) = automaton(*kind);
                (*kind, automaton, start)
            })
            .collect::<Vec<_>>()
            .into();
    }
    EACH.with_borrow_mut(|each| check(each))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_expected_is_read(draws in prop::collection::vec(any::<u16>(), 30)) {
        with_each(|each| {
            for (kind, automaton, start) in each {
                let Some(said) = drawn(automaton, *start, &draws) else { continue };
                let read = whole(*kind, &said, &now());
                prop_assert!(read.is_some(), "{}: {said}", kind.name());
            }
            Ok(())
        })?;
    }
}
