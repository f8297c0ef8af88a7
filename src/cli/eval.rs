use std::collections::{BTreeSet, HashMap};
use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use super::output::progress;
use super::train::{Hears, prepare};
use super::{Context, Failure};
use crate::agent::{Agent, ListeningMode};
use crate::audio::file;
use crate::config::board::Board;
use crate::config::diagnostic::nearest;
use crate::eval::TableError;
use crate::eval::curve::{Curves, Policy};
use crate::eval::dataset::{self, Row};
use crate::eval::mix::{self, MixError, MixRow, Mixer};
use crate::eval::outcome::Outcome;
use crate::eval::rehearsal::PauseHeard;
use crate::eval::report::Report;
use crate::eval::run::{EvalError, Evaluation, Mode};
use crate::hear::endpoint::MAX_SILENCE_MS;
use crate::runtime::Engines;
use crate::units::{FRAME_MS, SAMPLE_RATE_HZ};

/// Measure an agent on recordings: words, intents, slots, acceptance and timing in one run
///
/// A data set is a tab-separated table with a header. `path` (WAV or FLAC, relative to the table)
/// and `intent` (empty: not for this agent) are needed; `transcript`, `slots_json`, `speaker`,
/// `condition`, `speech_start_s` and `speech_end_s` are used where they are filled in. Each
/// recording runs through the whole streamed pipeline as a session of its own; programs of
/// actions are not run. An agent that is called by a phrase or pressed is awake all the time: whether
/// it wakes is for `mynah eval-wake`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Scores:
  command   intent and every slot right, and accepted   (of recordings with an intent)
  false     accepted                                    (of recordings without an intent)
  cut-in    the turn was taken before the voice had ended
  gap       end of the voice to first sound of the reply, median/95th percentile

Examples:
  mynah eval agents/coffee orders.tsv others.tsv
  mynah eval agents/coffee orders.tsv --mix kitchen.tsv --json > kitchen.json
  mynah eval agents/coffee orders.tsv --hangovers 100,200,300,400,500,600,700,800,900,1000
  mynah eval agents/coffee orders.tsv --realtime --limit 50
  mynah eval agents/coffee prompts.tsv --whole --limit 50")]
