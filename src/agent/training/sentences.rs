//! What is said: sentences of an agent, near misses of them, and talk that is for nobody.

use std::collections::BTreeSet;

use crate::agent::Agent;
use crate::draw::Draw;
use crate::nlu::Status;
use crate::nlu::classify::EVERYDAY;

/// Draws that may be made for one sentence of the agent before another kind takes its turn.
const TRIES: usize = 40;
/// Shortest word, in letters, that is replaced by another: shorter ones are rarely a thing.
const SHORTEST: usize = 3;
/// The word for it is at most so much longer or shorter.
const LENGTH_APART: usize = 1;

/// Most words of everyday talk that is cut short.
const FIRST_WORDS: usize = 3;

/// Why a sentence is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A template allows it.
    Own,
    /// One word of a value is another that no list holds.
    NearMiss,
    /// Everyday talk, whole or the first words of it.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    pub kind: Kind,
    pub text: String,
}

/// `count` sentences, in eight parts: four are the agent's own, its intents taking turns; one are near
/// misses, where values can be missed; one is everyday talk; and two are its first words alone, for
/// what is said beside an agent is mostly short. The same agent, count and seed give the same
/// sentences.
pub fn sentences(agent: &Agent, count: usize, seed: u64) -> Vec<Sentence> {
    let mut draw = Draw::new(seed);
    let intents: Vec<&str> = agent.grammar.intents().collect();
    let talk: Vec<&str> = EVERYDAY.lines().filter(|line| !is_own(agent, line)).collect();
    let words: BTreeSet<&str> = talk.iter().flat_map(|line| line.split(' ')).collect();
    let words: Vec<&str> = words.into_iter().collect();
    let mut turn = 0;
    let all = (0..count).filter_map(|at| {
        let own = |draw: &mut Draw, turn: &mut usize| {
            *turn += 1;
            own(agent, intents[*turn % intents.len().max(1)], draw)
        };
        let other = |draw: &mut Draw, words: usize| {
            let line = talk.get(draw.below(talk.len().max(1)))?;
            let text = line.split(' ').take(words).collect::<Vec<_>>().join(" ");
            (!is_own(agent, &text)).then_some(Sentence { kind: Kind::Other, text })
        };
        match at % 8 {
            0 | 2 | 4 | 6 => {
                let text = own(&mut draw, &mut turn)?;
                Some(Sentence { kind: Kind::Own, text })
            }
            1 => {
                let missed = (0..TRIES).find_map(|_| {
                    let text = own(&mut draw, &mut turn)?;
                    near_miss(agent, &text, &words, &mut draw)
                });
                match missed {
                    Some(text) => Some(Sentence { kind: Kind::NearMiss, text }),
                    None => other(&mut draw, usize::MAX),
                }
            }
            5 => other(&mut draw, usize::MAX),
            _ => {
                let words = 1 + draw.below(FIRST_WORDS);
                other(&mut draw, words)
            }
        }
    });
    all.collect()
}

fn is_own(agent: &Agent, text: &str) -> bool {
    agent.grammar.interpret(text).status != Status::Rejected
}

/// A sentence of an intent, or of another one where draws do not meet it.
fn own(agent: &Agent, intent: &str, draw: &mut Draw) -> Option<String> {
    let mut any = None;
    for _ in 0..TRIES {
        let Some(sample) = agent.grammar.sample(draw.bits()) else { continue };
        // What one template allows, another reading or a gap in it may still refuse.
        if !is_own(agent, &sample.text) {
            continue;
        }
        if sample.intent == intent {
            return Some(sample.text);
        }
        any = Some(sample.text);
    }
    any
}

/// `text` with one word of one of its values replaced by one of `words` of like length, so that no
/// sentence takes it any more.
fn near_miss(agent: &Agent, text: &str, words: &[&str], draw: &mut Draw) -> Option<String> {
    let meaning = agent.grammar.interpret(text);
    let valued: Vec<&str> =
        meaning.slots.values().flat_map(|slot| slot.text.split_whitespace()).collect();
    let said: Vec<&str> = text.split_whitespace().collect();
    let places: Vec<usize> = (0..said.len())
        .filter(|at| said[*at].len() >= SHORTEST && valued.contains(&said[*at]))
        .collect();
    let place = *places.get(draw.below(places.len().max(1)))?;
    let length = said[place].len();
    let like: Vec<&&str> = words
        .iter()
        .filter(|word| word.len().abs_diff(length) <= LENGTH_APART && **word != said[place])
        .collect();
    let word = **like.get(draw.below(like.len().max(1)))?;
    let missed: Vec<&str> =
        said.iter().enumerate().map(|(at, w)| if at == place { word } else { *w }).collect();
    let missed = missed.join(" ");
    (!is_own(agent, &missed)).then_some(missed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::test_agent;

    fn agent() -> Agent {
        test_agent(&[
            ("agent.toml", "name = \"a\"\n"),
            (
                "intents/a.yaml",
                "language: en\nintents:\n  light:\n    data:\n      - sentences: [\"turn on the {lamp}\"]\n  \
                 stop:\n    data:\n      - sentences: [\"stop [it] now\"]\nlists:\n  lamp:\n    \
                 values: [ceiling lamp, spotlight]\n",
            ),
            ("dialogue.yaml", "intents:\n  light: {reply: ok}\n  stop: {reply: ok}\n"),
        ])
    }

    #[test]
    fn own_sentences_near_misses_and_talk_take_turns() {
        let agent = agent();
        let all = sentences(&agent, 40, 1);
        assert_eq!(all, sentences(&agent, 40, 1));
        assert_ne!(all, sentences(&agent, 40, 2));
        let of = |kind| all.iter().filter(move |s| s.kind == kind).map(|s| s.text.as_str());
        assert_eq!((of(Kind::Own).count(), of(Kind::NearMiss).count()), (20, 5));
        let short = of(Kind::Other).filter(|text| text.split(' ').count() <= FIRST_WORDS);
        assert_eq!((of(Kind::Other).count(), short.count()), (15, 10));
        assert!(of(Kind::Own).all(|text| is_own(&agent, text)));
        assert!(of(Kind::Own).any(|text| text.starts_with("stop")));
        assert!(of(Kind::NearMiss).all(|text| text.starts_with("turn on the ")));
        assert!(all.iter().all(|s| s.kind == Kind::Own || !is_own(&agent, &s.text)), "{all:?}");
    }
}
