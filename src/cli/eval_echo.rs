//! `mynah eval-echo`: the agent hears while it speaks, measured.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use serde::Serialize;

use super::output::progress;
use super::train::{Hears, prepare};
use super::{Context, Failure};
use crate::agent::Agent;
use crate::audio::file;
use crate::config::board::Board;
use crate::eval::dataset::{self, Row};
use crate::eval::echo::{Condition, LEAD_MS, SelfHearing, Yielding, self_hearing, visitor};
use crate::eval::run::{Evaluation, Mode};
use crate::eval::scores::Percentiles;
use crate::runtime::Engines;
use crate::runtime::listener::Duplex;
use crate::tts::{Style, VOICE_RATE_HZ, Voice};
use crate::units::{SAMPLE_RATE_HZ, SamplePos};

/// Measure how the agent hears while it speaks, with its echo taken out and without
///
/// Made-up rooms of 0.3, 0.5 and 0.8 s; speaker and microphone on clocks 0 and 100 ppm apart; a
/// delay that jumps by 40 ms in the middle; a loudspeaker that clips. The agent's voice arrives
/// 10 dB louder than the visitor's. First it talks to an empty room, and every time it takes itself
/// for a visitor counts. Then each recording of the data sets meets one condition in turn: the
/// agent talks for four seconds, the visitor speaks over it, and it falls silent when it notices.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah eval-echo agents/coffee --minutes 10
  mynah eval-echo agents/coffee orders.tsv --minutes 1 --limit 60 --json > echo.json")]
pub struct Args {
    /// Agent folder.
    agent: PathBuf,
    #[command(flatten)]
    state: super::train::State,
    /// Data sets, as for `eval`; only recordings that are meant for the agent are used.
    #[arg(value_name = "DATA.tsv")]
    data: Vec<PathBuf>,
    /// How long it talks to an empty room, in each condition, in minutes; 0: not at all.
    #[arg(long, value_name = "MINUTES", default_value_t = 1.0)]
    minutes: f32,
    /// Stop after the first N recordings.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Other rooms of the same sizes, and other recordings in each of them.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u32,
}

/// What the agent says meanwhile: nothing that it would take for an order.
const TALK: [&str; 8] = [
    "Welcome! The museum is open every day from nine in the morning until six in the evening.",
    "Tickets are sold at the counter beside the stairs, and children go in for free.",
    "The garden behind the house is open until it is dark, unless it rains.",
    "On Thursdays there is a concert in the great hall, which begins at half past seven.",
    "Please leave your bags and umbrellas in the cloakroom, which is to the left of the door.",
    "You may interrupt me at any time; I will stop talking and listen to you.",
    "The oldest picture of the collection was painted more than five hundred years ago.",
    "If you would like to sit down, there are chairs by the window and in the next room.",
];

/// Recordings that each seed begins further on: a prime, so that rooms and recordings meet anew.
const SEED_STEP: usize = 97;

/// How the listener deals with the echo of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// The agent is silent: there is none.
    Silent,
    Cancelled,
    Uncancelled,
}

/// The recordings of one room or one trouble.
#[derive(Debug, Serialize)]
struct Commands {
    condition: String,
    way: Way,
    n: usize,
    /// Intent and every slot right, and accepted.
    command_accuracy: f64,
    /// It fell silent before the visitor said anything.
    self_triggered: usize,
    /// How often it grew softer before, in all.
    self_ducked: usize,
    /// It never fell silent for the visitor.
    not_noticed: usize,
    /// From the visitor's first sound until the agent grew softer, and until it fell silent, in
    /// milliseconds, where both are known.
    duck_ms: Option<Percentiles>,
    stop_ms: Option<Percentiles>,
}

#[derive(Debug, Serialize)]
struct Report {
    self_hearing: Vec<SelfHearing>,
    commands: Vec<Commands>,
}

