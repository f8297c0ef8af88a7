//! Runs recordings through an agent, one fresh session each.

use std::sync::Arc;
use std::time::Instant;

use super::curve::Policy;
use super::dataset::Row;
use super::echo::{Condition, Yielding};
use super::outcome::{Latencies, Outcome};
use super::rehearsal::{PauseHeard, Rehearsal};
use crate::agent::{Agent, ListeningSettings};
use crate::asr::AsrError;
use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::dialogue::{Conversation, Expectations, Understood};
use crate::hear::{Ear, HearError, Speech};
use crate::nlu::Decision;
use crate::observe::StageTimes;
use crate::runtime::listener::Duplex;
use crate::runtime::source::{ClipSource, Echoing, Paced, Source};
use crate::runtime::{Engines, Pace, ReplayOptions, RuntimeError, replay};
use crate::units::{SAMPLE_RATE_HZ, SamplePos, Span};

/// What a recording goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything a live agent does: endpoint, speculation, dialogue, reply.
    Streamed,
    /// The same at the pace of the clock, so that what is computed late is late.
    RealTime,
    /// Recogniser and interpreter only, on all the speech in the recording as one utterance.
    Whole,
}

#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Asr(#[from] AsrError),
    #[error(transparent)]
    Hear(#[from] HearError),
}

/// Nobody pauses for longer in the midst of a sentence.
const LONGEST_PAUSE_MS: u32 = 3_000;

/// One agent under evaluation.
pub struct Evaluation {
    engines: Engines,
    agent: Arc<Agent>,
    expectations: Expectations,
    mode: Mode,
    latencies: Latencies,
}

impl Evaluation {
    /// The agent's actions stay events: their programs are not run, for an evaluation must not
    /// order a thousand coffees.
    pub fn new(engines: Engines, mut agent: Agent, mode: Mode, output_period_ms: u32) -> Self {
        let actions = agent.script.intents.values_mut().filter_map(|intent| intent.action.as_mut());
        for action in actions {
            action.program = None;
        }
        // Every recording is said to the agent.
        agent.settings.listening = ListeningSettings {
            ignore_unknown: agent.settings.listening.ignore_unknown,
            ..ListeningSettings::default()
        };
        let pause_ms = agent.settings.endpoint.pause_ms;
        let latencies = Latencies { pause_ms, output_period_ms };
        let agent = Arc::new(agent);
        let expectations = Expectations::new(Arc::clone(&agent));
        Self { engines, agent, expectations, mode, latencies }
    }

    /// Runs one recording; `sound` is mono at 16 kHz.
    pub fn clip(&mut self, row: &Row, sound: &[f32]) -> Result<Outcome, EvalError> {
        let start = Instant::now();
        let mut outcome = match self.mode {
            Mode::Streamed | Mode::RealTime => self.streamed(row, sound)?,
            Mode::Whole => self.whole(row, sound)?,
        };
        outcome.wall_s = start.elapsed().as_secs_f64();
        outcome.audio_s = sound.len() as f64 / f64::from(SAMPLE_RATE_HZ);
        if self.mode != Mode::Whole {
            let whole = outcome.misses_a_slot().then(|| self.whole(row, sound)).transpose()?;
            outcome.compare_slots(whole.as_ref());
        }
        Ok(outcome)
    }

    fn streamed(&mut self, row: &Row, sound: &[f32]) -> Result<Outcome, EvalError> {
        let mut events = Vec::new();
        let clip = ClipSource::new(sound.to_vec());
        let (pace, source): (Pace, Box<dyn Source>) = match self.mode {
            Mode::RealTime => (Pace::Free, Box::new(Paced::new(clip))),
            Mode::Streamed | Mode::Whole => (Pace::LockStep, Box::new(clip)),
        };
        replay(
            &mut self.engines,
            &self.agent,
            ReplayOptions { pace, ..ReplayOptions::default() },
            |_, _| source,
            |event| events.push(event.clone()),
        )?;
        Ok(Outcome::streamed(row, &events, self.latencies))
    }

