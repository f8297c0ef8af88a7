//! What the conversation does in the world: requests, and the runner for local programs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::clock::Moment;
use crate::nlu::{SlotValue, Slots};

use super::process::{MAX_OUTPUT, Process, Progress, describe};

/// Most programs that run at one time; a request beyond it fails at once. A conversation waits for
/// its program, so more than one means that earlier visitors' programs are still busy.
const MAX_RUNNING: usize = 8;
/// How long [`ActionRunner::wait_all`] sleeps between two looks.
const POLL_EVERY: Duration = Duration::from_millis(5);

/// Something to be done. Every request is reported as an event; one with a program also runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionRequest {
    /// Distinct within one conversation.
    pub id: u64,
    pub name: String,
    pub slots: Slots,
    /// When it was asked for.
    pub now: Moment,
    pub program: Option<Program>,
}

/// A local program. It gets the slots' values as one JSON object on standard input, the action's
/// name as `MYNAH_ACTION` and the moment as `MYNAH_NOW`; what it prints first is the `outcome` of
/// the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Program and arguments; no shell is involved.
    pub argv: Vec<String>,
    /// Its working folder: the agent's.
    pub folder: PathBuf,
    pub time_limit: Duration,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionOutcome {
    pub id: u64,
    pub name: String,
    pub slots: Slots,
    pub result: ActionResult,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionResult {
    /// Exit status 0; `output` is the first line it printed.
    Ok { output: String },
    /// It could not be started, ended with another status, or printed too much.
    Failed { why: String },
    /// Its time limit passed and it was killed.
    TimedOut,
}

impl ActionResult {
    /// The name used in events.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ok { .. } => "ok",
            Self::Failed { .. } => "failed",
            Self::TimedOut => "timed_out",
        }
    }
}

/// Runs the programs of actions. Polled, it never waits; dropped, it kills what still runs.
#[derive(Default)]
pub struct ActionRunner {
    running: Vec<Running>,
    /// Outcomes of requests that never ran.
    refused: Vec<ActionOutcome>,
}

struct Running {
    id: u64,
    name: String,
    slots: Slots,
    process: Process,
    deadline: Instant,
}

impl ActionRunner {
    /// Starts the request's program, if it has one. A failure to start is an outcome of the next
    /// [`ActionRunner::poll`].
    pub fn start(&mut self, request: &ActionRequest) {
        let Some(program) = &request.program else { return };
        let started = if self.running.len() >= MAX_RUNNING {
            Err(format!("{MAX_RUNNING} programs are running already"))
        } else {
            Process::start(
                &program.argv,
                &program.folder,
                &[("MYNAH_ACTION", &request.name), ("MYNAH_NOW", &request.now.to_string())],
                &input(&request.slots),
            )
            .map_err(|e| format!("cannot run {}: {e}", program.argv.join(" ")))
        };
        match started {
            Ok(process) => self.running.push(Running {
                id: request.id,
                name: request.name.clone(),
                slots: request.slots.clone(),
                process,
                deadline: Instant::now() + program.time_limit,
            }),
            Err(why) => self.refused.push(ActionOutcome {
                id: request.id,
                name: request.name.clone(),
                slots: request.slots.clone(),
                result: ActionResult::Failed { why },
            }),
        }
    }

    /// Programs that ended since the last look, in the order they were started. Never waits.
    pub fn poll(&mut self) -> Vec<ActionOutcome> {
        let mut outcomes = std::mem::take(&mut self.refused);
        let mut index = 0;
        while index < self.running.len() {
            match self.running[index].look() {
                None => index += 1,
                Some(result) => {
                    let Running { id, name, slots, .. } = self.running.remove(index);
                    outcomes.push(ActionOutcome { id, name, slots, result });
                }
            }
        }
        outcomes
    }

    /// Waits until every program has ended or used up its time.
    pub fn wait_all(&mut self) -> Vec<ActionOutcome> {
        let mut outcomes = self.poll();
        while self.is_busy() {
            std::thread::sleep(POLL_EVERY);
            outcomes.extend(self.poll());
        }
        outcomes
    }

    pub fn is_busy(&self) -> bool {
        !self.running.is_empty() || !self.refused.is_empty()
    }
}

impl Running {
    fn look(&mut self) -> Option<ActionResult> {
        let failed = |why: String| Some(ActionResult::Failed { why });
        match self.process.poll() {
            Ok(Progress::Running) if Instant::now() >= self.deadline => {
                self.process.kill();
                Some(ActionResult::TimedOut)
            }
            Ok(Progress::Running) => None,
            Ok(Progress::Ended(status)) if status.success() => {
                Some(ActionResult::Ok { output: self.process.first_line() })
            }
            Ok(Progress::Ended(status)) => {
                let said = self.process.first_error_line();
                let how = describe(status);
                failed(if said.is_empty() { how } else { format!("{how}: {said}") })
            }
            Ok(Progress::TooMuchOutput) => {
                self.process.kill();
                failed(format!("it printed more than {MAX_OUTPUT} bytes"))
            }
            Err(e) => {
                self.process.kill();
                failed(format!("cannot watch it: {e}"))
            }
        }
    }
}

