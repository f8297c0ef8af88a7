//! `mynah eval-wake`: calls missed and false wakes, measured.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde::Serialize;

use super::eval::{Job, check, check_any_read, check_any_there, jobs, sound};
use super::output::progress;
use super::{Context, Failure};
use crate::asr::Recognizer;
use crate::cancel::CancelToken;
use crate::eval::dataset::Row;
use crate::eval::mix::Mixer;
use crate::eval::wake::{self, Trial, WakeScores};
use crate::hear::wake::{Spotted, Spotter, WakeModel};
use crate::hear::{Ear, EndpointSettings, SileroModel};
use crate::models::ModelStore;
use crate::nlu::{
    CALL, Call, CallEvidence, Calling, FALSE_WAKE_COST, Observed, SHIPPED_CALL, Sounds, Trust,
    WAKE_BOUND, normal,
};
use crate::observe::process::cpu_time;
use crate::tts::text::Phonemizer;
use crate::turn::Heard;
use crate::units::{FRAME_LEN, SAMPLE_RATE_HZ, SamplePos, Span};

/// Measure wake phrases on recordings: calls missed and false wakes
///
/// Every phrase is measured by itself. A recording whose transcript begins with it is a call, one
/// whose transcript does not hold it, or that has none, is no call, and others are left out for that
/// phrase. All run
/// through detector and endpoint; each utterance is then heard as an agent that sleeps hears it. Of
/// phrases that a small network knows, both stages have to agree.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah eval-wake --phrase computer --phrase \"hey jarvis\" calls.tsv others.tsv
  mynah eval-wake --phrase computer calls.tsv --mix kitchen.tsv --json
  mynah eval-wake --phrase computer calls.tsv others.tsv --mix kitchen.tsv --clean --fit")]
pub struct Args {
    /// Data sets, as for `eval`.
    #[arg(required = true, value_name = "DATA.tsv")]
    data: Vec<PathBuf>,
    /// A wake phrase; may be given several times.
    #[arg(long = "phrase", required = true, value_name = "TEXT")]
    phrases: Vec<String>,
    /// Instead of the recordings themselves, their noisy copies, as for `eval`; may be given several
    /// times.
    #[arg(long, value_name = "RECIPE.tsv")]
    mix: Vec<PathBuf>,
    /// Beside the noisy copies the recordings themselves.
    #[arg(long, requires = "mix")]
    clean: bool,
    /// How probable a call must be, 0 to 1.
    #[arg(long, value_name = "P", default_value_t = WAKE_BOUND)]
    bound: f32,
    /// Do not ask the small networks: what the recogniser alone makes of every phrase.
    #[arg(long)]
    text_only: bool,
    /// Also fit anew what the evidence for a call is worth, and print it: how what ships was found. And
    /// what it makes of speakers that it was not fitted to. With `--json` all evidence. Takes calls as
    /// well as recordings that are none.
    #[arg(long)]
    fit: bool,
}

/// Below this a call is not looked at to the end when evidence is collected.
const HARDLY: f32 = 1e-3;
/// In how many parts speakers are put, each of which is measured with what was fitted to the others.
const FOLDS: usize = 5;

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
    /// Processor time of reading for all phrases, against the length of what was heard and of the
    /// utterances read, in hundredths.
    reading_percent: f64,
    reading_percent_of_speech: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fit: Option<Fit>,
}

#[derive(Serialize)]
struct Fit {
    fitted: Trust<CALL>,
    /// Of every speaker, by what was fitted to others.
    held_out: HeldOut,
    evidence: Vec<Observation>,
}

#[derive(Debug, Default, Serialize)]
struct HeldOut {
    calls: u32,
    missed: u32,
    false_wakes: u32,
    /// Calls missed, by condition.
    missed_by_condition: BTreeMap<String, u32>,
}

/// What one recording showed of one phrase: its likeliest call, if any.
#[derive(Clone, Debug, Serialize)]
struct Observation {
    path: String,
    phrase: String,
    speaker: String,
    condition: String,
    called: bool,
    evidence: Option<CallEvidence>,
}

