//! The microphone: a device's callback on one side of a ring, frames for the listener on the other.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{ErrorKind, SizedSample};
use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::devices::{DeviceChoice, DeviceError, Direction};
use super::frames::{FrameReader, TimedFrame};
use super::line::Line;
use super::stream::{Format, Health, Picked, StreamWish};

/// Capacity of the ring between callback and listener. The listener never computes longer than a
/// frame, so two seconds mean that the whole machine stood still. When the ring is full, the
/// callback drops what does not fit and reports a [`Gap`].
pub const RING_MS: u32 = 2_000;

/// Capacity of the ring of gaps, each of which needs the ring of samples to have been full and
/// then read. When it is full, samples are dropped and the last gap grows.
const GAPS: usize = 16;

/// The callback converts samples in pieces of this many, on its stack.
const PIECE: usize = 256;

/// Device frames that found no room in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    /// Position of the first lost frame, in device frames since the stream opened.
    at: u64,
    frames: u64,
}

/// What the two sides share besides the rings.
#[derive(Default)]
struct Shared {
    health: Health,
    dropped_frames: AtomicU64,
    gaps: AtomicU64,
    /// The thread that waits for frames; set when it waits for the first time.
    listener: OnceLock<Thread>,
}

/// How a capture stream has fared since it opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureStats {
    /// Callbacks of the device.
    pub callbacks: u64,
    /// Device frames (a sample of every channel) replaced by silence, because the listener was
    /// late.
    pub dropped_frames: u64,
    /// Stretches they were dropped in.
    pub gaps: u64,
    /// Times the device itself lost samples; how many, no device says.
    pub xruns: u64,
    /// Other errors the device reported.
    pub errors: u64,
}

/// Makes the two sides of a capture stream, which [`Capture::open`] connects to a device.
pub fn channel(rate_hz: u32, channels: u16) -> (Input, Output) {
    let capacity = (rate_hz as usize * RING_MS as usize / 1000) * usize::from(channels);
    let (samples_in, samples_out) = HeapRb::new(capacity).split();
    let (gaps_in, gaps_out) = HeapRb::new(GAPS).split();
    let shared = Arc::new(Shared::default());
    let input = Input {
        samples: samples_in,
        gaps: gaps_in,
        channels: channels.into(),
        position: 0,
        open_gap: None,
        shared: shared.clone(),
    };
    let output = Output {
        samples: samples_out,
        gaps: gaps_out,
        channels: channels.into(),
        position: 0,
        piece: vec![0.0; PIECE * usize::from(channels)],
        frames: FrameReader::new(rate_hz, channels),
        shared,
    };
    (input, output)
}

/// The callback's side. It copies and counts, and never waits, allocates, locks or logs.
pub struct Input {
    samples: HeapProd<f32>,
    gaps: HeapProd<Gap>,
    channels: usize,
    /// Device frames so far, kept or not.
    position: u64,
    /// A gap that goes on, or that could not be reported yet.
    open_gap: Option<Gap>,
    shared: Arc<Shared>,
}

impl Input {
    /// Takes what a data callback brings: interleaved samples of whole device frames.
    pub fn take<T: SizedSample>(&mut self, interleaved: &[T])
    where
        f32: cpal::FromSample<T>,
    {
        self.shared.health.called();
        let frames = interleaved.len() / self.channels;
        let kept = if self.may_write() { frames.min(self.room()) } else { 0 };
        self.write(&interleaved[..kept * self.channels]);
        let lost = (frames - kept) as u64;
        if lost > 0 {
            self.shared.dropped_frames.fetch_add(lost, Relaxed);
            let at = self.position + kept as u64;
            self.open_gap.get_or_insert(Gap { at, frames: 0 }).frames += lost;
        }
        self.position += frames as u64;
        if let Some(listener) = self.shared.listener.get() {
            listener.unpark();
        }
    }

