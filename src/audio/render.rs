//! What the speaker gets: queued sound, with gain, fades and flushes, free of clicks.
//!
//! Pure: the same queue and the same orders give the same samples, whatever the callbacks' sizes.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use ringbuf::HeapCons;
use ringbuf::traits::{Consumer, Observer};

/// Longest time a change of gain takes, from silence to full.
pub const GAIN_RAMP_MS: u32 = 20;

/// Time of fading in from silence and out into it: at the start and end of speech, around an
/// underrun, at a flush. Shorter fades are heard as clicks, longer ones eat consonants.
pub const FADE_MS: u32 = 10;

/// The orders to the playback callback and its reports, both without waiting. The thread that
/// hears (and ducks or stops the speech) and the thread that speaks share it.
#[derive(Debug)]
pub struct PlaybackControl {
    rate_hz: u32,
    /// Bits of the `f32` gain to move to.
    target_gain: AtomicU32,
    /// Raised by one with every flush.
    flush_epoch: AtomicU64,
    /// The flush epoch the speaking thread knew when it last began, and where in the queue it
    /// began then. `resume_at` is written first.
    resume_epoch: AtomicU64,
    resume_at: AtomicU64,
    /// Device frames put into the queue since the stream opened.
    queued: AtomicU64,
    /// Device frames of them handed to the device, and thrown away by a flush.
    played: AtomicU64,
    flushed: AtomicU64,
    /// More sound of the same utterance is to come, so an empty queue is an underrun.
    speaking: AtomicBool,
    underruns: AtomicU64,
    latency_us: AtomicU32,
}

impl PlaybackControl {
    pub(super) fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz,
            target_gain: AtomicU32::new(1f32.to_bits()),
            flush_epoch: AtomicU64::new(0),
            resume_epoch: AtomicU64::new(0),
            resume_at: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            played: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            speaking: AtomicBool::new(false),
            underruns: AtomicU64::new(0),
            latency_us: AtomicU32::new(0),
        }
    }

    /// Device frames per second.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Moves the gain to `gain` within [`GAIN_RAMP_MS`]; 1.0 is unchanged, 0.0 silent. What lies
    /// outside is taken as the nearest of the two, and what is not a number as 0.0.
    pub fn set_gain(&self, gain: f32) {
        let gain = if gain.is_nan() { 0.0 } else { gain.clamp(0.0, 1.0) };
        self.target_gain.store(gain.to_bits(), Relaxed);
    }

    /// The gain last asked for.
    pub fn gain(&self) -> f32 {
        f32::from_bits(self.target_gain.load(Relaxed))
    }

    /// Stops the speech: fades out within [`FADE_MS`] and throws the rest of the queue away, and
    /// with it everything the speaking thread adds until it begins anew.
    pub fn flush(&self) {
        self.flush_epoch.fetch_add(1, AcqRel);
    }

    /// How often [`flush`](Self::flush) was called.
    pub fn flush_epoch(&self) -> u64 {
        self.flush_epoch.load(Acquire)
    }

    /// Device frames handed to the device since the stream opened; silence does not count.
    pub fn played(&self) -> u64 {
        self.played.load(Acquire)
    }

    /// Device frames thrown away by flushes.
    pub fn flushed(&self) -> u64 {
        self.flushed.load(Acquire)
    }

    /// Device frames that left the queue, one way or the other.
    pub(super) fn gone(&self) -> u64 {
        self.played() + self.flushed()
    }

    /// Device frames that wait in the queue.
    pub fn waiting(&self) -> u64 {
        let gone = self.gone();
        self.queued.load(Acquire).saturating_sub(gone)
    }

    /// Milliseconds of speech that wait in the queue.
    pub fn waiting_ms(&self) -> u64 {
        self.waiting() * 1000 / u64::from(self.rate_hz)
    }

    /// Nothing waits and nothing is to come: the speaker is silent, but for what the device itself
    /// still holds ([`latency_us`](Self::latency_us)).
    pub fn is_idle(&self) -> bool {
        let stopped = self.flush_epoch() != self.resume_epoch.load(Acquire);
        (stopped || !self.speaking.load(Acquire)) && self.waiting() == 0
    }

    /// Times the queue ran dry in the middle of an utterance.
    pub fn underruns(&self) -> u64 {
        self.underruns.load(Relaxed)
    }

    /// From a callback until its first sample is heard, in microseconds, as far as the device
    /// knows.
    pub fn latency_us(&self) -> u32 {
        self.latency_us.load(Relaxed)
    }

    pub(super) fn set_latency_us(&self, latency_us: u32) {
        self.latency_us.store(latency_us, Relaxed);
    }

    pub(super) fn set_speaking(&self, speaking: bool) {
        self.speaking.store(speaking, Release);
    }

    /// The speaking thread put `frames` into the queue.
    pub(super) fn add_queued(&self, frames: usize) {
        self.queued.fetch_add(frames as u64, Release);
    }

    /// Device frames ever put into the queue.
    pub(super) fn queued(&self) -> u64 {
        self.queued.load(Acquire)
    }

    /// The speaking thread has taken notice of `epoch`; what it adds from here on is to be heard.
    pub(super) fn resume(&self, epoch: u64) {
        self.resume_at.store(self.queued(), Relaxed);
        self.resume_epoch.store(epoch, Release);
    }
}

