//! The speaker: speech at 24 kHz on one side of a ring, a device's callback on the other.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{ErrorKind, FromSample, OutputCallbackInfo, SizedSample};
use ringbuf::traits::{Producer, Split};
use ringbuf::{HeapProd, HeapRb};

use super::devices::{DeviceChoice, DeviceError, Direction};
use super::line::Line;
use super::reference::{self, Reference, Tap};
pub use super::render::{FADE_MS, GAIN_RAMP_MS, PlaybackControl, Renderer};
use super::resample::Resampler;
use super::stream::{Format, Health, Picked, StreamWish};

/// Sample rate of the speech that is pushed, in hertz.
pub const SPEECH_RATE_HZ: u32 = 24_000;

/// Capacity of the ring between the speaking thread and the callback. Speech is made many times
/// faster than it is spoken, so the ring holds most replies whole; when it is full,
/// [`Feeder::push`] takes no more and the speaking thread comes back later.
pub const RING_MS: u32 = 10_000;

/// Speech is resampled in pieces of this many samples (20 ms), and rendered on the callback's stack
/// in pieces of as many device frames.
const PIECE: usize = 480;

/// The speech was stopped by a flush: what is pushed is no longer wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the speech was stopped")]
pub struct Flushed;

/// Makes the two sides of a playback stream, which [`Playback::open`] connects to a device.
pub fn channel(rate_hz: u32, channels: u16) -> (Feeder, Output) {
    let control = Arc::new(PlaybackControl::new(rate_hz));
    let (queue, end) = HeapRb::new(rate_hz as usize * RING_MS as usize / 1000).split();
    let feeder = Feeder {
        queue,
        resampler: Resampler::new(SPEECH_RATE_HZ, rate_hz),
        ready: Vec::new(),
        epoch: 0,
        began_at: 0,
        control: control.clone(),
    };
    let renderer = Renderer::new(end, control);
    (feeder, Output { renderer, channels: channels.into(), tap: None, health: Arc::default() })
}

/// The speaking thread's side.
pub struct Feeder {
    queue: HeapProd<f32>,
    resampler: Resampler,
    /// Resampled speech that found no room in the queue yet.
    ready: Vec<f32>,
    /// The flush epoch when this utterance began.
    epoch: u64,
    /// Queue position where this utterance began.
    began_at: u64,
    control: Arc<PlaybackControl>,
}

impl Feeder {
    /// Begins an utterance: from here on, flushes until now do not concern what is pushed.
    pub fn begin(&mut self) {
        self.forget();
        let epoch = self.control.flush_epoch();
        if epoch != self.epoch {
            self.control.resume(epoch);
            self.epoch = epoch;
        }
        self.began_at = self.control.queued();
    }

    /// Queues mono speech at [`SPEECH_RATE_HZ`]; never waits. Returns how many samples were taken:
    /// fewer than all when the queue is full.
    pub fn push(&mut self, speech: &[f32]) -> Result<usize, Flushed> {
        self.stop_if_flushed()?;
        let mut taken = 0;
        while self.hand_over() && taken < speech.len() {
            let piece = &speech[taken..speech.len().min(taken + PIECE)];
            self.resampler.push(piece, &mut self.ready);
            taken += piece.len();
        }
        if taken > 0 {
            self.control.set_speaking(true);
        }
        Ok(taken)
    }

    /// Ends the utterance. `false` if its last milliseconds found no room: call again later.
    pub fn end(&mut self) -> Result<bool, Flushed> {
        self.stop_if_flushed()?;
        self.resampler.flush(&mut self.ready);
        let done = self.hand_over();
        if done {
            self.control.set_speaking(false);
        }
        Ok(done)
    }

    /// Milliseconds of this utterance that were handed to the device or flushed.
    pub fn progress_ms(&self) -> u64 {
        let gone = self.control.gone().saturating_sub(self.began_at);
        gone * 1000 / u64::from(self.control.rate_hz())
    }

    pub fn control(&self) -> &Arc<PlaybackControl> {
        &self.control
    }

    /// Moves what is ready into the queue; whether all of it went.
    fn hand_over(&mut self) -> bool {
        let moved = self.queue.push_slice(&self.ready);
        self.control.add_queued(moved);
        self.ready.drain(..moved);
        self.ready.is_empty()
    }

    fn stop_if_flushed(&mut self) -> Result<(), Flushed> {
        if self.control.flush_epoch() == self.epoch {
            return Ok(());
        }
        self.forget();
        Err(Flushed)
    }

    /// Drops what is on its way and not in the queue yet.
    fn forget(&mut self) {
        self.resampler.flush(&mut self.ready);
        self.ready.clear();
        self.control.set_speaking(false);
    }
}

/// The callback's side. It copies and counts, and never waits, allocates, locks or logs.
pub struct Output {
    renderer: Renderer,
    channels: usize,
    /// Whoever takes the echo out wants to know what was played.
    tap: Option<Tap>,
    health: Arc<Health>,
}

