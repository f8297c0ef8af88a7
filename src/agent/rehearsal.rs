//! Runs an agent's test conversations through text, with a clock of its own.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::dialogue::{ActionOutcome, ActionRequest, ActionResult, Conversation, Step};
use crate::nlu::Interpretation;
use crate::units::SamplePos;

use super::Agent;
use super::test_file::{Expectation, Happening, TestConversation, Turn};

/// How long a visitor of a test speaks, in milliseconds.
const UTTERANCE_MS: u64 = 2_000;

/// How the conversations went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    pub passed: usize,
    pub failed: usize,
    pub failures: Vec<Failed>,
}

/// The first turn of a conversation that did not go as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    pub file: PathBuf,
    pub line: u32,
    pub conversation: String,
    /// Counted from 1.
    pub turn: usize,
    /// What was said or happened.
    pub happening: String,
    pub differences: Vec<Difference>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub field: &'static str,
    pub expected: String,
    pub found: String,
}

/// Runs every conversation of the agent, each in a session of its own. No program is started.
pub fn rehearse(agent: &Arc<Agent>) -> Rehearsal {
    let mut rehearsal = Rehearsal::default();
    for test in &agent.tests {
        match run(agent, test) {
            None => rehearsal.passed += 1,
            Some(failed) => {
                rehearsal.failed += 1;
                rehearsal.failures.push(failed);
            }
        }
    }
    rehearsal
}

fn run(agent: &Arc<Agent>, test: &TestConversation) -> Option<Failed> {
    let mut stage = Stage {
        conversation: Conversation::new(Arc::clone(agent), test.clock.clone()),
        now: SamplePos::default(),
        waiting: None,
    };
    for (index, turn) in test.turns.iter().enumerate() {
        let next = test.turns.get(index + 1).map(|turn| &turn.happening);
        let program_is_told = matches!(next, Some(Happening::ProgramEnds(_)));
        let seen = stage.play(&turn.happening, program_is_told);
        let differences = compare(&turn.expect, &seen);
        if !differences.is_empty() {
            return Some(Failed {
                file: test.file.clone(),
                line: turn.line,
                conversation: test.name.clone(),
                turn: index + 1,
                happening: describe(turn),
                differences,
            });
        }
    }
    None
}

fn describe(turn: &Turn) -> String {
    match &turn.happening {
        Happening::Say(words) => format!("say: {words}"),
        Happening::Wait(seconds) => format!("wait_s: {seconds}"),
        Happening::ProgramEnds(result) => format!("program_ends: {}", result.as_str()),
    }
}

/// Everything one turn brought about.
#[derive(Default)]
struct Seen {
    heard: Option<Interpretation>,
    said: Vec<String>,
    acts: Vec<String>,
    actions: Vec<String>,
    state: String,
    ended: bool,
    faults: Vec<String>,
}

struct Stage {
    conversation: Conversation,
    now: SamplePos,
    /// The action whose program would be running.
    waiting: Option<ActionRequest>,
}

impl Stage {
    fn play(&mut self, happening: &Happening, program_is_told: bool) -> Seen {
        let mut seen = Seen::default();
        match happening {
            Happening::Say(words) => {
                self.conversation.speech_started(self.now);
                self.now = self.now + SamplePos::from_ms(UTTERANCE_MS).0;
                let heard = self.conversation.interpret(words);
                let step = self.conversation.hear(self.now, &heard, words);
                seen.heard = Some(heard);
                self.take(step, &mut seen);
            }
            Happening::Wait(seconds) => {
                let until = self.now + SamplePos::from_ms((seconds * 1000.0) as u64).0;
                while let Some(deadline) = self.conversation.deadline().filter(|d| *d <= until) {
                    self.now = deadline;
                    match self.conversation.expire(deadline) {
                        Some(step) => self.take(step, &mut seen),
                        None => break,
                    }
                }
                self.now = until;
            }
            Happening::ProgramEnds(result) => self.end_program(result.clone(), &mut seen),
        }
        if !program_is_told && self.waiting.is_some() {
            // A test that does not care how the program ends means: well.
            self.end_program(ActionResult::Ok { output: String::new() }, &mut seen);
        }
        seen.state = self.conversation.state().to_owned();
        seen
    }

