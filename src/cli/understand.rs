//! `mynah understand`: text to intent, slots and confidence.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;

use super::{Context, Failure};
use crate::agent::Agent;
use crate::nlu::{
    self, Aligned, Closest, Explanation, Interpretation, Likeness, Match, Origin, SlotValue, Slots,
    Status,
};
use crate::turn::Completeness;

/// Say what a text means to an agent: intent, slots, confidence.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mynah understand agents/coffee can I have a large latte
  mynah understand agents/coffee --explain 'a large tea'
  mynah understand agents/coffee --json < sentences.txt

The words after AGENT are one text. Without any, each line of standard input is one.")]
pub struct Args {
    /// The agent's folder.
    #[arg(value_name = "AGENT")]
    agent: PathBuf,
    #[command(flatten)]
    state: super::train::State,
    /// What was said.
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// Say which template matched, or how far the closest one got, which word failed, and which
    /// sentences sound like it.
    #[arg(long)]
    explain: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let mut agent = Agent::load(&args.agent).map_err(Failure::input)?;
    context.prepare_if_possible(&mut agent, &args.state)?;
    let mut out = std::io::stdout().lock();
    let mut answer = |text: &str| match writeln!(out, "{}", answer(&agent, text, args, context)?) {
        // The reader (`head`, a pager) has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        written => {
            written.context("cannot write to standard output")?;
            Ok::<bool, Failure>(true)
        }
    };
    if !args.text.is_empty() {
        return answer(&args.text.join(" ")).map(drop);
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.context("standard input is not UTF-8 text").map_err(Failure::Input)?;
        if !answer(&line)? {
            break;
        }
    }
    Ok(())
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    text: &'a str,
    #[serde(flatten)]
    heard: &'a Interpretation,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a Explanation>,
    /// With `--explain`: the sentences that sound most like the text, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_sound: Vec<Sounding<'a>>,
    /// With `--explain`, where no template matches: what the text is most like.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_example: Option<&'a Likeness>,
}

/// A sentence that sounds like the text.
#[derive(Serialize)]
struct Sounding<'a> {
    intent: &'a str,
    sentence: &'a str,
    template: &'a str,
    written: &'a str,
    /// In whole sounds.
    cost: f32,
    /// Cost for each sound heard.
    strain: f32,
    lost: &'a [String],
    extra: &'a [String],
}

impl<'a> From<&'a Aligned> for Sounding<'a> {
    fn from(reading: &'a Aligned) -> Self {
        Self {
            intent: &reading.intent,
            sentence: &reading.sentence,
            template: &reading.template,
            written: &reading.written,
            cost: reading.evidence.cost,
            strain: reading.evidence.strain(),
            lost: &reading.evidence.skipped,
            extra: &reading.evidence.inserted,
        }
    }
}

fn explain_sound(reading: &Aligned) -> String {
    let Aligned { intent, sentence, written, template, evidence, .. } = reading;
    let words = |what: &str, words: &[String]| match words {
        [] => String::new(),
        words => format!("; {what} {}", words.join(" ")),
    };
    format!(
        "\n  {written}  {template}\n    sounds like \"{sentence}\" ({intent}): {:.1} sounds apart, {:.2} of \
         each sound heard{}{}",
        evidence.cost,
        evidence.strain(),
        words("lost:", &evidence.skipped),
        words("extra:", &evidence.inserted),
    )
}

fn explain_likeness(like: &Likeness) -> String {
    let Likeness { intent, probability, in_scope, slots, .. } = like;
    let mut shown = format!(
        "\n  is like examples of {intent}: {probability:.2}, if it is for this agent: {in_scope:.2}"
    );
    for (name, told) in slots {
        let from = match &told.from {
            Origin::List(list) => format!("a value of {{{list}}}"),
            Origin::Tagger => "an open slot, told by the words around it".to_owned(),
        };
        shown.push_str(&format!("\n    {name}={}: {from}", value(&told.slot.value)));
    }
    shown
}