impl Output {
    /// Hands everything that is played from here on, after gain and fades, to the reference that is
    /// returned, too.
    pub fn tap(&mut self) -> Reference {
        let (tap, reference) = reference::channel(self.renderer.control().rate_hz());
        self.tap = Some(tap);
        reference
    }

    /// Fills what a data callback asks for: interleaved samples of whole device frames, heard
    /// `latency` from now. The first two channels carry the same sound, any others silence.
    pub fn give<T: SizedSample + FromSample<f32>>(&mut self, out: &mut [T], latency: Duration) {
        self.health.called();
        self.renderer.control().set_latency_us(latency.as_micros() as u32);
        let mut mono = [0.0; PIECE];
        for frames in out.chunks_mut(mono.len() * self.channels) {
            let mono = &mut mono[..frames.len() / self.channels];
            self.renderer.render(mono);
            mono.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
            if let Some(tap) = &mut self.tap {
                tap.push(mono);
            }
            for (frame, sample) in frames.chunks_exact_mut(self.channels).zip(mono) {
                let (front, rest) = frame.split_at_mut(self.channels.min(2));
                front.fill(T::from_sample(*sample));
                rest.fill(T::EQUILIBRIUM);
            }
        }
    }
}

/// How a playback stream has fared since it opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaybackStats {
    /// Callbacks of the device.
    pub callbacks: u64,
    /// Times the queue ran dry in the middle of an utterance.
    pub underruns: u64,
    /// Times the device itself ran dry.
    pub xruns: u64,
    /// Other errors the device reported.
    pub errors: u64,
}

/// An open speaker. Dropping it closes the device.
pub struct Playback {
    /// Keeps the callbacks coming.
    _stream: cpal::Stream,
    feeder: Feeder,
    reference: Option<Reference>,
    health: Arc<Health>,
    line: Line,
}

impl Playback {
    /// Opens a device and starts it; it plays silence until speech is pushed.
    pub fn open(choice: &DeviceChoice, wish: &StreamWish) -> Result<Self, DeviceError> {
        let ((stream, feeder, reference, health), line) =
            Line::open(Direction::Play, choice, wish, start)?;
        Ok(Self { _stream: stream, feeder, reference: Some(reference), health, line })
    }

    /// What is played from the opening on, for whoever takes its echo out; once.
    pub fn take_reference(&mut self) -> Option<Reference> {
        self.reference.take()
    }

    /// Where speech goes in.
    pub fn feeder(&mut self) -> &mut Feeder {
        &mut self.feeder
    }

    /// Orders and reports, for any thread.
    pub fn control(&self) -> &Arc<PlaybackControl> {
        self.feeder.control()
    }

    /// Says when the device was lost. Then drop this, wait (a sound server needs some seconds to
    /// come back) and open it anew.
    pub fn check(&mut self) -> Result<(), DeviceError> {
        self.line.check(&self.health)
    }

    pub fn stats(&self) -> PlaybackStats {
        PlaybackStats {
            callbacks: self.health.callbacks.load(Relaxed),
            underruns: self.control().underruns(),
            xruns: self.health.xruns.load(Relaxed),
            errors: self.health.errors.load(Relaxed),
        }
    }

    /// The id of the device that is open.
    pub fn device(&self) -> &str {
        &self.line.device
    }

    /// The format it takes.
    pub fn format(&self) -> Format {
        self.line.format
    }
}

type Started = (cpal::Stream, Feeder, Reference, Arc<Health>);

