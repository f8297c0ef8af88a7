//! What is wrong with this machine, as a deployer wants to know it: every check says what it found,
//! whether that is good, and what to do about it.

use serde::Serialize;

pub mod level;
pub mod machine;
pub mod sound;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    /// The agent runs, and not as well as it could.
    Warning,
    /// The agent does not run, or does not hear, or is not heard.
    Fault,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the check; the same on every machine.
    pub check: &'static str,
    pub verdict: Verdict,
    /// What was found.
    pub what: String,
    /// What to do, unless it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, what: what.into(), next: None }
    }

    pub fn warning(check: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, what: what.into(), next: Some(next.into()) }
    }

    pub fn fault(check: &'static str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fault, what: what.into(), next: Some(next.into()) }
    }
}
