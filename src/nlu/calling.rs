//! Is somebody calling the agent? Wake phrases given as text, heard by the recogniser.
//!
//! An utterance calls when it begins with a phrase. Two things speak for that: how near the first
//! words that free decoding wrote sound to the phrase, and how much less likely the phrase is than
//! those words, given the sound. One [`Trust`] makes a probability of both, so that a bound on it
//! means the same for every phrase.

use std::sync::Arc;

use serde::Serialize;

use super::confidence::{CALL, Observed, SHIPPED_CALL, Trust};
use super::sound::{Phone, Sounds, Unsounded, distance};
use super::words::normal;
use crate::asr::{
    AsrError, BeamOptions, Edge, Language, Listening, Place, Recognizer, Spellings, WordId,
};
use crate::cancel::CancelToken;
use crate::units::SAMPLE_RATE_HZ;

/// Fewest sounds of a phrase: what is shorter is a part of too many words.
const LEAST_PHONES: usize = 4;
/// Of an utterance so much is listened to, in milliseconds: a slow speaker's time for a long phrase,
/// and what stands before it. Keeps what talk costs that is not for the agent small.
const HEAD_MS: u32 = 2_600;
/// The same in samples.
pub const HEAD_LEN: usize = (SAMPLE_RATE_HZ * HEAD_MS / 1000) as usize;
/// Where the signs of evidence are 0.
const USUAL_DISTANCE: f32 = 0.3;
const USUAL_FIT: f32 = -0.4;
const USUAL_PHONES: f32 = 7.0;
/// A fit below is as bad as any.
const WORST_FIT: f32 = -3.0;

/// Why a phrase cannot be called by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Respelled(#[from] Unsounded),
    #[error("`{0}` cannot be pronounced; write it as it is said")]
    Unpronounced(String),
    #[error(
        "`{phrase}` has {phones} sounds, and at least {LEAST_PHONES} are needed to tell it from \
         other words; make it longer, as in `hey {phrase}`"
    )]
    TooShort { phrase: String, phones: usize },
}

struct Phrase {
    /// In normal spelling.
    text: String,
    phones: Vec<Phone>,
}

/// What speaks for a call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CallEvidence {
    /// How far what was heard is from the phrase, in whole sounds for each of the phrase's.
    pub distance: f32,
    /// How much likelier the sound makes the phrase than what was heard, in nats for each sound;
    /// rarely above 0.
    pub fit: f32,
    /// Sounds of the phrase.
    pub phones: u32,
}

impl CallEvidence {
    /// As a [`Trust`] takes it, more being better.
    fn signs(&self) -> [f32; CALL - 2] {
        [
            USUAL_DISTANCE - self.distance,
            self.fit.max(WORST_FIT) - USUAL_FIT,
            (self.phones as f32 / USUAL_PHONES).ln(),
        ]
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
    /// Probability that it was said.
    pub probability: f32,
    pub evidence: CallEvidence,
}

/// The phrases that an agent is called by.
pub struct Calling {
    phrases: Vec<Phrase>,
    sounds: Arc<Sounds>,
    language: CallLanguage,
    spellings: Spellings,
    trust: Trust<CALL>,
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
                _ => Ok(Phrase { text, phones }),
            }
        };
        let phrases: Vec<Phrase> = phrases.iter().map(read).collect::<Result<_, _>>()?;
        let language = CallLanguage::new(phrases.iter().map(|phrase| phrase.text.as_str()));
        let spellings = Spellings::default();
        Ok(Self { phrases, sounds, language, spellings, trust: SHIPPED_CALL })
    }

    /// A phrase in normal spelling.
    pub fn phrase(&self, index: usize) -> &str {
        &self.phrases[index].text
    }

    /// How much `sound`, an utterance from its beginning, is like a call by one of the phrases that
    /// `wanted` takes; only calls at least as probable as `bound` are looked at to the end. `None`
    /// where there is none. Looks at no more than [`HEAD_LEN`] samples.
    ///
    /// # Errors
    /// Those of the recogniser, being cancelled included.
    pub fn hear(
        &mut self,
        recognizer: &mut Recognizer,
        sound: &[f32],
        bound: f32,
        wanted: impl Fn(usize) -> bool,
        cancel: &CancelToken,
    ) -> Result<Option<Call>, AsrError> {
        let head = Self::head(sound);
        let text = Self::read(recognizer, head, cancel)?;
        self.judge(recognizer, head, &text, bound, wanted, cancel)
    }

    /// The part of an utterance that is looked at.
    pub fn head(sound: &[f32]) -> &[f32] {
        &sound[..sound.len().min(HEAD_LEN)]
    }

    /// First step of [`Calling::hear`]: the words of an utterance's head.
    pub fn read(
        recognizer: &mut Recognizer,
        head: &[f32],
        cancel: &CancelToken,
    ) -> Result<String, AsrError> {
        Ok(recognizer.recognize(head, cancel)?.best.text)
    }

    /// Second step: whether they, and the sound of the head, are a call.
    pub fn judge(
        &mut self,
        recognizer: &mut Recognizer,
        head: &[f32],
        heard: &str,
        bound: f32,
        wanted: impl Fn(usize) -> bool,
        cancel: &CancelToken,
    ) -> Result<Option<Call>, AsrError> {
        let mut best: Option<Call> = None;
        for (phrase, Phrase { phones, .. }) in self.phrases.iter().enumerate() {
            if !wanted(phrase) {
                continue;
            }
            let distance = self.beginning(phrase, heard).distance;
            // Nothing can fit better than what was heard as it is.
            let evidence = CallEvidence { distance, fit: 0.0, phones: phones.len() as u32 };
            let probability = self.trust.fits(&evidence.signs());
            if best.as_ref().is_none_or(|best| best.probability < probability) {
                best = Some(Call { phrase, probability, evidence });
            }
        }
        let Some(mut call) = best.filter(|call| call.probability >= bound) else {
            return Ok(None);
        };
        let listening = Listening {
            language: &mut self.language,
            start: CallLanguage::START,
            spellings: &mut self.spellings,
            options: BeamOptions::default(),
        };
        let searched = recognizer.listen(head, Some(listening), cancel)?;
        let said = &self.phrases[call.phrase];
        let fits = searched.paths.iter().filter(|path| begins_with(&path.text, &said.text));
        let likeliest = fits.map(|path| path.log_prob).fold(f32::NEG_INFINITY, f32::max);
        let fit = (likeliest - searched.best.log_prob) / said.phones.len() as f32;
        call.evidence.fit = fit.clamp(WORST_FIT, 0.0);
        call.probability = self.trust.fits(&call.evidence.signs());
        Ok((call.probability >= bound).then_some(call))
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

/// The part of a text that is like a phrase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beginning {
    /// In whole sounds for each of the phrase's; at most 1.
    pub distance: f32,
    /// Bytes of the text that it takes; 0 where nothing in it is like the phrase.
    pub end: usize,
}

