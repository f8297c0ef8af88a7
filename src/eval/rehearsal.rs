//! The ear and the understanding of an agent on one recording, as often as there are endpoint
//! settings to try.
//!
//! A turn goes its way as in [`Thinker`](crate::runtime::thinker), except that nothing is spoken:
//! the source does not carry our voice, so the ear hears the same. What was recognised once is not
//! recognised again as long as nothing was said to the agent, which is nearly always: settings
//! differ in when they end an utterance, rarely in what it holds.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;

use crate::agent::Agent;
use crate::asr::{AsrError, Recognizer};
use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::dialogue::{Conversation, Expectations, Understood};
use crate::hear::endpoint::sound_odds;
use crate::hear::prosody::Closing;
use crate::hear::{Ear, SUMMARY_LEN, SmartTurn, Summary};
use crate::observe::Event;
use crate::runtime::Engines;
use crate::turn::{Completeness, EndReason, Heard, Opinion, View};
use crate::units::{FRAME_LEN, Frame, SAMPLE_RATE_HZ, SamplePos, Span};

/// One recording.
pub struct Rehearsal<'e> {
    pub recognizer: &'e mut Recognizer,
    pub smart_turn: &'e mut SmartTurn,
    pub expectations: &'e mut Expectations,
    pub agent: &'e Arc<Agent>,
    /// Mono at 16 kHz.
    pub sound: &'e [f32],
    /// What was made of a span at the beginning of a talk.
    heard: HashMap<(SamplePos, SamplePos), Rc<Understood>>,
    /// What it sounded like there.
    summaries: HashMap<(SamplePos, SamplePos), Summary>,
}

/// One run over it.
struct Run {
    conversation: Conversation,
    view: Option<View>,
    /// Of the sound up to the last pause.
    summary: Summary,
    speculation: Option<Rc<Understood>>,
    /// Nothing was said to the agent yet.
    fresh: bool,
    events: Vec<Event>,
    pauses: Vec<PauseHeard>,
}

/// A pause that an ear showed, and what was known of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PauseHeard {
    /// Where it began, and where it showed, in milliseconds of the recording.
    pub last_speech_ms: f64,
    pub shows_ms: f64,
    /// Where speech went on, if it did.
    pub goes_on_ms: Option<f64>,
    pub completeness: Completeness,
    pub confidence: f32,
    pub slots_ahead: u8,
    /// What smart-turn's network made of the sound up to where it showed.
    pub summary: Vec<f32>,
    #[serde(flatten)]
    pub closing: Closing,
}

impl Run {
    /// Takes down pauses. `now` is where `heard` was reported.
    fn watch(&mut self, heard: Heard, now: SamplePos, pause: Option<(SamplePos, Closing)>) {
        let ms = |at: SamplePos| at.0 as f64 * 1000.0 / f64::from(SAMPLE_RATE_HZ);
        match (heard, self.view.and_then(|view| view.opinion), pause) {
            (Heard::Pause { .. }, Some(opinion), Some((last_speech, closing))) => {
                self.pauses.push(PauseHeard {
                    last_speech_ms: ms(last_speech),
                    shows_ms: ms(now),
                    goes_on_ms: None,
                    completeness: opinion.completeness,
                    confidence: opinion.confidence,
                    slots_ahead: opinion.slots_ahead,
                    summary: self.summary.to_vec(),
                    closing,
                });
            }
            (Heard::Resume { at } | Heard::SpeechStart { at }, ..) => {
                if let Some(pause) = self.pauses.last_mut() {
                    pause.goes_on_ms.get_or_insert(ms(at));
                }
            }
            _ => {}
        }
    }
}

impl<'e> Rehearsal<'e> {
    pub fn new(
        engines: &'e mut Engines,
        expectations: &'e mut Expectations,
        agent: &'e Arc<Agent>,
        sound: &'e [f32],
    ) -> Self {
        let Engines { recognizer, smart_turn, .. } = engines;
        let (heard, summaries) = Default::default();
        Self { recognizer, smart_turn, expectations, agent, sound, heard, summaries }
    }