/// One phrase under evaluation.
struct Candidate {
    phrase: String,
    model: Option<Arc<WakeModel>>,
    trials: Vec<Trial>,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    if !(0.0..=1.0).contains(&args.bound) {
        return Err(Failure::Input(anyhow!("--bound is {}; it must lie from 0 to 1", args.bound)));
    }
    check_phrases(&args.phrases)?;
    let clean = (args.clean || args.mix.is_empty()).then_some(None);
    let recipes = clean.into_iter().chain(args.mix.iter().map(|recipe| Some(recipe.as_path())));
    let jobs: Vec<Vec<Job>> =
        recipes.map(|recipe| jobs(&args.data, recipe)).collect::<Result<_, _>>()?;
    let jobs: Vec<Job> = jobs.into_iter().flatten().collect();
    check_any_there(&jobs)?;
    check_transcripts(args, &jobs)?;
    let mut mixer = Mixer::default();
    check(&mut mixer, &jobs).map_err(Failure::input)?;
    let models = context.models()?;
    let mut bench = Bench::load(&models, args)?;
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
    check_any_read(skipped, jobs.len())?;
    let report = bench.report(skipped, args)?;
    context.say(&report);
    if context.json {
        super::put(serde_json::to_string(&report).map_err(anyhow::Error::from)?);
    }
    Ok(())
}

/// Twice the same would count twice.
fn check_phrases(phrases: &[String]) -> Result<(), Failure> {
    let spelled: Vec<String> = phrases.iter().map(|phrase| normal(phrase)).collect();
    let twice = (1..spelled.len()).find(|index| spelled[..*index].contains(&spelled[*index]));
    match twice {
        None => Ok(()),
        Some(index) => Err(Failure::Input(anyhow!(
            "--phrase names `{}` twice, here as `{}`; capitals and punctuation do not count",
            spelled[index],
            phrases[index]
        ))),
    }
}

/// What is said tells calls from other recordings.
fn check_transcripts(args: &Args, jobs: &[Job]) -> Result<(), Failure> {
    let all = jobs.len();
    let unknown = jobs.iter().filter(|job| job.row.transcript.is_none()).count();
    if unknown > 0 {
        eprintln!(
            "warning: {unknown} of {all} recordings have no transcript, and count as some in which \
             nobody calls"
        );
    }
    if !args.fit {
        return Ok(());
    }
    let phrases: Vec<String> = args.phrases.iter().map(|phrase| normal(phrase)).collect();
    let said = jobs.iter().map(|job| said(&job.row));
    check_fit(said.flat_map(|said| {
        phrases.iter().filter_map(|phrase| wake::calls(&said, phrase)).collect::<Vec<_>>()
    }))
}

/// In normal spelling.
fn said(row: &Row) -> String {
    row.transcript.as_deref().map(normal).unwrap_or_default()
}

/// Without calls, or with nothing else, there is nothing that a fit could tell apart.
fn check_fit(called: impl Iterator<Item = bool>) -> Result<(), Failure> {
    let (mut calls, mut others) = (0, 0);
    called.for_each(|called| *if called { &mut calls } else { &mut others } += 1);
    if calls > 0 && others > 0 {
        return Ok(());
    }
    Err(Failure::Input(anyhow!(
        "--fit needs recordings whose transcript begins with a phrase, and others in which something is \
         a little like one; here are {calls} and {others}"
    )))
}

