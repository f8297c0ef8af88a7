//! What went wrong with a device, counted over all the streams that were opened on it.

use std::time::{Duration, Instant};

use crate::observe::DeviceCounters;

/// At most so often a dropout is reported; a bad hub makes a hundred a second.
const REPORT_EVERY: Duration = Duration::from_secs(1);

pub struct Tally {
    /// Of streams that are closed, and of the one that is open.
    past: DeviceCounters,
    open: DeviceCounters,
    told: DeviceCounters,
    told_at: Instant,
}

impl Tally {
    pub fn new(now: Instant) -> Self {
        let none = DeviceCounters::default();
        Self { past: none, open: none, told: none, told_at: now }
    }

    /// Takes what the open stream has counted so far.
    pub fn see(&mut self, open: DeviceCounters) {
        self.open = open;
    }

    /// The stream was closed: what comes next counts anew.
    pub fn closed(&mut self) {
        self.past = self.total();
        self.open = DeviceCounters::default();
    }

    /// The device was lost.
    pub fn lost(&mut self) {
        self.past.lost += 1;
    }

    /// It was away for so long.
    pub fn back(&mut self, away: Duration) {
        self.past.away_ms += away.as_millis() as u64;
    }

    pub fn total(&self) -> DeviceCounters {
        let DeviceCounters { lost, away_ms, xruns, gaps, errors } = self.open;
        DeviceCounters {
            lost: self.past.lost + lost,
            away_ms: self.past.away_ms + away_ms,
            xruns: self.past.xruns + xruns,
            gaps: self.past.gaps + gaps,
            errors: self.past.errors + errors,
        }
    }

    /// Overruns or underruns of the device, and gaps of ours, since they were last asked for; none
    /// sooner than a second after.
    pub fn dropouts(&mut self, now: Instant) -> Option<(u64, u64)> {
        let total = self.total();
        let new = (total.xruns - self.told.xruns, total.gaps - self.told.gaps);
        if new == (0, 0) || now.duration_since(self.told_at) < REPORT_EVERY {
            return None;
        }
        (self.told, self.told_at) = (total, now);
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_outlive_their_stream_and_are_told_once_a_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let counted = |xruns, gaps| DeviceCounters { xruns, gaps, ..DeviceCounters::default() };
        let mut tally = Tally::new(start);
        tally.see(counted(2, 1));
        assert_eq!(tally.dropouts(at(500)), None);
        assert_eq!(tally.dropouts(at(1_000)), Some((2, 1)));
        tally.see(counted(3, 1));
        assert_eq!(tally.dropouts(at(1_900)), None);
        tally.lost();
        tally.closed();
        tally.back(Duration::from_secs(2));
        tally.see(counted(4, 0));
        assert_eq!(tally.dropouts(at(2_100)), Some((5, 0)));
        assert_eq!(tally.dropouts(at(9_000)), None);
        let total = tally.total();
        assert_eq!((total.lost, total.away_ms, total.xruns, total.gaps), (1, 2_000, 7, 1));
    }
}
