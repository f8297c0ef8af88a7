//! What the operating system says about this process.

use std::time::Duration;

/// Resident memory in megabytes (10⁶ bytes); `None` where there is no `/proc`.
pub fn resident_mb() -> Option<f64> {
    megabytes("VmRSS:")
}

/// The most memory that was ever resident, in megabytes (10⁶ bytes); `None` where there is no
/// `/proc`.
pub fn peak_mb() -> Option<f64> {
    megabytes("VmHWM:")
}

/// Processors this process may run on, as the system numbers them; `None` where there is no
/// `/proc`.
pub fn processors() -> Option<Vec<usize>> {
    parse_list(&status("Cpus_allowed_list:")?)
}

/// Time that all threads of this process, ended ones too, have spent on processors.
pub fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that the call fills and does not keep.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    // Neither is negative: the clock starts at zero with the process.
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn megabytes(field: &str) -> Option<f64> {
    let kibibytes: f64 = status(field)?.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

/// What stands behind `field` in the kernel's account of this process.
fn status(field: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(field)).map(|rest| rest.trim().to_owned())
}

/// `"0-2,5"` → 0, 1, 2, 5.
fn parse_list(list: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        numbers.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_list_is_read() {
        for (list, numbers) in [
            ("0", Some(vec![0])),
            ("0-3", Some(vec![0, 1, 2, 3])),
            ("1,3-4,9", Some(vec![1, 3, 4, 9])),
            ("", None),
            ("0-x", None),
        ] {
            assert_eq!(parse_list(list), numbers, "{list:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_knows_all_of_it() {
        assert!(resident_mb().unwrap() > 0.1);
        assert!(peak_mb().unwrap() >= resident_mb().unwrap() * 0.5);
        assert!(!processors().unwrap().is_empty());
        let before = cpu_time();
        let mut sum = 0u64;
        while cpu_time() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(cpu_time() > before);
    }
}
