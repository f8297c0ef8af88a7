//! The pipeline on real devices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::RuntimeError;
use super::attention::Attention;
use super::engines::Engines;
use super::link::{Pace, link};
use super::listener::{Duplex, Listener};
use super::microphone::Microphone;
use super::mouth::Mouth;
use super::replay::join;
use super::report::{Reporter, reporter};
use super::speaker::Speaker;
use super::supervisor::{Supervisor, Wish};
use super::thinker::Thinker;
use crate::agent::Agent;
use crate::audio::devices::DeviceChoice;
use crate::audio::playback::Playback;
use crate::audio::stream::StreamWish;
use crate::clock::Clock;
use crate::config::board::{Placement, Threads};
use crate::hear::Ear;
use crate::observe::Event;
use crate::turn::Press;

/// How often the event loop looks whether it should stop.
const STOP_LOOK: Duration = Duration::from_millis(100);

/// Which devices, and how.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// At least one of each, the best first.
    pub microphones: Vec<DeviceChoice>,
    pub speakers: Vec<DeviceChoice>,
    /// Where their own controls are put at every opening, in percent.
    pub capture_level: Option<u8>,
    pub playback_level: Option<u8>,
    /// Milliseconds of sound per device callback.
    pub period_ms: u32,
    pub duplex: Duplex,
    /// Lines that somebody types instead of speaking.
    pub lines: Option<Receiver<String>>,
    /// What is done with buttons.
    pub presses: Option<Receiver<Press>>,
    /// Priorities and processors of the two threads.
    pub threads: Threads,
    /// When the program began, for [`Event::Ready`].
    pub started: Instant,
}

/// Runs `agent` on microphone and speaker until `stop` is set.
///
/// A device that is lost later is opened again for as long as it takes; when none of the list is
/// there at the start, that is an error, since then a person is near who can do something about it.
pub fn live(
    engines: &mut Engines,
    agent: &Arc<Agent>,
    options: &LiveOptions,
    stop: &AtomicBool,
    mut on_event: impl FnMut(&Event),
) -> Result<(), RuntimeError> {
    // Before any device is opened: what is wrong with the agent is no matter of devices.
    let attention = Attention::new(agent, &engines.wake, engines.voice.dictionary())?;
    let wish = |level| Wish {
        stream: StreamWish { period_ms: options.period_ms, ..StreamWish::default() },
        level,
    };
    let microphone = Supervisor::open(options.microphones.clone(), wish(options.capture_level))?;
    let mut speaker: Supervisor<Playback> =
        Supervisor::open(options.speakers.clone(), wish(options.playback_level))?;
    on_event(&Event::Ready {
        microphone: microphone.name().into(),
        speaker: speaker.name().into(),
        after_ms: options.started.elapsed().as_millis() as u64,
    });

    let (listener_end, mut thinker_end) = link(Pace::Free);
    if let Some(lines) = &options.lines {
        thinker_end.take_lines(lines.clone());
    }
    if let Some(presses) = &options.presses {
        thinker_end.take_presses(presses.clone());
    }
    let spotter = attention.spotter();
    let shared = Arc::clone(&listener_end.shared);
    let (report, events) = reporter(Pace::Free);
    let (listener_report, thinker_report) = (report.clone(), report.clone());
    let microphone = Microphone::new(microphone, Arc::clone(&shared), report.clone());
    if let Some(playback) = speaker.device() {
        shared.set_speaker(Some(Speaker::Device(Arc::clone(playback.control()))));
        if let Some(reference) = playback.take_reference() {
            shared.set_reference(reference);
        }
    }
    let silero = Arc::clone(&engines.silero);
    let settings = agent.settings.endpoint.clone();
    let duplex = options.duplex;
    let mouth = Mouth::speaker(speaker);
    let thinker = Thinker::new(
        engines,
        Arc::clone(agent),
        attention,
        Clock::Machine,
        thinker_end,
        mouth,
        report,
    );
    std::thread::scope(|scope| {
        let listening = scope.spawn(move || {
            place(&options.threads.listener, &listener_report);
            // webrtc-vad's state must stay on the thread that made it.
            let ear = Ear::new(silero, settings)?;
            Listener::new(microphone, ear, listener_end, duplex).spotting(spotter).run();
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
        join(thinking);
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
