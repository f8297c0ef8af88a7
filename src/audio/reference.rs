//! What was really played, on its way from the playback callback to whoever takes the echo out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

/// Capacity of the ring, as that of the capture ring: whoever reads the one reads the other. When
/// it is full, the callback drops what does not fit and counts it; the reader puts equal silence
/// where it next reads, so that counts stay right and only that stretch of echo is not known.
pub const RING_MS: u32 = 2_000;

/// Sound is read in pieces of this many samples, on the reader's stack.
const PIECE: usize = 1_024;

/// Longest time that a device is believed to play on after a callback, in seconds.
const LONGEST_S: f64 = 1.0;

/// Makes the two ends, for sound at `rate_hz` that a device asks for at times of its own.
pub fn channel(rate_hz: u32) -> (Tap, Reference) {
    make(rate_hz, Some(Instant::now()))
}

/// The same for a simulated device, which plays while it is looked at and not in between.
pub fn simulated(rate_hz: u32) -> (Tap, Reference) {
    make(rate_hz, None)
}

fn make(rate_hz: u32, opened: Option<Instant>) -> (Tap, Reference) {
    let (samples_in, samples_out) = HeapRb::new((rate_hz * RING_MS / 1000) as usize).split();
    let shared = Arc::new(Shared { opened, dropped: AtomicU64::new(0), asked: AtomicU64::new(0) });
    let tap = Tap { samples: samples_in, shared: Arc::clone(&shared) };
    (tap, Reference { rate_hz, samples: samples_out, shared, replaced: 0 })
}

struct Shared {
    opened: Option<Instant>,
    dropped: AtomicU64,
    /// When the device last asked for sound, in nanoseconds after `opened`.
    asked: AtomicU64,
}

/// The callback's end. It copies and counts, and never waits, allocates, locks or logs.
pub struct Tap {
    samples: HeapProd<f32>,
    shared: Arc<Shared>,
}

impl Tap {
    /// Takes mono samples as the device gets them, silence included.
    pub fn push(&mut self, played: &[f32]) {
        let kept = self.samples.push_slice(played);
        if let Some(opened) = self.shared.opened {
            self.shared.asked.store(opened.elapsed().as_nanos() as u64, Relaxed);
        }
        if kept < played.len() {
            self.shared.dropped.fetch_add((played.len() - kept) as u64, Relaxed);
        }
    }
}

/// The reader's end.
pub struct Reference {
    rate_hz: u32,
    samples: HeapCons<f32>,
    shared: Arc<Shared>,
    /// Of the dropped samples, those that silence was given for.
    replaced: u64,
}

impl Reference {
    /// Samples per second.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// How many samples the device has played on since it last asked for sound, as far as time
    /// tells. Without it, counts would be known only to the length of a callback.
    pub fn since_asked(&self) -> f64 {
        let Some(opened) = self.shared.opened else { return 0.0 };
        let asked = self.shared.asked.load(Relaxed);
        let since = opened.elapsed().as_nanos() as f64 - asked as f64;
        (since * 1e-9).clamp(0.0, LONGEST_S) * f64::from(self.rate_hz)
    }

    /// Hands on what was played since the last time, in order.
    pub fn read(&mut self, mut take: impl FnMut(&[f32])) {
        let mut piece = [0.0; PIECE];
        let mut left = self.samples.occupied_len();
        while left > 0 {
            let wanted = left.min(PIECE);
            let got = self.samples.pop_slice(&mut piece[..wanted]);
            take(&piece[..got]);
            left -= got;
        }
        let dropped = self.shared.dropped.load(Relaxed);
        piece.fill(0.0);
        while self.replaced < dropped {
            let silent = (dropped - self.replaced).min(PIECE as u64);
            take(&piece[..silent as usize]);
            self.replaced += silent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reference: &mut Reference) -> Vec<f32> {
        let mut all = Vec::new();
        reference.read(|part| all.extend_from_slice(part));
        all
    }

    #[test]
    fn what_is_played_comes_out_in_order() {
        let (mut tap, mut reference) = channel(48_000);
        let sound: Vec<f32> = (0..5_000).map(|i| i as f32).collect();
        for piece in sound.chunks(441) {
            tap.push(piece);
        }
        assert_eq!(read(&mut reference), sound);
        assert!(read(&mut reference).is_empty());
    }

    #[test]
    fn a_reader_that_slept_gets_silence_for_what_it_missed() {
        let (mut tap, mut reference) = channel(16_000);
        for _ in 0..100 {
            tap.push(&[0.5; 400]);
        }
        let sound = read(&mut reference);
        assert_eq!(sound.len(), 40_000, "no sample is missing in the count");
        assert!(sound[..32_000].iter().all(|s| *s == 0.5));
        assert!(sound[32_000..].iter().all(|s| *s == 0.0));
        tap.push(&[0.25; 10]);
        assert_eq!(read(&mut reference), [0.25; 10]);
        assert!((0.0..=16_000.0).contains(&reference.since_asked()));
        assert_eq!(simulated(16_000).1.since_asked(), 0.0);
    }
}
