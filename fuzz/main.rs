//! Tries agents' files that no person would write: `make fuzz SECONDS=600`.
//!
//! Coverage-guided fuzzers need a nightly compiler; this one draws, from a seed, changes to the
//! agents that are there and grammars made up from the format's own rules. It looks for panics, for
//! cases that take too long and for those that take too much memory. An example of the package and
//! not a package of its own, so that it shares every compiled dependency with the tests.

use std::alloc::System;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

mod case;
mod draw;
mod grow;
mod minimise;
mod mutate;
mod targets;

use case::{Case, Corpus};
use draw::Draw;

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often the watchdog looks.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Clone, Debug, Parser)]
struct Args {
    /// What is tried
    #[arg(value_enum)]
    target: Target,
    /// How long to go on
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Another seed tries other cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Try this case alone, as often as a debugger likes
    #[arg(long)]
    round: Option<u64>,
    /// Longest that one case may take, in seconds
    #[arg(long, default_value_t = 20)]
    case_s: u64,
    /// Most memory that may be in use, in MiB
    #[arg(long, default_value_t = 1024)]
    memory_mib: usize,
    /// Where finds are written
    #[arg(long, default_value = "target/fuzz")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    /// The sentence templates: compiled, interpreted, aligned, walked
    Templates,
    /// The whole folder: loaded, its tests played, talked to
    Agent,
}

/// The last panic: where, and what it said.
type Panicked = Option<(String, String)>;

thread_local! {
    static PANICKED: RefCell<Panicked> = const { RefCell::new(None) };
}

fn main() -> ExitCode {
    let args = Args::parse();
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        PANICKED.with_borrow_mut(|last| *last = Some((place, info.to_string())));
    }));
    match Runner::new(args).and_then(|mut runner| runner.run()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("fuzz: {error}");
            ExitCode::from(2)
        }
    }
}

struct Runner {
    args: Args,
    corpus: Corpus,
    /// The folder that agents are written to.
    scratch: tempfile::TempDir,
    /// The round being tried, and since when.
    trying: Arc<Mutex<Option<(u64, Instant)>>>,
    /// Finds by place, with how often they were met.
    finds: BTreeMap<String, u32>,
}

impl Runner {
    fn new(args: Args) -> std::io::Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let corpus = Corpus::load(&[&here.join("agents"), &here.join("fuzz/seeds")])?;
        if corpus.cases().is_empty() {
            return Err(std::io::Error::other(
                "agents/ and fuzz/seeds/ hold no agent to begin with",
            ));
        }
        std::fs::create_dir_all(&args.out)?;
        Ok(Self {
            args,
            corpus,
            scratch: tempfile::tempdir()?,
            trying: Arc::default(),
            finds: BTreeMap::new(),
        })
    }

    /// Tries case after case; how many different faults were found.
    fn run(&mut self) -> std::io::Result<usize> {
        self.watch();
        let begun = Instant::now();
        let mut round = self.args.round.unwrap_or(0);
        loop {
            // A stack overflow ends us without a word: this names the round.
            std::fs::write(self.args.out.join("round"), round.to_string())?;
            self.try_round(round)?;
            round += 1;
            if self.args.round.is_some() || begun.elapsed().as_secs() >= self.args.seconds {
                break;
            }
        }
        println!("{:?}: {round} cases, {} faults", self.args.target, self.finds.len());
        Ok(self.finds.len())
    }

    fn try_round(&mut self, round: u64) -> std::io::Result<()> {
        let case = self.case(round);
        *self.trying.lock().expect("the watchdog does not panic") = Some((round, Instant::now()));
        let fault = self.fault(&case, round);
        *self.trying.lock().expect("the watchdog does not panic") = None;
        let Some((place, message)) = fault else { return Ok(()) };
        let met = self.finds.entry(place.clone()).or_default();
        *met += 1;
        if *met > 1 {
            return Ok(());
        }
        let smallest = minimise::minimise(case, |case| {
            self.fault(case, round).is_some_and(|(found, _)| found == place)
        });
        let folder = self.args.out.join(format!("find-{}-{round}", self.args.seed));
        save(&smallest, &folder)?;
        println!("round {round}: {message}\n  kept in {}", folder.display());
        Ok(())
    }

    fn case(&self, round: u64) -> Case {
        let draw = &mut Draw::new(self.args.seed, round);
        match self.args.target {
            Target::Templates => self.corpus.templates(draw),
            Target::Agent => self.corpus.agent(draw),
        }
    }

    /// Tries a case with the chances of a round: where it panicked, and what was said.
    fn fault(&self, case: &Case, round: u64) -> Panicked {
        let draw = &mut Draw::new(!self.args.seed, round);
        let tried = catch_unwind(AssertUnwindSafe(|| match self.args.target {
            Target::Templates => targets::templates(case, draw),
            Target::Agent => targets::agent(case, self.scratch.path(), draw),
        }));
        tried.err().and_then(|_| PANICKED.with_borrow_mut(Option::take))
    }

    /// Ends the process when a case takes too long or too much.
    fn watch(&self) {
        let (trying, args) = (Arc::clone(&self.trying), self.args.clone());
        let most = args.memory_mib << 20;
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(LOOK);
                let Some((round, since)) = *trying.lock().expect("no thread panics here") else {
                    continue;
                };
                let memory = MEMORY.stats();
                let held = memory.bytes_allocated.saturating_sub(memory.bytes_deallocated);
                let why = if since.elapsed().as_secs() >= args.case_s {
                    format!("more than {} s", args.case_s)
                } else if held > most {
                    format!("{} MiB", held >> 20)
                } else {
                    continue;
                };
                let (target, seed) = (args.target, args.seed);
                println!(
                    "round {round}: {why}; again by: {target:?} --seed {seed} --round {round}"
                );
                std::process::exit(1);
            }
        });
    }
}

fn save(case: &Case, folder: &Path) -> std::io::Result<()> {
    for (name, text) in &case.files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}