    /// What becomes of one recording by each of `policies`, without speech. Nothing tells how long
    /// computing takes.
    pub fn curve(
        &mut self,
        row: &Row,
        sound: &[f32],
        policies: &[Policy],
    ) -> Result<Vec<Outcome>, EvalError> {
        let own = &self.agent.settings.endpoint;
        let mut outcomes = Vec::with_capacity(policies.len());
        let silero = Arc::clone(&self.engines.silero);
        let (engines, expectations) = (&mut self.engines, &mut self.expectations);
        let mut rehearsal = Rehearsal::new(engines, expectations, &self.agent, sound);
        for policy in policies {
            let ear = Ear::new(Arc::clone(&silero), policy.settings(own))?;
            let (events, _) = rehearsal.run(ear, *policy == Policy::Own)?;
            outcomes.push(Outcome::streamed(row, &events, self.latencies));
        }
        let missed = outcomes.iter().any(Outcome::misses_a_slot);
        let whole = missed.then(|| self.whole(row, sound)).transpose()?;
        outcomes.iter_mut().for_each(|outcome| outcome.compare_slots(whole.as_ref()));
        Ok(outcomes)
    }

    /// The pauses of one recording, each as long as it lasts, and what could be known of them when
    /// they showed.
    pub fn pauses(&mut self, sound: &[f32]) -> Result<Vec<PauseHeard>, EvalError> {
        let settings = self.agent.settings.endpoint.fixed(LONGEST_PAUSE_MS);
        let ear = Ear::new(Arc::clone(&self.engines.silero), settings)?;
        let (engines, expectations) = (&mut self.engines, &mut self.expectations);
        let mut rehearsal = Rehearsal::new(engines, expectations, &self.agent, sound);
        Ok(rehearsal.run(ear, false)?.1)
    }

    /// Runs a recording while the agent says `said` in `condition`, until it is interrupted;
    /// `sound` begins with [`LEAD_MS`](super::echo::LEAD_MS) without the visitor. With `condition`
    /// `None` nothing is said.
    pub fn over_our_voice(
        &mut self,
        row: &Row,
        sound: &[f32],
        said: &[f32],
        condition: Option<Condition>,
        duplex: Duplex,
    ) -> Result<(Outcome, Yielding), EvalError> {
        let mut events = Vec::new();
        let clip = ClipSource::new(sound.to_vec());
        let path = condition.map(|condition| condition.path(said, sound.len()));
        let opening = if path.is_some() { said.to_vec() } else { Vec::new() };
        replay(
            &mut self.engines,
            &self.agent,
            ReplayOptions { duplex, opening, ..ReplayOptions::default() },
            |shared, speaker| -> Box<dyn Source> {
                match path {
                    None => Box::new(clip),
                    Some(path) => Box::new(Echoing::new(clip, path, Arc::clone(speaker), shared)),
                }
            },
            |event| events.push(event.clone()),
        )?;
        let yielding = Yielding::of(&events);
        Ok((Outcome::streamed(row, &events, self.latencies), yielding))
    }

    fn whole(&mut self, row: &Row, sound: &[f32]) -> Result<Outcome, EvalError> {
        let conversation = Conversation::new(Arc::clone(&self.agent), Clock::default());
        let (silero, endpoint) = (Arc::clone(&self.engines.silero), &self.agent.settings.endpoint);
        let speech = Ear::speech(silero, endpoint.clone(), sound)?;
        let all = Span::new(SamplePos(0), SamplePos(sound.len() as u64));
        let Speech { span, longer } = speech.unwrap_or(Speech { span: all, longer: None });
        let mut times = StageTimes::default();
        let mut hear = |span: Span| -> Result<Decision, AsrError> {
            let sound = &sound[span.start.0 as usize..span.end.0 as usize];
            let (recognizer, never) = (&mut self.engines.recognizer, CancelToken::never());
            let Understood { decision, recognising, interpreting, .. } =
                self.expectations.understand(&conversation, recognizer, sound, &never)?;
            times.recognise += recognising.as_secs_f32() * 1000.0;
            times.interpret += interpreting.as_secs_f32() * 1000.0;
            Ok(decision)
        };
        let mut decision = hear(span)?;
        if let Some(longer) = longer {
            let longer = hear(longer)?;
            if longer.outweighs(&decision) {
                decision = longer;
            }
        }
        Ok(Outcome::whole(row, &decision, times))
    }
}
