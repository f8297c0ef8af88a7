use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Context, Failure};
use crate::agent::{Agent, Failed, rehearse};
use crate::eval::home_assistant::{self, LanguageFolder};
use crate::nlu::Sounds;
use crate::tts::text::Phonemizer;

/// Run the conversations in an agent's tests/ folder through text
///
/// Exit status 1 when a conversation does not go as written, 2 when there is none to run. No
/// program of the agent is run. A conversation without `now:` takes place on Monday 2026-01-05 at
/// 10:00.
///
/// With `--format home-assistant` the folder is laid out as the English part of Home Assistant's
/// intents: sentences/, tests/ with _fixtures.yaml, responses/. Each test sentence must get its
/// intent, slots and reply; exit status 1 when one does not. With `--replace` each is replaced by
/// what was heard for it and matched by sound; then the shares are the result, and the exit status
/// is 0.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mynah test agents/coffee
  mynah test agents/coffee --json
  mynah test intents --format home-assistant
  mynah test intents --format home-assistant --replace heard.tsv")]
pub struct Args {
    /// The agent's folder, or a folder in the format named
    pub agent: PathBuf,
    /// What the folder is: an agent, or sentences and tests laid out as Home Assistant's intents
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Replace sentences by what a recogniser heard: a table with the columns text and heard
    #[arg(long, value_name = "MAP.tsv")]
    pub replace: Option<PathBuf>,
}

/// What is tested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Agent,
    HomeAssistant,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    if args.format == Format::HomeAssistant {
        return home_assistant(args, context);
    }
    if args.replace.is_some() {
        return Err(Failure::Input(anyhow::anyhow!(
            "--replace goes with --format home-assistant; an agent's conversations are tested as \
             they are written"
        )));
    }
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

fn home_assistant(args: &Args, context: &Context) -> Result<(), Failure> {
    let folder = LanguageFolder::load(&args.agent).map_err(Failure::input)?;
    let heard = args.replace.as_deref().map(home_assistant::heard).transpose();
    let heard = heard.map_err(Failure::input)?;
    let sounds = heard.as_ref().map(|_| sounds(context)).transpose()?;
    let report = home_assistant::run(&folder, heard.as_ref().zip(sounds.as_ref()))
        .map_err(Failure::input)?;
    if let Some(map) = args.replace.as_deref().filter(|_| report.summary.replaced == 0) {
        return Err(Failure::Input(anyhow::anyhow!(
            "{}: no sentence of {} stands in its column `text`",
            map.display(),
            args.agent.display()
        )));
    }
    if context.json {
        super::chat::print_json(&report)?;
    }
    for failed in &report.failures {
        let heard = failed.heard.as_ref().map(|heard| format!(" heard as {heard:?}"));
        context.say(format_args!(
            "{}: {:?}{}\n    expected: {}\n    found:    {}",
            failed.file,
            failed.sentence,
            heard.unwrap_or_default(),
            failed.expected,
            failed.found
        ));
    }
    let sum = &report.summary;
    context.say(format_args!("{} passed, {} failed", sum.passed, sum.failed));
    context.say(format_args!(
        "{:.2} % right, {:.2} % wrong slots, {:.2} % wrong intent, {:.2} % abstained; {:.2} ms p50, \
         {:.2} ms p95, {:.2} ms at most",
        100.0 * sum.right,
        100.0 * sum.wrong_slots,
        100.0 * sum.wrong_intent,
        100.0 * sum.abstained,
        sum.ms_p50,
        sum.ms_p95,
        sum.ms_max
    ));
    if sum.failed > 0 && heard.is_none() {
        return Err(Failure::Runtime(anyhow::anyhow!(
            "{} of {} sentences of {} did not go as their tests say",
            sum.failed,
            sum.n,
            args.agent.display()
        )));
    }
    Ok(())
}

/// Pronunciations of the agent's voice.
pub(super) fn sounds(context: &Context) -> Result<Arc<Sounds>, Failure> {
    let voice = Phonemizer::load(&context.models()?).map_err(Failure::input)?;
    let sounds = Sounds::new(Arc::new(voice), &BTreeMap::new()).map_err(Failure::input)?;
    Ok(Arc::new(sounds))
}
