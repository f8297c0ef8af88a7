use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use self::report::{Heard, Loaded, Machine, Report, Said, Searched, Took};
use self::request::Request;
use self::workbench::{Answer, Workbench};
use super::{Context, Failure};
use crate::config::board::{Board, Placement};
use crate::nn::kernels::Kernel;
use crate::observe::process;

mod orders;
mod report;
mod request;
mod workbench;

/// Measure how fast every stage is on this machine, and how much memory it takes
///
/// What is heard and said is made on the spot by our own voice, so every machine measures the same.
/// Times are medians. Loading is measured in processes of its own, a fresh one each time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah bench
  mynah bench --json --repeat 31 > here.json
  MYNAH_KERNEL=avx2 mynah bench --threads 1
  printf 'recognise a.wav\\nrecognise a.wav\\n' | mynah bench --requests

Requests, one a line, each answered by one JSON object (cpu_ms, wall_ms, resident_mb, peak_mb and
what fits the request). SOUND is a WAV or FLAC file, or a length of our own voice, as in 3s. What a
request needs is loaded before its clock starts, so a second one is warm.
  load detector|recogniser|voice   start   clip 3s OUT.wav   judge SOUND   done SOUND   quiet 60s
  spot 60s   encode SOUND   decode SOUND   decode6 SOUND   recognise SOUND   understand TEXT
  say TEXT   orders   search   embed TEXT   learn")]
pub struct Args {
    /// How often every stage is measured; the median is shown.
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: u32,
    /// Run on this many processors (default: all).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// Agent whose understanding and settings are measured (default: the coffee agent).
    #[arg(long, value_name = "DIR")]
    agent: Option<PathBuf>,
    /// Read what to measure from standard input instead, and answer line by line.
    #[arg(long, conflicts_with = "repeat")]
    requests: bool,
}

/// Lengths of utterance that are measured.
const SECONDS: [u32; 4] = [1, 3, 5, 10];
/// Fresh processes per figure of loading: each takes a second or so.
const LOADS: usize = 3;
/// What is understood and said.
const ORDER: &str = "can I get a large latte with soy milk please";
const REPLY: &str = "Sure, one large latte with soy milk. Would you like anything else?";

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    // Before any thread starts, for they inherit it.
    let processors = confine(args.threads)?;
    let kernel = Kernel::current().map_err(Failure::input)?;
    let folder = match &args.agent {
        Some(folder) => folder.clone(),
        None => super::demo::coffee()?,
    };
    // A second thread beside the only processor would be one too many.
    let board = Board::default_for_build().cpu.encoder_threads;
    let encoder_threads = board.min(u32::try_from(processors).unwrap_or(u32::MAX));
    let bench = Workbench::new(context.models()?, folder.clone(), encoder_threads);
    if args.requests {
        return serve(bench);
    }
    let machine = Machine { cpu: report::cpu_name(), processors };
    let fresh = Fresh { folder, models: context.models.clone(), threads: args.threads };
    let report = measure(bench, &fresh, args.repeat as usize, machine, kernel)?;
    context.say(&report);
    if context.json {
        super::put(serde_json::to_string(&report).map_err(anyhow::Error::from)?);
    }
    Ok(())
}

/// Keeps the process to so many of its processors; returns how many it has then.
fn confine(threads: Option<u32>) -> Result<usize, Failure> {
    let Some(mut cores) = process::processors() else {
        return match threads {
            None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
            Some(_) => Err(Failure::Input(anyhow!(
                "--threads needs /proc, which this system does not have; leave it out"
            ))),
        };
    };
    if let Some(threads) = threads {
        if threads as usize > cores.len() {
            return Err(Failure::Input(anyhow!(
                "--threads is {threads}; this process may run on {} processors",
                cores.len()
            )));
        }
        cores.truncate(threads as usize);
        Placement { nice: 0, cores: cores.clone() }.apply().map_err(anyhow::Error::from)?;
    }
    Ok(cores.len())
}

/// What is answered to a request that cannot be met.
#[derive(Serialize)]
struct Refused {
    error: String,
}

fn serve(mut bench: Workbench) -> Result<(), Failure> {
    let (mut asked, mut refused) = (0, 0);
    for line in std::io::stdin().lock().lines() {
        let line = line.context("standard input is not UTF-8 text").map_err(Failure::Input)?;
        if line.trim().is_empty() {
            continue;
        }
        asked += 1;
        let answer = line.parse().and_then(|request: Request| bench.answer(&request));
        super::put(match answer {
            Ok(answer) => serde_json::to_string(&answer).map_err(anyhow::Error::from)?,
            Err(error) => {
                refused += 1;
                let error = super::told_once(&error);
                serde_json::to_string(&Refused { error }).map_err(anyhow::Error::from)?
            }
        });
    }
    match refused {
        0 => Ok(()),
        refused => Err(Failure::Input(anyhow!("{refused} of {asked} requests could not be met"))),
    }
}

