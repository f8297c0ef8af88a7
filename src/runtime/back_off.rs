//! When to try a lost device again.

use std::time::{Duration, Instant};

/// Pauses between attempts; the last one repeats. A sound server needs some seconds to come back,
/// a person with a cable a minute.
const PAUSES_S: [u64; 4] = [1, 2, 5, 10];

#[derive(Debug)]
pub struct BackOff {
    attempts: usize,
    next: Instant,
}

impl BackOff {
    /// The first attempt may be made one pause after `now`.
    pub fn new(now: Instant) -> Self {
        Self { attempts: 0, next: now + Duration::from_secs(PAUSES_S[0]) }
    }

    /// Is it time? An attempt that is made is counted.
    pub fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.attempts += 1;
        let pause = PAUSES_S[self.attempts.min(PAUSES_S.len() - 1)];
        self.next = now + Duration::from_secs(pause);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_grow_rarer() {
        let start = Instant::now();
        let mut back_off = BackOff::new(start);
        let due: Vec<u64> =
            (0..40).filter(|s| back_off.is_due(start + Duration::from_secs(*s))).collect();
        assert_eq!(due, [1, 3, 8, 18, 28, 38]);
    }
}
