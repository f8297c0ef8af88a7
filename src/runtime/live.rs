//! The pipeline on real devices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::RuntimeError;
use super::back_off::BackOff;
use super::engines::Engines;
use super::link::{Pace, link};
use super::listener::{Duplex, Listener};
use super::mouth::Mouth;
use super::replay::join;
use super::report::{Reporter, reporter};
use super::source::{Next, Source};
use super::thinker::Thinker;
use crate::agent::Agent;
use crate::audio::aside;
use crate::audio::capture::Capture;
use crate::audio::devices::{DeviceChoice, DeviceError};
use crate::audio::frames::TimedFrame;
use crate::audio::playback::Playback;
use crate::audio::stream::StreamWish;
use crate::clock::Clock;
use crate::config::board::{Placement, Threads};
use crate::hear::Ear;
use crate::observe::Event;
use crate::units::{FRAME_LEN, FRAME_MS, Frame, SamplePos};

/// How long the listener waits for a frame before it asks whether the device still lives.
const PATIENCE: Duration = Duration::from_millis(100);
const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);
/// How often the event loop looks whether it should stop.
const STOP_LOOK: Duration = Duration::from_millis(100);

/// Which devices, and how.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    pub microphone: DeviceChoice,
    pub speaker: DeviceChoice,
    /// Milliseconds of sound per device callback.
    pub period_ms: u32,
    pub duplex: Duplex,
    /// Priorities and processors of the two threads.
    pub threads: Threads,
    /// When the program began, for [`Event::Ready`].
    pub started: Instant,
}

impl LiveOptions {
    fn wish(&self) -> StreamWish {
        StreamWish { period_ms: self.period_ms, ..StreamWish::default() }
    }
}

/// Runs `agent` on microphone and speaker until `stop` is set.
///
/// A microphone that is lost later is opened again for as long as it takes; one that is not there
/// at the start is an error, since then a person is near who can do something about it.
pub fn live(
    engines: &mut Engines,
    agent: &Arc<Agent>,
    options: &LiveOptions,
    stop: &AtomicBool,
    mut on_event: impl FnMut(&Event),
) -> Result<(), RuntimeError> {
    let capture = Capture::open(&options.microphone, &options.wish())?;
    let mut playback = Playback::open(&options.speaker, &options.wish())?;
    on_event(&Event::Ready {
        microphone: capture.device().into(),
        speaker: playback.device().into(),
        after_ms: options.started.elapsed().as_millis() as u64,
    });

    let (listener_end, thinker_end) = link(Pace::Free);
    let shared = Arc::clone(&listener_end.shared);
    let (report, events) = reporter(Pace::Free);
    let (listener_report, thinker_report) = (report.clone(), report.clone());
    let microphone = Microphone::new(capture, options.clone(), report.clone());
    shared.set_speaker(Some(Arc::clone(playback.control())));
    if let Some(reference) = playback.take_reference() {
        shared.set_reference(reference);
    }
    let silero = Arc::clone(&engines.silero);
    let settings = agent.settings.endpoint.clone();
    let duplex = options.duplex;
    let again = options.clone();
    let reopen = Box::new(move || Playback::open(&again.speaker, &again.wish()));
    let mouth = Mouth::new(playback, reopen);
    let thinker =
        Thinker::new(engines, Arc::clone(agent), Clock::Machine, thinker_end, mouth, report);
    std::thread::scope(|scope| {
        let listening = scope.spawn(move || {
            place(&options.threads.listener, &listener_report);
            // webrtc-vad's state must stay on the thread that made it.
            let ear = Ear::new(silero, settings)?;
            Listener::new(microphone, ear, listener_end, duplex).run();
            Ok(())
        });
        let thinking = scope.spawn(move || {
            place(&options.threads.thinker, &thinker_report);
            thinker.run()
        });
        loop {
            match events.recv_timeout(STOP_LOOK) {
                Ok(event) => on_event(&event),
                Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
                Err(crossbeam_channel::RecvTimeoutError::Disconnected) => break,
            }
            if stop.load(Relaxed) {
                shared.stop();
            }
        }
        join(thinking).close();
        join(listening)
    })
}

/// Gives the calling thread its place. Without the right to it the agent runs all the same.
fn place(placement: &Placement, report: &Reporter) {
    if let Err(error) = placement.apply() {
        report.send(Event::Fault {
            what: error.to_string(),
            hint: "the agent goes on at normal priority".into(),
        });
    }
}

/// A microphone that comes back: while it is away, silence passes at the pace of the clock, so that
/// time-outs still fall.
struct Microphone {
    capture: Option<Capture>,
    options: LiveOptions,
    report: Reporter,
    /// Position of the next frame.
    at: SamplePos,
    /// When the next silent frame is due, while the device is away.
    silence_due: Instant,
    back_off: BackOff,
}

impl Microphone {
    fn new(capture: Capture, options: LiveOptions, report: Reporter) -> Self {
        let now = Instant::now();
        Self {
            capture: Some(capture),
            options,
            report,
            at: SamplePos(0),
            silence_due: now,
            back_off: BackOff::new(now),
        }
    }

    fn lose(&mut self, error: &DeviceError) {
        self.report.send(Event::Fault {
            what: error.to_string(),
            hint: "check its cable; it is opened again as soon as it is back".into(),
        });
        if let Some(capture) = self.capture.take() {
            aside::close(capture);
        }
        self.silence_due = Instant::now();
        self.back_off = BackOff::new(Instant::now());
    }

    /// Tries to open the microphone again when it is time to.
    fn reopen(&mut self) {
        if self.back_off.is_due(Instant::now()) {
            self.capture = Capture::open(&self.options.microphone, &self.options.wish()).ok();
        }
    }

    fn hand_on(&mut self, samples: Frame) -> Next {
        let frame = TimedFrame { at: self.at, samples };
        self.at = self.at + FRAME_LEN as u64;
        Next::Frame(frame)
    }
}

impl Drop for Microphone {
    fn drop(&mut self) {
        if let Some(capture) = self.capture.take() {
            aside::close(capture);
        }
    }
}

impl Source for Microphone {
    fn next_frame(&mut self) -> Next {
        let Some(capture) = &mut self.capture else {
            self.reopen();
            let now = Instant::now();
            if now < self.silence_due {
                std::thread::sleep(self.silence_due - now);
            }
            self.silence_due += FRAME;
            return self.hand_on([0.0; FRAME_LEN]);
        };
        if let Some(frame) = capture.next_frame(PATIENCE) {
            return self.hand_on(frame.samples);
        }
        if let Err(error) = capture.check() {
            self.lose(&error);
        }
        Next::Waiting
    }
}
