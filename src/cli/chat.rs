use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use serde::Serialize;

use super::keyboard::{self, Line};
use super::{Context, Failure};
use crate::agent::Agent;
use crate::clock::{Clock, Moment};
use crate::dialogue::{ActionRequest, ActionResult, ActionRunner, Conversation, Step};
use crate::nlu::Interpretation;
use crate::observe::Event;
use crate::units::SamplePos;

/// Talk to an agent by keyboard
///
/// A line is what the visitor says; Ctrl-D ends. At a terminal the agent's time-outs run as they
/// would in speech; with lines from a pipe or file, time stands still. Actions really run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  mynah chat agents/coffee\n  \
    echo 'can I get a latte' | mynah chat agents/coffee --json\n  \
    mynah chat agents/coffee --now 2026-12-24T18:00")]
pub struct Args {
    /// The agent's folder
    pub agent: PathBuf,
    #[command(flatten)]
    state: super::train::State,
    /// When the talk begins, for replies that tell the time: 2026-03-05T14:30 (local) or
    /// 2026-03-05T14:30:00+01:00 (default: the machine's clock).
    #[arg(long, value_name = "TIME")]
    now: Option<Moment>,
}

/// How often a running program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let mut agent = Agent::load(&args.agent).map_err(Failure::input)?;
    context.prepare_if_possible(&mut agent, &args.state)?;
    let agent = Arc::new(agent);
    let mut chat = Chat {
        conversation: Conversation::new(
            agent,
            args.now.clone().map_or(Clock::Machine, Clock::From),
        ),
        actions: ActionRunner::default(),
        clock: std::io::stdin().is_terminal().then(Instant::now),
        json: context.json,
    };
    let greeting = chat.conversation.greet(SamplePos::default());
    chat.tell(&greeting)?;
    if chat.clock.is_some() { chat.at_terminal() } else { chat.read_pipe() }
}

/// Prints one JSON value as a line on stdout.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(anyhow::Error::from)?;
    print_line(&line)
}

fn print_line(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|e| Failure::Runtime(anyhow::anyhow!("cannot write to standard output: {e}")))
}

struct Chat {
    conversation: Conversation,
    actions: ActionRunner,
    /// Runs only at a terminal.
    clock: Option<Instant>,
    json: bool,
}

impl Chat {
    fn now(&self) -> SamplePos {
        let ms = self.clock.map_or(0, |started| started.elapsed().as_millis() as u64);
        SamplePos::from_ms(ms)
    }

    fn read_pipe(&mut self) -> Result<(), Failure> {
        for line in std::io::stdin().lock().lines() {
            self.hear(&read(line)?)?;
            for outcome in self.actions.wait_all() {
                self.action_ended(&outcome)?;
            }
        }
        Ok(())
    }

    fn at_terminal(&mut self) -> Result<(), Failure> {
        let lines = keyboard::lines();
        loop {
            match lines.recv_timeout(self.until_next()) {
                Ok(line) => self.hear(&read(line)?)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            for outcome in self.actions.poll() {
                self.action_ended(&outcome)?;
            }
            if let Some(step) = self.conversation.expire(self.now()) {
                self.tell(&step)?;
            }
        }
    }

    /// How long nothing but a typed line can happen.
    fn until_next(&self) -> Duration {
        let deadline = self.conversation.deadline().map(|deadline| {
            // One more than the whole milliseconds left, so that it has passed when we wake.
            Duration::from_millis(deadline.ms_since(self.now()) + 1)
        });
        let look = self.actions.is_busy().then_some(LOOK_EVERY);
        deadline.into_iter().chain(look).min().unwrap_or(Duration::from_secs(3600))
    }

    fn hear(&mut self, line: &str) -> Result<(), Failure> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        let heard = self.conversation.interpret(line);
        if self.json {
            self.print_heard(line, &heard)?;
        }
        let step = self.conversation.hear(self.now(), &heard, line);
        self.tell(&step)
    }

    fn action_ended(&mut self, outcome: &crate::dialogue::ActionOutcome) -> Result<(), Failure> {
        self.print_action(&outcome.name, &outcome.slots, Some(&outcome.result))?;
        match self.conversation.action_ended(self.now(), outcome) {
            Some(step) => self.tell(&step),
            None => Ok(()),
        }
    }

    /// Prints a step and starts its actions.
    fn tell(&mut self, step: &Step) -> Result<(), Failure> {
        for fault in &step.faults {
            if self.json {
                let hint = "correct the template in dialogue.yaml".to_owned();
                print_line(&Event::Fault { what: fault.clone(), hint }.to_json())?;
            } else {
                eprintln!("mynah: {fault}");
            }
        }
        if self.json {
            let (state, act) = (step.state.clone(), step.act.clone());
            print_line(&Event::Dialogue { state, act }.to_json())?;
        }
        for action in &step.actions {
            self.start(action)?;
        }
        for text in &step.say {
            if self.json {
                print_line(&Event::Say { text: text.clone() }.to_json())?;
            } else {
                print_line(text)?;
            }
        }
        if step.session_ended && !self.json {
            print_line("(the session is over)")?;
        }
        // Nothing is spoken here: the reply is over as soon as it is printed.
        self.conversation.spoken(self.now());
        Ok(())
    }

    fn start(&mut self, action: &ActionRequest) -> Result<(), Failure> {
        self.actions.start(action);
        self.print_action(&action.name, &action.slots, None)
    }

    fn print_action(
        &self,
        name: &str,
        slots: &crate::nlu::Slots,
        result: Option<&ActionResult>,
    ) -> Result<(), Failure> {
        if self.json {
            let outcome = result.map(|result| result.as_str().to_owned());
            let event = Event::Action { name: name.to_owned(), slots: slots.clone(), outcome };
            return print_line(&event.to_json());
        }
        match result {
            None => {
                let values: Vec<String> =
                    slots.iter().map(|(name, slot)| format!("{name}={}", slot.value)).collect();
                print_line(&format!("[{name}] {}", values.join(", ")))
            }
            Some(ActionResult::Ok { .. }) => Ok(()),
            Some(ActionResult::Failed { why }) => print_line(&format!("[{name}] failed: {why}")),
            Some(ActionResult::TimedOut) => print_line(&format!("[{name}] took too long")),
        }
    }

    fn print_heard(&self, line: &str, heard: &Interpretation) -> Result<(), Failure> {
        let transcript = Event::Transcript {
            text: line.to_owned(),
            confidence: 1.0,
            nbest: Vec::new(),
            span: crate::units::Span::new(self.now(), self.now()),
        };
        print_line(&transcript.to_json())?;
        let intent = Event::Intent {
            intent: heard.intent.clone(),
            slots: heard.slots.clone(),
            confidence: heard.confidence,
            status: heard.status,
            completeness: heard.completeness,
            nbest: heard.nbest.clone(),
            gave_up: heard.gave_up,
            evidence: None,
        };
        print_line(&intent.to_json())
    }
}

fn read(line: Line) -> Result<String, Failure> {
    line.map_err(|e| Failure::Input(anyhow::anyhow!("standard input cannot be read: {e}")))
}