/// What is printed for one text.
fn answer(
    agent: &Agent,
    text: &str,
    args: &Args,
    context: &Context,
) -> Result<String, anyhow::Error> {
    let heard = agent.interpreter.interpret(text);
    let nothing = nlu::Context::new();
    let explanation = args.explain.then(|| agent.grammar.explain(text, &nothing));
    let by_sound = match args.explain {
        true => agent.interpreter.aligner().align(text, &nothing).unwrap_or_default(),
        false => Vec::new(),
    };
    let unmatched = matches!(&explanation, Some(e) if !matches!(e, Explanation::Matched(_)));
    let by_example = unmatched.then(|| agent.interpreter.likeness(text)).flatten();
    if context.json {
        let line = Line {
            text,
            heard: &heard,
            explanation: explanation.as_ref(),
            by_sound: by_sound.iter().map(Sounding::from).collect(),
            by_example: by_example.as_ref(),
        };
        return serde_json::to_string(&line).context("an interpretation is always JSON");
    }
    let mut shown = format!("{text}\n{}", summary(&heard));
    if let Some(explanation) = &explanation {
        shown.push_str(&explain(explanation));
        if unmatched {
            by_sound.iter().for_each(|reading| shown.push_str(&explain_sound(reading)));
            by_example.iter().for_each(|like| shown.push_str(&explain_likeness(like)));
        }
    }
    Ok(shown)
}

/// What was meant, in indented lines.
pub(super) fn summary(heard: &Interpretation) -> String {
    let completeness = match heard.completeness {
        Completeness::Complete => "complete",
        Completeness::MayContinue => "may continue",
        Completeness::CannotEnd => "cannot end here",
    };
    let mut shown = match &heard.intent {
        Some(intent) => {
            let status = match heard.status {
                Status::Accepted => "accepted",
                Status::Confirm => "to be confirmed",
                Status::Rejected => "rejected",
            };
            let slots = slots(&heard.slots);
            format!("  {intent}{slots}  {:.2}, {status}, {completeness}", heard.confidence)
        }
        None => match heard.gave_up {
            Some(why) => format!("  not understood: {why}"),
            None => format!("  not understood, {completeness}"),
        },
    };
    for other in &heard.nbest {
        shown.push_str(&format!("\n  or: {}{}", other.intent, slots(&other.slots)));
    }
    shown
}

fn slots(slots: &Slots) -> String {
    slots.iter().map(|(name, slot)| format!(" {name}={}", value(&slot.value))).collect()
}

fn value(value: &SlotValue) -> String {
    match value {
        SlotValue::Text(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

fn explain(explanation: &Explanation) -> String {
    match explanation {
        Explanation::Matched(matches) => matches.iter().map(explain_match).collect(),
        Explanation::Withheld(withheld) => withheld
            .iter()
            .map(|w| {
                format!("\n  {}  {}\n    fits, but lacks {}", w.written, w.template, w.missing)
            })
            .collect(),
        Explanation::Closest(closest) => explain_closest(closest),
        Explanation::GaveUp(why) => format!("\n    {why}"),
    }
}

fn explain_match(found: &Match) -> String {
    let pieces: Vec<String> = found
        .path
        .iter()
        .map(|piece| match (&piece.slot, &piece.value) {
            (Some(slot), Some(v)) => format!("{} → {slot}={}", piece.words, value(v)),
            _ => piece.words.clone(),
        })
        .collect();
    format!("\n  {}  {}\n    {}", found.written, found.template, pieces.join(" | "))
}

fn explain_closest(closest: &Closest) -> String {
    let fails = match &closest.fails_at {
        Some(word) => format!("`{word}` does not fit"),
        None => "more words must follow".to_owned(),
    };
    let after = match closest.fits.as_str() {
        "" => String::new(),
        fits => format!(" after \"{fits}\""),
    };
    let mut shown = format!("\n    {fails}{after}");
    if !closest.wanted.is_empty() {
        shown.push_str(&format!("; expected {}", closest.wanted.join(", ")));
    }
    for (template, written) in &closest.templates {
        shown.push_str(&format!("\n  {written}  {template}"));
    }
    shown
}