fn measure(
    mut bench: Workbench,
    fresh: &Fresh,
    repeat: usize,
    machine: Machine,
    kernel: Kernel,
) -> Result<Report, Failure> {
    let load = |model: &str| fresh.median(&format!("load {model}"));
    let (detector, recogniser, voice) = (load("detector")?, load("recogniser")?, load("voice")?);
    let start = fresh.median("start")?;
    let working = fresh.working()?;
    // Before anything is familiar.
    bench.answer(&Request::Orders { searching: false })?;
    let first = bench.answer(&Request::Orders { searching: true })?;
    let mut ask = |request: String| -> Result<Vec<Answer>, anyhow::Error> {
        let request = request.parse()?;
        bench.answer(&request)?;
        (0..repeat).map(|_| bench.answer(&request)).collect()
    };
    let window = Took::each(&ask("judge 10s".into())?);
    let done = Took::whole(&ask("done 3s".into())?);
    let mut hearing = Vec::new();
    for seconds in SECONDS {
        let whole = ask(format!("recognise {seconds}s"))?;
        hearing.push(Heard {
            seconds,
            encode: Took::whole(&ask(format!("encode {seconds}s"))?),
            step: Took::each(&ask(format!("decode {seconds}s"))?),
            step_of_6: Took::each(&ask(format!("decode6 {seconds}s"))?),
            tokens: whole.first().and_then(|answer| answer.count).unwrap_or_default(),
            whole: Took::whole(&whole),
        });
    }
    let searched = Searched {
        sentences: first.count.unwrap_or_default(),
        free: Took::each(&ask("orders".into())?),
        first: Took::each(&[first]),
        again: Took::each(&ask("search".into())?),
    };
    let understand = Took::whole(&ask(format!("understand {ORDER}"))?);
    let embed = Took::whole(&ask(format!("embed {ORDER}"))?);
    let learn = Took::whole(&ask("learn".into())?);
    let say = Said::new(&ask(format!("say {REPLY}"))?);
    let quiet = ask("quiet 60s".into())?;
    let spot = ask("spot 60s".into())?;
    Ok(Report {
        mynah: env!("MYNAH_VERSION"),
        machine,
        kernel: kernel.name(),
        board: Board::default_for_build().name,
        repeat,
        load: [("detector", detector), ("recogniser", recogniser), ("voice", voice)].into(),
        start,
        working_resident_mb: working.resident_mb,
        working_peak_mb: working.peak_mb,
        window,
        done,
        hearing,
        searched,
        understand,
        embed,
        learn,
        say,
        quiet_percent: report::share_of_sound(&quiet) * 100.0,
        spot_percent: report::share_of_sound(&spot) * 100.0,
    })
}

/// Starts processes of this same program that know nothing yet.
struct Fresh {
    folder: PathBuf,
    models: Option<PathBuf>,
    threads: Option<u32>,
}

impl Fresh {
    /// One request, first thing in a process: medians over [`LOADS`] of them.
    fn median(&self, request: &str) -> Result<Loaded, anyhow::Error> {
        let once = || -> Result<(Answer, f64), anyhow::Error> {
            let born = Instant::now();
            let mut one = Asked::start(self)?;
            let answer = one.ask(request)?;
            let since_start_ms = born.elapsed().as_secs_f64() * 1000.0;
            one.end()?;
            Ok((answer, since_start_ms))
        };
        Ok(Loaded::new(&(0..LOADS).map(|_| once()).collect::<Result<Vec<_>, _>>()?))
    }

    /// Everything loaded, the longest utterance heard and a reply given.
    fn working(&self) -> Result<Answer, anyhow::Error> {
        let mut one = Asked::start(self)?;
        one.ask("start")?;
        one.ask(&format!("recognise {}s", SECONDS[SECONDS.len() - 1]))?;
        let answer = one.ask(&format!("say {REPLY}"))?;
        one.end()?;
        Ok(answer)
    }
}

/// A process that answers requests.
struct Asked {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Asked {
    fn start(fresh: &Fresh) -> Result<Self, anyhow::Error> {
        let program = std::env::current_exe().context("cannot find the program's own file")?;
        let mut command = Command::new(program);
        command.args(["bench", "--requests", "--agent"]).arg(&fresh.folder);
        if let Some(models) = &fresh.models {
            command.arg("--models").arg(models);
        }
        if let Some(threads) = fresh.threads {
            command.arg("--threads").arg(threads.to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a second process of this program")?;
        let to = child.stdin.take().context("its standard input was asked for")?;
        let from = child.stdout.take().context("its standard output was asked for")?;
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    fn ask(&mut self, request: &str) -> Result<Answer, anyhow::Error> {
        writeln!(self.to, "{request}").context("a second process of this program ended early")?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        serde_json::from_str(&line)
            .with_context(|| format!("`{request}` was answered with `{}`", line.trim()))
    }

    fn end(self) -> Result<(), anyhow::Error> {
        let Self { mut child, to, from } = self;
        drop((to, from));
        child.wait().map(drop).context("waiting for a second process of this program")
    }
}