/// The callback's side of playback. It copies and counts, and never waits, allocates, locks or
/// logs.
///
/// Two consecutive output samples differ by at most what the queued signal itself does there, plus
/// `1 / (rate · FADE_MS) + 1 / (rate · GAIN_RAMP_MS)` of full scale.
pub struct Renderer {
    queue: HeapCons<f32>,
    control: Arc<PlaybackControl>,
    gain: f32,
    gain_step: f32,
    /// Fade so far, 0 (silent) to `fade_len` (full). Never above the number of waiting samples, so
    /// that silence is reached when the queue runs dry.
    fade: usize,
    fade_len: usize,
    /// Queue position of the next sample.
    position: u64,
    /// The last flush that is carried out.
    flush_epoch: u64,
    /// Something was played since the queue was last empty.
    wet: bool,
}

impl Renderer {
    pub(super) fn new(queue: HeapCons<f32>, control: Arc<PlaybackControl>) -> Self {
        let rate_hz = control.rate_hz;
        Self {
            queue,
            gain: control.gain(),
            control,
            gain_step: 1000.0 / (rate_hz * GAIN_RAMP_MS) as f32,
            fade: 0,
            fade_len: (rate_hz * FADE_MS / 1000) as usize,
            position: 0,
            flush_epoch: 0,
            wet: false,
        }
    }

    pub fn control(&self) -> &PlaybackControl {
        &self.control
    }

    /// Fills `out` with mono samples at the device's rate.
    pub fn render(&mut self, out: &mut [f32]) {
        let target_gain = self.control.gain();
        // The number of samples first: whoever sees a sample then also sees the `resume` before
        // it, and cannot take it for a flushed one.
        let mut waiting = self.queue.occupied_len();
        let flush_epoch = self.control.flush_epoch();
        let (mut played, mut flushed) = (0u64, 0u64);
        for sample in out {
            if self.flush_epoch != flush_epoch && self.fade == 0 {
                let thrown = self.throw_away(waiting, flush_epoch);
                waiting -= thrown;
                flushed += thrown as u64;
            }
            let stopping = self.flush_epoch != flush_epoch;
            let fade_target = if stopping { 0 } else { self.fade_len.min(waiting) };
            self.fade = match self.fade {
                fade if fade < fade_target => fade + 1,
                fade if fade > fade_target => fade - 1,
                fade => fade,
            };
            self.gain += (target_gain - self.gain).clamp(-self.gain_step, self.gain_step);
            // Once faded out, a flush has thrown away what it may; the rest is not its own.
            *sample = if waiting == 0 || (stopping && self.fade == 0) {
                0.0
            } else {
                waiting -= 1;
                played += 1;
                self.position += 1;
                let queued = self.queue.try_pop().unwrap_or(0.0);
                queued * (self.gain * self.fade as f32 / self.fade_len as f32)
            };
        }
        self.control.flushed.fetch_add(flushed, Release);
        self.control.played.fetch_add(played, Release);
        self.wet |= played > 0;
        if waiting == 0 && self.wet {
            self.wet = false;
            if self.flush_epoch == flush_epoch && self.control.speaking.load(Acquire) {
                self.control.underruns.fetch_add(1, Relaxed);
            }
        }
    }

