//! `mynah eval-text`: learn from one table of texts, be measured on another.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::anyhow;

use super::{Context, Failure};
use crate::eval::text;
use crate::eval::text_scores::{TextOutcome, TextReport};
use crate::nlu::classify::{ClassifyError, Example, IntentModel, SentenceEncoder, Training};
use crate::nn::Team;

/// Measure what is learned from example texts: intents, slots, out of scope
///
/// A data set is a tab-separated table with a header. `text` and `intent` (empty or `oos`: out of
/// scope) are needed; `slots_json` and `condition` are used where they are filled in. Texts of the
/// training table that are out of scope are learned as counter-examples.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Scores:
  intent    right, refusing being right out of scope
  in scope  the best intent is right                    (of texts in scope)
  rejects   refused                                     (of texts in scope)
  oos       refused                                     (of texts out of scope)
  at 5 %    refused, where 5 % of those in scope are    (of texts out of scope)

Examples:
  mynah eval-text --train examples.tsv --test others.tsv
  mynah eval-text --train examples.tsv --test others.tsv --small --json > small.json")]
pub struct Args {
    /// What to learn from.
    #[arg(long, value_name = "TRAIN.tsv")]
    train: PathBuf,
    /// What to be measured on.
    #[arg(long, value_name = "TEST.tsv")]
    test: PathBuf,
    /// Learn spelling alone, without the sentence encoder.
    #[arg(long)]
    small: bool,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let train = text::read(&args.train).map_err(Failure::input)?;
    let test = text::read(&args.test).map_err(Failure::input)?;
    let mut encoder = match args.small {
        true => None,
        false => Some(SentenceEncoder::load(&context.models()?).map_err(Failure::input)?),
    };
    let mut training = Training::default();
    for row in &train {
        match &row.gold {
            Some(gold) => training.examples.push(Example { text: &row.text, intent: &gold.intent }),
            None => training.others.push(&row.text),
        }
    }
    let team = Team::of(2).map_err(anyhow::Error::from)?;
    let started = Instant::now();
    let model = IntentModel::train(training, encoder.as_mut(), &team).map_err(|error| match error {
        ClassifyError::NothingToLearn { .. } => {
            Failure::Input(anyhow!("{}: no row has an intent", args.train.display()))
        }
        error => Failure::Runtime(error.into()),
    })?;
    let train_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut outcomes = Vec::with_capacity(test.len());
    for row in test {
        let verdict = model.classify(&row.text, encoder.as_mut()).map_err(anyhow::Error::from)?;
        let (best, probability) = verdict.best();
        outcomes.push(TextOutcome {
            gold: row.gold,
            condition: row.condition,
            intent: model.intents()[best].clone(),
            probability,
            out_of_scope: verdict.out_of_scope,
            slots: Default::default(),
        });
    }
    let ms_per_text = 1e3 * started.elapsed().as_secs_f64() / outcomes.len() as f64;
    let report = TextReport::new(&outcomes, model.intents().len(), train_s, ms_per_text);
    context.say(&report);
    if context.json {
        super::put(serde_json::to_string(&report).map_err(anyhow::Error::from)?);
    }
    Ok(())
}