    /// Reports a gap that lies behind, so that whoever sees the samples after it has seen it too.
    /// While it cannot be reported, nothing may be written.
    fn may_write(&mut self) -> bool {
        let Some(gap) = self.open_gap else { return true };
        if self.room() == 0 || self.gaps.try_push(gap).is_err() {
            return false;
        }
        self.shared.gaps.fetch_add(1, Relaxed);
        self.open_gap = None;
        true
    }

    fn room(&self) -> usize {
        self.samples.vacant_len() / self.channels
    }

    fn write<T: SizedSample>(&mut self, interleaved: &[T])
    where
        f32: cpal::FromSample<T>,
    {
        let mut piece = [0.0; PIECE];
        for samples in interleaved.chunks(PIECE) {
            for (to, from) in piece.iter_mut().zip(samples) {
                *to = cpal::Sample::to_sample(*from);
            }
            let written = self.samples.push_slice(&piece[..samples.len()]);
            debug_assert_eq!(written, samples.len(), "room was counted before");
        }
    }
}

/// The listener's side.
pub struct Output {
    samples: HeapCons<f32>,
    gaps: HeapCons<Gap>,
    channels: usize,
    /// Device frames read or replaced.
    position: u64,
    piece: Vec<f32>,
    frames: FrameReader,
    shared: Arc<Shared>,
}

impl Output {
    /// The next frame, if the ring holds one.
    pub fn next_frame(&mut self) -> Option<TimedFrame> {
        loop {
            if let Some(frame) = self.frames.next_frame() {
                return Some(frame);
            }
            // The number of samples first: whoever sees a sample then sees every gap before it.
            let available = (self.samples.occupied_len() / self.channels) as u64;
            let wanted = match self.gaps.try_peek() {
                Some(gap) if gap.at == self.position => {
                    self.frames.push_silence(gap.frames);
                    self.position += gap.frames;
                    self.gaps.skip(1);
                    continue;
                }
                Some(gap) => available.min(gap.at - self.position),
                None => available,
            };
            let frames = wanted.min((self.piece.len() / self.channels) as u64) as usize;
            if frames == 0 {
                return None;
            }
            let piece = &mut self.piece[..frames * self.channels];
            let read = self.samples.pop_slice(piece);
            debug_assert_eq!(read, piece.len(), "only this side takes samples out");
            self.frames.push(piece);
            self.position += frames as u64;
        }
    }

    /// The next frame; waits for it at most `wait`.
    pub fn wait_frame(&mut self, wait: Duration) -> Option<TimedFrame> {
        let until = Instant::now() + wait;
        let registered = self.shared.listener.get_or_init(thread::current).id();
        // Another thread than the first one gets no wake-up and looks by itself.
        let nap =
            if registered == thread::current().id() { wait } else { Duration::from_millis(5) };
        loop {
            if let Some(frame) = self.next_frame() {
                return Some(frame);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            thread::park_timeout(left.min(nap));
        }
    }

    pub fn stats(&self) -> CaptureStats {
        let Shared { health, dropped_frames, gaps, .. } = &*self.shared;
        CaptureStats {
            callbacks: health.callbacks.load(Relaxed),
            dropped_frames: dropped_frames.load(Relaxed),
            gaps: gaps.load(Relaxed),
            xruns: health.xruns.load(Relaxed),
            errors: health.errors.load(Relaxed),
        }
    }
}

/// An open microphone. Dropping it closes the device.
pub struct Capture {
    /// Keeps the callbacks coming.
    _stream: cpal::Stream,
    output: Output,
    line: Line,
}

impl Capture {
    /// Opens a device and starts it.
    pub fn open(choice: &DeviceChoice, wish: &StreamWish) -> Result<Self, DeviceError> {
        let ((stream, output), line) = Line::open(Direction::Record, choice, wish, start)?;
        Ok(Self { _stream: stream, output, line })
    }

    /// The next frame; waits for it at most `wait`. After `None`, ask [`check`](Self::check) why.
    /// The thread that calls this first is woken up by the device.
    pub fn next_frame(&mut self, wait: Duration) -> Option<TimedFrame> {
        self.output.wait_frame(wait)
    }

    /// Says when the device was lost. Then drop this, wait (a sound server needs some seconds to
    /// come back) and open it anew.
    pub fn check(&mut self) -> Result<(), DeviceError> {
        self.line.check(&self.output.shared.health)
    }

