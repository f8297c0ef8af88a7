//! Whether what is said is for the agent: always, after it was called, or while somebody presses.
//!
//! Asleep, the agent acts on nothing it hears. By a phrase it wakes when two stages agree: a small
//! network that heard the phrase in the utterance (`hear/wake`), and the recogniser, which finds it there
//! (`nlu/calling.rs`). Where no network knows a phrase the recogniser
//! decides alone. What follows the phrase in the same breath is a request like any other.

use std::sync::Arc;

use super::memory::SoundMemory;
use crate::agent::{Agent, ListeningMode, ListeningSettings};
use crate::asr::{AsrError, Recognizer};
use crate::cancel::CancelToken;
use crate::hear::HearError;
use crate::hear::wake::{Spotter, WakeModel};
use crate::models::ModelStore;
use crate::nlu::{Call, CallError, Calling, Pronounce, Sounds, normal};
use crate::turn::Press;
use crate::units::{SamplePos, Span};

/// A press that is over sooner was meant to begin something, not to last: the agent then stays awake
/// as after an answer.
const TAP_MS: u64 = 500;

/// Why the agent woke.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// In normal spelling.
    pub phrase: String,
    /// How sure the small network was, 0 to 1; `None` where none knows the phrase.
    pub spotted: Option<f32>,
    /// How sure the recogniser is.
    pub verified: f32,
}

pub struct Attention {
    mode: ListeningMode,
    phrases: Vec<Known>,
    calling: Calling,
    bound: f32,
    /// How sure the first stage must be at least.
    spot_bound: f32,
    /// Samples that it stays awake without being spoken to.
    follow_up: u64,
    state: State,
    /// Somebody speaks now.
    in_speech: bool,
    /// The utterance at hand holds this call, which begins there.
    call: Option<(Call, SamplePos)>,
    /// What begins before that in the utterance at hand was heard: nothing said since changes it.
    heard_before: SamplePos,
    /// The likeliest call in that, and where it begins.
    heard_ahead: Option<(Call, SamplePos)>,
}

/// What the first stage knows of a phrase.
struct Known {
    model: Option<Arc<WakeModel>>,
    /// Where it was spotted last, and how surely.
    spotted: Option<(SamplePos, f32)>,
}

impl Known {
    fn spotted_in(&self, span: Span) -> Option<(SamplePos, f32)> {
        self.spotted.filter(|(at, _)| *at >= span.start)
    }
}

/// Which windows of an utterance to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Windows {
    /// Those that end in what was said, so that what is said next does not change them.
    Whole,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asleep,
    /// Until then, if nothing happens.
    Until(SamplePos),
    /// The button is down since then.
    Held(SamplePos),
    Always,
}

impl Attention {
    /// `models` are those phrases that a small network knows; `voice` pronounces them, and what is
    /// heard.
    pub fn new(
        agent: &Agent,
        models: &[Arc<WakeModel>],
        voice: Arc<dyn Pronounce>,
    ) -> Result<Self, CallError> {
        let listening = &agent.settings.listening;
        let sounds = Sounds::new(voice, agent.grammar.respelled()).map_err(CallError::from)?;
        let calling = Calling::new(&listening.phrases, Arc::new(sounds))?;
        let phrases = (0..listening.phrases.len()).map(|phrase| {
            let known = models.iter().find(|model| model.phrase() == calling.phrase(phrase));
            Known { model: known.cloned(), spotted: None }
        });
        let state = match listening.mode {
            ListeningMode::Always => State::Always,
            ListeningMode::Wake | ListeningMode::PushToTalk => State::Asleep,
        };
        Ok(Self {
            mode: listening.mode,
            phrases: phrases.collect(),
            calling,
            bound: listening.wake_bound,
            spot_bound: listening.spot_bound,
            follow_up: SamplePos::from_ms(listening.follow_up_ms()).0,
            state,
            in_speech: false,
            call: None,
            heard_before: SamplePos(0),
            heard_ahead: None,
        })
    }

    /// The first stage, where there is one. What it spots carries the number of its model, which
    /// is that of the phrase among those that have one.
    pub fn spotter(&self) -> Option<Spotter> {
        let models: Vec<_> = self.phrases.iter().filter_map(|known| known.model.clone()).collect();
        let is_needed = self.mode == ListeningMode::Wake && !models.is_empty();
        is_needed.then(|| Spotter::new(models).above(self.spot_bound))
    }

    pub fn is_awake(&self) -> bool {
        self.state != State::Asleep
    }

    pub fn is_always_awake(&self) -> bool {
        self.state == State::Always
    }

    /// The call in the utterance at hand, and where it begins: what stands before is not for us.
    pub fn call(&self) -> Option<(&Call, SamplePos)> {
        self.call.as_ref().map(|(call, at)| (call, *at))
    }

    pub fn calling(&self) -> &Calling {
        &self.calling
    }

    pub fn speech_started(&mut self) {
        (self.in_speech, self.call) = (true, None);
        self.hear_anew();
    }

