//! The state machine of a talk with one visitor after another.
//!
//! ```text
//!          request            all known          "yes"              ended
//! idle ──────────▶ asking_slot ───────▶ confirming ───▶ acting ───────────▶ listening ──▶ idle
//!                    │  ▲ answer            │ "no"  ▲                           │ request
//!                    └──┘                   ▼       │ change                    ▼
//!                                        changing ──┘                       asking_slot …
//! ```
//!
//! Every state but `idle` has a deadline, so a talk always ends.

use std::sync::Arc;

use crate::agent::Agent;
use crate::asr::Recognition;
use crate::clock::Clock;
use crate::nlu::{Decision, Interpretation, Searched, Slots, Status, decide, searched};
use crate::turn::Expected;
use crate::units::{SAMPLE_RATE_HZ, SamplePos};

use super::action::{ActionOutcome, ActionRequest, ActionResult, Program};
use super::expectations::Situation;
use super::frame::Frame;
use super::phrases::Phrase;
use super::reading::{Beyond, Reading};
use super::script::{Confirm, Reply, Then};

mod hearing;
#[cfg(test)]
mod random;
mod saying;
#[cfg(test)]
mod tests;

/// Longest that a reply can take to speak or a visitor to talk, in samples: a time-out that is
/// armed meanwhile falls after it.
const LONGEST_SPEECH: u64 = 60 * SAMPLE_RATE_HZ as u64;
/// How much longer than its program's time limit an action is waited for, in samples.
const ACTION_GRACE: u64 = 2 * SAMPLE_RATE_HZ as u64;

/// Every [`Step::act`].
pub const ACTS: &[&str] = &[
    "greet",
    "ask_slot",
    "confirm",
    "ask_change",
    "act",
    "reply",
    "action_failed",
    "busy",
    "listen",
    "not_understood",
    "give_up",
    "ignore",
    "cancel",
    "start_over",
    "help",
    "repeat",
    "welcome",
    "goodbye",
    "prompt_again",
    "time_out",
    "leave",
    "deaf",
    "hears_again",
];

/// What the agent does next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What moved the talk, one of [`ACTS`].
    pub act: String,
    /// The state it is in now.
    pub state: String,
    /// Sentences to speak, in order; may be empty.
    pub say: Vec<String>,
    pub actions: Vec<ActionRequest>,
    /// The visitor is gone: nothing of the talk is kept.
    pub session_ended: bool,
    /// Replies that could not be made, with the reason: the deployer should hear of them.
    pub faults: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nobody is here.
    Idle,
    /// Somebody is here and nothing is pending.
    Listening,
    AskingSlot(String),
    Confirming,
    /// "What would you like to change?"
    Changing,
    /// The program of action `id` runs.
    Acting {
        id: u64,
        limit: u64,
    },
}

/// One talk after another with one agent.
pub struct Conversation {
    agent: Arc<Agent>,
    clock: Clock,
    /// Where somebody was last heard: "tomorrow" is reckoned from there.
    latest: SamplePos,
    state: State,
    /// The request being made; in [`State::Acting`] the one being done.
    frame: Option<Frame>,
    /// The request that an aside interrupted.
    parked: Option<Frame>,
    /// How often in a row something was not understood.
    misses: u32,
    /// When the present state has lasted too long.
    due: Option<SamplePos>,
    /// Somebody speaks, until then at most: nothing falls due meanwhile.
    speaking_until: Option<SamplePos>,
    deaf: bool,
    /// Deaf, and nothing was typed since.
    unheard: bool,
    prompted_again: bool,
    last_said: Vec<String>,
    actions: u64,
}

impl Conversation {
    /// `clock` tells what time replies speak of, and what dates and times that are said are
    /// reckoned from.
    pub fn new(agent: Arc<Agent>, clock: Clock) -> Self {
        Self {
            agent,
            clock,
            latest: SamplePos::default(),
            state: State::Idle,
            frame: None,
            parked: None,
            misses: 0,
            due: None,
            speaking_until: None,
            deaf: false,
            unheard: false,
            prompted_again: false,
            last_said: Vec::new(),
            actions: 0,
        }
    }

    /// The state's name in events.
    pub fn state(&self) -> &str {
        match self.state {
            State::Idle => "idle",
            State::Listening => "listening",
            State::AskingSlot(_) => "asking_slot",
            State::Confirming => "confirming",
            State::Changing => "changing",
            State::Acting { .. } => "acting",
        }
    }

    /// What kind of answer is waited for.
    pub fn expected(&self) -> Expected {
        match self.state {
            State::AskingSlot(_) => Expected::Slot,
            State::Confirming => Expected::YesNo,
            _ => Expected::Request,
        }
    }