pub struct Args {
    /// Agent folder.
    agent: PathBuf,
    #[command(flatten)]
    state: super::train::State,
    /// Data sets.
    #[arg(required = true, value_name = "DATA.tsv")]
    data: Vec<PathBuf>,
    /// Instead of the recordings themselves, run the noisy copies of them that a recipe lists:
    /// columns utt, cond, noise, noise_start, noise_from, snr_db, snr_def (rms or maxframe), rir,
    /// rir_channel, pauses, tone_start, tone_len; files relative to the recipe.
    #[arg(long, value_name = "RECIPE.tsv")]
    mix: Option<PathBuf>,
    /// Hold the agent's endpoint against fixed hangovers of so many milliseconds on the same
    /// recordings: how often each cuts people off, and how long it lets them wait. Takes data sets with
    /// `speech_end_s`; nothing else is measured then.
    #[arg(long, value_name = "MS,MS,…", value_delimiter = ',', conflicts_with = "whole")]
    #[arg(value_parser = hangover)]
    hangovers: Vec<u32>,
    /// Instead of measuring, write down every pause of the recordings and what could be known of it
    /// when it showed, a JSON line for each recording: what `scripts/fit_endpoint.py` reads.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["whole", "hangovers"])]
    pauses: Option<PathBuf>,
    /// Recognise each recording as one utterance, without detector, endpoint and dialogue.
    #[arg(long)]
    whole: bool,
    /// At the pace of the clock, as `mynah replay --realtime`: the response gap is then what this
    /// machine makes of it, and no two runs are alike.
    #[arg(long, conflicts_with_all = ["whole", "hangovers", "pauses"])]
    realtime: bool,
    /// Stop after the first N recordings.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// One of `--hangovers`.
fn hangover(text: &str) -> Result<u32, String> {
    let whole = |ms: &u32| (FRAME_MS..=MAX_SILENCE_MS).contains(ms) && ms.is_multiple_of(FRAME_MS);
    text.parse().ok().filter(whole).ok_or_else(|| {
        format!("it must be a multiple of {FRAME_MS} ms, from {FRAME_MS} to {MAX_SILENCE_MS}")
    })
}

/// A recording as it is, or a copy to be made.
pub(super) struct Job {
    /// The recording's; the condition is the copy's.
    pub row: Row,
    mix: Option<MixRow>,
}

impl Job {
    /// The row with its times as they are in the copy.
    fn heard(&self) -> Row {
        let mut row = self.row.clone();
        if let Some(copy) = &self.mix {
            for time in [&mut row.speech_start_s, &mut row.speech_end_s] {
                *time = time.map(|seconds| copy.time(seconds));
            }
            row.pauses_s = copy.pauses_s();
        }
        row
    }
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let mut agent = Agent::load(&args.agent).map_err(Failure::input)?;
    let mut jobs = jobs(&args.data, args.mix.as_deref())?;
    jobs.truncate(args.limit.unwrap_or(usize::MAX));
    if jobs.is_empty() {
        return Err(Failure::Input(anyhow!("--limit 0 leaves nothing to evaluate")));
    }
    check_any_there(&jobs)?;
    if !args.hangovers.is_empty() {
        check_ends_known(&jobs)?;
    }
    let mut mixer = Mixer::default();
    check(&mut mixer, &jobs).map_err(Failure::input)?;
    warn_of_unknown_intents(&agent, &jobs);
    warn_of_unknown_slots(&agent, &jobs);
    tell_awake(&agent);
    let mode = match (args.whole, args.realtime) {
        (true, _) => Mode::Whole,
        (_, true) => Mode::RealTime,
        _ => Mode::Streamed,
    };
    let board = Board::default_for_build();
    let threads = board.cpu.encoder_threads;
    let models = context.models()?;
    prepare(&mut agent, &models, &args.state, Hears::Speech)?;
    let mut engines = Engines::load(&models, threads).map_err(Failure::input)?;
    engines.warm_up().map_err(anyhow::Error::from)?;
    let mut evaluation = Evaluation::new(engines, agent, mode, board.audio.period_ms);
    if !args.hangovers.is_empty() {
        return hold_against(&args.hangovers, &mut evaluation, &mut mixer, &jobs, context);
    }
    if let Some(out) = &args.pauses {
        return write_pauses(out, &mut evaluation, &mut mixer, &jobs);
    }
    let (outcomes, unreadable) =
        evaluate(&mut mixer, &jobs, |row, sound| evaluation.clip(row, sound))?;
    for (name, fault) in outcomes.iter().flat_map(|o| o.faults.iter().map(|f| (&o.name, f))) {
        eprintln!("warning: {name}: {fault}");
    }
    tell(&Report::new(&outcomes, unreadable), context)
}

/// The agent's endpoint policy beside fixed hangovers.
fn hold_against(
    hangovers: &[u32],
    evaluation: &mut Evaluation,
    mixer: &mut Mixer,
    jobs: &[Job],
    context: &Context,
) -> Result<(), Failure> {
    let fixed = hangovers.iter().map(|ms| Policy::Fixed(*ms));
    let policies: Vec<Policy> = [Policy::Own].into_iter().chain(fixed).collect();
    let (by_clip, unreadable) =
        evaluate(mixer, jobs, |row, sound| evaluation.curve(row, sound, &policies))?;
    let mut outcomes: Vec<(Policy, Vec<Outcome>)> =
        policies.into_iter().map(|policy| (policy, Vec::new())).collect();
    for clip in by_clip {
        for ((_, outcomes), outcome) in outcomes.iter_mut().zip(clip) {
            outcomes.push(outcome);
        }
    }
    tell(&Curves::new(&outcomes, unreadable), context)
}

/// A line of `--pauses`.
#[derive(Serialize)]
struct Pauses {
    path: String,
    condition: String,
    speaker: String,
    /// Where the voice really ends.
    speech_end_ms: Option<f64>,
    pauses: Vec<PauseHeard>,
}

fn write_pauses(
    out: &Path,
    evaluation: &mut Evaluation,
    mixer: &mut Mixer,
    jobs: &[Job],
) -> Result<(), Failure> {
    let (lines, _) = evaluate(mixer, jobs, |row, sound| {
        Ok(Pauses {
            path: row.name.clone(),
            condition: row.condition.clone(),
            speaker: row.speaker.clone(),
            speech_end_ms: row.speech_end_s.map(|seconds| 1000.0 * seconds),
            pauses: evaluation.pauses(sound)?,
        })
    })?;
    let mut text = String::new();
    for line in &lines {
        text += &serde_json::to_string(line).map_err(anyhow::Error::from)?;
        text.push('\n');
    }
    std::fs::write(out, text).with_context(|| format!("cannot write {}", out.display()))?;
    Ok(())
}

fn tell(report: &(impl Display + Serialize), context: &Context) -> Result<(), Failure> {
    context.say(report);
    if context.json {
        super::put(serde_json::to_string(report).map_err(anyhow::Error::from)?);
    }
    Ok(())
}

/// The recordings of data sets, or the copies of them that a recipe lists.
pub(super) fn jobs(data: &[PathBuf], recipe: Option<&Path>) -> Result<Vec<Job>, Failure> {
    let mut rows = Vec::new();
    for path in data {
        rows.extend(dataset::read(path).map_err(Failure::input)?);
    }
    let Some(recipe) = recipe else {
        return Ok(rows.into_iter().map(|row| Job { row, mix: None }).collect());
    };
    let by_path: HashMap<PathBuf, &Row> = rows.iter().map(|row| (real(&row.path), row)).collect();
    let copies = mix::read(recipe).map_err(Failure::input)?;
    let copies = copies.into_iter().filter_map(|copy| {
        let row = by_path.get(&real(&copy.utterance))?;
        let row = Row { condition: copy.condition.clone(), ..(*row).clone() };
        Some(Job { row, mix: Some(copy) })
    });
    let jobs: Vec<Job> = copies.collect();
    if jobs.is_empty() {
        return Err(Failure::Input(anyhow!(
            "{}: no `utt` is a recording of the data sets given; `utt` is relative to the recipe's \
             folder",
            recipe.display()
        )));
    }
    Ok(jobs)
}

/// Holds what tables and recipes say against the files, long before their turn comes. A file that cannot
/// be read is told when it does.
pub(super) fn check(mixer: &mut Mixer, jobs: &[Job]) -> Result<(), TableError> {
    // A recipe makes many copies of one recording, which is read once.
    let mut lengths = HashMap::new();
    for Job { row, mix } in jobs {
        let length = *lengths.entry((&row.path, mix.is_some())).or_insert_with(|| {
            let recording = file::read(&row.path).ok()?;
            let seconds = recording.seconds();
            let samples = mix.as_ref().map(|_| recording.to_rate(SAMPLE_RATE_HZ).samples.len());
            Some((seconds, samples))
        });
        let Some((seconds, samples)) = length else { continue };
        row.check_times(seconds)?;
        if let Some((copy, samples)) = mix.as_ref().zip(samples) {
            mixer.check(copy, samples)?;
        }
    }
    Ok(())
}

/// Only where the voice is known to end can a turn be taken before, or late.
fn check_ends_known(jobs: &[Job]) -> Result<(), Failure> {
    let (known, all) =
        (jobs.iter().filter(|job| job.row.speech_end_s.is_some()).count(), jobs.len());
    if known == 0 {
        return Err(Failure::Input(anyhow!(
            "--hangovers needs to know where the voice ends, and speech_end_s is filled in for none \
             of the {all} recordings; add that column to the data set, in seconds of the recording"
        )));
    }
    if known < all {
        eprintln!(
            "warning: {} of {all} recordings have no speech_end_s, and tell nothing of cut-ins and \
             waits",
            all - known
        );
    }
    Ok(())
}

/// Refuses tables of which no recording is there at all.
pub(super) fn check_any_there(jobs: &[Job]) -> Result<(), Failure> {
    match jobs.first() {
        Some(first) if !jobs.iter().any(|job| job.row.path.exists()) => {
            Err(Failure::Input(anyhow!(
                "none of the {} recordings is there, the first being {}; paths are relative to \
                 the table's folder",
                jobs.len(),
                first.row.path.display()
            )))
        }
        _ => Ok(()),
    }
}

/// Of `all` recordings so many could not be read, each of which was warned of.
pub(super) fn check_any_read(unreadable: usize, all: usize) -> Result<(), Failure> {
    if unreadable < all {
        return Ok(());
    }
    Err(Failure::Input(anyhow!(
        "none of the {unreadable} recordings could be read; the warnings above say why"
    )))
}

/// The same file has one name, whatever folder it is named from.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The agent hears otherwise than when it runs.
pub(super) fn tell_awake(agent: &Agent) {
    let called = match agent.settings.listening.mode {
        ListeningMode::Always => return,
        ListeningMode::Wake => "called by a phrase",
        ListeningMode::PushToTalk => "woken by a button",
    };
    eprintln!(
        "note: {} is {called}; here it is awake all the time: recordings need no call, and a phrase in \
         them is taken for words like any other. `mynah eval-wake` measures calls",
        agent.name
    );
}

fn warn_of_unknown_intents(agent: &Agent, jobs: &[Job]) {
    let known: BTreeSet<&str> = agent.grammar.intents().collect();
    let gold = jobs.iter().filter_map(|job| job.row.gold.as_ref());
    let unknown: BTreeSet<&str> =
        gold.map(|gold| gold.intent.as_str()).filter(|intent| !known.contains(intent)).collect();
    if !unknown.is_empty() {
        let list = unknown.into_iter().collect::<Vec<_>>().join(", ");
        eprintln!(
            "warning: the agent has no intent {list}; such recordings count as misunderstood. An \
             empty intent means out of scope"
        );
    }
}

/// Each slot that no sentence of its intent can fill, where it is met first.
fn warn_of_unknown_slots(agent: &Agent, jobs: &[Job]) {
    let mut told = BTreeSet::new();
    for row in jobs.iter().map(|job| &job.row) {
        let Some(gold) = &row.gold else { continue };
        let known: Vec<&str> = agent.grammar.slots_of(&gold.intent).map(|slot| slot.name).collect();
        if !agent.grammar.intents().any(|intent| intent == gold.intent) {
            // The whole intent is warned of.
            continue;
        }
        for slot in gold.slots.keys().filter(|slot| !known.contains(&slot.as_str())) {
            if told.insert((gold.intent.as_str(), slot.as_str())) {
                let help = match nearest(slot, known.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None if known.is_empty() => "it has none.".to_owned(),
                    None => format!("it has {}.", known.join(", ")),
                };
                eprintln!(
                    "warning: {}:{}: slots_json: the agent's intent {} has no slot {slot}; {help} \
                     Such recordings count as misunderstood",
                    row.table.display(),
                    row.line,
                    gold.intent
                );
            }
        }
    }
}

/// What `run` makes of each recording, and how many could not be read.
fn evaluate<T>(
    mixer: &mut Mixer,
    jobs: &[Job],
    mut run: impl FnMut(&Row, &[f32]) -> Result<T, EvalError>,
) -> Result<(Vec<T>, usize), Failure> {
    let mut outcomes = Vec::with_capacity(jobs.len());
    let mut unreadable = 0;
    for (done, job) in jobs.iter().enumerate() {
        progress(done, jobs.len());
        match sound(mixer, job) {
            Ok(sound) => outcomes.push(run(&job.heard(), &sound).map_err(anyhow::Error::from)?),
            Err(error) => {
                unreadable += 1;
                eprintln!("warning: skipped: {error}");
            }
        }
    }
    progress(jobs.len(), jobs.len());
    check_any_read(unreadable, jobs.len())?;
    Ok((outcomes, unreadable))
}

/// Mono at 16 kHz.
pub(super) fn sound(mixer: &mut Mixer, job: &Job) -> Result<Vec<f32>, MixError> {
    match &job.mix {
        Some(mix) => mixer.make(mix),
        None => Ok(file::read(&job.row.path)?.to_rate(SAMPLE_RATE_HZ).samples),
    }
}