/// The slots' values as one line of JSON.
fn input(slots: &Slots) -> Vec<u8> {
    let values: BTreeMap<&str, &SlotValue> =
        slots.iter().map(|(name, slot)| (name.as_str(), &slot.value)).collect();
    let mut json =
        serde_json::to_vec(&values).expect("a map of strings to plain values is always JSON");
    json.push(b'\n');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::nlu::Slot;
    use crate::units::SamplePos;

    fn request(script: &str, limit_ms: u64) -> ActionRequest {
        let value = SlotValue::Text("large".into());
        ActionRequest {
            id: 7,
            name: "order".into(),
            slots: Slots::from([("size".into(), Slot { value, text: "large".into() })]),
            now: Clock::default().at(SamplePos(0)),
            program: Some(Program {
                argv: ["sh", "-c", script].map(String::from).to_vec(),
                folder: std::env::temp_dir(),
                time_limit: Duration::from_millis(limit_ms),
            }),
        }
    }

    fn outcome(script: &str, limit_ms: u64) -> ActionResult {
        let mut runner = ActionRunner::default();
        runner.start(&request(script, limit_ms));
        let mut outcomes = runner.wait_all();
        assert_eq!(outcomes.len(), 1);
        assert!(!runner.is_busy());
        outcomes.remove(0).result
    }

    const LONG: u64 = 60_000;

    #[test]
    fn a_program_gets_its_slots_and_its_first_line_comes_back() {
        let ok = |output: &str| ActionResult::Ok { output: output.into() };
        assert_eq!(outcome("cat; echo more", LONG), ok(r#"{"size":"large"}"#));
        assert_eq!(outcome("echo $MYNAH_ACTION", LONG), ok("order"));
        assert_eq!(outcome("echo $MYNAH_NOW", LONG), ok("2026-01-05T10:00:00+00:00"));
        assert_eq!(outcome("exec 0<&-; true", LONG), ok(""));
    }

    #[test]
    fn a_failure_says_why() {
        for (script, why) in [
            ("echo the printer is out of paper >&2; exit 3", "exit status 3: the printer is out"),
            ("kill -9 $$", "ended by signal 9"),
            ("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", "more than 16384 bytes"),
        ] {
            let ActionResult::Failed { why: found } = outcome(script, LONG) else {
                panic!("{script} should fail")
            };
            assert!(found.contains(why), "{found}");
        }
    }

    #[test]
    fn a_missing_program_is_a_failure_and_not_a_panic() {
        let mut runner = ActionRunner::default();
        let mut request = request("", LONG);
        request.program.as_mut().unwrap().argv = vec!["./no-such-program".into()];
        runner.start(&request);
        let outcomes = runner.poll();
        assert!(matches!(&outcomes[0].result, ActionResult::Failed { why }
            if why.contains("no-such-program")));
    }

    #[test]
    fn the_time_limit_kills_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let grandchild = dir.path().join("grandchild");
        let mut runner = ActionRunner::default();
        runner.start(&request(
            &format!("sleep 600 & echo $! > {}; wait", grandchild.display()),
            LONG,
        ));
        let pid = loop {
            match std::fs::read_to_string(&grandchild) {
                Ok(pid) if pid.ends_with('\n') => break pid,
                _ => std::thread::sleep(POLL_EVERY),
            }
        };
        assert_eq!(runner.poll(), []);
        runner.running[0].deadline = Instant::now();
        assert_eq!(runner.poll()[0].result, ActionResult::TimedOut);
        // Orphans are reaped by whoever adopts them; until then they are zombies.
        let stat = format!("/proc/{}/stat", pid.trim());
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z")) {
            std::thread::sleep(POLL_EVERY);
        }
    }

    #[test]
    fn polling_does_not_wait_and_dropping_kills() {
        let mut runner = ActionRunner::default();
        runner.start(&request("sleep 600", LONG));
        assert_eq!(runner.poll(), []);
        assert!(runner.is_busy());
        let id = runner.running[0].process.id();
        drop(runner);
        // A reaped process has no entry left; a zombie would.
        assert!(!std::path::Path::new(&format!("/proc/{id}/stat")).exists());
    }

    #[test]
    fn more_programs_than_allowed_are_refused() {
        let mut runner = ActionRunner::default();
        for _ in 0..=MAX_RUNNING {
            runner.start(&request("sleep 600", LONG));
        }
        let refused = runner.poll();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].result.as_str(), "failed");
    }
}
