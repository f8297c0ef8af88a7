//! Everything that gives an agent's words their meaning, the surest first: sentences as they are
//! written, then sentences that sound like what was heard, then intents that are like it.

use std::sync::Arc;

use super::align::{Aligned, Aligner};
use super::confidence::{Calibration, Observed, SOUND};
use super::draft::Context;
use super::examples::{Examples, Likeness};
use super::grammar::Grammar;
use super::interpretation::{Alternative, Interpretation, Slots, Status};
use super::sound::Sounds;

/// Strain at which its sign is 0: near where sentences and other talk are told apart.
const USUAL_STRAIN: f32 = 0.3;

/// Interprets text with all that is known of an agent's sentences. Immutable, and shared between
/// threads as it is.
pub struct Interpreter {
    grammar: Grammar,
    aligner: Aligner,
    examples: Option<Examples>,
    calibration: Calibration,
}

impl Interpreter {
    /// `sounds` pronounces what the sentences and the visitors say.
    pub fn new(grammar: &Grammar, sounds: Arc<Sounds>) -> Self {
        let aligner = Aligner::new(grammar, sounds);
        let calibration = Calibration::SHIPPED;
        Self { grammar: grammar.clone(), aligner, examples: None, calibration }
    }

    /// What evidence is worth; what [ships](Calibration::SHIPPED) at first.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    pub fn set_calibration(&mut self, calibration: Calibration) {
        self.calibration = calibration;
    }

    /// Also tells intents by what was learned from examples.
    pub fn set_examples(&mut self, examples: Examples) {
        self.examples = Some(examples);
    }

    /// How this agent's words sound.
    pub fn sounds(&self) -> &Sounds {
        self.aligner.sounds()
    }

    pub fn aligner(&self) -> &Aligner {
        &self.aligner
    }

    /// Understands `text` with nothing known about the world.
    pub fn interpret(&self, text: &str) -> Interpretation {
        let exact = self.grammar.interpret(text);
        if exact.status == Status::Rejected {
            self.beyond(&self.grammar, text, exact)
        } else {
            exact
        }
    }

    /// What a text means that nothing takes as it is; `exact` where it means nothing. `grammar` is
    /// the interpreter's own, [at the moment](Grammar::at) of the text.
    pub fn beyond(&self, grammar: &Grammar, text: &str, exact: Interpretation) -> Interpretation {
        let sounding = self.by_sound(grammar, text, exact);
        if sounding.status == Status::Rejected {
            return self.by_example(grammar, text, sounding);
        }
        sounding
    }

    /// What a text is most like that no sentence takes; `exact` where it is like nothing. `grammar`
    /// as for [`Interpreter::beyond`].
    pub fn by_example(
        &self,
        grammar: &Grammar,
        text: &str,
        exact: Interpretation,
    ) -> Interpretation {
        match &self.examples {
            Some(examples) if exact.gave_up.is_none() => {
                examples.interpret(grammar, self.sounds(), text, exact)
            }
            _ => exact,
        }
    }

    /// The intent that a text is most like, whether it is like it enough or not; `None` where nothing
    /// was learned.
    pub fn likeness(&self, text: &str) -> Option<Likeness> {
        self.examples.as_ref()?.likeness(&self.grammar, self.sounds(), text)
    }

    /// What a text sounds like, as an example for a fit: `is_right` tells by intent and slots. `None`
    /// for a text that a sentence takes as it is, and for one that sounds like nothing.
    pub fn observe_sound(
        &self,
        text: &str,
        is_right: impl Fn(&str, &Slots) -> bool,
    ) -> Option<Observed> {
        let readings = self.aligner.align(text, &Context::new()).ok()?;
        let best = readings.first().filter(|best| best.evidence.cost > 0.0)?;
        let right = is_right(&best.intent, &best.slots);
        best.stands_against(&readings).then(|| observed(best, &readings[1..], right))
    }

    /// What a text that no sentence takes as it is sounds like; `exact` if like nothing. `grammar` as
    /// for [`Interpreter::beyond`].
    pub fn by_sound(&self, grammar: &Grammar, text: &str, exact: Interpretation) -> Interpretation {
        if exact.gave_up.is_some() {
            return exact;
        }
        let readings = match self.aligner.align_at(text, &Context::new(), grammar.now()) {
            Ok(readings) => readings,
            Err(gave_up) => return Interpretation { gave_up: Some(gave_up), ..exact },
        };
        let Some(best) = readings.first() else { return exact };
        let trust = &self.calibration.sound;
        let Observed { signs, leads, .. } = observed(best, &readings[1..], false);
        let confidence = trust.confidence(&signs, &leads);
        let status = match best.stands_against(&readings) {
            true if confidence >= 0.5 => Status::Accepted,
            true => Status::Confirm,
            false => Status::Rejected,
        };
        let nbest = readings.iter().skip(1).map(|reading| Alternative {
            intent: reading.intent.clone(),
            slots: reading.slots.clone(),
            confidence: (1.0 - confidence) * trust.fits(&signs_of(reading)),
        });
        if status == Status::Rejected {
            return exact;
        }
        Interpretation {
            status,
            completeness: exact.completeness,
            slots_ahead: exact.slots_ahead,
            intent: Some(best.intent.clone()),
            slots: best.slots.clone(),
            confidence,
            nbest: nbest.collect(),
            gave_up: None,
        }
    }
}

/// The best of several readings as an example for a fit; `others` as they follow.
fn observed(best: &Aligned, others: &[Aligned], right: bool) -> Observed {
    let behind = |other: &Aligned| (other.evidence.cost - best.evidence.cost).max(0.0);
    Observed { signs: signs_of(best).to_vec(), leads: others.iter().map(behind).collect(), right }
}

fn signs_of(reading: &Aligned) -> [f32; SOUND - 2] {
    [USUAL_STRAIN - reading.evidence.strain()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::diagnostic::Source;
    use crate::nlu::Spelled;

    fn interpreter() -> Interpreter {
        let yaml = "language: en\nintents:\n  on:\n    data:\n      - sentences: [\"turn on [the] {name}\"]\n  \
                    off:\n    data:\n      - sentences: [\"turn off [the] {name}\"]\nlists:\n  name:\n    \
                    values: [bedroom lamp, kitchen radio]\n";
        let source = Source::new("a.yaml", yaml.to_owned());
        let grammar = Grammar::parse(&[source]).expect("a good grammar");
        let sounds =
            Sounds::new(Arc::new(Spelled), grammar.respelled()).expect("nothing respelled");
        Interpreter::new(&grammar, Arc::new(sounds))
    }

    #[test]
    fn exact_sentences_are_certain_and_near_ones_less_so() {
        let interpreter = interpreter();
        let exact = interpreter.interpret("turn on the bedroom lamp");
        assert_eq!((exact.status, exact.confidence), (Status::Accepted, 1.0));
        let near = interpreter.interpret("turn on the bed room lam");
        assert_eq!(near.intent.as_deref(), Some("on"));
        assert_eq!(near.slots["name"].value.to_string(), "bedroom lamp");
        assert!((0.5..1.0).contains(&near.confidence), "{}", near.confidence);
        let far = interpreter.interpret("play something quiet by the sea");
        assert_eq!((far.status, far.intent), (Status::Rejected, None));
    }
}
