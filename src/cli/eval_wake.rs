//! `mynah eval-wake`: calls missed and false wakes, measured.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde::Serialize;

use super::eval::{Job, jobs, sound};
use super::output::progress;
use super::{Context, Failure};
use crate::asr::Recognizer;
use crate::cancel::CancelToken;
use crate::eval::mix::Mixer;
use crate::eval::wake::{Trial, WakeScores};
use crate::hear::wake::{Spotted, Spotter, WakeModel};
use crate::hear::{Ear, EndpointSettings, SileroModel};
use crate::models::ModelStore;
use crate::nlu::{CALL, Calling, Observed, SHIPPED_CALL, Sounds, Trust, WAKE_BOUND, normal};
use crate::observe::process::cpu_time;
use crate::tts::text::Phonemizer;
use crate::turn::Heard;
use crate::units::{FRAME_LEN, SAMPLE_RATE_HZ, SamplePos, Span};

/// Measure wake phrases on recordings: calls missed and false wakes
///
/// Every phrase is measured by itself. A recording whose transcript begins with it is a call, one
/// whose transcript does not hold it is none, and others are left out for that phrase. All run
/// through detector and endpoint; each utterance is then read as an agent that sleeps does. Of
/// phrases that a small network knows, both stages have to agree.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah eval-wake --phrase computer --phrase \"hey jarvis\" calls.tsv others.tsv
  mynah eval-wake --phrase computer calls.tsv --mix kitchen.tsv --json
  mynah eval-wake --phrase computer calls.tsv others.tsv --fit")]
pub struct Args {
    /// Data sets, as for `eval`.
    #[arg(required = true, value_name = "DATA.tsv")]
    data: Vec<PathBuf>,
    /// A wake phrase; may be given several times.
    #[arg(long = "phrase", required = true, value_name = "TEXT")]
    phrases: Vec<String>,
    /// Instead of the recordings themselves, their noisy copies, as for `eval`.
    #[arg(long, value_name = "RECIPE.tsv")]
    mix: Option<PathBuf>,
    /// How probable a call must be, 0 to 1.
    #[arg(long, value_name = "P", default_value_t = WAKE_BOUND)]
    bound: f32,
    /// Do not ask the small networks: what the recogniser alone makes of every phrase.
    #[arg(long)]
    text_only: bool,
    /// Also fit anew what the evidence for a call is worth, and print it: how what ships was found.
    #[arg(long)]
    fit: bool,
}

/// Below this a call is not looked at to the end when evidence is collected.
const HARDLY: f32 = 0.15;

#[derive(Serialize)]
struct Report {
    phrases: Vec<WakeScores>,
    /// Recordings that could not be read.
    skipped: usize,
    /// Of all phrases together.
    calls: u32,
    missed: u32,
    miss_rate: f64,
    false_wakes: u32,
    /// Sound that was heard, and how much of it was speech that was read.
    heard_h: f64,
    read_h: f64,
    /// Processor time of reading for one phrase, against the length of what was heard and of the
    /// utterances read, in hundredths.
    reading_percent: f64,
    reading_percent_of_speech: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fitted: Option<Trust<CALL>>,
}

/// One phrase under evaluation.
struct Candidate {
    phrase: String,
    calling: Calling,
    model: Option<Arc<WakeModel>>,
    trials: Vec<Trial>,
    observed: Vec<Observed>,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    if !(0.0..=1.0).contains(&args.bound) {
        return Err(Failure::Input(anyhow!("--bound is {}; it must lie from 0 to 1", args.bound)));
    }
    let jobs = jobs(&args.data, args.mix.as_deref())?;
    let models = context.models()?;
    let mut bench = Bench::load(&models, args)?;
    let mut mixer = Mixer::default();
    let mut skipped = 0;
    for (done, job) in jobs.iter().enumerate() {
        progress(done, jobs.len());
        match sound(&mut mixer, job) {
            Ok(sound) => bench.hear(job, &sound, args)?,
            Err(error) => {
                skipped += 1;
                eprintln!("warning: skipped: {error}");
            }
        }
    }
    progress(jobs.len(), jobs.len());
    let report = bench.report(skipped, args.fit);
    context.say(&report);
    if context.json {
        super::put(serde_json::to_string(&report).map_err(anyhow::Error::from)?);
    }
    Ok(())
}

