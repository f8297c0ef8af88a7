//! The computer: processor, memory, priority, disk, clock, models, agent, network filter.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Finding;
use crate::agent::{Agent, AgentError};
use crate::config::board::PlacementError;
use crate::models::{ModelError, ModelStore};
use crate::nn::kernels::{Kernel, KernelError};
use crate::sandbox::SandboxError;

/// Memory an agent takes at work at the most, in megabytes (10⁶ bytes), as README.md measures it.
const NEEDED_MB: f64 = 180.0;
/// So much more lets the system keep its files in memory.
const ROOMY_MB: f64 = 300.0;
/// What training writes, several times over, in megabytes.
const NEEDED_DISK_MB: f64 = 20.0;
/// No machine that runs this program has lived through an earlier year.
const EARLIEST_YEAR: i16 = 2026;

/// `slower` is the board profile's word on that kernel.
pub fn kernel(current: Result<Kernel, KernelError>, slower: Option<String>) -> Finding {
    const CHECK: &str = "processor";
    match (current, slower) {
        (Err(error), _) => Finding::fault(CHECK, error.to_string(), "change MYNAH_KERNEL"),
        (Ok(_), Some(slower)) => {
            Finding::warning(CHECK, slower, "expect slower answers; `mynah bench` measures them")
        }
        (Ok(kernel), None) => Finding::ok(CHECK, format!("arithmetic: {}", kernel.name())),
    }
}

/// `meminfo` as in `/proc/meminfo`.
pub fn memory(meminfo: io::Result<String>) -> Finding {
    const CHECK: &str = "memory";
    let kibibytes = |text: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let Some(free) = meminfo.ok().as_deref().and_then(kibibytes).map(|kib| kib * 1024.0 / 1e6)
    else {
        return Finding::warning(
            CHECK,
            "the system does not tell how much memory is free",
            "make sure that /proc is mounted",
        );
    };
    let what = format!("{free:.0} MB free; an agent takes {NEEDED_MB:.0}");
    if free < NEEDED_MB {
        Finding::fault(CHECK, what, "end other programs, or take a board with more memory")
    } else if free < ROOMY_MB {
        Finding::warning(CHECK, what, "little is left for the system; watch for swapping")
    } else {
        Finding::ok(CHECK, what)
    }
}

/// Whether the listener and the thinker may run where the board wants them. `rtprio` is the highest
/// real-time priority this user may ask for (`RLIMIT_RTPRIO`), zero for none.
pub fn priority(placed: Result<(), PlacementError>, rtprio: u64) -> Finding {
    const CHECK: &str = "priority";
    let real_time = match rtprio {
        0 => {
            "the sound cards' threads get no real-time priority (LimitRTPRIO=95 in a systemd unit \
              gives it)"
                .to_owned()
        }
        highest => format!("real-time priority up to {highest} for the sound cards' threads"),
    };
    match placed {
        Ok(()) => Finding::ok(CHECK, format!("as the board profile has it; {real_time}")),
        Err(error) => Finding::warning(
            CHECK,
            error.to_string(),
            "it works at the normal priority, and may stutter while the machine is busy",
        ),
    }
}

/// What the system lets this process ask for.
pub fn rtprio() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for the call, which keeps no pointer to it.
    let asked = unsafe { libc::getrlimit(libc::RLIMIT_RTPRIO, &raw mut limit) };
    if asked == 0 { limit.rlim_cur } else { 0 }
}

/// Whether training can be kept in `folder`.
pub fn disk(folder: &Path) -> Finding {
    let shown = folder.display();
    match writable(folder).and_then(|()| free_mb(folder)) {
        Ok(free) => space(&format!("{shown}"), free),
        Err(error) => Finding::fault(
            "disk",
            format!("{shown} cannot be written to: {error}"),
            "what `mynah train` learns is kept there; change its rights, or name another folder \
             with --state-dir",
        ),
    }
}

/// Judges `free` megabytes.
pub fn space(folder: &str, free: f64) -> Finding {
    let what = format!("{free:.0} MB free in {folder}");
    if free < NEEDED_DISK_MB {
        Finding::fault("disk", what, "make room: training writes a few megabytes there")
    } else {
        Finding::ok("disk", what)
    }
}

fn writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".mynah-doctor-{}", std::process::id()));
    std::fs::write(&probe, b"probe")?;
    std::fs::remove_file(&probe)
}

