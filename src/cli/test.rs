use std::path::PathBuf;
use std::sync::Arc;

use super::{Context, Failure};
use crate::agent::{Agent, Failed, rehearse};

/// Run the conversations in an agent's tests/ folder through text
///
/// Exit status 1 when a conversation does not go as written, 2 when there is none to run. No
/// program of the agent is run. A conversation without `now:` takes place on Monday 2026-01-05 at
/// 10:00.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  mynah test agents/coffee\n  mynah test agents/coffee --json")]
pub struct Args {
    /// The agent's folder
    pub agent: PathBuf,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let agent = Arc::new(Agent::load(&args.agent).map_err(Failure::input)?);
    let rehearsal = rehearse(&agent);
    if context.json {
        super::chat::print_json(&rehearsal)?;
    }
    if agent.tests.is_empty() {
        // Not a success: an automatic check whose tests were left behind would stay green.
        return Err(Failure::Input(anyhow::anyhow!(
            "{}: there is no test conversation. Write some into tests/NAME.yaml, beginning with \
             `conversations:`; docs/agents.md shows how",
            args.agent.display()
        )));
    }
    for failed in &rehearsal.failures {
        context.say(describe(failed));
    }
    context.say(format_args!("{} passed, {} failed", rehearsal.passed, rehearsal.failed));
    if rehearsal.failed > 0 {
        let failed = rehearsal.failed;
        let s = if failed == 1 { "" } else { "s" };
        return Err(Failure::Runtime(anyhow::anyhow!(
            "{failed} conversation{s} of {} did not go as written",
            args.agent.display()
        )));
    }
    Ok(())
}

fn describe(failed: &Failed) -> String {
    let mut text = format!(
        "{}:{}: {} (turn {}, {})",
        failed.file.display(),
        failed.line,
        failed.conversation,
        failed.turn,
        failed.happening
    );
    for difference in &failed.differences {
        let field = difference.field;
        text += &format!("\n    {field} expected: {}", difference.expected);
        text += &format!("\n    {:field$} found:    {}", "", difference.found, field = field.len());
    }
    text
}