    pub fn stats(&self) -> CaptureStats {
        self.output.stats()
    }

    /// The id of the device that is open.
    pub fn device(&self) -> &str {
        &self.line.device
    }

    /// The format it delivers.
    pub fn format(&self) -> Format {
        self.line.format
    }
}

fn start(device: &cpal::Device, picked: &Picked) -> Result<(cpal::Stream, Output), cpal::Error> {
    use cpal::SampleFormat as S;
    let (mut input, output) = channel(picked.format.rate_hz, picked.format.channels);
    let shared = input.shared.clone();
    let errors = move |error: cpal::Error| shared.health.failed(error.kind());
    macro_rules! stream_of {
        ($sample:ty) => {
            device.build_input_stream(
                picked.config(),
                move |samples: &[$sample], _: &cpal::InputCallbackInfo| input.take(samples),
                errors,
                None,
            )
        };
    }
    let stream = match picked.format.sample {
        S::I8 => stream_of!(i8),
        S::I16 => stream_of!(i16),
        S::I24 => stream_of!(cpal::I24),
        S::I32 => stream_of!(i32),
        S::I64 => stream_of!(i64),
        S::U8 => stream_of!(u8),
        S::U16 => stream_of!(u16),
        S::U24 => stream_of!(cpal::U24),
        S::U32 => stream_of!(u32),
        S::U64 => stream_of!(u64),
        S::F32 => stream_of!(f32),
        S::F64 => stream_of!(f64),
        _ => Err(cpal::Error::new(ErrorKind::UnsupportedConfig)),
    }?;
    stream.play()?;
    Ok((stream, output))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{FRAME_LEN, SamplePos};

    const _: fn() = || {
        fn sendable<T: Send>() {}
        sendable::<Capture>();
        sendable::<Input>();
    };

    fn drain(output: &mut Output) -> Vec<TimedFrame> {
        std::iter::from_fn(|| output.next_frame()).collect()
    }

    #[test]
    fn every_sample_format_becomes_the_same_sound() {
        fn check<T: SizedSample>(samples: [T; 3])
        where
            f32: cpal::FromSample<T>,
        {
            let (mut input, mut output) = channel(16_000, 1);
            for _ in 0..FRAME_LEN {
                input.take(&samples);
            }
            let frames = drain(&mut output);
            assert_eq!(frames.len(), 3);
            assert_eq!(frames[0].samples[..6], [-0.5, 0.0, 0.25, -0.5, 0.0, 0.25], "{}", T::FORMAT);
        }
        let i24 = |value| cpal::I24::new(value).unwrap();
        let u24 = |value| cpal::U24::new(value).unwrap();
        check([-64i8, 0, 32]);
        check([-16_384i16, 0, 8_192]);
        check([i24(-(1 << 22)), i24(0), i24(1 << 21)]);
        check([-(1i32 << 30), 0, 1 << 29]);
        check([-(1i64 << 62), 0, 1 << 61]);
        check([64u8, 128, 160]);
        check([16_384u16, 32_768, 40_960]);
        check([u24(1 << 22), u24(1 << 23), u24((1 << 23) + (1 << 21))]);
        check([1u32 << 30, 1 << 31, (1 << 31) + (1 << 29)]);
        check([1u64 << 62, 1 << 63, (1 << 63) + (1 << 61)]);
        check([-0.5f32, 0.0, 0.25]);
        check([-0.5f64, 0.0, 0.25]);
    }

    #[test]
    fn a_full_ring_becomes_silence_and_time_does_not_slip() {
        for (channels, callback) in [(1u16, 1usize), (1, 320), (2, 320), (1, 16_384), (3, 1000)] {
            let (mut input, mut output) = channel(16_000, channels);
            // Every device frame carries its number, so that each can be found again.
            let number = |frame: u64| (frame % 30_000) as f32 / 65_536.0 + 0.25;
            let total = 100_000u64;
            let (mut next, mut got) = (0u64, Vec::new());
            while next < total {
                let frames = (callback as u64).min(total - next);
                let samples: Vec<f32> = (next..next + frames)
                    .flat_map(|frame| vec![number(frame); channels.into()])
                    .collect();
                input.take(&samples);
                next += frames;
                // The listener sleeps for 3 s of 4.
                if (next / 16_000) % 4 == 3 {
                    got.extend(drain(&mut output));
                }
            }
            got.extend(drain(&mut output));
            // A gap that reaches to now is reported with the next callback.
            input.take(&vec![0.0f32; usize::from(channels)]);
            got.extend(drain(&mut output));

            let stats = output.stats();
            assert!(stats.gaps > 0 && stats.dropped_frames > 10_000, "{stats:?}");
            assert_eq!(got.len() as u64, total / FRAME_LEN as u64);
            let mut silent = 0u64;
            for frame in got {
                for (offset, sample) in frame.samples.iter().enumerate() {
                    let SamplePos(at) = frame.at + offset as u64;
                    if *sample == 0.0 {
                        silent += 1;
                    } else {
                        assert!((sample - number(at)).abs() < 1e-6, "sample {at} is out of place");
                    }
                }
            }
            assert!(silent.abs_diff(stats.dropped_frames) < FRAME_LEN as u64, "{silent} {stats:?}");
        }
    }

    #[test]
    fn a_full_ring_of_gaps_only_makes_the_last_gap_longer() {
        let (mut input, mut output) = channel(16_000, 1);
        let ring = 32_000;
        input.take(&vec![0.5f32; ring]);
        // One frame in, three lost, again and again, and nobody fetches a gap.
        for _ in 0..3 * GAPS {
            input.take(&[0.5f32; 3]);
            assert_eq!(output.samples.try_pop(), Some(0.5));
            input.take(&[0.5f32; 1]);
        }
        assert_eq!(input.position, (ring + 3 * GAPS * 4) as u64);
        let gaps: Vec<Gap> = output.gaps.pop_iter().collect();
        assert_eq!(gaps.len(), GAPS);
        let lost: u64 = gaps.iter().map(|gap| gap.frames).sum();
        let open = input.open_gap.unwrap();
        assert_eq!(open.frames + lost, output.stats().dropped_frames);
        assert_eq!(open.at + open.frames, input.position);
    }

    #[test]
    fn a_waiting_listener_is_woken_by_the_callback() {
        let (mut input, mut output) = channel(16_000, 1);
        assert_eq!(output.wait_frame(Duration::from_millis(1)), None);
        let callback = thread::spawn(move || {
            input.take(&[0.5f32; FRAME_LEN]);
            input
        });
        let frame = output.wait_frame(Duration::from_secs(60)).expect("woken up long before");
        assert_eq!(frame.samples, [0.5; FRAME_LEN]);
        callback.join().unwrap();
    }

    #[test]
    fn reader_and_callback_run_at_the_same_time() {
        let (mut input, mut output) = channel(16_000, 1);
        let total = 640_000;
        let callback = thread::spawn(move || {
            let mut next = 0;
            for size in [1usize, 333, 20_000, 7, 4_000].into_iter().cycle() {
                let frames = size.min(total - next);
                let samples: Vec<f32> =
                    (next..next + frames).map(|i| (i % 1000 + 1) as f32).collect();
                input.take(&samples);
                next += frames;
                if next == total {
                    break;
                }
            }
            // Reports a gap at the end, if there is one, once the reader has made room.
            while input.open_gap.is_some() {
                input.take::<f32>(&[]);
                thread::yield_now();
            }
        });
        for number in 0..total / FRAME_LEN {
            let frame = output.wait_frame(Duration::from_secs(60)).expect("no frame is missing");
            assert_eq!(frame.at.0 as usize, number * FRAME_LEN);
            for (offset, sample) in frame.samples.iter().enumerate() {
                let expected = ((number * FRAME_LEN + offset) % 1000 + 1) as f32;
                assert!(*sample == 0.0 || *sample == expected, "{sample} for {expected}");
            }
        }
        callback.join().unwrap();
    }
}