fn free_mb(folder: &Path) -> io::Result<f64> {
    let path = CString::new(folder.as_os_str().as_bytes())?;
    // SAFETY: all zeros is a valid statvfs, which holds nothing but numbers.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends in a zero byte, and `stat` is valid for the call, which keeps neither.
    if unsafe { libc::statvfs(path.as_ptr(), &raw mut stat) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(stat.f_bavail as f64 * stat.f_frsize as f64 / 1e6)
}

/// `year` as the machine's clock has it.
pub fn clock(year: i16, now: &str) -> Finding {
    const CHECK: &str = "clock";
    if year < EARLIEST_YEAR {
        return Finding::warning(
            CHECK,
            format!("the machine believes that it is {now}"),
            "set the clock, or add one with a battery: \"tomorrow\" and replies that tell the time \
             depend on it",
        );
    }
    Finding::ok(CHECK, now)
}

/// Reads every model, as a start does, and more.
pub fn models(store: &Result<ModelStore, ModelError>) -> Finding {
    const CHECK: &str = "models";
    let read = |store: &ModelStore| -> Result<usize, String> {
        let mut count = 0;
        for name in store.names() {
            store.bytes(name).map_err(|error| error.to_string())?;
            count += 1;
        }
        Ok(count)
    };
    let place = |store: &ModelStore| store.root().display().to_string();
    match store.as_ref().map_err(ModelError::to_string).map(|store| (place(store), read(store))) {
        Ok((place, Ok(count))) => {
            Finding::ok(CHECK, format!("{count} files, all whole, in {place}"))
        }
        Ok((_, Err(error))) | Err(error) => {
            Finding::fault(CHECK, error, "`make models` builds them anew")
        }
    }
}

/// `called` says whether it can be called by its phrases.
pub fn agent(loaded: &Result<Agent, AgentError>, called: &Result<(), AgentError>) -> Finding {
    const CHECK: &str = "agent";
    match (loaded, called) {
        (Ok(agent), Ok(())) => {
            let intents = agent.script.intents.len();
            Finding::ok(CHECK, format!("{}: {intents} intents", agent.name))
        }
        (Err(error), _) | (_, Err(error)) => Finding::fault(
            CHECK,
            error.to_string(),
            "mend the file; `mynah check AGENT` shows every mistake at once",
        ),
    }
}

/// `probed` says whether sockets are refused.
pub fn sandbox(probed: Result<(), SandboxError>) -> Finding {
    const CHECK: &str = "network";
    match probed {
        Ok(()) => Finding::ok(CHECK, "the kernel refuses this program every connection"),
        Err(error) => Finding::warning(
            CHECK,
            error.to_string(),
            "the program opens no connection by itself, and nothing enforces that here; \
             SECURITY.md says what is needed",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{self, Fault, Ok as Good, Warning};

    fn verdict(finding: &Finding) -> Verdict {
        assert_eq!(finding.next.is_none(), finding.verdict == Good, "{finding:?}");
        finding.verdict
    }

    #[test]
    fn a_kernel_that_is_none_or_slow_is_told() {
        let none = Err(KernelError::Unknown { name: "mmx".into() });
        let finding = kernel(none, None);
        assert_eq!(verdict(&finding), Fault);
        assert!(finding.what.contains("mmx"), "{finding:?}");
        let slow = kernel(Kernel::current(), Some("this is slow".into()));
        assert_eq!(verdict(&slow), Warning);
        assert_eq!(verdict(&kernel(Kernel::current(), None)), Good);
    }

    #[test]
    fn memory_is_counted_as_the_kernel_does() {
        for (kib, expected) in [("100000", Fault), ("200000", Warning), ("3000000", Good)] {
            let text = format!("MemTotal:  4000000 kB\nMemAvailable:   {kib} kB\n");
            assert_eq!(verdict(&memory(Ok(text))), expected, "{kib}");
        }
        assert_eq!(verdict(&memory(Ok("MemTotal: 1 kB".into()))), Warning);
        assert_eq!(verdict(&memory(Err(io::ErrorKind::NotFound.into()))), Warning);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_with_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(verdict(&disk(dir.path())), Good);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
        let gone = dir.path().join("gone");
        let finding = disk(&gone);
        assert_eq!(verdict(&finding), Fault);
        assert!(finding.what.contains("gone") && finding.next.unwrap().contains("--state-dir"));
        assert_eq!(verdict(&space("/", 3.0)), Fault);
    }

    #[test]
    fn a_clock_that_forgot_the_year_is_told() {
        assert_eq!(verdict(&clock(1970, "Thursday, January 1")), Warning);
        assert_eq!(verdict(&clock(2027, "Friday, January 1")), Good);
    }

    #[test]
    fn a_priority_that_is_refused_is_told_with_the_way_out() {
        let refused =
            PlacementError::Nice { nice: -10, source: io::ErrorKind::PermissionDenied.into() };
        let finding = priority(Err(refused), 0);
        assert_eq!(verdict(&finding), Warning);
        assert!(finding.what.contains("LimitNICE=-10"), "{finding:?}");
        assert_eq!(verdict(&priority(Ok(()), 0)), Good);
        assert!(priority(Ok(()), 95).what.contains("up to 95"));
        let _ = rtprio();
    }

    #[test]
    fn missing_and_damaged_models_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let finding = models(&ModelStore::open(Some(dir.path())));
        assert_eq!(verdict(&finding), Fault);
        assert!(finding.next.unwrap().contains("make models"));
        let index = "{\"format\": 1, \"files\": {\"a.bin\": {\"bytes\": 3, \"sha256\": \"00\"}}}";
        std::fs::write(dir.path().join("index.json"), index).unwrap();
        std::fs::write(dir.path().join("a.bin"), b"abc").unwrap();
        assert_eq!(verdict(&models(&ModelStore::open(Some(dir.path())))), Fault);
    }

    #[test]
    fn a_broken_agent_is_told_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("agent.toml"), "name = 3\n").unwrap();
        let finding = agent(&Agent::load(dir.path()), &Ok(()));
        assert_eq!(verdict(&finding), Fault);
        assert!(finding.what.contains("dialogue.yaml"), "{finding:?}");
    }

    #[test]
    fn a_process_that_may_open_sockets_is_told() {
        assert_eq!(verdict(&sandbox(Err(SandboxError::Leaks("IPv4")))), Warning);
        assert_eq!(verdict(&sandbox(Ok(()))), Good);
    }
}