    fn end_program(&mut self, result: ActionResult, seen: &mut Seen) {
        let Some(request) = self.waiting.take() else { return };
        let ActionRequest { id, name, slots, .. } = request;
        let outcome = ActionOutcome { id, name, slots, result };
        if let Some(step) = self.conversation.action_ended(self.now, &outcome) {
            self.take(step, seen);
        }
    }

    fn take(&mut self, step: Step, seen: &mut Seen) {
        seen.said.extend(step.say);
        seen.acts.push(step.act);
        seen.ended |= step.session_ended;
        seen.faults.extend(step.faults);
        for action in step.actions {
            seen.actions.push(action.name.clone());
            if action.program.is_some() {
                self.waiting = Some(action);
            }
        }
        self.conversation.spoken(self.now);
    }
}

fn compare(expect: &Expectation, seen: &Seen) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |field, expected: String, found: String| {
        differences.push(Difference { field, expected, found });
    };
    let heard = seen.heard.as_ref();
    if let Some(expected) = &expect.intent {
        let found = heard.and_then(|heard| heard.intent.clone());
        if found.as_ref() != Some(expected) {
            differ("intent", expected.clone(), found.unwrap_or_else(|| "not understood".into()));
        }
    }
    if let Some(expected) = &expect.slots {
        let found: Vec<(String, String)> = heard
            .map(|heard| {
                heard.slots.iter().map(|(n, s)| (n.clone(), s.value.to_string())).collect()
            })
            .unwrap_or_default();
        let fold = |slots: &[(String, String)]| -> Vec<(String, String)> {
            slots.iter().map(|(name, value)| (name.clone(), value.to_lowercase())).collect()
        };
        if fold(expected) != fold(&found) {
            differ("slots", show(expected), show(&found));
        }
    }
    if let Some(expected) = expect.status {
        let found = heard.map(|heard| heard.status);
        if found != Some(expected) {
            let name = |status| format!("{status:?}").to_lowercase();
            differ("status", name(expected), found.map_or_else(|| "nothing said".into(), name));
        }
    }
    let said = seen.said.join(" ");
    if let Some(expected) = &expect.reply
        && *expected != said
    {
        differ("reply", expected.clone(), said.clone());
    }
    let folded = said.to_lowercase();
    for piece in &expect.reply_has {
        if !folded.contains(&piece.to_lowercase()) {
            differ("reply_has", piece.clone(), said.clone());
        }
    }
    for piece in &expect.reply_lacks {
        if folded.contains(&piece.to_lowercase()) {
            differ("reply_lacks", piece.clone(), said.clone());
        }
    }
    if let Some(expected) = &expect.state
        && *expected != seen.state
    {
        differ("state", expected.clone(), seen.state.clone());
    }
    if let Some(expected) = &expect.act
        && !seen.acts.contains(expected)
    {
        differ("act", expected.clone(), seen.acts.join(", "));
    }
    if let Some(expected) = &expect.actions
        && *expected != seen.actions
    {
        differ(
            "actions",
            format!("[{}]", expected.join(", ")),
            format!("[{}]", seen.actions.join(", ")),
        );
    }
    if let Some(expected) = expect.ended
        && expected != seen.ended
    {
        differ("ended", expected.to_string(), seen.ended.to_string());
    }
    // A reply that cannot be made is a mistake of the agent, whatever the test looks at.
    for fault in &seen.faults {
        differ("fault", "none".into(), fault.clone());
    }
    differences
}

fn show(slots: &[(String, String)]) -> String {
    let pairs: Vec<String> = slots.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}
