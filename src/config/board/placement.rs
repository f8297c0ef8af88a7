//! Puts the calling thread where the board wants it.

use super::profile::Placement;

/// What the system refused. The thread goes on where it was: slower, never silent.
#[derive(Debug, thiserror::Error)]
pub enum PlacementError {
    #[error(
        "may not set niceness {nice}: {source}; allow it (LimitNICE={nice} in a systemd unit) or \
         write nice = 0 in the board profile"
    )]
    Nice { nice: i32, source: std::io::Error },
    #[error(
        "cannot run on processors {cores:?}: {source}; `nproc` tells how many there are, and \
         cores = [] in the board profile means any"
    )]
    Cores { cores: Vec<usize>, source: std::io::Error },
}

impl Placement {
    /// Applies priority and processors to the calling thread alone.
    ///
    /// # Errors
    /// The first of the two that the system refuses; what came before it stays applied.
    pub fn apply(&self) -> Result<(), PlacementError> {
        if !self.cores.is_empty() {
            pin(&self.cores)
                .map_err(|source| PlacementError::Cores { cores: self.cores.clone(), source })?;
        }
        // Zero is where every thread starts, and lowering a raised one would need no right.
        if self.nice != 0 {
            set_nice(self.nice)
                .map_err(|source| PlacementError::Nice { nice: self.nice, source })?;
        }
        Ok(())
    }
}

fn pin(cores: &[usize]) -> std::io::Result<()> {
    // SAFETY: cpu_set_t is a plain bit array, for which all zeroes is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &core in cores {
        if core >= libc::CPU_SETSIZE as usize {
            return Err(std::io::Error::from_raw_os_error(libc::EINVAL));
        }
        // SAFETY: `core` lies inside the set, as just checked.
        unsafe { libc::CPU_SET(core, &mut set) };
    }
    // SAFETY: 0 names the calling thread, and the set lives through the call.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn set_nice(nice: i32) -> std::io::Result<()> {
    // On Linux niceness belongs to a thread, and PRIO_PROCESS with 0 names the calling one.
    // SAFETY: the call takes numbers only and touches no memory of ours.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a thread of its own: a placement outlives the test that made it.
    fn apply(nice: i32, cores: &[usize]) -> Result<(), PlacementError> {
        let placement = Placement { nice, cores: cores.to_vec() };
        std::thread::spawn(move || placement.apply()).join().unwrap()
    }

    #[test]
    fn the_normal_place_and_a_lower_one_need_no_right() {
        apply(0, &[]).unwrap();
        apply(5, &[]).unwrap();
    }

    #[test]
    fn a_processor_that_is_not_there_is_named() {
        let error = apply(0, &[1023]).unwrap_err().to_string();
        assert!(error.contains("[1023]") && error.contains("cores = []"), "{error}");
    }
}
