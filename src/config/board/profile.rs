//! A board profile as written, and the checked one the program runs on.
//!
//! `build.rs` compiles this same file to check every profile in `boards/`, so that what a build
//! accepts and what `--board` accepts cannot differ. It may therefore use nothing of the crate.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use toml::Spanned;

/// What one machine has, and what it is held to.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// Lower-case name; also the file's name without `.toml`.
    pub name: String,
    /// One line for people.
    pub description: String,
    pub audio: AudioDevices,
    pub echo: EchoSettings,
    pub threads: Threads,
    pub cpu: Cpu,
    pub budget: Budget,
}

/// Where sound comes from and goes to.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioDevices {
    /// As `mynah devices` lists them, the best first; `default` is the system's choice. At least
    /// one.
    pub capture_device: Vec<String>,
    pub playback_device: Vec<String>,
    /// How far up the microphone's and the speaker's own controls are turned whenever they are opened,
    /// in percent; `None` leaves them as they are.
    pub capture_level: Option<u8>,
    pub playback_level: Option<u8>,
    /// Length of sound asked for per callback, in milliseconds.
    pub period_ms: u32,
}

/// What is done about our own voice in the microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoSettings {
    /// Take it out and listen while speaking. Otherwise the agent is deaf while it speaks.
    pub cancel: bool,
}

/// Placement of our two threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Threads {
    pub listener: Placement,
    pub thinker: Placement,
}

/// Priority and processors of one thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// Unix niceness, -20 (first) to 19 (last). Below 0 takes a right that not everyone has.
    pub nice: i32,
    /// Processors the thread may run on, as the system numbers them; empty means all.
    pub cores: Vec<usize>,
}

/// What the processor is expected to be capable of.
#[derive(Clone, Debug, PartialEq)]
pub struct Cpu {
    /// Names of the kernels (`nn::kernels`) that the budget counts on, any of them.
    pub kernels: Vec<String>,
    /// Threads that compute the recogniser's encoder: 1, or 2 where a second saves waiting.
    pub encoder_threads: u32,
    /// The recogniser may read whatever is said nearby, which a wake phrase costs that no small
    /// network knows.
    pub constant_recognition: bool,
}

/// What the whole agent may cost on this board.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Resident memory in megabytes (10⁶ bytes).
    pub resident_mb: u32,
    /// End of speech to first sample of the reply in milliseconds, endpoint silence included.
    pub response_gap_p50_ms: u32,
    pub response_gap_p95_ms: u32,
    /// Text to first sample of the voice in milliseconds.
    pub first_audio_ms: u32,
    /// Process start to listening in milliseconds.
    pub start_ms: u32,
}

