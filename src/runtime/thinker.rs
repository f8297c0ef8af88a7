//! The thinker thread: from a closed utterance to a spoken answer. One heavy thing at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Engines;
use super::attention::{Attention, Called};
use super::link::{Pace, ThinkerEnd, Woken};
use super::memory::SoundMemory;
use super::mouth::{Mouth, SpeakerChange};
use super::report::Reporter;
use super::speaker::Speaker;
use super::wording::Cut;
use crate::agent::Agent;
use crate::asr::{AsrError, Recognition, Recognizer};
use crate::audio::devices::Direction;
use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::dialogue::{ActionOutcome, ActionRunner, Conversation, Expectations, Step, Understood};
use crate::hear::endpoint::sound_odds;
use crate::nlu::{Decision, Interpretation, SearchEvidence, Status};
use crate::observe::{DeviceState, Event, StageTimes, WokenBy};
use crate::tts::{Piece, Style, TtsError};
use crate::turn::{EndReason, Expected, Heard, Opinion, Press, Prosody, View};
use crate::units::{FRAME_LEN, SamplePos, Span};

/// How often an idle thinker fetches sound; far below what the sound ring holds.
const IDLE: Duration = Duration::from_millis(500);
/// How often it looks after a playing reply or a running action.
const BUSY: Duration = Duration::from_millis(20);
/// Most other texts reported of an utterance.
const MAX_OTHERS: usize = 4;
/// Said when a turn failed inside and nothing better can be.
const APOLOGY: &str = "Sorry, something went wrong. Please say that again.";

/// What the sound of `span` was taken for. Prepared at a pause, it is good if nothing more is said.
struct Utterance {
    span: Span,
    understood: Understood,
}

pub struct Thinker<'m> {
    engines: &'m mut Engines,
    agent: Arc<Agent>,
    conversation: Conversation,
    expectations: Expectations,
    attention: Attention,
    link: ThinkerEnd,
    memory: SoundMemory,
    mouth: Mouth,
    actions: ActionRunner,
    report: Reporter,
    speculation: Option<Utterance>,
    /// How the utterance that ends was said.
    said_how: Option<Prosody>,
    /// The last thing that was said is that nothing is heard.
    says_it_is_deaf: bool,
    turns: u64,
    not_understood: u64,
}

impl<'m> Thinker<'m> {
    pub fn new(
        engines: &'m mut Engines,
        agent: Arc<Agent>,
        attention: Attention,
        clock: Clock,
        link: ThinkerEnd,
        mouth: Mouth,
        report: Reporter,
    ) -> Self {
        Self {
            conversation: Conversation::new(Arc::clone(&agent), clock),
            expectations: Expectations::new(Arc::clone(&agent)),
            engines,
            agent,
            attention,
            link,
            memory: SoundMemory::new(),
            mouth,
            actions: ActionRunner::default(),
            report,
            speculation: None,
            said_how: None,
            says_it_is_deaf: false,
            turns: 0,
            not_understood: 0,
        }
    }

    /// Thinks until the listener ends.
    pub fn run(mut self) {
        loop {
            let woken = self.link.next(if self.is_busy() { BUSY } else { IDLE });
            self.link.fetch(|samples| self.memory.push(samples));
            match woken {
                Woken::Heard(heard) => {
                    self.hear(heard);
                    self.look_after(heard.at());
                    self.link.done();
                    if matches!(heard, Heard::EndOfSound { .. }) {
                        break;
                    }
                }
                Woken::Typed(line) => {
                    let at = self.link.now(self.link.shared.heard_until());
                    self.typed(at, &line);
                    self.look_after(at);
                }
                Woken::Pressed(press) => {
                    let at = self.link.now(self.link.shared.heard_until());
                    self.pressed(at, press);
                    self.look_after(at);
                }
                Woken::Idle => self.look_after(self.link.shared.heard_until()),
                Woken::Disconnected => break,
            }
        }
        self.report.send(Event::Metrics {
            turns: self.turns,
            not_understood: self.not_understood,
            dropped_samples: self.link.shared.lost_samples(),
            dropped_events: self.link.shared.lost_events() + self.report.dropped(),
            microphone: self.link.shared.microphone(),
            speaker: self.mouth.counters(),
            echo: self.link.shared.echo(),
        });
    }