    /// What was heard of the utterance at hand is no answer any more.
    fn hear_anew(&mut self) {
        (self.heard_before, self.heard_ahead) = (SamplePos(0), None);
    }

    /// The utterance is over at `at`, and with it what the agent stayed awake for.
    pub fn speech_ended(&mut self, at: SamplePos) {
        self.in_speech = false;
        self.stay(at);
    }

    /// The first stage heard the phrase of its `model`-th network. Returns the phrase.
    pub fn spotted(&mut self, model: usize, at: SamplePos, probability: f32) -> Option<&str> {
        let known = self.phrases.iter_mut().enumerate().filter(|(_, known)| known.model.is_some());
        let (phrase, known) = known.into_iter().nth(model)?;
        known.spotted = Some((at, probability));
        // The utterance was perhaps heard without asking for this phrase.
        self.hear_anew();
        Some(self.calling.phrase(phrase))
    }

    /// Whether the utterance at hand, `span` of it so far, is for the agent. When it is because of
    /// a call in it, the agent wakes, and the call comes back, once.
    ///
    /// # Errors
    /// Those of the recogniser, being cancelled included.
    pub fn hear(
        &mut self,
        recognizer: &mut Recognizer,
        memory: &SoundMemory,
        span: Span,
        cancel: &CancelToken,
    ) -> Result<Option<Called>, AsrError> {
        let heard = self.likeliest(recognizer, memory, span, Windows::All, cancel)?;
        let Some((call, at)) = heard else { return Ok(None) };
        let spotted = self.phrases[call.phrase].spotted_in(span);
        let called = Called {
            phrase: self.calling.phrase(call.phrase).to_owned(),
            spotted: spotted.map(|(_, probability)| probability),
            verified: call.probability,
        };
        self.call = Some((call, at));
        self.state = State::Until(span.end + self.follow_up);
        Ok(Some(called))
    }

    /// Hears what is settled of an utterance that goes on, `span` of it so far, so that little is left
    /// to hear in the pause. Wakes nobody: a likelier call may follow close behind.
    ///
    /// # Errors
    /// Those of the recogniser, being cancelled included.
    pub fn hear_ahead(
        &mut self,
        recognizer: &mut Recognizer,
        memory: &SoundMemory,
        span: Span,
        cancel: &CancelToken,
    ) -> Result<(), AsrError> {
        self.heard_ahead = self.likeliest(recognizer, memory, span, Windows::Whole, cancel)?;
        Ok(())
    }

    /// The likeliest call in `span` of the utterance at hand, with what was heard of it before, and
    /// where it begins.
    fn likeliest(
        &mut self,
        recognizer: &mut Recognizer,
        memory: &SoundMemory,
        span: Span,
        windows: Windows,
        cancel: &CancelToken,
    ) -> Result<Option<(Call, SamplePos)>, AsrError> {
        if self.is_awake() || self.mode != ListeningMode::Wake {
            return Ok(None);
        }
        let is_wanted = |known: &Known| known.model.is_none() || known.spotted_in(span).is_some();
        let wanted: Vec<bool> = self.phrases.iter().map(is_wanted).collect();
        if !wanted.contains(&true) {
            return Ok(None);
        }
        let start = span.start.max(self.heard_before);
        let sound = memory.slice(Span::new(start, span.end.max(start)));
        let settled = self.calling.settled(sound.len());
        let before = match windows {
            Windows::All => sound.len(),
            Windows::Whole => settled,
        };
        let wanted = |phrase: usize| wanted[phrase];
        let call = self.calling.hear(recognizer, &sound, before, self.bound, wanted, cancel)?;
        self.heard_before = start + settled as u64;
        let now = call.map(|call| {
            let at = start + call.start as u64;
            (call, at)
        });
        // A span can begin later than it did.
        let ahead = self.heard_ahead.take().filter(|(_, at)| *at >= span.start);
        let likelier = |a: &(Call, SamplePos), b: &(Call, SamplePos)| {
            a.0.probability.total_cmp(&b.0.probability)
        };
        Ok(now.into_iter().chain(ahead).max_by(likelier))
    }

    /// Somebody pressed or let go at `at`. Returns whether that woke the agent.
    pub fn press(&mut self, press: Press, at: SamplePos) -> bool {
        let was_awake = self.is_awake();
        self.state = match (self.state, press) {
            (State::Always, _) => State::Always,
            // An agent that is called by a phrase can be pressed, too, and then has its time.
            (_, Press::Down) if self.mode == ListeningMode::Wake => {
                State::Until(at + self.follow_up)
            }
            (_, Press::Down) => State::Held(at),
            (_, Press::Tap) => State::Until(at + self.follow_up),
            (State::Held(since), Press::Up) if at < since + SamplePos::from_ms(TAP_MS).0 => {
                State::Until(at + self.follow_up)
            }
            // What is being said is heard to its end; see `expire`.
            (State::Held(_), Press::Up) => State::Until(at),
            (state, Press::Up) => state,
        };
        !was_awake && self.is_awake()
    }