struct Bench {
    silero: Arc<SileroModel>,
    recognizer: Recognizer,
    calling: Calling,
    candidates: Vec<Candidate>,
    observations: Vec<Observation>,
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
            let phrase = normal(phrase);
            let model = known.iter().find(|model| !args.text_only && model.phrase() == phrase);
            Candidate { model: model.cloned(), phrase, trials: Vec::new() }
        });
        Ok(Self {
            candidates: candidates.collect(),
            calling: Calling::new(&args.phrases, sounds)
                .map_err(|error| Failure::Input(anyhow!("--phrase: {error}")))?,
            silero: SileroModel::load(models).map_err(Failure::input)?,
            recognizer: Recognizer::load(models).map_err(Failure::input)?,
            observations: Vec::new(),
            heard: 0,
            read: 0,
            reading: Duration::ZERO,
        })
    }

    fn hear(&mut self, job: &Job, sound: &[f32], args: &Args) -> Result<(), Failure> {
        let said = said(&job.row);
        let spans = utterances(&self.silero, EndpointSettings::default(), sound)?;
        let models = self.candidates.iter().map(|candidate| candidate.model.as_ref());
        let spotted: Vec<Option<Vec<Spotted>>> =
            models.map(|model| Some(spotted(model?, sound))).collect();
        let agrees = |phrase: usize, span: &Span| {
            spotted[phrase].as_ref().is_none_or(|spotted| {
                spotted.iter().any(|s| s.at >= span.start && s.at <= span.end)
            })
        };
        let bound = if args.fit { HARDLY } else { args.bound };
        let mut calls: Vec<(Span, Call)> = Vec::new();
        let start = cpu_time();
        for span in &spans {
            let (sound, never) = (slice(sound, *span), CancelToken::never());
            let wanted = |phrase: usize| args.fit || agrees(phrase, span);
            let recognizer = &mut self.recognizer;
            let called = self.calling.survey(recognizer, sound, sound.len(), bound, wanted, &never);
            let called = called.map_err(anyhow::Error::from)?;
            calls.extend(called.into_iter().flatten().map(|call| (*span, call)));
        }
        self.reading += cpu_time() - start;
        self.heard += sound.len() as u64;
        self.read += spans.iter().map(|span| span.len()).sum::<u64>();
        for phrase in 0..self.candidates.len() {
            let Some(called) = wake::calls(&said, &self.candidates[phrase].phrase) else {
                continue;
            };
            let calls = || calls.iter().filter(|(_, call)| call.phrase == phrase);
            let woken = calls()
                .filter(|(span, call)| agrees(phrase, span) && call.probability >= args.bound)
                .count() as u32;
            let likelier = |a: &&Call, b: &&Call| a.probability.total_cmp(&b.probability);
            let likeliest = calls().map(|(_, call)| call).max_by(likelier);
            let is_wrong = called != (woken > 0);
            let heard = if is_wrong { self.read(&spans, sound)? } else { Vec::new() };
            let candidate = &mut self.candidates[phrase];
            if args.fit {
                self.observations.push(Observation {
                    path: job.row.name.clone(),
                    phrase: candidate.phrase.clone(),
                    speaker: job.row.speaker.clone(),
                    condition: job.row.condition.clone(),
                    called,
                    evidence: likeliest.map(|call| call.evidence),
                });
            }
            candidate.trials.push(Trial {
                path: job.row.name.clone(),
                heard,
                probability: likeliest.map(|call| call.probability),
                called,
                speaker: job.row.speaker.clone(),
                condition: job.row.condition.clone(),
                seconds: sound.len() as f64 / f64::from(SAMPLE_RATE_HZ),
                woken,
                spotted: spotted[phrase].as_ref().map(|spotted| spotted.len() as u32),
            });
        }
        Ok(())
    }

    /// What is said in each utterance, to explain an error.
    fn read(&mut self, spans: &[Span], sound: &[f32]) -> Result<Vec<String>, Failure> {
        let text = |span: &Span| -> Result<String, Failure> {
            let heard = self.recognizer.recognize(slice(sound, *span), &CancelToken::never());
            Ok(heard.map_err(anyhow::Error::from)?.best.text)
        };
        spans.iter().map(text).collect()
    }

    fn report(self, skipped: usize, args: &Args) -> Result<Report, Failure> {
        let seconds = |samples: u64| samples as f64 / f64::from(SAMPLE_RATE_HZ);
        let reading = 100.0 * self.reading.as_secs_f64();
        let phrases: Vec<WakeScores> =
            self.candidates.iter().map(|one| WakeScores::new(&one.phrase, &one.trials)).collect();
        let calls = phrases.iter().map(|one| one.calls.n).sum();
        let missed = phrases.iter().map(|one| one.calls.missed).sum();
        let fit = args.fit.then(|| Fit::of(self.observations, args.bound)).transpose()?;
        Ok(Report {
            skipped,
            calls,
            missed,
            miss_rate: f64::from(missed) / f64::from(calls).max(1.0),
            false_wakes: phrases.iter().map(|one| one.false_wakes).sum(),
            heard_h: seconds(self.heard) / 3600.0,
            read_h: seconds(self.read) / 3600.0,
            reading_percent: reading / seconds(self.heard).max(1.0),
            reading_percent_of_speech: reading / seconds(self.read).max(1.0),
            fit,
            phrases,
        })
    }
}

