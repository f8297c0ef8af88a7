//! `mynah eval-text`: learn from one table of texts, be measured on another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::anyhow;

use super::{Context, Failure};
use crate::config::board::Board;
use crate::eval::text::{self, TextRow};
use crate::eval::text_scores::{TextOutcome, TextReport};
use crate::nlu::Mishearing;
use crate::nlu::classify::{
    ClassifyError, Corrupt, Example, IntentModel, SentenceEncoder, SlotExample, SlotTagger, Tagged,
    Training,
};
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
    /// Learn so many misheard copies of every text as well; an agent learns one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    copies: usize,
    /// Be measured on the texts as a recogniser may mishear them, another way for another SEED.
    #[arg(long, value_name = "SEED")]
    misheard: Option<u64>,
}

/// Of the copies that are learned.
const COPIES_SEED: u64 = 1;

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
    let sounds = match args.copies > 0 || args.misheard.is_some() {
        true => Some(super::test::sounds(context)?),
        false => None,
    };
    let words = || train.iter().chain(&test).map(|row| row.text.as_str());
    let mishearing = |seed| Some(Mishearing::new(sounds.as_deref()?, words(), seed));
    let mut heard: Vec<String> = test.iter().map(|row| row.text.clone()).collect();
    if let Some(mut mishearing) = args.misheard.and_then(mishearing) {
        for text in &mut heard {
            *text = mishearing.corrupt(text).unwrap_or_else(|| text.clone());
        }
    }
    let mut copies = mishearing(COPIES_SEED);
    let corrupt = copies.as_mut().filter(|_| args.copies > 0);
    training.corrupt = corrupt.map(|copies| (args.copies, copies as _));
    let threads = Board::default_for_build().cpu.encoder_threads;
    let team = Team::of(threads).map_err(anyhow::Error::from)?;
    let started = Instant::now();
    let model =
        IntentModel::train(training, encoder.as_mut(), &team).map_err(|error| match error {
            ClassifyError::NothingToLearn { .. } => {
                Failure::Input(anyhow!("{}: no row has an intent", args.train.display()))
            }
            error => Failure::Runtime(error.into()),
        })?;
    let tagger = SlotTagger::train(&slot_examples(&train), &[]);
    let train_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut outcomes = Vec::with_capacity(test.len());
    for (row, text) in test.into_iter().zip(heard) {
        let verdict = model.classify(&text, encoder.as_mut()).map_err(anyhow::Error::from)?;
        let (best, probability) = verdict.best();
        let intent = model.intents()[best].clone();
        let mut slots = BTreeMap::new();
        for Tagged { slot, at } in tagger.tag(&text, &intent) {
            // A slot has one value: the first that was said.
            slots.entry(slot).or_insert_with(|| text[at].to_owned());
        }
        outcomes.push(TextOutcome {
            gold: row.gold,
            condition: row.condition,
            intent,
            probability,
            out_of_scope: verdict.out_of_scope,
            refused: verdict.refused,
            slots,
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

fn slot_examples(rows: &[TextRow]) -> Vec<SlotExample<'_>> {
    let example = |row| {
        let TextRow { text, gold: Some(gold), .. }: &TextRow = row else { return None };
        let slots = gold.slots.iter().map(|(slot, value)| (slot.as_str(), value.to_string()));
        Some(SlotExample { text, intent: &gold.intent, slots: slots.collect() })
    };
    rows.iter().filter_map(example).collect()
}