    fn is_busy(&self) -> bool {
        self.mouth.has_pending() || self.actions.is_busy()
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::SpeechStart { at } => {
                self.report.send(Event::SpeechStart { at });
                self.speculation = None;
                self.said_how = None;
                self.attention.speech_started();
                if self.attention.is_awake() || self.mouth.ends().is_some() {
                    self.yield_to_speech(at);
                    self.conversation.speech_started(at);
                }
            }
            Heard::Spotted { at, phrase, per_mille } => {
                let probability = f32::from(per_mille) / 1000.0;
                if let Some(phrase) = self.attention.spotted(phrase.into(), at, probability) {
                    let phrase = phrase.to_owned();
                    self.report.send(Event::Spotted { at, phrase, probability });
                }
            }
            Heard::Pause { span } => {
                let token = self.link.shared.cancel.token();
                // What fails here comes back at the end of the utterance.
                let is_for_us = self.is_for_us(span, span.end, &token).unwrap_or(false);
                self.speculation = if is_for_us { self.speculate(span) } else { None };
            }
            Heard::Resume { at } => {
                if let Some(speculation) = self.speculation.take() {
                    let text = speculation.understood.recognition.best.text;
                    self.report.send(Event::Partial { at, text });
                }
            }
            Heard::SpeechEnd { span, last_speech, decided_at, why } => {
                match self.is_for_us(span, decided_at, &CancelToken::never()) {
                    Ok(true) => self.turn(span, last_speech, decided_at, why),
                    Ok(false) => drop(self.report_end(last_speech, decided_at, why)),
                    Err(error) => self.fail_turn(decided_at, &error),
                }
                self.attention.speech_ended(decided_at);
            }
            Heard::Prosody { prosody, open: false, .. } => self.said_how = prosody,
            Heard::Prosody { span, prosody, open: true } if self.attention.is_awake() => {
                if let Some(prosody) = prosody {
                    self.report.send(Event::Prosody { at: span.end, open: true, span, prosody });
                }
            }
            Heard::Prosody { span, open: true, .. } => {
                let (recognizer, memory) = (&mut self.engines.recognizer, &self.memory);
                let token = self.link.shared.cancel.token();
                // What fails here comes back at the end of the utterance.
                let _ = self.attention.hear_ahead(recognizer, memory, span, &token);
            }
            Heard::Ducked { at } => self.report.send(Event::Ducked { at }),
            Heard::Unducked { at } => self.report.send(Event::Unducked { at }),
            Heard::Due { .. } => {}
            Heard::EndOfSound { at } => self.wind_up(at),
        }
    }

    /// Whether the utterance at hand, `span` of it so far, is for the agent; wakes when it was called
    /// in it.
    fn is_for_us(
        &mut self,
        span: Span,
        at: SamplePos,
        cancel: &CancelToken,
    ) -> Result<bool, AsrError> {
        let recognizer = &mut self.engines.recognizer;
        if let Some(called) = self.attention.hear(recognizer, &self.memory, span, cancel)? {
            let Called { phrase, spotted, verified } = called;
            let (phrase, verified) = (Some(phrase), Some(verified));
            self.report.send(Event::Wake { at, by: WokenBy::Phrase, phrase, spotted, verified });
            self.conversation.speech_started(span.start);
        }
        Ok(self.attention.is_awake())
    }

    /// Somebody used a button.
    fn pressed(&mut self, at: SamplePos, press: Press) {
        if self.attention.press(press, at) {
            let (phrase, spotted, verified) = (None, None, None);
            self.report.send(Event::Wake { at, by: WokenBy::Press, phrase, spotted, verified });
        }
        // Whoever presses wants to be heard.
        if press != Press::Up {
            self.fall_silent(at);
        }
    }

    /// Somebody speaks: whatever we were saying is over.
    fn yield_to_speech(&mut self, onset: SamplePos) {
        // The listener has silenced the speaker, unless it took us for silent already.
        let stopped = self.link.shared.stopped_at();
        let at = if stopped > onset { stopped } else { self.link.shared.heard_until() };
        if let Some(Cut { said, unsaid }) = self.mouth.stop(at) {
            self.report.send(Event::BargeIn { at, said, unsaid });
            self.fallen_silent(at);
        }
    }

    fn fall_silent(&mut self, at: SamplePos) {
        if self.mouth.stop(at).is_some() {
            self.fallen_silent(at);
        }
    }

    fn fallen_silent(&mut self, at: SamplePos) {
        self.report.send(Event::AudioEnd { at });
        self.link.shared.set_speaking_until(at);
        self.conversation.spoken(at);
        self.attention.stay(at);
    }

    /// Takes what is said so far for the whole utterance, and tells the listener what to think of it.
    fn speculate(&mut self, span: Span) -> Option<Utterance> {
        self.link.shared.set_view(View { span, opinion: None });
        let token = self.link.shared.cancel.token();
        let sound = self.memory.slice(span);
        let Self { engines, expectations, conversation, attention, link, .. } = self;
        let Engines { recognizer, smart_turn, .. } = &mut **engines;
        let (summary, understood) = smart_turn.summarise_beside(&sound, || {
            understand(recognizer, expectations, conversation, attention, (span, &sound), &token)
        });
        // What fails here comes back at the end of the utterance, where failure is reported.
        let Some(understood) = understood.ok().flatten() else {
            link.shared.set_view(View::nothing(span.start));
            return None;
        };
        let meaning = &understood.decision.interpretation;
        let opinion = Opinion {
            completeness: meaning.completeness,
            confidence: meaning.confidence,
            slots_ahead: meaning.slots_ahead,
            sound_odds: sound_odds(&summary),
        };
        link.shared.set_view(View { span, opinion: Some(opinion) });
        Some(Utterance { span, understood })
    }

    /// `None` when all that was said is what the agent is called by.
    fn understand(
        &mut self,
        span: Span,
        cancel: &CancelToken,
    ) -> Result<Option<Utterance>, AsrError> {
        let sound = self.memory.slice(span);
        let Self { engines, expectations, conversation, attention, .. } = self;
        let recognizer = &mut engines.recognizer;
        let sound = (span, &sound[..]);
        let understood =
            understand(recognizer, expectations, conversation, attention, sound, cancel)?;
        Ok(understood.map(|understood| Utterance { span, understood }))
    }

    fn report_end(&mut self, last_speech: SamplePos, decided_at: SamplePos, why: EndReason) -> u64 {
        let true_silence_ms = decided_at.ms_since(last_speech);
        self.report.send(Event::SpeechEnd { at: decided_at, why, true_silence_ms });
        true_silence_ms
    }

    /// One whole turn: the utterance in `span` is over.
    fn turn(&mut self, span: Span, last_speech: SamplePos, decided_at: SamplePos, why: EndReason) {
        let start = Instant::now();
        let true_silence_ms = self.report_end(last_speech, decided_at, why);
        if let Some(prosody) = self.said_how.take() {
            self.report.send(Event::Prosody { at: decided_at, open: false, span, prosody });
        }
        let mut times = StageTimes::default();
        let utterance = match self.understand_whole(span, decided_at, why, &mut times) {
            Ok(Some(utterance)) => utterance,
            // Called, and asked nothing yet.
            Ok(None) => return,
            Err(error) => return self.fail_turn(decided_at, &error),
        };
        let Utterance { span, understood: Understood { recognition, decision, .. } } = utterance;
        let Decision { interpretation, text, evidence } = decision;
        self.report.send(Event::Transcript {
            text: text.clone(),
            confidence: recognition.best.confidence,
            nbest: other_texts(&recognition, &text),
            span,
        });
        // Without a word there is nothing to interpret; the dialogue still learns that the sound
        // is over.
        if !text.trim().is_empty() {
            self.report_meaning(&interpretation, evidence);
        }
        let deciding = Instant::now();
        let step = self.conversation.hear(decided_at, &interpretation, &text);
        times.decide = ms_since(deciding);
        self.perform(decided_at, &step, start, &mut times);
        self.report.send(Event::Turn {
            at: decided_at,
            endpoint_ms: true_silence_ms,
            wall_ms: times,
        });
    }

    fn report_meaning(&mut self, meaning: &Interpretation, evidence: Option<SearchEvidence>) {
        self.turns += 1;
        self.not_understood += u64::from(meaning.status == Status::Rejected);
        self.report.send(Event::Intent {
            intent: meaning.intent.clone(),
            slots: meaning.slots.clone(),
            confidence: meaning.confidence,
            status: meaning.status,
            completeness: meaning.completeness,
            nbest: meaning.nbest.clone(),
            gave_up: meaning.gave_up,
            evidence,
        });
    }

    /// A turn without sound: somebody used keys or a screen.
    fn typed(&mut self, at: SamplePos, line: &str) {
        let text = line.trim();
        if text.is_empty() {
            // Of what can be pressed, Enter is nearest.
            if !self.attention.is_always_awake() {
                self.pressed(at, Press::Tap);
            }
            return;
        }
        let start = Instant::now();
        self.yield_to_speech(at);
        self.report.send(Event::Transcript {
            text: text.into(),
            confidence: 1.0,
            nbest: Vec::new(),
            span: Span::new(at, at),
        });
        let meaning = self.conversation.interpret(text);
        self.report_meaning(&meaning, None);
        let step = self.conversation.hear(at, &meaning, text);
        self.perform(at, &step, start, &mut StageTimes::default());
    }

    /// What an utterance means, now that it is over.
    fn understand_whole(
        &mut self,
        span: Span,
        decided_at: SamplePos,
        why: EndReason,
        times: &mut StageTimes,
    ) -> Result<Option<Utterance>, AsrError> {
        let never = CancelToken::never();
        let mut spend = |understood: &Understood, late: bool| {
            let ms = |time: Duration| time.as_secs_f32() * 1000.0;
            times.recognise += ms(understood.recognising);
            times.interpret += ms(understood.interpreting);
            times.recognise_after_end += if late { ms(understood.recognising) } else { 0.0 };
        };
        let ready = self.speculation.take();
        let late = ready.is_none();
        let utterance = match ready {
            Some(ready) => Some(ready),
            None => self.understand(span, &never)?,
        };
        let Some(mut utterance) = utterance else { return Ok(None) };
        spend(&utterance.understood, late);
        if let Some(longer) = why.longer(span, decided_at)
            && let Some(longer) = self.understand(longer, &never)?
        {
            spend(&longer.understood, true);
            if longer.understood.decision.outweighs(&utterance.understood.decision) {
                utterance = longer;
            }
        }
        Ok(Some(utterance))
    }

    fn fail_turn(&mut self, at: SamplePos, error: &AsrError) {
        self.report.send(Event::Fault {
            what: error.to_string(),
            hint: "this turn was dropped; the agent goes on listening".into(),
        });
        let step = Step { say: vec![APOLOGY.into()], ..Step::default() };
        self.perform(at, &step, Instant::now(), &mut StageTimes::default());
    }

    /// Does what the dialogue decided: reports it, starts actions, speaks.
    fn perform(&mut self, at: SamplePos, step: &Step, since: Instant, times: &mut StageTimes) {
        self.says_it_is_deaf = false;
        if !step.act.is_empty() {
            let (state, act) = (step.state.clone(), step.act.clone());
            self.report.send(Event::Dialogue { state, act });
        }
        for what in &step.faults {
            let hint = "mend this reply in dialogue.yaml; `mynah check` finds such mistakes".into();
            self.report.send(Event::Fault { what: what.clone(), hint });
        }
        for action in &step.actions {
            self.report.send(Event::Action {
                name: action.name.clone(),
                slots: action.slots.clone(),
                outcome: None,
            });
            self.actions.start(action);
        }
        // A visitor is never left in silence because a reply could not be made.
        let apology = [APOLOGY.to_owned()];
        let broken = step.say.is_empty() && !step.faults.is_empty();
        let say = if broken { &apology[..] } else { &step.say };
        for text in say {
            self.report.send(Event::Say { text: text.clone() });
        }
        self.speak(at, say, since, times);
        self.link.shared.set_view(View::nothing(at));
        if self.link.pace() == Pace::LockStep {
            for outcome in self.actions.wait_all() {
                self.action_ended(at, &outcome, since, times);
            }
        }
    }

    fn speak(&mut self, at: SamplePos, texts: &[String], since: Instant, times: &mut StageTimes) {
        let start = Instant::now();
        if let Err(error) = self.speak_clauses(at, texts, since, times)
            && !matches!(error, TtsError::Cancelled)
        {
            self.report.send(Event::Fault {
                what: error.to_string(),
                hint: "this reply was not spoken to its end; the agent goes on listening".into(),
            });
        }
        self.mouth.finish();
        times.synthesise = ms_since(start);
    }

    fn speak_clauses(
        &mut self,
        at: SamplePos,
        texts: &[String],
        since: Instant,
        times: &mut StageTimes,
    ) -> Result<(), TtsError> {
        let Self { engines, agent, link, mouth, report, .. } = self;
        let cancel = link.shared.cancel.token();
        let voice = &agent.settings.voice;
        let style = Style { pace: voice.pace, pitch: voice.pitch, ..Style::default() };
        let start = Instant::now();
        // One text, so that the pauses between its sentences are the voice's.
        for clause in engines.voice.clauses(&texts.join(" "))? {
            engines.voice.speak_words(&clause, &style, &cancel, |piece| {
                let piece = match piece {
                    Piece::Ends(ends) => return mouth.begin(&clause, ends),
                    Piece::Sound(piece) => piece,
                };
                if times.to_first_audio == 0.0 {
                    times.synthesise_first = ms_since(start);
                    times.to_first_audio = ms_since(since);
                }
                if let Some(at) = mouth.say(link.now(at), piece) {
                    report.send(Event::AudioStart { at });
                }
                if let Some(ends) = mouth.ends() {
                    link.shared.set_speaking_until(ends);
                }
            })?;
        }
        Ok(())
    }

    /// Ends what has ended, and asks to be woken for what comes next.
    fn look_after(&mut self, at: SamplePos) {
        let now = self.link.now(at);
        self.look_after_speaker(now);
        self.look_after_hearing(now);
        self.mouth.pump();
        if let Some(at) = self.mouth.ended(now) {
            self.report.send(Event::AudioEnd { at });
            self.conversation.spoken(at);
            self.attention.stay(at);
        }
        if let Some(ends) = self.mouth.ends() {
            self.link.shared.set_speaking_until(ends);
        }
        for outcome in self.actions.poll() {
            self.action_ended(now, &outcome, Instant::now(), &mut StageTimes::default());
        }
        // While we speak no time-out runs.
        if self.mouth.ends().is_none()
            && self.conversation.deadline().is_some_and(|deadline| deadline <= now)
            && let Some(step) = self.conversation.expire(now)
        {
            self.perform(now, &step, Instant::now(), &mut StageTimes::default());
        }
        // It sleeps after a talk, not in the middle of one.
        let is_talking = self.mouth.ends().is_some()
            || self.actions.is_busy()
            || self.conversation.expected() != Expected::Request;
        if self.attention.expire(now, is_talking) {
            self.report.send(Event::Asleep { at: now });
        }
        let sleep = self.attention.deadline().filter(|_| !is_talking);
        let due = self.conversation.deadline().into_iter().chain(sleep).min();
        let deadline = self.mouth.ends().or(due);
        // A deadline is met at a frame's end, so asking for the past means the next frame.
        self.link.shared.set_deadline(deadline.map(|d| d.max(now + FRAME_LEN as u64)));
    }

    fn look_after_speaker(&mut self, at: SamplePos) {
        if let Some(change) = self.mouth.look_after() {
            let (state, what, hint) = match change {
                SpeakerChange::Lost(error) => {
                    self.link.shared.set_speaker(None);
                    self.link.shared.set_speaking_until(SamplePos(0));
                    let hint = "check its cable; it is opened again as soon as it is back, and \
                                until then replies are shown but not heard";
                    (DeviceState::Lost, error.to_string(), Some(hint.into()))
                }
                SpeakerChange::Open { state, what, control, reference } => {
                    self.link.shared.set_speaker(Some(Speaker::Device(control)));
                    self.link.shared.set_reference(reference);
                    (state, what, None)
                }
            };
            let (device, name) = (Direction::Play, self.mouth.device().to_owned());
            self.report.send(Event::Device { at, device, name, state, what, hint });
        }
        if let Some(error) = self.mouth.complaint() {
            self.report.send(Event::level_not_set(&error));
        }
        if let Some((xruns, gaps)) = self.mouth.dropouts() {
            self.report.send(Event::Dropout { at, device: Direction::Play, xruns, gaps });
        }
    }

    /// Tells a visitor, once, that there is nothing to hear them with; as soon as it can be said.
    fn look_after_hearing(&mut self, at: SamplePos) {
        let now = Instant::now();
        match (self.link.shared.is_deaf(), self.conversation.is_deaf()) {
            (true, false) if self.mouth.can_speak() => {
                let step = self.conversation.deafened(at);
                self.perform(at, &step, now, &mut StageTimes::default());
                self.says_it_is_deaf = true;
            }
            (false, true) => {
                // It is no longer true, and whoever is there may be speaking.
                if self.says_it_is_deaf {
                    self.fall_silent(at);
                }
                let step = self.conversation.hears_again(at);
                self.perform(at, &step, now, &mut StageTimes::default());
            }
            _ => {}
        }
    }

    /// A program ended: the dialogue may have waited for it to answer.
    fn action_ended(
        &mut self,
        at: SamplePos,
        outcome: &ActionOutcome,
        since: Instant,
        times: &mut StageTimes,
    ) {
        self.report.send(Event::Action {
            name: outcome.name.clone(),
            slots: outcome.slots.clone(),
            outcome: Some(outcome.result.as_str().to_owned()),
        });
        if let Some(step) = self.conversation.action_ended(at, outcome) {
            self.perform(at, &step, since, times);
        }
    }

    /// No more sound will come. A replay lets the last reply end; live, whoever stops the agent
    /// does not wait for it, and programs that still run are killed with their runner.
    fn wind_up(&mut self, at: SamplePos) {
        if self.link.pace() == Pace::Free {
            return;
        }
        for outcome in self.actions.wait_all() {
            self.action_ended(at, &outcome, Instant::now(), &mut StageTimes::default());
        }
        if let Some(ends) = self.mouth.ends()
            && let Some(at) = self.mouth.ended(ends)
        {
            self.report.send(Event::AudioEnd { at });
        }
    }
}

