//! Understands every sentence of a folder and compares.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::super::table::{Table, TableError, TableRow};
use super::{LanguageFolder, Suite, Test};
use crate::nlu::{Aligner, Reading, Slots, Sounds, Unsounded};

/// What was heard for each sentence, where that differs from the sentence.
pub type Heard = BTreeMap<String, String>;

/// Reads a table with the columns `text` and `heard`.
pub fn heard(path: &Path) -> Result<Heard, TableError> {
    let table = Table::read(path, &["text", "heard"])?;
    let row =
        |row: TableRow<'_>| Ok((row.filled("text")?.to_owned(), row.text("heard").to_owned()));
    table.rows().map(row).collect()
}

/// How one sentence went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Right,
    WrongSlots,
    WrongIntent,
    WrongResponse,
    Abstained,
}

/// One sentence that did not go as its test says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failed {
    pub file: String,
    pub sentence: String,
    /// What was heard instead of the sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<String>,
    pub outcome: Outcome,
    pub expected: String,
    pub found: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub n: usize,
    /// Sentences for which something else was heard.
    pub replaced: usize,
    pub passed: usize,
    pub failed: usize,
    pub right: f64,
    pub wrong_slots: f64,
    pub wrong_intent: f64,
    pub abstained: f64,
    /// Time to understand one sentence.
    pub ms_p50: f64,
    pub ms_p95: f64,
    pub ms_max: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub summary: Summary,
    pub failures: Vec<Failed>,
}

struct Understood {
    intent: String,
    slots: Slots,
    response: Option<String>,
}

/// Runs all tests; with `heard`, on what was heard instead, by sound. Replies are compared where
/// nothing was replaced: they quote what was said.
///
/// # Errors
/// A file respells a word by one that cannot be pronounced.
pub fn run(
    folder: &LanguageFolder,
    heard: Option<(&Heard, &Arc<Sounds>)>,
) -> Result<Report, Unsounded> {
    let mut failures = Vec::new();
    let mut times = Vec::new();
    let mut replacements = 0;
    for suite in &folder.suites {
        let aligner = heard.map(|(_, sounds)| aligner(suite, sounds)).transpose()?;
        for test in &suite.tests {
            let replaced = heard.and_then(|(heard, _)| heard.get(test.sentence.trim()));
            replacements += usize::from(replaced.is_some());
            let text = replaced.unwrap_or(&test.sentence);
            let started = Instant::now();
            let understood = match &aligner {
                Some(aligner) => align(suite, aligner, test, text),
                None => understand(suite, test, text),
            };
            times.push(started.elapsed().as_secs_f64() * 1e3);
            let meaning = judge(test, understood.as_ref());
            let (outcome, expected, found) = match (meaning, understood, heard) {
                (Outcome::Right, _, Some(_)) => continue,
                (Outcome::Right, Some(understood), None) => {
                    match wrong_response(folder, suite, test, &understood) {
                        Some((expected, found)) => (Outcome::WrongResponse, expected, found),
                        None => continue,
                    }
                }
                (outcome, understood, _) => {
                    let found = understood.map_or("-".to_owned(), |u| shown(&u.intent, &u.slots));
                    (outcome, shown_wanted(test), found)
                }
            };
            failures.push(Failed {
                file: test.file.display().to_string(),
                sentence: test.sentence.clone(),
                heard: replaced.cloned(),
                outcome,
                expected,
                found,
            });
        }
    }
    Ok(Report { summary: summary(&failures, times, replacements), failures })
}

fn aligner(suite: &Suite, sounds: &Arc<Sounds>) -> Result<Aligner, Unsounded> {
    let sounds = match suite.grammar.respelled() {
        none if none.is_empty() => sounds.clone(),
        words => Arc::new(sounds.respelling(words)?),
    };
    Ok(Aligner::new(&suite.grammar, sounds))
}

fn summary(failures: &[Failed], mut times: Vec<f64>, replaced: usize) -> Summary {
    times.sort_by(f64::total_cmp);
    let n = times.len();
    let at = |share: f64| {
        let index = (n as f64 * share) as usize;
        times.get(index.min(n.saturating_sub(1))).copied().unwrap_or_default()
    };
    let count = |outcome: Outcome| failures.iter().filter(|f| f.outcome == outcome).count();
    let share = |count: usize| count as f64 / n.max(1) as f64;
    Summary {
        n,
        replaced,
        passed: n - failures.len(),
        failed: failures.len(),
        // The meaning was right where only the reply was not.
        right: share(n - failures.len() + count(Outcome::WrongResponse)),
        wrong_slots: share(count(Outcome::WrongSlots)),
        wrong_intent: share(count(Outcome::WrongIntent)),
        abstained: share(count(Outcome::Abstained)),
        ms_p50: at(0.5),
        ms_p95: at(0.95),
        ms_max: at(1.0),
    }
}

/// What the reply should have been and what it is; `None` when it is right or no test says.
fn wrong_response(
    folder: &LanguageFolder,
    suite: &Suite,
    test: &Test,
    understood: &Understood,
) -> Option<(String, String)> {
    let wanted = test.response.as_ref()?;
    let home = test.home.as_ref().unwrap_or(&suite.home);
    let Understood { intent, slots, response } = understood;
    let said = folder.responses.render(home, intent, response.as_deref(), slots);
    let said = match said {
        Some(Ok(said)) => said,
        Some(Err(error)) => format!("({error})"),
        None => "(no such template)".to_owned(),
    };
    let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    (tidy(wanted) != said).then(|| (tidy(wanted), said))
}

fn understand(suite: &Suite, test: &Test, text: &str) -> Option<Understood> {
    let readings = suite.grammar.readings(text, &test.intent.context);
    let named = |r: &Reading<'_>| suite.home.named(&r.slots);
    // The first of equals: `max_by_key` would take the last.
    let best = readings.into_iter().rev().max_by_key(named)?;
    Some(Understood {
        intent: best.intent.to_owned(),
        slots: best.slots,
        response: best.response.map(str::to_owned),
    })
}

fn align(suite: &Suite, aligner: &Aligner, test: &Test, text: &str) -> Option<Understood> {
    let readings = aligner.align(text, &test.intent.context).ok()?;
    let least = readings.first()?.evidence.cost;
    let equals = readings.partition_point(|r| r.evidence.cost <= least);
    let named = (0..equals).rev().max_by_key(|i| suite.home.named(&readings[*i].slots));
    let best = &readings[named.unwrap_or_default()];
    best.stands_against(&readings).then(|| Understood {
        intent: best.intent.clone(),
        slots: best.slots.clone(),
        response: best.response.clone(),
    })
}

fn judge(test: &Test, understood: Option<&Understood>) -> Outcome {
    let Some(understood) = understood else { return Outcome::Abstained };
    if understood.intent != test.intent.name {
        return Outcome::WrongIntent;
    }
    let wanted = &test.intent.slots;
    let right = wanted.len() == understood.slots.len()
        && wanted.iter().all(|(name, wanted)| {
            understood.slots.get(name).is_some_and(|slot| wanted.allows(&slot.value))
        });
    if right { Outcome::Right } else { Outcome::WrongSlots }
}

fn shown_wanted(test: &Test) -> String {
    let slots = test.intent.slots.iter().map(|(name, value)| format!(" {name}={value}"));
    format!("{}{}", test.intent.name, slots.collect::<String>())
}

fn shown(intent: &str, slots: &Slots) -> String {
    let slots = slots.iter().map(|(name, slot)| format!(" {name}={}", slot.value));
    format!("{intent}{}", slots.collect::<String>())
}
