//! Is somebody calling the agent? Wake phrases given as text, heard by the recogniser.
//!
//! An utterance is heard in windows that overlap, since a phrase may follow what others say. In each
//! the recogniser tells how likely it is that what is said begins with the phrase. That is held against
//! how usual such a beginning is where nothing is heard: together they say how much likelier the sound
//! is if the phrase was said. One [`Trust`] makes a probability of both, so that a bound on it means the
//! same for every phrase.

use std::sync::Arc;

use serde::Serialize;

use super::confidence::{CALL, Observed, SHIPPED_CALL, Trust};
use super::sound::{Phone, Sounds, Unsounded, distance};
use super::words::normal;
use crate::asr::{AsrError, Beginnings, Edge, Language, Place, Recognizer, WordId};
use crate::cancel::CancelToken;
use crate::units::SAMPLE_RATE_HZ;

/// Fewest sounds of a phrase: what is shorter is a part of too many words.
const LEAST_PHONES: usize = 4;
/// Most sounds of a phrase, some twelve words: nobody calls by more, and a window holds all of it.
const MOST_PHONES: usize = 40;
/// A window holds a phrase of [`WINDOW_PHONES`] sounds said slowly, and what may stand before it; one
/// with more sounds gets so much more for each, in milliseconds.
const WINDOW_MS: usize = 1_400;
const WINDOW_PHONES: usize = 10;
const PHONE_MS: usize = 100;
/// From one window to the next: the recogniser passes over a quarter of a second before a phrase.
const HOP_MS: usize = 250;
/// Between these probabilities a window is unsure: another half a hop later may hear the phrase better,
/// of which noise, or who speaks before it, spoils the beginning.
const HARDLY: f32 = 0.02;
const SURELY: f32 = 0.9;
/// Nobody says a phrase in less.
const LEAST_MS: usize = 300;
/// Where the signs of evidence are 0.
const USUAL_HEARD: f32 = -5.0;
const USUAL_EXPECTED: f32 = -13.0;
/// What is less likely is as unlikely as anything: beyond, a logarithm tells how long a text is.
const LEAST: f32 = -20.0;

const fn samples(ms: usize) -> usize {
    ms * SAMPLE_RATE_HZ as usize / 1000
}

/// Why a phrase cannot be called by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Respelled(#[from] Unsounded),
    #[error("`{0}` cannot be pronounced; write it as it is said")]
    Unpronounced(String),
    #[error(
        "`{phrase}` is too short: it takes at least {LEAST_PHONES} sounds to tell a phrase from other \
         words, and this one counts {phones}; make it longer, as in `hey {phrase}`"
    )]
    TooShort { phrase: String, phones: usize },
    #[error(
        "`{phrase}` has {phones} sounds, and at most {MOST_PHONES} can be called by; make it shorter"
    )]
    TooLong { phrase: String, phones: usize },
}

struct Phrase {
    /// In normal spelling.
    text: String,
    phones: Vec<Phone>,
}

/// What speaks for a call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CallEvidence {
    /// Natural logarithm of the probability that what is said begins with the phrase; at
    /// least -20.
    pub heard: f32,
    /// The same where nothing is heard.
    pub expected: f32,
}

impl CallEvidence {
    /// As a [`Trust`] takes it, more being better.
    fn signs(&self) -> [f32; CALL - 2] {
        [self.heard - USUAL_HEARD, USUAL_EXPECTED - self.expected]
    }

    /// Probability that the phrase was said.
    pub fn probability(&self, trust: &Trust<CALL>) -> f32 {
        trust.fits(&self.signs())
    }

    /// As an example for a fit.
    pub fn observed(&self, right: bool) -> Observed {
        Observed { signs: self.signs().to_vec(), leads: Vec::new(), right }
    }
}

/// How much an utterance is like a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Which of the phrases.
    pub phrase: usize,
    /// The sample of the utterance at which the window begins that is most like it.
    pub start: usize,
    /// Probability that it was said.
    pub probability: f32,
    pub evidence: CallEvidence,
}

/// The phrases that an agent is called by.
pub struct Calling {
    phrases: Vec<Phrase>,
    sounds: Arc<Sounds>,
    /// Samples of a window.
    window: usize,
    /// Once a recogniser was asked.
    asked: Option<Asked>,
    trust: Trust<CALL>,
}

/// What a recogniser is asked about all phrases.
struct Asked {
    beginnings: Beginnings,
    expected: Vec<f32>,
}