/// What the sound of a span means here, behind what the agent was called by where it was; `None` when
/// that is all.
fn understand(
    recognizer: &mut Recognizer,
    expectations: &mut Expectations,
    conversation: &Conversation,
    attention: &Attention,
    (span, sound): (Span, &[f32]),
    cancel: &CancelToken,
) -> Result<Option<Understood>, AsrError> {
    match attention.call() {
        None => expectations.understand(conversation, recognizer, sound, cancel).map(Some),
        Some((call, at)) => {
            let before = at.since(span.start) as usize;
            let sound = &sound[before.min(sound.len())..];
            let behind = (attention.calling(), call);
            expectations.understand_behind(conversation, recognizer, sound, behind, cancel)
        }
    }
}

/// What else may have been said: free words first, then sentences.
fn other_texts(recognition: &Recognition, text: &str) -> Vec<String> {
    let paths = recognition.paths.iter().map(|path| &path.written);
    let mut others: Vec<String> = Vec::new();
    for other in [&recognition.best.text].into_iter().chain(paths) {
        if others.len() == MAX_OTHERS {
            break;
        }
        if other != text && !others.contains(other) {
            others.push(other.clone());
        }
    }
    others
}

fn ms_since(start: Instant) -> f32 {
    start.elapsed().as_secs_f32() * 1000.0
}
