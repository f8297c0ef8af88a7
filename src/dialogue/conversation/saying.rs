//! Questions and replies: which wording, and what it speaks of.

use std::sync::Arc;

use crate::units::SamplePos;

use super::super::script::{Prompts, Reply};
use super::super::template::{Facts, Template};
use super::{Conversation, State, Step};

impl Conversation {
    /// Adds the question of the present state, if it has one.
    pub(super) fn ask_again(&mut self, at: SamplePos, act: &str, mut step: Step) -> Step {
        let agent = Arc::clone(&self.agent);
        let script = self.frame.as_ref().and_then(|f| agent.script.intents.get(&f.intent));
        let (counted_as, prompts): (&str, Option<&Prompts>) = match (&self.state, script) {
            (State::AskingSlot(name), Some(script)) => {
                let slot = script.slot(name);
                (slot.map_or("", |s| &s.name), slot.and_then(|s| s.question.as_ref()))
            }
            (State::Confirming, Some(script)) => ("", Some(&script.confirm_question)),
            (State::Changing, _) => {
                self.say(at, &mut step, Reply::AskChange, 0);
                ("", None)
            }
            _ => ("", None),
        };
        if let Some(prompts) = prompts {
            let nth = self.frame.as_mut().map_or(0, |frame| frame.count_question(counted_as));
            self.say_of_frame(at, &mut step, prompts.nth(nth), None);
        }
        self.finish(at, act, step)
    }

    pub(super) fn say(&self, at: SamplePos, step: &mut Step, reply: Reply, nth: u32) {
        let now = self.clock.at(at);
        let facts = Facts { agent: &self.agent.name, now: Some(&now), ..Facts::default() };
        render(step, self.agent.script.replies.get(reply).nth(nth), &facts);
    }

    pub(super) fn say_of_frame(
        &self,
        at: SamplePos,
        step: &mut Step,
        template: &Template,
        outcome: Option<&str>,
    ) {
        let Some(frame) = &self.frame else { return };
        let now = self.clock.at(at);
        let mut facts = Facts {
            agent: &self.agent.name,
            slots: Some(&frame.slots),
            said: Some(&frame.said),
            outcome,
            summary: None,
            now: Some(&now),
        };
        let summary = self
            .agent
            .script
            .intents
            .get(&frame.intent)
            .and_then(|script| script.summary.as_ref())
            .map(|summary| summary.render(&facts));
        let summary = match summary {
            Some(Ok(summary)) => Some(summary),
            Some(Err(e)) => {
                step.faults.push(format!("the summary of {} cannot be made: {e}", frame.intent));
                None
            }
            None => None,
        };
        facts.summary = summary.as_deref();
        render(step, template, &facts);
    }
}

/// Renders one sentence into the step. Templates are tried out when the agent is loaded, so a
/// failure here needs odd slot values; it is reported, and the talk goes on without the sentence.
fn render(step: &mut Step, template: &Template, facts: &Facts) {
    match template.render(facts) {
        Ok(text) if text.is_empty() => {}
        Ok(text) => step.say.push(capitalised(text)),
        Err(e) => step.faults.push(format!("a reply cannot be made: {e}")),
    }
}

/// A reply may begin with a slot's value or the summary, which are written for mid-sentence.
fn capitalised(text: String) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if first.is_lowercase() => first.to_uppercase().chain(letters).collect(),
        _ => text,
    }
}
