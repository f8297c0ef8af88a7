//! How far to believe what only sounds like a sentence: learned from the agent's own sentences,
//! misheard, from near misses of them and from everyday talk.

use super::kept::Fit;
use super::sentences::{Kind, sentences};
use crate::agent::Agent;
use crate::nlu::classify::Corrupt;
use crate::nlu::{Calibration, Mishearing, Observed, SOUND};

/// Sentences that are looked at: some tenths of a second for a home.
const LOOKED_AT: usize = 240;
/// Times a sentence is misheard until it differs.
const TRIES: usize = 8;
const SEED: u64 = 2;

pub fn fit(agent: &Agent, mishearing: &mut Mishearing<'_>) -> Fit<SOUND> {
    let mut observed = Vec::new();
    for sentence in sentences(agent, LOOKED_AT, SEED) {
        let interpreter = &agent.interpreter;
        observed.extend(match sentence.kind {
            Kind::Own => {
                let meant = agent.grammar.interpret(&sentence.text);
                let heard = (0..TRIES).find_map(|_| mishearing.corrupt(&sentence.text));
                heard.and_then(|heard| {
                    interpreter
                        .observe_sound(&heard, |intent, slots| meant.means(Some(intent), slots))
                })
            }
            Kind::NearMiss | Kind::Other => {
                let heard = interpreter.observe_sound(&sentence.text, |_, _| false);
                heard.map(Observed::of_nothing)
            }
        });
    }
    Fit { examples: observed.len(), trust: Calibration::SHIPPED.sound.fitted(&observed) }
}