struct Bench {
    silero: Arc<SileroModel>,
    recognizer: Recognizer,
    candidates: Vec<Candidate>,
    heard: u64,
    read: u64,
    reading: Duration,
}

impl Bench {
    fn load(models: &ModelStore, args: &Args) -> Result<Self, Failure> {
        let voice = Arc::new(Phonemizer::load(models).map_err(Failure::input)?);
        let sounds = Arc::new(Sounds::new(voice, &Default::default()).map_err(Failure::input)?);
        let known = WakeModel::load_all(models).map_err(Failure::input)?;
        let candidates = args.phrases.iter().map(|phrase| {
            let calling = Calling::new(std::slice::from_ref(phrase), Arc::clone(&sounds));
            let phrase = normal(phrase);
            let model = known.iter().find(|model| !args.text_only && model.phrase() == phrase);
            let (trials, observed) = (Vec::new(), Vec::new());
            Ok(Candidate {
                calling: calling.map_err(Failure::input)?,
                model: model.cloned(),
                phrase,
                trials,
                observed,
            })
        });
        Ok(Self {
            candidates: candidates.collect::<Result<_, Failure>>()?,
            silero: SileroModel::load(models).map_err(Failure::input)?,
            recognizer: Recognizer::load(models).map_err(Failure::input)?,
            heard: 0,
            read: 0,
            reading: Duration::ZERO,
        })
    }

    fn hear(&mut self, job: &Job, sound: &[f32], args: &Args) -> Result<(), Failure> {
        let said = job.row.transcript.as_deref().map(normal).unwrap_or_default();
        let spans = utterances(&self.silero, EndpointSettings::default(), sound)?;
        let Self { recognizer, candidates, .. } = self;
        let start = cpu_time();
        let heads: Vec<&[f32]> =
            spans.iter().map(|span| Calling::head(slice(sound, *span))).collect();
        let mut texts = Vec::new();
        for head in &heads {
            texts.push(
                Calling::read(recognizer, head, &CancelToken::never())
                    .map_err(anyhow::Error::from)?,
            );
        }
        let reading = cpu_time() - start;
        for candidate in candidates {
            let called = begins(&said, &candidate.phrase);
            if !called && format!(" {said} ").contains(&format!(" {} ", candidate.phrase)) {
                continue;
            }
            let spotted = candidate.model.as_ref().map(|model| spotted(model, sound));
            let (mut woken, mut probability) = (0, None);
            let start = cpu_time();
            for ((span, head), text) in spans.iter().zip(&heads).zip(&texts) {
                let bound = if args.fit { HARDLY } else { args.bound };
                let agrees = spotted.as_ref().is_none_or(|spotted| {
                    spotted.iter().any(|s| s.at >= span.start && s.at <= span.end)
                });
                if !agrees && !args.fit {
                    continue;
                }
                let call = candidate
                    .calling
                    .judge(recognizer, head, text, bound, |_| true, &CancelToken::never())
                    .map_err(anyhow::Error::from)?;
                if let Some(call) = call {
                    candidate.observed.push(call.evidence.observed(called));
                    probability = Some(call.probability.max(probability.unwrap_or(0.0)));
                    woken += u32::from(agrees && call.probability >= args.bound);
                }
            }
            self.reading += cpu_time() - start;
            candidate.trials.push(Trial {
                path: job.row.name.clone(),
                heard: texts.clone(),
                probability,
                called,
                speaker: job.row.speaker.clone(),
                condition: job.row.condition.clone(),
                seconds: sound.len() as f64 / f64::from(SAMPLE_RATE_HZ),
                woken,
                spotted: spotted.map(|spotted| spotted.len() as u32),
            });
        }
        // Reading is done once for all phrases here, and once for all by an agent.
        self.reading += reading * self.candidates.len() as u32;
        self.heard += sound.len() as u64;
        self.read += spans.iter().map(|span| span.len()).sum::<u64>();
        Ok(())
    }