/// Why a profile is refused. Every message names the file and what to change.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    #[error("{path}: cannot read the board profile: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}:{line}: {written}: {why}")]
    Malformed { path: PathBuf, line: usize, written: String, why: String },
    #[error("{path}:{line}: {field} is {value}; it must be {rule}")]
    Refused { path: PathBuf, line: usize, field: &'static str, value: String, rule: String },
    #[error(
        "no board is called {name}: this program knows {known}; a profile of your own is named \
         with its path, as in ./my-board.toml"
    )]
    Unknown { name: String, known: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Spanned<String>,
    description: Spanned<String>,
    audio: WrittenAudio,
    echo: WrittenEcho,
    threads: WrittenThreads,
    cpu: WrittenCpu,
    budget: WrittenBudget,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAudio {
    capture_device: Spanned<OneOrMore>,
    playback_device: Spanned<OneOrMore>,
    capture_level: Option<Spanned<i64>>,
    playback_level: Option<Spanned<i64>>,
    period_ms: Spanned<i64>,
}

/// A text, or a list of them.
struct OneOrMore(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a list of names with the best first")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMore, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMore(texts))
            }
        }
        from.deserialize_any(Texts)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEcho {
    cancel: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenThreads {
    listener: WrittenPlacement,
    thinker: WrittenPlacement,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPlacement {
    nice: Spanned<i64>,
    cores: Spanned<Vec<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCpu {
    kernels: Spanned<Vec<String>>,
    encoder_threads: Spanned<i64>,
    constant_recognition: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBudget {
    resident_mb: Spanned<i64>,
    response_gap_p50_ms: Spanned<i64>,
    response_gap_p95_ms: Spanned<i64>,
    first_audio_ms: Spanned<i64>,
    start_ms: Spanned<i64>,
}

/// More processors than any board has; a bound on what a typing error can ask for.
const MAX_CORES: i64 = 1024;

impl Board {
    /// Reads and checks the profile in the file `path`.
    pub fn read(path: &Path) -> Result<Self, BoardError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| BoardError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Checks the profile `text`; `path` is where it came from, for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, BoardError> {
        let source = Source { path, text };
        let written: Written = toml::from_str(text).map_err(|error| source.malformed(&error))?;
        let board = Self {
            name: source.board_name(written.name)?,
            description: source.one_line("description", written.description)?,
            audio: AudioDevices {
                capture_device: source
                    .names("audio.capture_device", written.audio.capture_device)?,
                playback_device: source
                    .names("audio.playback_device", written.audio.playback_device)?,
                capture_level: source.level("audio.capture_level", written.audio.capture_level)?,
                playback_level: source
                    .level("audio.playback_level", written.audio.playback_level)?,
                // Below 5 ms no kernel of the supported boards keeps up without a real-time
                // scheduler; above 100 ms an interruption is heard too late to be polite.
                period_ms: source.number("audio.period_ms", written.audio.period_ms, 5..=100)?,
            },
            echo: EchoSettings { cancel: written.echo.cancel },
            threads: Threads {
                listener: source.placement(
                    "threads.listener.nice",
                    "threads.listener.cores",
                    written.threads.listener,
                )?,
                thinker: source.placement(
                    "threads.thinker.nice",
                    "threads.thinker.cores",
                    written.threads.thinker,
                )?,
            },
            cpu: Cpu {
                kernels: source.kernels(written.cpu.kernels)?,
                encoder_threads: source.number(
                    "cpu.encoder_threads",
                    written.cpu.encoder_threads,
                    1..=2,
                )?,
                constant_recognition: written.cpu.constant_recognition,
            },
            budget: source.budget(written.budget)?,
        };
        Ok(board)
    }
}

/// A profile's text with its place, which every message names.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn line(&self, at: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..at.start).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn malformed(&self, error: &toml::de::Error) -> BoardError {
        // Without a place the error is about the whole file: a missing table, say.
        let line = error.span().map_or(1, |at| self.line(&at));
        let written = self.text.lines().nth(line - 1).unwrap_or("").trim().to_owned();
        BoardError::Malformed {
            path: self.path.to_owned(),
            line,
            written,
            why: error.message().to_owned(),
        }
    }

    fn refused(
        &self,
        field: &'static str,
        at: &Range<usize>,
        value: String,
        rule: impl Into<String>,
    ) -> BoardError {
        BoardError::Refused {
            path: self.path.to_owned(),
            line: self.line(at),
            field,
            value,
            rule: rule.into(),
        }
    }

    /// A whole number within `bounds`, as the type the checked settings carry.
    fn number<T: TryFrom<i64>>(
        &self,
        field: &'static str,
        written: Spanned<i64>,
        bounds: RangeInclusive<i64>,
    ) -> Result<T, BoardError> {
        let at = written.span();
        let value = written.into_inner();
        T::try_from(value).ok().filter(|_| bounds.contains(&value)).ok_or_else(|| {
            let rule = format!("a whole number from {} to {}", bounds.start(), bounds.end());
            self.refused(field, &at, value.to_string(), rule)
        })
    }

    /// A percentage, where one is written. Nothing at all is no level to run an agent at.
    fn level(
        &self,
        field: &'static str,
        written: Option<Spanned<i64>>,
    ) -> Result<Option<u8>, BoardError> {
        written.map(|written| self.number(field, written, 1..=100)).transpose()
    }

    fn one_line(
        &self,
        field: &'static str,
        written: Spanned<String>,
    ) -> Result<String, BoardError> {
        let at = written.span();
        let value = written.into_inner();
        if !is_one_line(&value) {
            return Err(self.refused(field, &at, format!("{value:?}"), "one line of text"));
        }
        Ok(value)
    }

    fn names(
        &self,
        field: &'static str,
        written: Spanned<OneOrMore>,
    ) -> Result<Vec<String>, BoardError> {
        let at = written.span();
        let OneOrMore(names) = written.into_inner();
        if names.is_empty() || !names.iter().all(|name| is_one_line(name)) {
            let rule = "one line of text, or a list of such with the best first";
            return Err(self.refused(field, &at, format!("{names:?}"), rule));
        }
        Ok(names)
    }

    fn board_name(&self, written: Spanned<String>) -> Result<String, BoardError> {
        let at = written.span();
        let value = written.into_inner();
        if self.path.file_stem().is_some_and(|stem| stem == value.as_str()) && is_plain(&value) {
            return Ok(value);
        }
        let rule = "the file's name without .toml, in lower-case letters, digits and hyphens";
        Err(self.refused("name", &at, format!("{value:?}"), rule))
    }

    fn placement(
        &self,
        nice_field: &'static str,
        cores_field: &'static str,
        written: WrittenPlacement,
    ) -> Result<Placement, BoardError> {
        let at = written.cores.span();
        let cores = written.cores.into_inner();
        let plain = cores.iter().enumerate().all(|(i, core)| {
            (0..MAX_CORES).contains(core) && !cores.get(..i).is_some_and(|c| c.contains(core))
        });
        let numbers: Option<Vec<usize>> = cores.iter().map(|c| usize::try_from(*c).ok()).collect();
        let cores = numbers.filter(|_| plain).ok_or_else(|| {
            let rule = format!("a list of different processor numbers from 0 to {}", MAX_CORES - 1);
            self.refused(cores_field, &at, format!("{cores:?}"), rule)
        })?;
        Ok(Placement { nice: self.number(nice_field, written.nice, -20..=19)?, cores })
    }

    fn kernels(&self, written: Spanned<Vec<String>>) -> Result<Vec<String>, BoardError> {
        let at = written.span();
        let names = written.into_inner();
        if names.is_empty() || !names.iter().all(|name| is_plain(name)) {
            let rule = "a list of at least one kernel name, such as \"avx2\" or \"scalar\"";
            return Err(self.refused("cpu.kernels", &at, format!("{names:?}"), rule));
        }
        Ok(names)
    }

    fn budget(&self, written: WrittenBudget) -> Result<Budget, BoardError> {
        let p95_at = written.response_gap_p95_ms.span();
        let budget = Budget {
            resident_mb: self.number("budget.resident_mb", written.resident_mb, 50..=16_000)?,
            response_gap_p50_ms: self.number(
                "budget.response_gap_p50_ms",
                written.response_gap_p50_ms,
                50..=10_000,
            )?,
            response_gap_p95_ms: self.number(
                "budget.response_gap_p95_ms",
                written.response_gap_p95_ms,
                50..=10_000,
            )?,
            first_audio_ms: self.number(
                "budget.first_audio_ms",
                written.first_audio_ms,
                1..=10_000,
            )?,
            start_ms: self.number("budget.start_ms", written.start_ms, 1..=60_000)?,
        };
        if budget.response_gap_p95_ms < budget.response_gap_p50_ms {
            let rule = format!(
                "at least budget.response_gap_p50_ms, which is {}",
                budget.response_gap_p50_ms
            );
            let value = budget.response_gap_p95_ms.to_string();
            return Err(self.refused("budget.response_gap_p95_ms", &p95_at, value, rule));
        }
        Ok(budget)
    }
}

fn is_one_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(char::is_control)
}

/// Lower-case letters, digits and hyphens, at least one.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