impl Calling {
    /// `phrases` in any spelling; `sounds` are those of the agent's voice.
    pub fn new(phrases: &[String], sounds: Arc<Sounds>) -> Result<Self, CallError> {
        let read = |written: &String| {
            let text = normal(written);
            let phones = sounds.phones(&text);
            match phones.len() {
                0 => Err(CallError::Unpronounced(written.clone())),
                phones if phones < LEAST_PHONES => {
                    Err(CallError::TooShort { phrase: written.clone(), phones })
                }
                phones if phones > MOST_PHONES => {
                    Err(CallError::TooLong { phrase: written.clone(), phones })
                }
                _ => Ok(Phrase { text, phones }),
            }
        };
        let phrases: Vec<Phrase> = phrases.iter().map(read).collect::<Result<_, _>>()?;
        let longest = phrases.iter().map(|phrase| phrase.phones.len()).max().unwrap_or(0);
        let more = longest.saturating_sub(WINDOW_PHONES) * PHONE_MS;
        let window = samples(WINDOW_MS + more);
        Ok(Self { phrases, sounds, window, asked: None, trust: SHIPPED_CALL })
    }

    /// A phrase in normal spelling.
    pub fn phrase(&self, index: usize) -> &str {
        &self.phrases[index].text
    }

    /// Of `len` samples of an utterance so many from its beginning need not be heard again when it goes
    /// on: every window that begins in them, or may yet half a hop later, was whole.
    pub fn settled(&self, len: usize) -> usize {
        let hop = samples(HOP_MS);
        len.checked_sub(self.window + hop / 2).map_or(0, |rest| (rest / hop + 1) * hop)
    }

    /// The likeliest call that begins in the first `before` samples of `sound`, an utterance or the
    /// rest of one, by one of the phrases that `wanted` takes; `None` where none is as probable as
    /// `bound`.
    ///
    /// # Errors
    /// Those of the recogniser, being cancelled included.
    pub fn hear(
        &mut self,
        recognizer: &mut Recognizer,
        sound: &[f32],
        before: usize,
        bound: f32,
        wanted: impl Fn(usize) -> bool,
        cancel: &CancelToken,
    ) -> Result<Option<Call>, AsrError> {
        let calls = self.survey(recognizer, sound, before, bound, wanted, cancel)?;
        let likelier = |a: &Call, b: &Call| a.probability.total_cmp(&b.probability);
        Ok(calls.into_iter().flatten().max_by(likelier))
    }

    /// As [`Calling::hear`], the likeliest call by each of the phrases.
    ///
    /// # Errors
    /// Those of the recogniser, being cancelled included.
    pub fn survey(
        &mut self,
        recognizer: &mut Recognizer,
        sound: &[f32],
        before: usize,
        bound: f32,
        wanted: impl Fn(usize) -> bool,
        cancel: &CancelToken,
    ) -> Result<Vec<Option<Call>>, AsrError> {
        let mut likeliest: Vec<Option<Call>> = vec![None; self.phrases.len()];
        // A call that a stricter bound would refuse is not sure either.
        let unsure = HARDLY..SURELY.max(bound);
        look(sound.len(), before, |start| {
            let calls = self.judge(recognizer, sound, start, &wanted, cancel)?;
            let is_unsure = calls.iter().any(|call| unsure.contains(&call.probability));
            for call in calls.into_iter().filter(|call| call.probability >= bound) {
                let best = &mut likeliest[call.phrase];
                if best.as_ref().is_none_or(|best| best.probability < call.probability) {
                    *best = Some(call);
                }
            }
            Ok::<_, AsrError>(is_unsure)
        })?;
        Ok(likeliest)
    }

    /// How much the beginning of the window of `sound` at `start` is like a call by each of the phrases
    /// that `wanted` takes.
    fn judge(
        &mut self,
        recognizer: &mut Recognizer,
        sound: &[f32],
        start: usize,
        wanted: &impl Fn(usize) -> bool,
        cancel: &CancelToken,
    ) -> Result<Vec<Call>, AsrError> {
        let window = &sound[start..(start + self.window).min(sound.len())];
        let cross = recognizer.encode(window, cancel)?;
        let asked = match &self.asked {
            Some(known) => known,
            None => {
                let texts = self.phrases.iter().map(|phrase| phrase.text.as_str());
                let beginnings = recognizer.beginnings(texts);
                let expected = recognizer.expects(&beginnings)?;
                self.asked.insert(Asked { beginnings, expected })
            }
        };
        let heard = recognizer.begins(&cross, &asked.beginnings)?;
        let calls =
            heard.iter().zip(&asked.expected).enumerate().map(|(phrase, (heard, expected))| {
                let evidence =
                    CallEvidence { heard: heard.max(LEAST), expected: expected.max(LEAST) };
                let probability = evidence.probability(&self.trust);
                Call { phrase, start, probability, evidence }
            });
        Ok(calls.filter(|call| wanted(call.phrase)).collect())
    }

