//! What an understood utterance does to the talk.

use crate::nlu::{Interpretation, SlotValue, Status};
use crate::units::SamplePos;

use super::super::frame::Frame;
use super::super::phrases::{NAMED_SLOT, Phrase};
use super::super::script::{IntentScript, Reply};
use super::{Conversation, State, Step};

impl Conversation {
    pub(super) fn hear_phrase(
        &mut self,
        at: SamplePos,
        phrase: Phrase,
        heard: &Interpretation,
        mut step: Step,
    ) -> Step {
        if !self.phrases_here().contains(&phrase) {
            return self.not_understood(at, step);
        }
        self.misses = 0;
        let named_slot = heard.slots.get(NAMED_SLOT).and_then(|slot| match &slot.value {
            SlotValue::Text(name) => Some(name.clone()),
            _ => None,
        });
        match phrase {
            Phrase::Yes => self.act(at, step),
            Phrase::No if self.state == State::Confirming => {
                self.state = State::Changing;
                self.ask_again(at, "ask_change", step)
            }
            // "What would you like to change?" "Nothing."
            Phrase::No => self.confirm(at, step),
            Phrase::Cancel if self.frame.is_some() => {
                self.drop_request();
                self.say(at, &mut step, Reply::Cancelled, 0);
                self.finish(at, "cancel", step)
            }
            Phrase::Cancel => {
                self.say(at, &mut step, Reply::NothingToCancel, 0);
                self.finish(at, "cancel", step)
            }
            Phrase::StartOver => {
                self.drop_request();
                self.say(at, &mut step, Reply::StartOver, 0);
                self.finish(at, "start_over", step)
            }
            Phrase::Help => {
                self.say(at, &mut step, Reply::Help, 0);
                if self.state == State::Idle {
                    self.state = State::Listening;
                }
                self.ask_again(at, "help", step)
            }
            Phrase::Repeat if self.last_said.is_empty() => self.ask_again(at, "repeat", step),
            Phrase::Repeat => {
                step.say = self.last_said.clone();
                self.finish(at, "repeat", step)
            }
            Phrase::Hello => {
                self.state = State::Listening;
                self.say(at, &mut step, Reply::Greeting, 0);
                self.finish(at, "greet", step)
            }
            Phrase::Thanks => {
                self.say(at, &mut step, Reply::Welcome, 0);
                self.finish(at, "welcome", step)
            }
            Phrase::Goodbye => {
                self.say(at, &mut step, Reply::Goodbye, 0);
                self.end(at, "goodbye", step)
            }
            Phrase::Change => match named_slot {
                Some(slot) => {
                    self.state = State::AskingSlot(slot);
                    self.ask_again(at, "ask_slot", step)
                }
                None => self.not_understood(at, step),
            },
            Phrase::Remove => {
                if let (Some(frame), Some(slot)) = (&mut self.frame, named_slot) {
                    frame.slots.remove(&slot);
                }
                self.proceed(at, step)
            }
            Phrase::LeadIn | Phrase::LeadOut | Phrase::Filler => self.not_understood(at, step),
        }
    }

    pub(super) fn hear_intent(
        &mut self,
        at: SamplePos,
        intent: &str,
        heard: &Interpretation,
        said: &str,
        step: Step,
    ) -> Step {
        let same = self.frame.as_ref().is_some_and(|frame| frame.intent == intent);
        if !same {
            let aside = self.agent.script.intents.get(intent).is_some_and(IntentScript::is_aside)
                && heard.status == Status::Accepted;
            let before = self.frame.replace(Frame::new(intent, said));
            self.parked = if aside { before.or(self.parked.take()) } else { None };
        }
        if let Some(frame) = &mut self.frame {
            frame.fill(&heard.slots);
            frame.unsure |= heard.status == Status::Confirm;
        }
        self.proceed(at, step)
    }

    pub(super) fn not_understood(&mut self, at: SamplePos, mut step: Step) -> Step {
        let nobody = self.state == State::Idle;
        if nobody && self.agent.settings.listening.ignore_unknown {
            return self.finish(at, "ignore", step);
        }
        self.misses += 1;
        if self.misses >= self.agent.settings.limits.not_understood {
            self.say(at, &mut step, Reply::GiveUp, 0);
            return self.end(at, "give_up", step);
        }
        self.say(at, &mut step, Reply::NotUnderstood, self.misses - 1);
        if nobody {
            self.state = State::Listening;
        }
        self.ask_again(at, "not_understood", step)
    }
}