impl Fit {
    fn of(evidence: Vec<Observation>, bound: f32) -> Result<Self, Failure> {
        check_fit(evidence.iter().filter(|one| one.evidence.is_some()).map(|one| one.called))?;
        let fitted = |keep: &dyn Fn(&Observation) -> bool| {
            let kept = evidence.iter().filter(|one| keep(one));
            let observed: Vec<Observed> =
                kept.filter_map(|one| Some(one.evidence?.observed(one.called))).collect();
            SHIPPED_CALL.refitted(&observed).doubting(FALSE_WAKE_COST)
        };
        let mut held_out = HeldOut::default();
        for fold in 0..FOLDS {
            let trust = fitted(&|one| one.fold() != fold);
            let others = evidence.iter().filter(|one| one.fold() == fold);
            others.for_each(|one| held_out.count(one, &trust, bound));
        }
        Ok(Self { fitted: fitted(&|_| true), held_out, evidence })
    }
}

impl Observation {
    /// Which part of the speakers its own is in; a recording without one has a speaker of its own.
    fn fold(&self) -> usize {
        let name = if self.speaker.is_empty() { &self.path } else { &self.speaker };
        // FNV-1a: the same on every machine.
        let mixed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |mixed, byte| {
            (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (mixed % FOLDS as u64) as usize
    }
}

impl HeldOut {
    fn count(&mut self, one: &Observation, trust: &Trust<CALL>, bound: f32) {
        let wakes = one.evidence.is_some_and(|evidence| evidence.probability(trust) >= bound);
        self.calls += u32::from(one.called);
        self.false_wakes += u32::from(wakes && !one.called);
        if one.called && !wakes {
            self.missed += 1;
            *self.missed_by_condition.entry(one.condition.clone()).or_default() += 1;
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

/// Where the small network heard its phrase.
fn spotted(model: &Arc<WakeModel>, sound: &[f32]) -> Vec<Spotted> {
    let mut spotter = Spotter::new(vec![Arc::clone(model)]);
    positions(sound).filter_map(|(at, frame)| spotter.push(at, frame)).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20} {:>6} {:>7} {:>7}  false wakes", "phrase", "calls", "missed", "")?;
        for one in &self.phrases {
            write!(
                f,
                "{:<20} {:>6} {:>7} {:>6.1} %  {} in {:.2} h",
                one.phrase,
                one.calls.n,
                one.calls.missed,
                100.0 * one.calls.miss_rate,
                one.false_wakes,
                one.exposure_h,
            )?;
            if let Some([low, high]) = one.false_per_h {
                write!(f, " ({low:.2} to {high:.2} an hour)")?;
            }
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
            "reading for the phrases: {:.2} % of a processor, {:.2} % while somebody speaks",
            self.reading_percent, self.reading_percent_of_speech
        )?;
        if let Some(Fit { fitted, held_out, .. }) = &self.fit {
            let fitted = serde_json::to_string(fitted).map_err(|_| fmt::Error)?;
            let HeldOut { calls, missed, false_wakes, missed_by_condition } = held_out;
            let rate = 100.0 * f64::from(*missed) / f64::from(*calls).max(1.0);
            write!(
                f,
                "\nfitted: {fitted}; of speakers that it was not fitted to, {missed} of {calls}"
            )?;
            write!(f, " calls missed ({rate:.1} %), {false_wakes} false wakes")?;
            for (condition, missed) in missed_by_condition {
                write!(f, "\n  missed in {condition}: {missed}")?;
            }
        }
        Ok(())
    }
}
