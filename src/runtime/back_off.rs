//! When to try a lost device again.

use std::time::{Duration, Instant};

/// Pauses between attempts; the last one repeats. A cable that was touched is back in a second, a
/// sound server in some, one that was pulled out within a minute or a day; an attempt costs a few
/// milliseconds.
const PAUSES_MS: [u64; 6] = [100, 250, 500, 1_000, 2_000, 5_000];

#[derive(Debug)]
pub struct BackOff {
    attempts: usize,
    next: Instant,
}

impl BackOff {
    /// The first attempt may be made one pause after `now`.
    pub fn new(now: Instant) -> Self {
        Self { attempts: 0, next: now + Duration::from_millis(PAUSES_MS[0]) }
    }

    /// Is it time? An attempt that is made is counted.
    pub fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.attempts += 1;
        let pause = PAUSES_MS[self.attempts.min(PAUSES_MS.len() - 1)];
        self.next = now + Duration::from_millis(pause);
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
        let due: Vec<u64> = (0..200)
            .map(|n| n * 100)
            .filter(|ms| back_off.is_due(start + Duration::from_millis(*ms)))
            .collect();
        assert_eq!(due, [100, 400, 900, 1_900, 3_900, 8_900, 13_900, 18_900]);
    }
}
