//! The microphone as the listener sees it: frames without end, whatever becomes of the device.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::Shared;
use super::report::Reporter;
use super::source::{Next, Source};
use super::supervisor::{Change, Supervisor};
use crate::audio::capture::Capture;
use crate::audio::devices::Direction;
use crate::audio::frames::TimedFrame;
use crate::audio::signal::{Signal, SignalWatch};
use crate::observe::{DeviceState, Event};
use crate::units::{FRAME_LEN, FRAME_MS, Frame, SamplePos};

/// How long the listener waits for a frame before it asks whether the device still lives.
const PATIENCE: Duration = Duration::from_millis(100);
const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);
/// How often it is looked after while frames come, in frames: 1 s.
const LOOK_FRAMES: u32 = 1000 / FRAME_MS;
/// A visitor is told that nothing is heard when the microphone has been away for so long: a cable
/// that was touched is back before.
const DEAF_AFTER: Duration = Duration::from_secs(3);
/// Time that a machine slept is not caught up with.
const LONGEST_CATCH_UP: Duration = Duration::from_secs(10);

/// While the device is away, silence passes at the pace of the clock, so that time-outs still fall.
pub struct Microphone {
    supervisor: Supervisor<Capture>,
    shared: Arc<Shared>,
    report: Reporter,
    signal: SignalWatch,
    /// Position of the next frame.
    at: SamplePos,
    /// When the next frame is due by the clock.
    due: Instant,
    /// When the device was lost.
    lost: Option<Instant>,
    frames: u32,
}

impl Microphone {
    pub fn new(supervisor: Supervisor<Capture>, shared: Arc<Shared>, report: Reporter) -> Self {
        let now = Instant::now();
        Self {
            supervisor,
            shared,
            report,
            signal: SignalWatch::default(),
            at: SamplePos(0),
            due: now,
            lost: None,
            frames: 0,
        }
    }

    fn hand_on(&mut self, samples: Frame) -> Next {
        let frame = TimedFrame { at: self.at, samples };
        self.at = self.at + FRAME_LEN as u64;
        Next::Frame(frame)
    }

    /// A frame that was heard.
    fn inspect(&mut self, frame: &Frame) {
        self.due = Instant::now() + FRAME;
        if let Some(signal) = self.signal.push(frame) {
            self.shared.set_deaf(signal == Signal::Flat);
            let (what, hint) = told(signal);
            self.tell(
                signal.into(),
                format!("the microphone `{}` {what}", self.supervisor.name()),
                hint,
            );
        }
        self.frames += 1;
        if self.frames >= LOOK_FRAMES {
            self.frames = 0;
            self.look();
        }
    }

    fn look(&mut self) {
        let now = Instant::now();
        // Between two frames it is never busy; what is being said goes on with another microphone.
        match self.supervisor.look(now, false) {
            None => {}
            Some(Change::Lost(error)) => {
                self.lost = Some(now);
                let hint = "check its cable; it is opened again as soon as it is back";
                self.tell(DeviceState::Lost, error.to_string(), Some(hint));
            }
            Some(Change::Back) => self.open_again(DeviceState::Back),
            Some(Change::Replaced) => self.open_again(DeviceState::Replaced),
        }
        if let Some(error) = self.supervisor.complaint() {
            self.report.send(Event::level_not_set(&error));
        }
        if self.lost.is_some_and(|lost| now.duration_since(lost) >= DEAF_AFTER) {
            self.shared.set_deaf(true);
        }
        if let Some((xruns, gaps)) = self.supervisor.dropouts(now) {
            self.report.send(Event::Dropout {
                at: self.at,
                device: Direction::Record,
                xruns,
                gaps,
            });
        }
        self.shared.set_microphone(self.supervisor.counters());
    }

    fn open_again(&mut self, state: DeviceState) {
        self.lost = None;
        self.signal.restart();
        self.shared.set_deaf(false);
        self.tell(state, self.supervisor.opened(state), None);
    }

    fn tell(&mut self, state: DeviceState, what: String, hint: Option<&str>) {
        self.report.send(Event::Device {
            at: self.at,
            device: Direction::Record,
            name: self.supervisor.name().into(),
            state,
            what,
            hint: hint.map(str::to_owned),
        });
    }

    /// The next frame of silence, when its time has come.
    fn silence(&mut self) -> Next {
        let now = Instant::now();
        if now > self.due + LONGEST_CATCH_UP {
            self.due = now;
        }
        std::thread::sleep(self.due.saturating_duration_since(now));
        self.due += FRAME;
        self.hand_on([0.0; FRAME_LEN])
    }
}

impl Source for Microphone {
    fn next_frame(&mut self) -> Next {
        let Some(capture) = self.supervisor.device() else {
            self.look();
            return self.silence();
        };
        if let Some(frame) = capture.next_frame(PATIENCE) {
            self.inspect(&frame.samples);
            return self.hand_on(frame.samples);
        }
        self.look();
        Next::Waiting
    }
}

/// What a signal means, and what to do about it.
fn told(signal: Signal) -> (&'static str, Option<&'static str>) {
    match signal {
        Signal::Sound => ("delivers sound again", None),
        Signal::Flat => (
            "delivers nothing but silence",
            Some(
                "see whether it is muted, on itself or in the mixer, and plugged into the right \
                 socket; `mynah doctor` looks closer",
            ),
        ),
        Signal::Clipped => (
            "is too loud: its peaks are cut off",
            Some("lower its capture level, or move it away from the loudspeaker"),
        ),
        Signal::Offset => (
            "has a constant under its sound",
            Some(
                "its converter or its power supply is faulty: try another port or another \
                 microphone",
            ),
        ),
    }
}