/// What became of one recording.
struct Heard {
    condition: Condition,
    way: Way,
    right: bool,
    /// The visitor's first sound, if known.
    first: Option<SamplePos>,
    yielding: Yielding,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    if !(0.0..=24.0 * 60.0).contains(&args.minutes) {
        return Err(Failure::Input(anyhow!(
            "--minutes {}: it must be between 0 and 1440",
            args.minutes
        )));
    }
    let mut agent = Agent::load(&args.agent).map_err(Failure::input)?;
    let mut rows = Vec::new();
    for path in &args.data {
        rows.extend(dataset::read(path).map_err(Failure::input)?);
    }
    rows.retain(|row| row.gold.is_some());
    if !rows.is_empty() {
        let begin = (args.seed.max(1) as usize - 1) * SEED_STEP % rows.len();
        rows.rotate_left(begin);
    }
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    if !args.data.is_empty() && rows.is_empty() {
        return Err(Failure::Input(anyhow!(
            "no recording is left: the data sets need rows with an intent, and --limit room for one"
        )));
    }
    super::eval::tell_awake(&agent);
    let models = context.models()?;
    prepare(&mut agent, &models, &args.state, Hears::Speech)?;
    let board = Board::default_for_build();
    let mut engines = Engines::load(&models, board.cpu.encoder_threads).map_err(Failure::input)?;
    engines.warm_up().map_err(anyhow::Error::from)?;
    let voice = talk(&mut engines.voice, &agent)?;

    let mut self_hearings = Vec::new();
    if args.minutes > 0.0 {
        let all = Condition::all(args.seed.into());
        let runs = all.flat_map(|condition| [(condition, true), (condition, false)]);
        for (done, (condition, cancel)) in runs.enumerate() {
            progress(done, 2 * Condition::all(1).count());
            let silero = Arc::clone(&engines.silero);
            let endpoint = agent.settings.endpoint.clone();
            let heard = self_hearing(silero, endpoint, &voice, condition, args.minutes, cancel);
            self_hearings.push(heard.map_err(anyhow::Error::from)?);
        }
    }
    let mut evaluation = Evaluation::new(engines, agent, Mode::Streamed, board.audio.period_ms);
    let heard = hear(&mut evaluation, &rows, &voice, args.seed)?;
    let report = Report { self_hearing: self_hearings, commands: tables(&heard) };
    context.say(&report);
    if context.json {
        super::put(serde_json::to_string(&report).map_err(anyhow::Error::from)?);
    }
    Ok(())
}

/// What the agent says, in its own voice, about half a minute.
fn talk(voice: &mut Voice, agent: &Agent) -> Result<Vec<f32>, Failure> {
    let settings = &agent.settings.voice;
    let style = Style { pace: settings.pace, pitch: settings.pitch, ..Style::default() };
    Ok(voice.read_out(&TALK.join(" "), &style).map_err(anyhow::Error::from)?)
}

fn hear(
    evaluation: &mut Evaluation,
    rows: &[Row],
    voice: &[f32],
    seed: u32,
) -> Result<Vec<Heard>, Failure> {
    let mut heard = Vec::new();
    let conditions: Vec<Condition> = Condition::all(seed.into()).collect();
    for (done, (row, condition)) in rows.iter().zip(conditions.iter().cycle()).enumerate() {
        progress(done, rows.len());
        let sound = match file::read(&row.path) {
            Ok(clip) => {
                row.check_times(clip.seconds()).map_err(Failure::input)?;
                visitor(&clip.to_rate(SAMPLE_RATE_HZ).samples)
            }
            Err(error) => {
                eprintln!("warning: skipped: {error}");
                continue;
            }
        };
        // It says something else to each, and would go on longer than any visitor.
        let begin = done * VOICE_RATE_HZ as usize % voice.len();
        let length = sound.len() * VOICE_RATE_HZ as usize / SAMPLE_RATE_HZ as usize;
        let said: Vec<f32> = voice.iter().cycle().skip(begin).take(length).copied().collect();
        for (way, condition_now, duplex) in [
            (Way::Silent, None, Duplex::Full),
            (Way::Cancelled, Some(*condition), Duplex::Cancelled),
            (Way::Uncancelled, Some(*condition), Duplex::Full),
        ] {
            let (outcome, yielding) = evaluation
                .over_our_voice(row, &sound, &said, condition_now, duplex)
                .map_err(anyhow::Error::from)?;
            let begins_ms = row.speech_start_s.map(|s| LEAD_MS + (s * 1000.0) as u64);
            heard.push(Heard {
                condition: *condition,
                way,
                right: outcome.right() == Some(true),
                first: begins_ms.map(SamplePos::from_ms),
                yielding,
            });
        }
    }
    progress(rows.len(), rows.len());
    Ok(heard)
}

