//! A running agent on a virtual card.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::vcard::VirtualCard;

/// Everything is timed by sound; this only bounds a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, in the folder of the project.
pub fn mynah(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mynah"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Our own voice says `words` into a WAV file.
pub fn speak(dir: &Path, name: &str, words: &str) -> PathBuf {
    let path = dir.join(name);
    let output = mynah(&["say", words, "-o", path.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// A running agent and its events.
pub struct Agent {
    child: Child,
    keyboard: ChildStdin,
    lines: Receiver<String>,
    pub seen: Vec<serde_json::Value>,
}

impl Agent {
    pub fn start(card: &VirtualCard, args: &[&str]) -> Self {
        Self::run(card, mynah(args))
    }

    pub fn run(card: &VirtualCard, mut command: Command) -> Self {
        let mut child = command
            .process_group(0)
            .envs(card.env())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let keyboard = child.stdin.take().expect("piped");
        Self { child, keyboard, lines, seen: Vec::new() }
    }

    /// Waits for the next event of a kind.
    pub fn wait_for(&mut self, kind: &str) -> serde_json::Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|error| {
                panic!("no {kind} ({error}); so far: {:#?}", self.seen);
            });
            let event: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
            self.seen.push(event.clone());
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// Waits until a device is in a state; the event, and how long that took.
    pub fn wait_for_device(&mut self, device: &str, state: &str) -> (serde_json::Value, Duration) {
        let since = Instant::now();
        loop {
            let event = self.wait_for("device");
            if event["device"] == device && event["state"] == state {
                return (event, since.elapsed());
            }
        }
    }

    /// Waits until each of these devices came into its state, in any order.
    pub fn wait_for_devices(&mut self, states: &[(&str, &str)]) {
        let mut missing = states.to_vec();
        while !missing.is_empty() {
            let event = self.wait_for("device");
            missing
                .retain(|(device, state)| event["device"] != *device || event["state"] != *state);
        }
    }

    /// Types a line on its keyboard.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").expect("it reads");
    }

    /// Asks it to end, as a service manager does, and waits for its last words.
    pub fn end(mut self) -> serde_json::Value {
        // SAFETY: makes one system call, with numbers only.
        unsafe { libc::kill(self.child.id().cast_signed(), libc::SIGTERM) };
        self.wait_for("metrics")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // With its group: who traces it does not take it along.
        // SAFETY: makes one system call, with numbers only.
        unsafe { libc::kill(-self.child.id().cast_signed(), libc::SIGKILL) };
        let _ = self.child.wait();
    }
}
