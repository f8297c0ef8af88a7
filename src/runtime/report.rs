//! The way out for events: a bounded queue to whoever writes them, so that no observer can slow
//! the thinker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::link::Pace;
use crate::observe::Event;

/// Events waiting to be written. A turn makes about ten.
pub const REPORT_QUEUE: usize = 1024;

/// The threads' side; every clone reports into the same queue.
#[derive(Clone)]
pub struct Reporter {
    pace: Pace,
    events: Sender<Event>,
    dropped: Arc<AtomicU64>,
}

/// Makes the queue. When it is full, a replay waits for the writer and a live agent drops the
/// event and counts it.
pub fn reporter(pace: Pace) -> (Reporter, Receiver<Event>) {
    let (sender, receiver) = bounded(REPORT_QUEUE);
    (Reporter { pace, events: sender, dropped: Arc::default() }, receiver)
}

impl Reporter {
    pub fn send(&self, event: Event) {
        match self.pace {
            // Nobody reads any more: nobody misses it.
            Pace::LockStep => drop(self.events.send(event)),
            Pace::Free => {
                if let Err(TrySendError::Full(_)) = self.events.try_send(event) {
                    self.dropped.fetch_add(1, Relaxed);
                }
            }
        }
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SamplePos;

    #[test]
    fn a_slow_reader_costs_events_and_is_counted() {
        let (reporter, receiver) = reporter(Pace::Free);
        for i in 0..REPORT_QUEUE as u64 + 3 {
            reporter.send(Event::SpeechStart { at: SamplePos(i) });
        }
        assert_eq!(reporter.dropped(), 3);
        assert_eq!(receiver.try_iter().count(), REPORT_QUEUE);
    }
}