    /// Drops what a flush concerns: up to where the speaking thread began anew, or all, if it has
    /// not. Returns how many of the `waiting` samples that were.
    fn throw_away(&mut self, waiting: usize, flush_epoch: u64) -> usize {
        let resumed = self.control.resume_epoch.load(Acquire) == flush_epoch;
        let concerned = if resumed {
            // The fade may have used up the first samples of what came after.
            self.control.resume_at.load(Relaxed).saturating_sub(self.position)
        } else {
            u64::MAX
        };
        let thrown = self.queue.skip((waiting as u64).min(concerned) as usize);
        self.position += thrown as u64;
        if thrown as u64 == concerned {
            self.flush_epoch = flush_epoch;
        }
        thrown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringbuf::HeapRb;
    use ringbuf::traits::{Producer, Split};

    use super::*;

    /// A fade of 8 samples, a gain ramp of 16: short enough to draw.
    const RATE_HZ: u32 = 800;

    struct Bench {
        queue: ringbuf::HeapProd<f32>,
        control: Arc<PlaybackControl>,
        renderer: Renderer,
    }

    impl Bench {
        fn new() -> Self {
            let (queue, end) = HeapRb::new(10_000).split();
            let control = Arc::new(PlaybackControl::new(RATE_HZ));
            let renderer = Renderer::new(end, control.clone());
            Self { queue, control, renderer }
        }

        fn queue(&mut self, samples: usize) {
            assert_eq!(self.queue.push_slice(&vec![1.0; samples]), samples);
            self.control.add_queued(samples);
        }

        fn render(&mut self, samples: usize) -> Vec<f32> {
            let mut out = vec![f32::NAN; samples];
            self.renderer.render(&mut out);
            out
        }

        /// The loudness of a full-scale signal in eighths: `.` silent, `1`..`7`, `#` full.
        fn draw(&mut self, samples: usize) -> String {
            let level = |sample: f32| match (sample * 8.0).round() as u32 {
                0 => '.',
                8 => '#',
                level => char::from_digit(level, 10).unwrap(),
            };
            self.render(samples).into_iter().map(level).collect()
        }
    }

    #[test]
    fn speech_fades_in_and_out() {
        let mut bench = Bench::new();
        assert_eq!(bench.draw(4), "....");
        bench.queue(20);
        assert_eq!(bench.draw(24), "1234567######7654321....");
        assert_eq!((bench.control.played(), bench.control.waiting()), (20, 0));
    }

    #[test]
    fn a_word_shorter_than_its_fades_is_a_hill() {
        let mut bench = Bench::new();
        bench.queue(9);
        assert_eq!(bench.draw(12), "123454321...");
    }

    #[test]
    fn callbacks_of_any_size_give_the_same_sound() {
        for size in [1, 3, 7] {
            let mut bench = Bench::new();
            bench.queue(20);
            let drawn: String = (0..24 / size).map(|_| bench.draw(size)).collect();
            assert_eq!(drawn, "1234567######7654321...."[..drawn.len()]);
        }
    }

    #[test]
    fn an_underrun_fades_and_is_counted_once() {
        let mut bench = Bench::new();
        bench.queue(16);
        bench.control.set_speaking(true);
        assert_eq!(bench.draw(20), "1234567##7654321....");
        assert_eq!(bench.draw(4), "....");
        assert_eq!(bench.control.underruns(), 1);
        assert!(!bench.control.is_idle(), "more is to come");
        bench.queue(30);
        assert_eq!(bench.draw(12), "1234567#####");
        bench.control.set_speaking(false);
        bench.draw(30);
        assert_eq!(bench.control.underruns(), 1, "the end of an utterance is none");
        assert!(bench.control.is_idle());
    }

    #[test]
    fn sound_that_comes_in_time_is_not_interrupted() {
        let mut bench = Bench::new();
        bench.queue(20);
        assert_eq!(bench.draw(10), "1234567###");
        bench.queue(20);
        assert_eq!(bench.draw(10), "##########");
    }

    #[test]
    fn the_gain_moves_in_small_steps() {
        let mut bench = Bench::new();
        bench.queue(200);
        bench.draw(8);
        bench.control.set_gain(0.25);
        assert_eq!(bench.draw(16), "#776655443322222");
        bench.control.set_gain(7.0);
        assert_eq!(bench.draw(16).chars().last(), Some('#'));
        bench.control.set_gain(f32::NAN);
        assert_eq!(bench.control.gain(), 0.0);
        bench.draw(16);
        assert_eq!(bench.draw(2), "..");
    }

    #[test]
    fn a_flush_fades_out_and_throws_the_rest_away() {
        let mut bench = Bench::new();
        bench.queue(100);
        bench.control.set_speaking(true);
        assert_eq!(bench.draw(10), "1234567###");
        bench.control.flush();
        assert_eq!(bench.draw(12), "7654321.....");
        assert_eq!((bench.control.played(), bench.control.flushed()), (17, 83));
        assert!(bench.control.is_idle(), "even though the speaking thread has not noticed yet");
        assert_eq!(bench.control.underruns(), 0);
    }

    #[test]
    fn what_comes_after_a_flush_waits_for_a_new_beginning() {
        let mut bench = Bench::new();
        bench.queue(100);
        bench.draw(10);
        bench.control.flush();
        bench.queue(50); // The speaking thread has not noticed.
        assert_eq!(bench.draw(9), "7654321..");
        bench.queue(50);
        assert_eq!(bench.draw(3), "...");
        bench.control.resume(bench.control.flush_epoch());
        bench.queue(20);
        assert_eq!(bench.draw(24), "1234567######7654321....");
        assert_eq!(bench.control.played(), 17 + 20);
        assert_eq!(bench.control.flushed(), 183);
    }

    #[test]
    fn the_new_beginning_may_come_before_the_flush_is_carried_out() {
        let mut bench = Bench::new();
        bench.queue(100);
        bench.draw(10);
        bench.control.flush();
        bench.control.resume(bench.control.flush_epoch());
        bench.queue(20);
        assert_eq!(bench.draw(30), "7654321.1234567######7654321..");
    }

    #[test]
    fn a_second_flush_stops_what_began_after_the_first() {
        let mut bench = Bench::new();
        bench.queue(30);
        bench.draw(10);
        bench.control.flush();
        bench.control.resume(1);
        bench.queue(30);
        bench.control.flush();
        assert_eq!(bench.draw(12), "7654321.....");
        assert_eq!(bench.control.waiting(), 0);
        bench.control.resume(2);
        bench.queue(10);
        assert_eq!(bench.draw(12), "1234554321..");
    }

    #[test]
    fn a_flush_of_silence_changes_nothing() {
        let mut bench = Bench::new();
        bench.control.flush();
        assert_eq!(bench.draw(4), "....");
        bench.control.resume(1);
        bench.queue(10);
        assert_eq!(bench.draw(12), "1234554321..");
        assert_eq!(bench.control.flushed(), 0);
    }

    #[derive(Clone, Debug)]
    enum Order {
        Queue(usize),
        Gain(f32),
        Flush,
        Resume,
        Render(usize),
    }

    fn order() -> impl Strategy<Value = Order> {
        prop_oneof![
            2 => (1usize..60).prop_map(Order::Queue),
            1 => (0.0f32..1.0).prop_map(Order::Gain),
            1 => Just(Order::Flush),
            1 => Just(Order::Resume),
            4 => (1usize..40).prop_map(Order::Render),
        ]
    }

    proptest! {
        /// A constant signal has no steps of its own, so every step is ours.
        #[test]
        fn no_order_makes_a_click_and_every_sample_is_accounted_for(
            orders in prop::collection::vec(order(), 1..60),
        ) {
            let mut bench = Bench::new();
            let (mut last, mut queued) = (0.0f32, 0);
            let bound = 1.0 / 8.0 + 1.0 / 16.0 + 1e-5;
            for order in orders {
                match order {
                    Order::Queue(samples) => {
                        bench.queue(samples);
                        queued += samples as u64;
                    }
                    Order::Gain(gain) => bench.control.set_gain(gain),
                    Order::Flush => bench.control.flush(),
                    Order::Resume => bench.control.resume(bench.control.flush_epoch()),
                    Order::Render(samples) => {
                        for sample in bench.render(samples) {
                            prop_assert!((sample - last).abs() <= bound, "{last} → {sample}");
                            last = sample;
                        }
                    }
                }
                prop_assert_eq!(bench.control.gone() + bench.control.waiting(), queued);
            }
        }
    }
}