/// All recordings, then those of each room and of each trouble, one line for each way.
fn tables(heard: &[Heard]) -> Vec<Commands> {
    let mut names = vec!["all".to_owned()];
    for condition in Condition::all(1) {
        for name in [condition.room(), condition.trouble_name()] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let mut tables = Vec::new();
    for name in names {
        for way in [Way::Silent, Way::Cancelled, Way::Uncancelled] {
            let those = heard.iter().filter(|heard| {
                let condition = heard.condition;
                let named = [condition.room(), condition.trouble_name()].contains(&name);
                heard.way == way && (name == "all" || named)
            });
            let those: Vec<&Heard> = those.collect();
            if !those.is_empty() {
                tables.push(Commands::of(name.clone(), way, &those));
            }
        }
    }
    tables
}

impl Commands {
    fn of(condition: String, way: Way, heard: &[&Heard]) -> Self {
        let n = heard.len();
        let known = || heard.iter().filter_map(|heard| Some((&heard.yielding, heard.first?)));
        let stops = || known().filter_map(|(yielding, first)| yielding.stop_ms(first));
        Self {
            condition,
            way,
            n,
            command_accuracy: heard.iter().filter(|heard| heard.right).count() as f64 / n as f64,
            self_triggered: stops().filter(|ms| *ms < 0.0).count(),
            self_ducked: known().map(|(yielding, first)| yielding.false_ducks(first)).sum(),
            not_noticed: match way {
                Way::Silent => 0,
                Way::Cancelled | Way::Uncancelled => known().count() - stops().count(),
            },
            duck_ms: Percentiles::of(known().filter_map(|(y, first)| y.duck_ms(first))),
            stop_ms: Percentiles::of(stops().filter(|ms| *ms >= 0.0)),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.self_hearing.is_empty() {
            writeln!(
                f,
                "{:32} {:>9} {:>8} {:>9} {:>6} {:>8} {:>9} {:>9} {:>7} {:>5}",
                "alone with its own voice",
                "cancelled",
                "minutes",
                "triggers",
                "ducks",
                "ducked s",
                "softer dB",
                "delay ms",
                "ppm",
                "CPU %"
            )?;
        }
        for heard in &self.self_hearing {
            let SelfHearing { condition, cancelled, minutes, triggers_s, .. } = heard;
            let SelfHearing { ducks, ducked_s, echo, cpu_share, .. } = heard;
            let triggers = triggers_s.len();
            let cancelled = if *cancelled { "yes" } else { "no" };
            write!(f, "{condition:32} {cancelled:>9} {minutes:>8} {triggers:>9}")?;
            write!(f, " {ducks:>6} {ducked_s:>8.1}")?;
            match echo {
                Some(echo) => writeln!(
                    f,
                    " {:>9.1} {:>9.1} {:>7.1} {:>5.1}",
                    echo.reduction_db,
                    echo.delay_ms.unwrap_or(f32::NAN),
                    echo.drift_ppm,
                    100.0 * cpu_share
                )?,
                None => writeln!(f)?,
            }
        }
        if !self.commands.is_empty() {
            writeln!(
                f,
                "{:32} {:>11} {:>4} {:>9} {:>9} {:>8} {:>6} {:>11} {:>11}",
                "a visitor over its voice",
                "",
                "n",
                "command %",
                "too early",
                "ducked",
                "missed",
                "duck ms",
                "stop ms"
            )?;
        }
        for row in &self.commands {
            let Commands { condition, way, n, command_accuracy, self_triggered, .. } = row;
            let Commands { self_ducked, not_noticed, duck_ms, stop_ms, .. } = row;
            let way = match way {
                Way::Silent => "silent",
                Way::Cancelled => "cancelled",
                Way::Uncancelled => "uncancelled",
            };
            let times = |times: &Option<Percentiles>| {
                times.map_or("–".into(), |p| format!("{:.0}/{:.0}", p.p50, p.p95))
            };
            writeln!(
                f,
                "{condition:32} {way:>11} {n:>4} {:>9.1} {self_triggered:>9} {self_ducked:>8} \
                 {not_noticed:>6} {:>11} {:>11}",
                100.0 * command_accuracy,
                times(duck_ms),
                times(stop_ms)
            )?;
        }
        Ok(())
    }
}