    /// The slot that was asked for.
    pub fn asked_slot(&self) -> Option<&str> {
        match &self.state {
            State::AskingSlot(slot) => Some(slot),
            _ => None,
        }
    }

    /// What is known of the open request: its intent and slots.
    pub fn request(&self) -> Option<(&str, &Slots)> {
        self.frame.as_ref().map(|frame| (frame.intent.as_str(), &frame.slots))
    }

    /// When [`Conversation::expire`] must be called next; `None` only when idle.
    ///
    /// No visitor's time runs out who cannot be heard, but a program's does.
    pub fn deadline(&self) -> Option<SamplePos> {
        if self.unheard && !matches!(self.state, State::Acting { .. }) {
            return None;
        }
        self.due.map(|due| self.speaking_until.map_or(due, |until| due.max(until)))
    }

    /// The meaning of `text` here and now: as it is written, else as it sounds.
    pub fn interpret(&self, text: &str) -> Interpretation {
        let beyond = Beyond::SoundAndExamples(&self.agent.interpreter);
        let mut meaning = self.reading(beyond).read(text);
        self.judge(&mut meaning);
        meaning
    }

    fn reading<'a>(&'a self, beyond: Beyond<'a>) -> Reading<'a> {
        let script = &self.agent.script;
        let open = match (&self.state, &self.frame) {
            (State::Acting { .. }, _) | (_, None) => None,
            (_, Some(frame)) => Some(frame).zip(script.intents.get(&frame.intent)),
        };
        Reading {
            grammar: self.agent.grammar.at(&self.clock.at(self.latest)),
            phrases: &script.phrases,
            phrases_here: self.phrases_here(),
            open,
            asked: self.asked_slot(),
            beyond,
        }
    }

    /// Lets the agent's thresholds decide whether a meaning is sure enough.
    fn judge(&self, meaning: &mut Interpretation) {
        if meaning.status != Status::Rejected {
            let judged = self.agent.settings.thresholds.judge(meaning.confidence);
            meaning.status = match (meaning.status, judged) {
                (_, Status::Rejected) => Status::Rejected,
                (Status::Accepted, judged) => judged,
                (status, _) => status,
            };
        }
    }

    /// What an utterance means here and now, as the recogniser heard it. Its search compares sounds
    /// better than spellings can, so they are not compared again.
    pub fn understand(&self, heard: &Recognition) -> Decision {
        let written = self.reading(Beyond::Nothing);
        let free = self.reading(Beyond::Examples(&self.agent.interpreter));
        let interpreter = &self.agent.interpreter;
        let mut decision = decide(
            heard,
            &interpreter.calibration().search,
            interpreter.sounds(),
            |text| written.read(text),
            |text| free.read(text),
        );
        self.judge(&mut decision.interpretation);
        if decision.interpretation.status == Status::Rejected {
            // Not what the search was told to expect, then.
            decision.text.clone_from(&heard.best.text);
        }
        decision
    }

    /// The meaning of `text` here and now, if it is one as it is written.
    pub fn interpret_as_written(&self, text: &str) -> Interpretation {
        self.reading(Beyond::Nothing).read(text)
    }

    /// What the search found among what it was told to expect, whether that is believed or not.
    pub fn searched(&self, heard: &Recognition) -> Option<Searched> {
        let written = self.reading(Beyond::Nothing);
        searched(heard, self.agent.interpreter.sounds(), |text| written.read(text))
    }

    /// What decides which words are waited for.
    pub(super) fn situation(&self) -> Situation {
        let open = match (&self.state, &self.frame) {
            (State::Acting { .. }, _) | (_, None) => None,
            (_, Some(frame)) => Some(frame.intent.clone()),
        };
        Situation {
            phrases: self.phrases_here(),
            open,
            asked: self.asked_slot().map(str::to_owned),
            pending: matches!(
                self.state,
                State::AskingSlot(_) | State::Confirming | State::Changing
            ),
        }
    }

