//! The pipeline from a recording or a simulated room instead of a microphone.

use std::sync::Arc;

use super::RuntimeError;
use super::engines::Engines;
use super::link::{Pace, link};
use super::listener::{Duplex, Listener};
use super::mouth::Mouth;
use super::report::reporter;
use super::source::Source;
use super::thinker::Thinker;
use crate::agent::Agent;
use crate::hear::Ear;
use crate::observe::Event;

/// Runs `agent` on `source` to its end and returns what it said: mono at
/// [`crate::tts::VOICE_RATE_HZ`], position zero where the source begins.
///
/// In [`Pace::LockStep`] the events are the same on every run, except for wall times; in
/// [`Pace::Free`] the source must be paced by the clock.
///
/// `make_source` is given the link's shared values, for sources that react to the agent.
pub fn replay<S: Source>(
    engines: &mut Engines,
    agent: &Arc<Agent>,
    pace: Pace,
    make_source: impl FnOnce(&Arc<super::link::Shared>) -> S,
    mut on_event: impl FnMut(&Event),
) -> Result<Vec<f32>, RuntimeError> {
    let (listener_end, thinker_end) = link(pace);
    let (report, events) = reporter(pace);
    let source = make_source(&listener_end.shared);
    let silero = Arc::clone(&engines.silero);
    let settings = agent.settings.endpoint.clone();
    let mouth = Mouth::track();
    let thinker = Thinker::new(engines, Arc::clone(agent), thinker_end, mouth, report);
    std::thread::scope(|scope| {
        let listening = scope.spawn(move || {
            // webrtc-vad's state must stay on the thread that made it.
            let ear = Ear::new(silero, settings)?;
            Listener::new(source, ear, listener_end, Duplex::Full).run();
            Ok(())
        });
        let thinking = scope.spawn(move || thinker.run());
        for event in events {
            on_event(&event);
        }
        let heard: Result<(), RuntimeError> = join(listening);
        let mouth = join(thinking);
        heard.map(|()| mouth.close())
    })
}

pub(super) fn join<T>(handle: std::thread::ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