    /// The agent answered or was spoken to until `at`: it stays awake for more.
    pub fn stay(&mut self, at: SamplePos) {
        if let State::Until(until) = &mut self.state
            && self.mode == ListeningMode::Wake
        {
            *until = (*until).max(at + self.follow_up);
        }
    }

    /// When it may fall asleep; `None` when it will not by itself.
    pub fn deadline(&self) -> Option<SamplePos> {
        match self.state {
            State::Until(until) if !self.in_speech => Some(until),
            _ => None,
        }
    }

    /// Falls asleep when it is time and `is_busy` is not true of the talk. Returns whether it did.
    pub fn expire(&mut self, now: SamplePos, is_busy: bool) -> bool {
        let is_over = !is_busy && self.deadline().is_some_and(|until| until <= now);
        if is_over {
            self.state = State::Asleep;
        }
        is_over
    }
}

/// The first phrase that an agent wakes by and no small network in `models` knows: it takes a
/// recogniser that reads whatever is said.
pub fn text_only<'l>(
    listening: &'l ListeningSettings,
    models: &ModelStore,
) -> Result<Option<&'l str>, HearError> {
    if listening.mode != ListeningMode::Wake {
        return Ok(None);
    }
    let known = WakeModel::load_all(models)?;
    let is_known = |phrase: &&String| known.iter().any(|model| model.phrase() == normal(phrase));
    Ok(listening.phrases.iter().find(|phrase| !is_known(phrase)).map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::ListeningSettings;
    use crate::nlu::Spelled;

    fn attention(mode: ListeningMode, phrase: &str) -> Attention {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/agents/coffee");
        let mut agent = Agent::load(folder.as_ref()).unwrap();
        let phrases = vec![phrase.to_owned()];
        let listening = ListeningSettings { mode, phrases, ..ListeningSettings::default() };
        agent.settings.listening = listening;
        Attention::new(&agent, &[], Arc::new(Spelled)).unwrap()
    }

    fn at(ms: u64) -> SamplePos {
        SamplePos::from_ms(ms)
    }

    #[test]
    fn an_agent_that_always_listens_never_sleeps() {
        let mut attention = attention(ListeningMode::Always, "hello garden");
        assert!(!attention.press(Press::Down, at(100)) && !attention.press(Press::Up, at(900)));
        assert!(!attention.expire(at(1_000_000), false));
        assert!(attention.is_awake() && attention.deadline().is_none());
    }

    /// Said in the recording: "… no matter. Try again."
    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn what_is_heard_ahead_changes_no_answer() {
        let store = ModelStore::open(None).unwrap();
        let speech = store.golden("vad/speech.audio.f32");
        let mut recognizer = Recognizer::load(&store).unwrap();
        let mut memory = SoundMemory::new();
        memory.push(&speech);
        let whole = Span::new(SamplePos(0), SamplePos(speech.len() as u64));
        let never = CancelToken::never();
        for (phrase, is_said) in [("no matter", true), ("hello garden", false)] {
            let mut heard = |ahead: bool| {
                let mut attention = attention(ListeningMode::Wake, phrase);
                attention.speech_started();
                let ends = (1..).map(|second| at(1_000 * second));
                for end in ends.take_while(|end| ahead && *end < whole.end) {
                    let span = Span::new(whole.start, end);
                    attention.hear_ahead(&mut recognizer, &memory, span, &never).unwrap();
                    assert!(!attention.is_awake());
                }
                let left = attention.heard_before;
                let called = attention.hear(&mut recognizer, &memory, whole, &never).unwrap();
                (called, attention.call().map(|(_, at)| at), left)
            };
            let ((late, late_at, _), (ahead, ahead_at, left)) = (heard(false), heard(true));
            assert_eq!((&ahead, ahead_at), (&late, late_at), "{phrase}");
            assert_eq!(ahead.is_some(), is_said, "{phrase}: {ahead:?}");
            assert!(left > at(1_000), "{phrase}: nothing was heard ahead, {left:?}");
        }
    }

    #[test]
    fn it_hears_while_the_button_is_down_and_the_utterance_to_its_end() {
        let mut attention = attention(ListeningMode::PushToTalk, "hello garden");
        assert!(!attention.is_awake());
        assert!(attention.press(Press::Down, at(1_000)));
        attention.speech_started();
        assert!(!attention.press(Press::Up, at(3_000)));
        assert!(!attention.expire(at(3_500), false), "somebody still speaks");
        attention.speech_ended(at(4_000));
        assert!(!attention.expire(at(4_000), true), "it still answers");
        assert!(attention.expire(at(4_500), false) && !attention.is_awake());
    }

    #[test]
    fn a_tap_leaves_time_to_speak() {
        for presses in [&[(Press::Tap, 0)][..], &[(Press::Down, 0), (Press::Up, 300)]] {
            let mut attention = attention(ListeningMode::PushToTalk, "hello garden");
            for (press, ms) in presses {
                attention.press(*press, at(*ms));
            }
            let until = attention.deadline().unwrap();
            assert!(until >= at(5_000), "{until:?}");
            assert!(!attention.expire(at(4_000), false) && attention.expire(until, false));
        }
    }
}