    /// Which first words of `heard` are most like a phrase.
    pub fn beginning(&self, phrase: usize, heard: &str) -> Beginning {
        let Phrase { phones, .. } = &self.phrases[phrase];
        let ends = heard.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| at);
        let mut best = Beginning { distance: 1.0, end: 0 };
        for end in ends.chain([heard.len()]) {
            let said = self.sounds.phones(&heard[..end]);
            let distance = distance(phones, &said) / phones.len() as f32;
            if distance < best.distance {
                best = Beginning { distance, end };
            }
            if said.len() > 2 * phones.len() {
                break;
            }
        }
        best
    }
}

/// Judges the windows of an utterance of `len` samples that begin in the first `before` of them; `judge`
/// is told where. What is unsure, which it returns, is judged once more half a hop later.
fn look<E>(
    len: usize,
    before: usize,
    mut judge: impl FnMut(usize) -> Result<bool, E>,
) -> Result<(), E> {
    let hop = samples(HOP_MS);
    let is_long = |start: usize| start == 0 || start + samples(LEAST_MS) <= len;
    for start in (0..before.min(len)).step_by(hop).take_while(|start| is_long(*start)) {
        let later = start + hop / 2;
        if judge(start)? && is_long(later) {
            judge(later)?;
        }
    }
    Ok(())
}

/// The part of a text that is like a phrase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beginning {
    /// In whole sounds for each of the phrase's; at most 1.
    pub distance: f32,
    /// Bytes of the text that it takes; 0 where nothing in it is like the phrase.
    pub end: usize,
}

/// Words that were heard, and behind them another language.
pub struct Behind<'l> {
    words: Vec<String>,
    /// The edge behind each of the words but the last.
    edges: Vec<[Edge; 1]>,
    language: &'l mut dyn Language,
}

/// Places and words before the other language have this bit, which an automaton never grows to.
const BEFORE: u32 = 1 << 31;

impl<'l> Behind<'l> {
    /// `heard` in normal spelling, at least one word; `language` goes on from `start`.
    pub fn new(heard: &str, language: &'l mut dyn Language, start: Place) -> Self {
        let words: Vec<String> = heard.split(' ').map(str::to_owned).collect();
        let last = words.len() as u32 - 1;
        let edge = |at: u32| {
            let to = if at == last { start } else { BEFORE | (at + 1) };
            [Edge { word: BEFORE | at, to, cost: 0.0 }]
        };
        Self { edges: (0..=last).map(edge).collect(), words, language }
    }

    /// Where the words begin.
    pub const START: Place = BEFORE;
}