    /// What an agent with this ear reports of the recording, and the pauses it heard. An ear that is
    /// not `informed` never learns what was said.
    pub fn run(
        &mut self,
        mut ear: Ear,
        informed: bool,
    ) -> Result<(Vec<Event>, Vec<PauseHeard>), AsrError> {
        let mut run = Run {
            conversation: Conversation::new(Arc::clone(self.agent), Clock::default()),
            view: None,
            summary: [0.0; SUMMARY_LEN],
            speculation: None,
            fresh: true,
            events: Vec::new(),
            pauses: Vec::new(),
        };
        let sound = self.sound;
        for (at, part) in (0..).step_by(FRAME_LEN).zip(sound.chunks(FRAME_LEN)) {
            let mut frame: Frame = [0.0; FRAME_LEN];
            frame[..part.len()].copy_from_slice(part);
            let view = run.view.as_ref().filter(|_| informed);
            for heard in ear.push(SamplePos(at), &frame, view) {
                self.hear(&mut run, heard)?;
                run.watch(heard, SamplePos(at + FRAME_LEN as u64), ear.pause());
            }
            let now = SamplePos(at + FRAME_LEN as u64);
            if run.conversation.deadline().is_some_and(|deadline| deadline <= now) {
                run.conversation.expire(now);
            }
        }
        for heard in ear.finish() {
            self.hear(&mut run, heard)?;
        }
        Ok((run.events, run.pauses))
    }

    fn hear(&mut self, run: &mut Run, heard: Heard) -> Result<(), AsrError> {
        match heard {
            Heard::SpeechStart { at } => {
                run.events.push(Event::SpeechStart { at });
                run.speculation = None;
                run.conversation.speech_started(at);
            }
            Heard::Pause { span } => {
                let understood = self.understand(run, span)?;
                let meaning = &understood.decision.interpretation;
                run.summary = self.summary(span);
                let opinion = Opinion {
                    completeness: meaning.completeness,
                    confidence: meaning.confidence,
                    slots_ahead: meaning.slots_ahead,
                    sound_odds: sound_odds(&run.summary),
                };
                run.view = Some(View { span, opinion: Some(opinion) });
                run.speculation = Some(understood);
            }
            Heard::Resume { .. } => run.speculation = None,
            Heard::SpeechEnd { span, last_speech, decided_at, why } => {
                let true_silence_ms = decided_at.ms_since(last_speech);
                run.events.push(Event::SpeechEnd { at: decided_at, why, true_silence_ms });
                self.turn(run, span, decided_at, why)?;
            }
            Heard::Ducked { .. }
            | Heard::Unducked { .. }
            | Heard::Spotted { .. }
            | Heard::Due { .. }
            | Heard::Prosody { .. }
            | Heard::EndOfSound { .. } => {}
        }
        Ok(())
    }

    fn turn(
        &mut self,
        run: &mut Run,
        span: Span,
        decided_at: SamplePos,
        why: EndReason,
    ) -> Result<(), AsrError> {
        let mut understood = match run.speculation.take() {
            Some(ready) => ready,
            None => self.understand(run, span)?,
        };
        if let Some(longer) = why.longer(span, decided_at) {
            let longer = self.understand(run, longer)?;
            if longer.decision.outweighs(&understood.decision) {
                understood = longer;
            }
        }
        let decision = &understood.decision;
        let meaning = &decision.interpretation;
        run.events.push(Event::Transcript {
            text: decision.text.clone(),
            confidence: understood.recognition.best.confidence,
            nbest: Vec::new(),
            span,
        });
        if !decision.text.trim().is_empty() {
            run.events.push(Event::Intent {
                intent: meaning.intent.clone(),
                slots: meaning.slots.clone(),
                confidence: meaning.confidence,
                status: meaning.status,
                completeness: meaning.completeness,
                nbest: Vec::new(),
                gave_up: meaning.gave_up,
                evidence: decision.evidence,
            });
        }
        run.conversation.hear(decided_at, meaning, &decision.text);
        run.fresh = false;
        run.view = Some(View::nothing(decided_at));
        Ok(())
    }

    fn understand(&mut self, run: &Run, span: Span) -> Result<Rc<Understood>, AsrError> {
        let key = (span.start, span.end);
        if let Some(known) = self.heard.get(&key).filter(|_| run.fresh) {
            return Ok(Rc::clone(known));
        }
        let (sound, never) = (self.slice(span), CancelToken::never());
        let understood =
            self.expectations.understand(&run.conversation, self.recognizer, sound, &never)?;
        let understood = Rc::new(understood);
        if run.fresh {
            self.heard.insert(key, Rc::clone(&understood));
        }
        Ok(understood)
    }

    fn summary(&mut self, span: Span) -> Summary {
        let (sound, smart_turn) = (self.slice(span), &mut self.smart_turn);
        let key = (span.start, span.end);
        *self.summaries.entry(key).or_insert_with(|| smart_turn.summarise(sound))
    }

    fn slice(&self, span: Span) -> &'e [f32] {
        let len = self.sound.len();
        &self.sound[(span.start.0 as usize).min(len)..(span.end.0 as usize).min(len)]
    }
}
