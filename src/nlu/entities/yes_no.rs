//! Yes and no, and what lies between them.

use serde::Serialize;

use super::spoken::Forms;
use super::tokens::{Hit, Tokens};

/// How much of a yes it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shade {
    SurelyNot,
    No,
    RatherNot,
    Maybe,
    Rather,
    Yes,
    Surely,
}

use Shade::{Maybe, No, Rather, RatherNot, Surely, SurelyNot, Yes};

impl Shade {
    /// From −3, surely not, to 3, surely; 0 is undecided.
    pub fn degree(self) -> i64 {
        self as i64 - Maybe as i64
    }
}

/// Answers, and whether they are hardly said for anything else.
const ANSWERS: [(Shade, bool, &[&str]); 10] = [
    (
        Surely,
        true,
        &[
            "definitely",
            "absolutely",
            "certainly",
            "of course",
            "for sure",
            "sure thing",
            "you bet",
            "no doubt",
            "without a doubt",
            "by all means",
            "hell yes",
            "most certainly",
            "very much so",
            "one hundred percent",
            "i'm sure",
            "i am sure",
        ],
    ),
    (
        Yes,
        true,
        &[
            "yes",
            "yeah",
            "yep",
            "yup",
            "yea",
            "aye",
            "sure",
            "okay",
            "ok",
            "affirmative",
            "that's right",
            "that is right",
            "that's correct",
            "that is correct",
            "sounds good",
            "i do",
            "i would",
            "yes please",
            "please do",
            "go ahead",
            "why not",
            "uh huh",
            "mhm",
        ],
    ),
    (Yes, false, &["right", "correct", "true", "fine", "alright", "all right", "please", "do it"]),
    (
        Rather,
        true,
        &[
            "probably",
            "i think so",
            "i guess",
            "i guess so",
            "i suppose",
            "i suppose so",
            "i believe so",
            "most likely",
            "very likely",
            "rather yes",
            "kind of",
            "sort of",
            "i'd say so",
            "more or less",
        ],
    ),
    (
        Maybe,
        true,
        &[
            "maybe",
            "perhaps",
            "possibly",
            "not sure",
            "i'm not sure",
            "i am not sure",
            "i don't know",
            "i do not know",
            "i dunno",
            "dunno",
            "no idea",
            "it depends",
            "might be",
            "could be",
            "maybe maybe not",
            "hard to say",
            "who knows",
            "no preference",
            "i don't mind",
            "i don't care",
            "whatever",
            "either way",
        ],
    ),
    (
        RatherNot,
        true,
        &[
            "rather not",
            "probably not",
            "i'd rather not",
            "i would rather not",
            "i don't think so",
            "i do not think so",
            "not really",
            "i guess not",
            "i suppose not",
            "not exactly",
            "maybe not",
            "perhaps not",
            "preferably not",
            "most likely not",
            "hardly",
            "unlikely",
            "better not",
        ],
    ),
    (
        No,
        true,
        &[
            "no",
            "nope",
            "nah",
            "no thanks",
            "no thank you",
            "negative",
            "i don't",
            "i do not",
            "i wouldn't",
            "please don't",
            "don't",
            "do not",
            "that's wrong",
            "that is wrong",
            "not that",
            "uh uh",
        ],
    ),
    (No, false, &["not", "wrong", "false", "incorrect", "stop"]),
    (
        SurelyNot,
        true,
        &[
            "definitely not",
            "absolutely not",
            "certainly not",
            "of course not",
            "no way",
            "never",
            "not at all",
            "by no means",
            "under no circumstances",
            "surely not",
            "hell no",
            "not a chance",
            "no chance",
            "never ever",
            "over my dead body",
        ],
    ),
    (Surely, false, &["surely", "exactly", "totally", "completely"]),
];

/// Writes out how yes and no are said.
pub fn say(forms: &mut Forms) {
    forms.one_of("yes_no", ANSWERS.iter().flat_map(|(.., phrases)| *phrases));
}

/// Most answers in a row, as in "no, no, definitely not".
const MOST: usize = 4;

/// Answers at `i`. In a row the last one decides, unless the one before is a stronger one of the
/// same side: "definitely, yes" is as sure as "yes, definitely".
pub fn answers(t: &Tokens<'_>, i: usize) -> Vec<Hit<Shade>> {
    let mut found: Vec<Hit<Shade>> = Vec::new();
    let mut at = i;
    for _ in 0..MOST {
        let phrases = ANSWERS.iter().filter_map(|(shade, sure, phrases)| {
            Some(Hit { end: t.after_any(at, phrases)?, value: *shade, sure: *sure })
        });
        let Some(mut next) = phrases.max_by_key(|hit| hit.end) else { break };
        if let Some(before) = found.last() {
            let (old, new) = (before.value.degree(), next.value.degree());
            if old * new > 0 && old.abs() > new.abs() {
                next.value = before.value;
            }
            next.sure |= before.sure;
        }
        at = next.end;
        found.push(next);
    }
    found
}
