//! The pipeline from a recording or a simulated room instead of a microphone.

use std::sync::{Arc, Mutex};

use super::RuntimeError;
use super::attention::Attention;
use super::engines::Engines;
use super::link::{Pace, Shared, link};
use super::listener::{Duplex, Listener};
use super::mouth::Mouth;
use super::report::reporter;
use super::source::Source;
use super::speaker::{Speaker, lock};
use super::thinker::Thinker;
use crate::agent::{Agent, ListeningMode};
use crate::audio::track::Track;
use crate::clock::Clock;
use crate::hear::Ear;
use crate::observe::Event;
use crate::tts::VOICE_RATE_HZ;
use crate::turn::Press;
use crate::units::SamplePos;

/// How a replay runs. By default as fast as it can, on a fixed clock, with an ear that hears
/// through our own voice because the source does not carry it.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// In [`Pace::LockStep`] the events are the same on every run, except for wall times; in
    /// [`Pace::Free`] the source must be paced by the clock.
    pub pace: Pace,
    /// What time it is for the agent.
    pub clock: Clock,
    pub duplex: Duplex,
    /// What the agent is saying when the sound begins, mono at [`crate::tts::VOICE_RATE_HZ`].
    pub opening: Vec<f32>,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            pace: Pace::LockStep,
            clock: Clock::default(),
            duplex: Duplex::Full,
            opening: Vec::new(),
        }
    }
}

/// Runs `agent` on a source to its end and returns what it said: mono at
/// [`crate::tts::VOICE_RATE_HZ`], position zero where the source begins.
///
/// `make_source` is given the link's shared values and what is being said, for sources that react
/// to the agent or hear it.
pub fn replay<S: Source>(
    engines: &mut Engines,
    agent: &Arc<Agent>,
    options: ReplayOptions,
    make_source: impl FnOnce(&Arc<Shared>, &Arc<Mutex<Track>>) -> S,
    mut on_event: impl FnMut(&Event),
) -> Result<Vec<f32>, RuntimeError> {
    let ReplayOptions { pace, clock, duplex, opening } = options;
    let mut attention = Attention::new(agent, &engines.wake, engines.voice.dictionary())?;
    // There is nobody who could press; a button is down from the beginning to the end.
    if agent.settings.listening.mode == ListeningMode::PushToTalk {
        attention.press(Press::Down, SamplePos(0));
    }
    let spotter = attention.spotter();
    let (listener_end, thinker_end) = link(pace);
    let (report, events) = reporter(pace);
    let track = Arc::new(Mutex::new(Track::new(VOICE_RATE_HZ)));
    listener_end.shared.set_speaker(Some(Speaker::Track(Arc::clone(&track))));
    let source = make_source(&listener_end.shared, &track);
    let silero = Arc::clone(&engines.silero);
    let settings = agent.settings.endpoint.clone();
    let mut mouth = Mouth::track(Arc::clone(&track));
    if !opening.is_empty() {
        mouth.say(SamplePos(0), &opening);
        mouth.finish();
        if let Some(ends) = mouth.ends() {
            listener_end.shared.set_speaking_until(ends);
        }
    }
    let thinker =
        Thinker::new(engines, Arc::clone(agent), attention, clock, thinker_end, mouth, report);
    std::thread::scope(|scope| {
        let listening = scope.spawn(move || {
            // webrtc-vad's state must stay on the thread that made it.
            let ear = Ear::new(silero, settings)?;
            Listener::new(source, ear, listener_end, duplex).spotting(spotter).run();
            Ok(())
        });
        let thinking = scope.spawn(move || thinker.run());
        for event in events {
            on_event(&event);
        }
        let heard: Result<(), RuntimeError> = join(listening);
        join(thinking);
        heard
    })?;
    Ok(lock(&track).sound())
}

pub(super) fn join<T>(handle: std::thread::ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