    fn report(self, skipped: usize, fit: bool) -> Report {
        let candidates = self.candidates.len().max(1) as f64;
        let seconds = |samples: u64| samples as f64 / f64::from(SAMPLE_RATE_HZ);
        let reading = 100.0 * self.reading.as_secs_f64() / candidates;
        let observed: Vec<Observed> =
            self.candidates.iter().flat_map(|one| one.observed.clone()).collect();
        let phrases: Vec<WakeScores> =
            self.candidates.iter().map(|one| WakeScores::new(&one.phrase, &one.trials)).collect();
        let calls = phrases.iter().map(|one| one.calls.n).sum();
        let missed = phrases.iter().map(|one| one.calls.missed).sum();
        Report {
            skipped,
            calls,
            missed,
            miss_rate: f64::from(missed) / f64::from(calls).max(1.0),
            false_wakes: phrases.iter().map(|one| one.false_wakes).sum(),
            heard_h: seconds(self.heard) / 3600.0,
            read_h: seconds(self.read) / 3600.0,
            reading_percent: reading / seconds(self.heard).max(1.0),
            reading_percent_of_speech: reading / seconds(self.read).max(1.0),
            fitted: fit.then(|| SHIPPED_CALL.refitted(&observed)),
            phrases,
        }
    }
}

/// The utterances of a recording, as an endpoint cuts them.
pub(super) fn utterances(
    silero: &Arc<SileroModel>,
    settings: EndpointSettings,
    sound: &[f32],
) -> Result<Vec<Span>, Failure> {
    let mut ear = Ear::new(Arc::clone(silero), settings).map_err(anyhow::Error::from)?;
    let mut spans = Vec::new();
    let mut take = |heard: Heard| {
        if let Heard::SpeechEnd { span, .. } = heard {
            spans.push(span);
        }
    };
    for (at, frame) in positions(sound) {
        ear.push(at, frame, None).into_iter().for_each(&mut take);
    }
    ear.finish().into_iter().for_each(&mut take);
    Ok(spans)
}

pub(super) fn positions(sound: &[f32]) -> impl Iterator<Item = (SamplePos, &[f32; FRAME_LEN])> {
    let at = (0..).step_by(FRAME_LEN).map(SamplePos);
    at.zip(sound.as_chunks::<FRAME_LEN>().0)
}

pub(super) fn slice(sound: &[f32], span: Span) -> &[f32] {
    let end = (span.end.0 as usize).min(sound.len());
    &sound[(span.start.0 as usize).min(end)..end]
}

fn begins(said: &str, phrase: &str) -> bool {
    said.strip_prefix(phrase).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Where the small network heard its phrase.
fn spotted(model: &Arc<WakeModel>, sound: &[f32]) -> Vec<Spotted> {
    let mut spotter = Spotter::new(vec![Arc::clone(model)]);
    positions(sound).filter_map(|(at, frame)| spotter.push(at, frame)).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20} {:>6} {:>7} {:>7}  false wakes", "phrase", "calls", "missed", "")?;
        for one in &self.phrases {
            let [low, high] = one.false_per_h;
            write!(
                f,
                "{:<20} {:>6} {:>7} {:>6.1} %  {} in {:.2} h ({low:.2} to {high:.2} an hour)",
                one.phrase,
                one.calls.n,
                one.calls.missed,
                100.0 * one.calls.miss_rate,
                one.false_wakes,
                one.exposure_h,
            )?;
            if let (Some(missed), Some(other)) = (one.spotter_missed, one.spotter_false) {
                write!(f, "; first stage alone: {missed} missed, {other} false")?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "{:<20} {:>6} {:>7} {:>6.1} %  {}",
            "all",
            self.calls,
            self.missed,
            100.0 * self.miss_rate,
            self.false_wakes
        )?;
        write!(
            f,
            "reading for a phrase: {:.2} % of a processor, {:.2} % while somebody speaks",
            self.reading_percent, self.reading_percent_of_speech
        )?;
        if let Some(fitted) = &self.fitted {
            let fitted = serde_json::to_string(fitted).map_err(|_| fmt::Error)?;
            write!(f, "\nfitted: {fitted}")?;
        }
        Ok(())
    }
}