    fn phrases_here(&self) -> &'static [Phrase] {
        use Phrase::*;
        match self.state {
            State::Idle => &[Hello, Help],
            State::Listening => &[Hello, Help, Cancel, StartOver, Repeat, Thanks, Goodbye],
            State::AskingSlot(_) => &[Cancel, StartOver, Repeat, Help, Goodbye, Remove, Change],
            State::Confirming => {
                &[Yes, No, Cancel, StartOver, Repeat, Help, Goodbye, Remove, Change]
            }
            State::Changing => &[No, Cancel, StartOver, Repeat, Help, Goodbye, Remove, Change],
            State::Acting { .. } => &[],
        }
    }

    /// Greets a visitor before anything was said.
    pub fn greet(&mut self, at: SamplePos) -> Step {
        let mut step = Step::default();
        if self.state == State::Idle {
            self.state = State::Listening;
        }
        self.say(at, &mut step, Reply::Greeting, 0);
        self.finish(at, "greet", step)
    }

    /// Somebody began to speak: no time-out falls until they were heard, or a minute has passed.
    pub fn speech_started(&mut self, at: SamplePos) {
        self.latest = at;
        self.speaking_until = Some(at + LONGEST_SPEECH);
    }

    /// The reply finished playing: the time-out of the state counts from here.
    pub fn spoken(&mut self, at: SamplePos) {
        // A program's deadline counts from its start.
        if self.due.is_some() && !matches!(self.state, State::Acting { .. }) {
            self.due = Some(at + self.patience());
        }
    }

    /// There is no microphone, or a dead one: tells who is there, and stops the time.
    pub fn deafened(&mut self, at: SamplePos) -> Step {
        (self.deaf, self.unheard) = (true, true);
        self.speaking_until = None;
        let mut step = Step::default();
        self.say(at, &mut step, Reply::Deaf, 0);
        self.describe("deaf", step)
    }

    /// It hears again: the time that was running begins anew.
    pub fn hears_again(&mut self, at: SamplePos) -> Step {
        (self.deaf, self.unheard) = (false, false);
        self.spoken(at);
        self.describe("hears_again", Step::default())
    }

    pub fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Takes in what was said at `at`.
    pub fn hear(&mut self, at: SamplePos, heard: &Interpretation, said: &str) -> Step {
        self.latest = at;
        self.speaking_until = None;
        self.unheard = false;
        if !said.contains(char::is_alphanumeric) {
            // A noise is no answer: the time that is running goes on.
            return self.describe("ignore", Step::default());
        }
        self.prompted_again = false;
        let understood = match &heard.intent {
            Some(intent) if heard.status != Status::Rejected => Some(intent.as_str()),
            _ => None,
        };
        let step = Step::default();
        if matches!(self.state, State::Acting { .. }) {
            // What is due stays due: it is the program.
            let mut step = step;
            self.say(at, &mut step, Reply::Busy, 0);
            return self.describe("busy", step);
        }
        match understood {
            None => self.not_understood(at, step),
            Some(intent) => match Phrase::of_intent(intent) {
                Some(phrase) => self.hear_phrase(at, phrase, heard, step),
                None if self.agent.script.intents.contains_key(intent) => {
                    self.misses = 0;
                    self.hear_intent(at, intent, heard, said, step)
                }
                None => self.not_understood(at, step),
            },
        }
    }

    /// Asks for what is missing, or confirms, or acts.
    fn proceed(&mut self, at: SamplePos, step: Step) -> Step {
        let agent = Arc::clone(&self.agent);
        let open = self.frame.as_ref().and_then(|frame| {
            agent.script.intents.get(&frame.intent).map(|script| (frame, script))
        });
        let Some((frame, script)) = open else {
            self.state = State::Listening;
            return self.finish(at, "listen", step);
        };
        if let Some(slot) = frame.missing(script) {
            self.state = State::AskingSlot(slot.name.clone());
            return self.ask_again(at, "ask_slot", step);
        }
        let ask = match script.confirm {
            Confirm::Always => true,
            Confirm::Never => false,
            Confirm::WhenUnsure => frame.unsure,
        };
        if ask { self.confirm(at, step) } else { self.act(at, step) }
    }

    fn confirm(&mut self, at: SamplePos, step: Step) -> Step {
        self.state = State::Confirming;
        self.ask_again(at, "confirm", step)
    }

    /// Does the request, and answers unless a program must end first.
    fn act(&mut self, at: SamplePos, mut step: Step) -> Step {
        let agent = Arc::clone(&self.agent);
        let open = self.frame.as_ref().and_then(|frame| {
            agent.script.intents.get(&frame.intent).map(|script| (frame.slots.clone(), script))
        });
        let Some((slots, script)) = open else { return self.proceed(at, step) };
        let Some(action) = &script.action else { return self.answer(at, "reply", None, step) };
        self.actions += 1;
        let program = action.program.as_ref().map(|argv| Program {
            argv: argv.clone(),
            folder: agent.folder.clone(),
            time_limit: action.time_limit,
        });
        let runs = program.is_some();
        let id = self.actions;
        step.actions.push(ActionRequest {
            id,
            name: action.name.clone(),
            slots,
            now: self.clock.at(at),
            program,
        });
        if !runs {
            return self.answer(at, "act", None, step);
        }
        let limit = action.time_limit.as_millis() as u64;
        self.state = State::Acting { id, limit: SamplePos::from_ms(limit).0 };
        if let Some(working) = &script.working {
            self.say_of_frame(at, &mut step, working.nth(0), None);
        }
        self.finish(at, "act", step)
    }

    /// Takes in how a program ended; `None` when nobody waits for it any more.
    pub fn action_ended(&mut self, at: SamplePos, outcome: &ActionOutcome) -> Option<Step> {
        match self.state {
            State::Acting { id, .. } if id == outcome.id => {
                Some(self.outcome(at, Some(&outcome.result)))
            }
            _ => None,
        }
    }

    /// Answers after a program; `None` when its end was never reported.
    fn outcome(&mut self, at: SamplePos, result: Option<&ActionResult>) -> Step {
        let step = Step::default();
        if let Some(ActionResult::Ok { output }) = result {
            return self.answer(at, "reply", Some(output), step);
        }
        self.answer(at, "action_failed", None, step)
    }

    /// Says the reply (or apologises, when `act` is `action_failed`) and closes the request.
    fn answer(&mut self, at: SamplePos, act: &str, outcome: Option<&str>, mut step: Step) -> Step {
        let agent = Arc::clone(&self.agent);
        let script = self.frame.as_ref().and_then(|f| agent.script.intents.get(&f.intent));
        let Some(script) = script else { return self.proceed(at, step) };
        if act == "action_failed" {
            match &script.failed {
                Some(failed) => self.say_of_frame(at, &mut step, failed.nth(0), None),
                None => self.say(at, &mut step, Reply::Failed, 0),
            }
        } else {
            self.say_of_frame(at, &mut step, script.reply.nth(0), outcome);
        }
        self.frame = None;
        match (self.parked.take(), script.then) {
            (Some(parked), _) => {
                self.frame = Some(parked);
                let resumed = self.proceed(at, step);
                Step { act: act.to_owned(), ..resumed }
            }
            (None, Then::Listen) => {
                self.state = State::Listening;
                self.finish(at, act, step)
            }
            (None, Then::End) => self.end(at, act, step),
        }
    }

    /// The deadline passed: `None` when it has not at `at`.
    pub fn expire(&mut self, at: SamplePos) -> Option<Step> {
        if self.deadline().is_none_or(|deadline| at < deadline) {
            return None;
        }
        self.speaking_until = None;
        let mut step = Step::default();
        Some(match self.state {
            State::Idle | State::Listening => self.end(at, "leave", step),
            State::Acting { .. } => self.outcome(at, None),
            _ if !self.prompted_again => {
                self.prompted_again = true;
                self.ask_again(at, "prompt_again", step)
            }
            _ => {
                self.say(at, &mut step, Reply::TimedOut, 0);
                self.end(at, "time_out", step)
            }
        })
    }

    fn drop_request(&mut self) {
        self.frame = None;
        self.parked = None;
        self.state = State::Listening;
    }

    /// Forgets the visitor.
    fn end(&mut self, at: SamplePos, act: &str, mut step: Step) -> Step {
        self.drop_request();
        self.state = State::Idle;
        self.misses = 0;
        self.prompted_again = false;
        step.session_ended = true;
        let step = self.finish(at, act, step);
        self.last_said.clear();
        step
    }

    /// Arms the deadline of the state that the step leads to.
    fn finish(&mut self, at: SamplePos, act: &str, step: Step) -> Step {
        let speaking = if step.say.is_empty() { 0 } else { LONGEST_SPEECH };
        self.due = match self.state {
            State::Idle => None,
            // A program's time runs while the agent speaks.
            State::Acting { .. } => Some(at + self.patience()),
            _ => Some(at + speaking + self.patience()),
        };
        if !step.say.is_empty() {
            self.last_said = step.say.clone();
        }
        self.describe(act, step)
    }

    fn describe(&self, act: &str, mut step: Step) -> Step {
        debug_assert!(ACTS.contains(&act), "{act} is not among the acts");
        step.act = act.to_owned();
        step.state = self.state().to_owned();
        step
    }

    /// How long the state waits, in samples.
    fn patience(&self) -> u64 {
        let time_outs = &self.agent.settings.time_outs;
        match self.state {
            State::Idle | State::Listening => SamplePos::from_ms(time_outs.idle_ms()).0,
            State::Acting { limit, .. } => limit + ACTION_GRACE,
            _ => SamplePos::from_ms(time_outs.answer_ms()).0,
        }
    }
}