fn begins_with(text: &str, phrase: &str) -> bool {
    text.strip_prefix(phrase).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// One of the phrases, and then any words or none.
struct CallLanguage {
    words: Vec<String>,
    places: Vec<Vec<Edge>>,
}

impl CallLanguage {
    /// Behind a phrase.
    const BEHIND: Place = 0;
    const START: Place = 1;

    /// `phrases` in normal spelling. Of two that begin alike the shorter is enough.
    fn new<'p>(phrases: impl Iterator<Item = &'p str>) -> Self {
        let mut language = Self { words: Vec::new(), places: vec![Vec::new(), Vec::new()] };
        let mut phrases: Vec<&str> = phrases.collect();
        phrases.sort_by_key(|phrase| phrase.len());
        for phrase in phrases {
            language.add(phrase);
        }
        language
    }

    fn add(&mut self, phrase: &str) {
        let mut at = Self::START;
        let mut words = phrase.split(' ').peekable();
        while let Some(word) = words.next() {
            let word = self.word_id(word);
            let known = self.places[at as usize].iter().find(|edge| edge.word == word);
            let to = match known {
                Some(edge) if edge.to == Self::BEHIND => return,
                Some(edge) => edge.to,
                None => {
                    let to = if words.peek().is_some() {
                        self.places.push(Vec::new());
                        self.places.len() as Place - 1
                    } else {
                        Self::BEHIND
                    };
                    self.places[at as usize].push(Edge { word, to, cost: 0.0 });
                    to
                }
            };
            at = to;
        }
    }

    fn word_id(&mut self, word: &str) -> WordId {
        let known = self.words.iter().position(|known| known == word);
        let id = known.unwrap_or_else(|| {
            self.words.push(word.to_owned());
            self.words.len() - 1
        });
        id as WordId
    }
}

impl Language for CallLanguage {
    fn edges(&mut self, place: Place) -> &[Edge] {
        &self.places[place as usize]
    }

    fn word(&self, word: WordId) -> &str {
        &self.words[word as usize]
    }

    fn ends(&mut self, place: Place) -> Option<f32> {
        (place == Self::BEHIND).then_some(0.0)
    }

    fn open(&mut self, place: Place) -> Option<Place> {
        (place == Self::BEHIND).then_some(Self::BEHIND)
    }
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
        for (phrase, why) in [("***", "cannot be pronounced"), ("a", "at least 4 are needed")] {
            let error = calling(&[phrase]).err().expect(phrase).to_string();
            assert!(error.contains(why), "{error}");
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
    fn the_language_is_the_phrases_and_what_follows_them() {
        let phrases = ["hey garden", "garden", "hey shed", "garden please"];
        let mut language = CallLanguage::new(phrases.into_iter());
        let said = sentences(&mut language, CallLanguage::START, 4);
        assert_eq!(said, ["garden", "hey garden", "hey shed"]);
        assert_eq!(language.open(CallLanguage::BEHIND), Some(CallLanguage::BEHIND));
        assert_eq!(language.open(CallLanguage::START), None);
    }

    #[test]
    fn another_language_follows_what_was_heard() {
        let mut inner = CallLanguage::new(["turn left", "stop"].into_iter());
        let mut behind = Behind::new("a carton", &mut inner, CallLanguage::START);
        let said = sentences(&mut behind, Behind::START, 4);
        assert_eq!(said, ["a carton stop", "a carton turn left"]);
    }

    #[test]
    fn better_evidence_makes_a_call_more_probable() {
        let base = CallEvidence { distance: 0.3, fit: -0.5, phones: 7 };
        let probability = |evidence: CallEvidence| SHIPPED_CALL.fits(&evidence.signs());
        assert!(probability(CallEvidence { distance: 0.1, ..base }) > probability(base));
        assert!(probability(CallEvidence { fit: 0.0, ..base }) > probability(base));
    }
}