fn start(device: &cpal::Device, picked: &Picked) -> Result<Started, cpal::Error> {
    use cpal::SampleFormat as S;
    let (feeder, mut output) = channel(picked.format.rate_hz, picked.format.channels);
    let reference = output.tap();
    let health = output.health.clone();
    let failing = health.clone();
    let errors = move |error: cpal::Error| failing.failed(error.kind());
    macro_rules! stream_of {
        ($sample:ty) => {
            device.build_output_stream(
                picked.config(),
                move |out: &mut [$sample], info: &OutputCallbackInfo| {
                    let times = info.timestamp();
                    output.give(out, times.playback.saturating_duration_since(times.callback));
                },
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
    Ok((stream, feeder, reference, health))
}

#[cfg(test)]
mod tests {
    use super::*;

    const _: fn() = || {
        fn sendable<T: Send>() {}
        sendable::<Playback>();
        sendable::<Output>();
        fn shared<T: Send + Sync>() {}
        shared::<PlaybackControl>();
    };

    fn speech(samples: usize) -> Vec<f32> {
        (0..samples).map(|i| (i as f32 * 0.05).sin() * 0.5).collect()
    }

    fn render(output: &mut Output, samples: usize) -> Vec<f32> {
        let mut out = vec![0.0f32; samples];
        output.give(&mut out, Duration::ZERO);
        out
    }

    #[test]
    fn speech_arrives_whole_at_the_rate_of_the_device() {
        for rate_hz in [16_000, 24_000, 44_100, 48_000] {
            let (mut feeder, mut output) = channel(rate_hz, 1);
            feeder.begin();
            let speech = speech(12_000);
            for clause in speech.chunks(5_000) {
                assert_eq!(feeder.push(clause), Ok(clause.len()));
            }
            assert_eq!(feeder.end(), Ok(true));
            let expected = u64::from(rate_hz) / 2;
            assert_eq!(feeder.control().waiting(), expected);
            let out = render(&mut output, rate_hz as usize);
            assert_eq!(feeder.control().played(), expected);
            assert!(feeder.control().is_idle());
            assert_eq!(feeder.progress_ms(), 500);
            let mut ideal = Vec::new();
            let mut resampler = Resampler::new(SPEECH_RATE_HZ, rate_hz);
            resampler.push(&speech, &mut ideal);
            resampler.flush(&mut ideal);
            let fade = (rate_hz * FADE_MS / 1000) as usize;
            let middle = fade..ideal.len() - fade;
            assert!(out[middle.clone()] == ideal[middle], "{rate_hz} Hz");
            assert!(out[ideal.len()..].iter().all(|s| *s == 0.0));
        }
    }

    #[test]
    fn a_full_queue_takes_no_more_and_loses_nothing() {
        let (mut feeder, mut output) = channel(48_000, 1);
        feeder.begin();
        let speech = speech(15 * SPEECH_RATE_HZ as usize);
        let (mut sent, mut heard) = (0, 0);
        let mut full = false;
        while sent < speech.len() {
            let taken = feeder.push(&speech[sent..]).unwrap();
            full |= taken < speech.len() - sent;
            sent += taken;
            heard += render(&mut output, 4_800).len();
        }
        assert!(full, "ten seconds do not hold fifteen");
        while !feeder.end().unwrap() || !feeder.control().is_idle() {
            heard += render(&mut output, 4_800).len();
        }
        assert_eq!(feeder.control().played(), 15 * 48_000);
        assert!(heard >= 15 * 48_000);
        assert_eq!(feeder.control().underruns(), 0);
    }

    #[test]
    fn after_a_flush_speech_is_refused_until_it_begins_anew() {
        let (mut feeder, mut output) = channel(24_000, 1);
        feeder.begin();
        feeder.push(&speech(24_000)).unwrap();
        render(&mut output, 2_400);
        feeder.control().flush();
        assert_eq!(feeder.push(&speech(100)), Err(Flushed));
        assert_eq!(feeder.end(), Err(Flushed));
        let out = render(&mut output, 2_400);
        assert!(out[240..].iter().all(|s| *s == 0.0));
        assert!(feeder.control().is_idle());

        feeder.begin();
        assert_eq!(feeder.push(&speech(2_400)), Ok(2_400));
        feeder.end().unwrap();
        let out = render(&mut output, 3_000);
        assert!(out.iter().any(|s| *s > 0.4), "the next reply is heard");
        assert!(feeder.control().is_idle());
        assert_eq!(feeder.progress_ms(), 100);
    }

    #[test]
    fn every_sample_format_gets_the_same_sound() {
        fn check<T: SizedSample + FromSample<f32> + PartialEq + std::fmt::Debug>(half: T) {
            let (mut feeder, mut output) = channel(24_000, 3);
            feeder.begin();
            feeder.push(&[0.5; 2_400]).unwrap();
            let mut out = vec![half; 3 * 300];
            output.give(&mut out, Duration::from_millis(20));
            assert_eq!(feeder.control().latency_us(), 20_000);
            assert_eq!(out[0..3], [T::from_sample(0.5 / 240.0), out[0], T::EQUILIBRIUM]);
            assert_eq!(out[3 * 299..], [half, half, T::EQUILIBRIUM], "{}", T::FORMAT);
        }
        check(64i8);
        check(16_384i16);
        check(cpal::I24::new(1 << 22).unwrap());
        check(1i32 << 30);
        check(1i64 << 62);
        check(192u8);
        check(49_152u16);
        check(cpal::U24::new(3 << 22).unwrap());
        check(3u32 << 30);
        check(3u64 << 62);
        check(0.5f32);
        check(0.5f64);
    }

    #[test]
    fn the_reference_is_what_was_played() {
        let (mut feeder, mut output) = channel(24_000, 2);
        let mut reference = output.tap();
        feeder.begin();
        feeder.push(&speech(4_800)).unwrap();
        feeder.control().set_gain(0.3);
        let mut played = Vec::new();
        for callback in [1, 7, 480, 2_000, 5_000] {
            let out = render(&mut output, 2 * callback);
            played.extend(out.chunks_exact(2).map(|frame| frame[0]));
            feeder.control().flush();
        }
        let mut heard = Vec::new();
        reference.read(|part| heard.extend_from_slice(part));
        assert_eq!(heard, played);
        assert_eq!(reference.rate_hz(), 24_000);
    }

    #[test]
    fn overloud_speech_is_clipped_never_wrapped() {
        let (mut feeder, mut output) = channel(24_000, 1);
        feeder.begin();
        feeder.push(&[3.0; 1_000]).unwrap();
        let mut out = vec![0i16; 500];
        output.give(&mut out, Duration::ZERO);
        assert_eq!(out[499], i16::MAX);
        assert!(out.iter().all(|s| *s >= 0));
    }
}