impl Language for Behind<'_> {
    fn edges(&mut self, place: Place) -> &[Edge] {
        match place & BEFORE {
            0 => self.language.edges(place),
            _ => &self.edges[(place ^ BEFORE) as usize],
        }
    }

    fn word(&self, word: WordId) -> &str {
        match word & BEFORE {
            0 => self.language.word(word),
            _ => &self.words[(word ^ BEFORE) as usize],
        }
    }

    fn ends(&mut self, place: Place) -> Option<f32> {
        if place & BEFORE != 0 { None } else { self.language.ends(place) }
    }

    fn open(&mut self, place: Place) -> Option<Place> {
        if place & BEFORE != 0 { None } else { self.language.open(place) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::sound::Spelled;
    use super::*;

    fn calling(phrases: &[&str]) -> Result<Calling, CallError> {
        let sounds = Sounds::new(Arc::new(Spelled), &BTreeMap::new()).unwrap();
        let phrases: Vec<String> = phrases.iter().map(|phrase| (*phrase).to_owned()).collect();
        Calling::new(&phrases, Arc::new(sounds))
    }

    #[test]
    fn the_phrase_is_found_in_what_was_heard() {
        let calling = calling(&["hey garden"]).unwrap();
        for (heard, end, near) in [
            ("Hey, garden.", 12, true),
            ("Hey garden, turn on the light.", 11, true),
            ("Hey-garden turn it on", 10, true),
            ("A carton, turn on the light.", 9, true),
            ("Water the flowers.", 0, false),
            ("", 0, false),
        ] {
            let beginning = calling.beginning(0, heard);
            assert_eq!(beginning.distance < 0.5, near, "{heard}: {beginning:?}");
            if near {
                assert_eq!(beginning.end, end, "{heard}: {beginning:?}");
            }
        }
        assert_eq!(calling.beginning(0, "Hey garden").distance, 0.0);
    }

    #[test]
    fn what_is_no_phrase_is_refused() {
        let long = "open sesame ".repeat(8);
        for (phrase, why) in [
            ("***", "cannot be pronounced"),
            ("a", "at least 4 sounds"),
            (&long, "at most 40 can be called by"),
        ] {
            let error = calling(&[phrase]).err().expect(phrase).to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    /// "turn left" or "stop".
    struct Turns;

    impl Language for Turns {
        fn edges(&mut self, place: Place) -> &[Edge] {
            const EDGES: [Edge; 3] = [
                Edge { word: 0, to: 1, cost: 0.0 },
                Edge { word: 1, to: 2, cost: 0.0 },
                Edge { word: 2, to: 2, cost: 0.0 },
            ];
            match place {
                0 => &EDGES[..2],
                1 => &EDGES[2..],
                _ => &[],
            }
        }

        fn word(&self, word: WordId) -> &str {
            ["turn", "stop", "left"][word as usize]
        }

        fn ends(&mut self, place: Place) -> Option<f32> {
            (place == 2).then_some(0.0)
        }

        fn open(&mut self, _: Place) -> Option<Place> {
            None
        }
    }

    fn sentences(language: &mut dyn Language, place: Place, words: usize) -> Vec<String> {
        let mut all = Vec::new();
        if language.ends(place).is_some() {
            all.push(String::new());
        }
        if words > 0 {
            for edge in language.edges(place).to_vec() {
                for rest in sentences(language, edge.to, words - 1) {
                    all.push(format!("{} {rest}", language.word(edge.word)).trim().to_owned());
                }
            }
        }
        all.sort();
        all
    }

    #[test]
    fn another_language_follows_what_was_heard() {
        let mut turns = Turns;
        let mut behind = Behind::new("a carton", &mut turns, 0);
        let said = sentences(&mut behind, Behind::START, 4);
        assert_eq!(said, ["a carton stop", "a carton turn left"]);
    }

    #[test]
    fn better_evidence_makes_a_call_more_probable() {
        let base = CallEvidence { heard: -5.0, expected: -12.0 };
        for better in
            [CallEvidence { heard: -1.0, ..base }, CallEvidence { expected: -16.0, ..base }]
        {
            assert!(better.probability(&SHIPPED_CALL) > base.probability(&SHIPPED_CALL));
        }
    }

    #[test]
    fn what_is_unsure_is_looked_at_once_more() {
        for (len, before, unsure, looks) in [
            (1_000, 1_000, 0, &[0, 125, 250, 500][..]),
            (1_000, 1_000, 500, &[0, 250, 500, 625]),
            // Nothing to ask about, and too little left to ask.
            (1_000, 1_000, 750, &[0, 250, 500]),
            (900, 900, 500, &[0, 250, 500]),
            (1_000, 500, 250, &[0, 250, 375]),
            (200, 200, 0, &[0]),
            (0, 0, 0, &[]),
        ] {
            let mut looked = Vec::new();
            let judged = look(samples(len), samples(before), |start| {
                looked.push(start * 1_000 / SAMPLE_RATE_HZ as usize);
                Ok::<_, ()>(start == samples(unsure))
            });
            assert_eq!((judged, &looked[..]), (Ok(()), looks), "{len} ms, {unsure} ms");
        }
    }

    #[test]
    fn windows_that_were_whole_are_heard_once() {
        let calling = calling(&["hey garden"]).unwrap();
        let hop = samples(HOP_MS);
        for (len, settled) in [(0, 0), (1_400, 0), (1_525, 1), (1_774, 1), (1_775, 2), (2_500, 4)] {
            assert_eq!(calling.settled(samples(len)), settled * hop, "{len} ms");
        }
    }
}
