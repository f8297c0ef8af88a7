//! When did somebody begin to speak, and are they done? Policy only: sound comes in as
//! probabilities, meaning as the thinker's [`View`], and out come positions.
//!
//! Silence is counted only as far as the judge has really listened, so its block length never eats
//! into the hangover. A pause is announced before the hangover is over, with the very span the
//! utterance will have if nothing more is said: what was recognised during the pause is then the
//! answer, not a guess at it. How long the pause must last then follows from what was said and how
//! ([`patience`]); until that is known, a plain hangover counts.
//!
//! Where others go on talking there is no silence. Then the near speaker's counts instead, told by
//! level ([`super::foreground`]) and waited for somewhat longer; the utterance is cut to what was
//! said near by, and what goes on behind it begins none of its own. Levels alone do not tell a soft
//! phrase of the speaker's from a loud one of others', so the words count, too: a lull is a pause, and
//! where they can end there it takes a whole loud syllable to be the speaker again. Where they cannot,
//! and there was silence, whoever goes on is the speaker, softer perhaps than before.

use super::HearError;
use super::foreground::{Foreground, LEAST_DB};
use super::prosody::Closing;
use crate::turn::{EndReason, Heard, Opinion, View};
use crate::units::{Frame, SAMPLE_RATE_HZ, SamplePos, Span};

mod patience;
mod settings;

pub use patience::sound_odds;
use patience::{Patience, Pause};
pub use settings::{EndpointSettings, MAX_SILENCE_MS, MAX_SPAN_MS};

/// Who is softer for so long while speech goes on may be done: a pause among others.
const LULL_MS: u32 = 260;
/// So much of the last 300 ms is loud where somebody near speaks: others reach as far for moments.
const SPOKEN_MS: u32 = 60;
/// And so much where they seemed to be done: a stressed syllable.
const SYLLABLE_MS: u32 = 160;
/// Where others were heard, the next word of whom more are expected is at most so much softer than they
/// are where they are loud, in dB. Before, any loud moment is.
const NEXT_DB: f32 = 9.0;
/// Who stopped to think may be this much softer than before when they go on, in dB.
const SOFTER_DB: f32 = 6.0;
/// How long others are remembered after their last word: they go on talking.
const OTHERS_KEPT_MS: u64 = 10_000;
/// How much softer than before who was near may speak to be heard among others, in dB: answers are
/// softer than requests, and others reach that rarely.
const LOUDER_DB: f32 = 5.0;
/// What may be soft at the beginning of a sentence.
const SOFT_MS: u32 = 300;
/// In the midst of others an utterance begins at most this long before its first loud syllable.
const WORD_MS: u32 = 1000;

/// How sure the judge is that a stretch of sound holds speech.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    pub span: Span,
    /// Probability of speech, 0..1.
    pub probability: f32,
}

/// The utterance being heard.
#[derive(Clone, Copy, Debug)]
struct Utterance {
    onset: SamplePos,
    /// Onset less pre-roll.
    start: SamplePos,
    /// Anybody's.
    last_speech: SamplePos,
    /// Of speech loud enough to be the speaker's.
    last_near: SamplePos,
    /// What the last [`Heard::Pause`] was about, if no speech followed yet.
    paused: Option<Span>,
    /// How long more words are waited for, by what is thought of that pause.
    patience_ms: Option<u32>,
    /// Where the speaker was last near when others were heard to talk on for the first time.
    others_since: Option<SamplePos>,
    /// Where speech went on after a pause, as long as it is not known whether it was waited for.
    goes_on: Option<SamplePos>,
    /// From where on it is told how loud the speaker is: from the last pause on that they thought in.
    measured_from: SamplePos,
    /// They are at least this loud after the first of those, in dB relative to full scale.
    least_loud: Option<f32>,
}

/// Others, whose speech begins no utterance for as long as they are not forgotten.
#[derive(Clone, Copy, Debug)]
struct Others {
    /// What is below is theirs, in dB relative to full scale.
    level: f32,
    /// Somebody who is near reaches this.
    louder: f32,
    last_speech: SamplePos,
}

/// Turns evidence into [`Heard`] events. Feed every stretch to [`EndpointPolicy::hear`] and ask
/// [`EndpointPolicy::decide`] once per frame.
#[derive(Debug)]
pub struct EndpointPolicy {
    settings: EndpointSettings,
    utterance: Option<Utterance>,
    /// The unbroken speech up to `heard_to`.
    run: Option<Span>,
    /// How far the judge has listened.
    heard_to: SamplePos,
    /// End of the previous utterance: no pre-roll reaches behind it.
    not_before: SamplePos,
    foreground: Foreground,
    /// Who talked on when the last utterance ended.
    others: Option<Others>,
    /// Our own voice sounds.
    speaking: bool,
}

/// Most events one decision can bring: a pause that ends and a cut, with room to spare.
pub type HeardNow = heapless::Vec<Heard, 4>;

impl EndpointPolicy {
    pub fn new(settings: EndpointSettings) -> Result<Self, HearError> {
        settings.check()?;
        Ok(Self {
            settings,
            utterance: None,
            run: None,
            heard_to: SamplePos::default(),
            not_before: SamplePos::default(),
            foreground: Foreground::default(),
            others: None,
            speaking: false,
        })
    }

    /// Is an utterance open, or about to?
    pub fn is_busy(&self) -> bool {
        self.utterance.is_some() || self.run.is_some()
    }

    /// Takes in what the judge says. While nothing is being said, sound may be judged a second
    /// time (the judge wakes with a little history).
    pub fn hear(&mut self, evidence: Evidence) {
        let Evidence { span, probability } = evidence;
        let threshold = match self.run {
            Some(_) => self.settings.silence_probability,
            None => self.settings.speech_probability,
        };
        self.heard_to = span.end;
        self.run = (probability >= threshold)
            .then(|| Span::new(self.run.map_or(span.start, |run| run.start), span.end));
        if let (Some(run), Some(utterance)) = (self.real_run(), self.utterance.as_mut()) {
            let silence = run.start.since(utterance.last_speech) >= samples(self.settings.pause_ms);
            if silence && utterance.paused.is_some() {
                utterance.goes_on = Some(run.start);
            }
            utterance.last_speech = run.end;
        }
    }

    /// Takes in how loud the frame is that begins at `at`. Without levels everybody is near.
    pub fn measure(&mut self, at: SamplePos, frame: &Frame) {
        self.foreground.push(at, frame);
    }

    /// Whether our own voice sounds: from now on, who speaks interrupts us.
    pub fn set_speaking(&mut self, speaking: bool) {
        self.speaking = speaking;
    }

    /// Does our own voice sound?
    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// How loud the nearest speaker since `onset` is, in dB relative to full scale.
    pub fn loudness(&self, onset: SamplePos) -> f32 {
        self.foreground.speaker(onset)
    }

    /// What there is to report at `now`, the end of the newest frame.
    pub fn decide(&mut self, now: SamplePos, view: Option<&View>) -> HeardNow {
        let mut heard = HeardNow::new();
        match self.utterance {
            None => self.begin(&mut heard),
            Some(utterance) => self.follow(utterance, now, view, &mut heard),
        }
        heard
    }

    /// The sound is over at `now`: closes an open utterance.
    pub fn finish(&mut self, now: SamplePos) -> HeardNow {
        let mut heard = HeardNow::new();
        if let Some(utterance) = self.utterance {
            self.end(utterance, now, EndReason::EndOfSound, &mut heard);
        }
        self.run = None;
        report(&mut heard, Heard::EndOfSound { at: now });
        heard
    }

    fn begin(&mut self, heard: &mut HeardNow) {
        if let Some(others) = &mut self.others {
            others.last_speech = self.run.map_or(others.last_speech, |run| run.end);
            if self.heard_to.ms_since(others.last_speech) >= OTHERS_KEPT_MS {
                self.others = None;
            }
        }
        let enough_ms = match self.speaking {
            true => self.settings.min_interruption_ms,
            false => self.settings.min_speech_ms,
        };
        let new = |run: &Span| run.end > self.not_before && run.ms() >= u64::from(enough_ms);
        let Some(run) = self.run.filter(new) else { return };
        // Speech that was cut for its length goes on from the cut.
        let mut onset = run.start.max(self.not_before);
        if let Some(others) = &self.others {
            if !self.foreground.is_at_least(others.louder) {
                return;
            }
            let late = onset.max(self.heard_to.back(samples(WORD_MS)));
            onset = self.foreground.first(others.level, late).unwrap_or(late);
            self.others = None;
        }
        let start = onset.back(samples(self.settings.pre_roll_ms)).max(self.not_before);
        let (last_speech, last_near) = (run.end, run.end);
        self.utterance = Some(Utterance {
            onset,
            start,
            last_speech,
            last_near,
            paused: None,
            patience_ms: None,
            others_since: None,
            goes_on: None,
            measured_from: onset,
            least_loud: None,
        });
        report(heard, Heard::SpeechStart { at: onset });
    }

    fn follow(
        &mut self,
        mut utterance: Utterance,
        now: SamplePos,
        view: Option<&View>,
        heard: &mut HeardNow,
    ) {
        let was_near = utterance.last_near;
        self.consider(&mut utterance, view);
        if self.is_near(&utterance) {
            utterance.last_near = now;
        }
        let silence_ms = self.silence_ms(&utterance, now);
        let settings = &self.settings;
        let lull = self.lulls(&utterance);
        let pause = lull || silence_ms >= u64::from(settings.pause_ms);
        // A run that may still be a click ends no pause; a murmur that is over was part of what was said.
        let goes_on = self.real_run().is_some() || self.run.is_none();
        if utterance.paused.is_some() && !pause && goes_on {
            (utterance.paused, utterance.patience_ms, utterance.goes_on) = (None, None, None);
            let new = self.real_run().filter(|run| run.start >= was_near);
            report(heard, Heard::Resume { at: new.map_or(now, |run| run.start) });
        }
        self.utterance = Some(utterance);
        let length_ms = now.ms_since(utterance.onset);
        let overdue = length_ms >= u64::from(settings.max_utterance_ms);
        if length_ms >= u64::from(settings.max_utterance_ms + settings.max_grace_ms) {
            return self.end(utterance, now, EndReason::TooLong, heard);
        }
        let hangover_ms = match self.opinion(&utterance, view) {
            None => settings.hangover_ms,
            // The words are being recognised, and there is no answer without them.
            Some(None) => settings.hangover_max_ms,
            Some(Some(opinion)) if !lull => self.patience_ms(&utterance, opinion),
            // With others to be waited for as well, longer would not be borne.
            Some(Some(_)) => {
                let bearable_ms = settings.bearable_ms.max(settings.hangover_min_ms);
                utterance.patience_ms.unwrap_or(u32::MAX).min(bearable_ms)
            }
        };
        if silence_ms >= u64::from(hangover_ms) {
            let why = match self.others_talk(&utterance) {
                true => EndReason::OthersTalk,
                false => EndReason::Silence,
            };
            self.end(utterance, now, why, heard);
        } else if pause && overdue {
            self.end(utterance, now, EndReason::TooLong, heard);
        } else if pause {
            // What is soft since a lull began may be the speaker's: it is part of what is asked about, and
            // asked about again once all of it is there that will be.
            let span = self.span(&utterance, now);
            let whole = self.others_talk(&utterance);
            if utterance.paused.is_none_or(|asked| whole && asked.end < span.end) {
                utterance.paused = Some(span);
                self.utterance = Some(utterance);
                report(heard, Heard::Pause { span });
            }
        }
    }

    /// Takes in what is thought of the pause at hand, and whether others talk on in it.
    fn consider(&self, utterance: &mut Utterance, view: Option<&View>) {
        let known_ms = utterance.patience_ms;
        if let Some(Some(opinion)) = self.opinion(utterance, view) {
            let patience_ms = self.patience_ms(utterance, opinion);
            // Once others were heard, more of them behind the last word makes nothing surer.
            let others = utterance.others_since.is_some_and(|since| since < utterance.last_near);
            let least_ms = utterance.patience_ms.filter(|_| others);
            utterance.patience_ms = Some(least_ms.unwrap_or(u32::MAX).min(patience_ms));
        }
        // It may become known while speech goes on, and then still is about the silence before.
        if let (Some(patience_ms), Some(at)) =
            (known_ms.or(utterance.patience_ms), utterance.goes_on)
        {
            utterance.goes_on = None;
            if patience_ms > self.settings.bearable_ms {
                self.go_on(utterance, at);
            }
        }
        if self.others_talk(utterance) {
            utterance.others_since.get_or_insert(utterance.last_near);
        }
    }

    /// The speaker goes on at `at`, after silence that would have been waited out for longer than is
    /// bearable: they were thinking.
    fn go_on(&self, utterance: &mut Utterance, at: SamplePos) {
        let before = self.speaker(utterance);
        utterance.last_near = utterance.last_near.max(at);
        utterance.least_loud.get_or_insert(before - SOFTER_DB);
        utterance.measured_from = at;
    }

    fn end(&mut self, utterance: Utterance, now: SamplePos, why: EndReason, heard: &mut HeardNow) {
        let span = self.span(&utterance, now);
        let speaker = self.foreground.speaker(utterance.onset);
        let level = self.foreground.threshold(speaker);
        let near = self.foreground.first(level, utterance.onset);
        let talked_before = near.is_some_and(|near| near > utterance.onset + samples(WORD_MS));
        let others =
            Others { level, louder: speaker - LOUDER_DB, last_speech: utterance.last_speech };
        // A soft last word is no background: others are who talks on.
        let talk_on = self.run.is_some() && self.others_talk(&utterance);
        self.others = (talked_before || talk_on).then_some(others);
        self.utterance = None;
        self.not_before = span.end;
        let last_speech = self.last_word(&utterance);
        report(heard, Heard::SpeechEnd { span, last_speech, decided_at: now, why });
    }

    /// The open utterance as it stands at `now`, the end of the newest frame.
    pub fn open(&self, now: SamplePos) -> Option<Span> {
        self.utterance.as_ref().map(|utterance| self.span(utterance, now))
    }

    /// Where the voice of the open utterance was last heard, and how it closed; only in a pause,
    /// and not in a lull of which is not known yet whether others talk.
    pub fn pause(&self) -> Option<(SamplePos, Closing)> {
        let is_over = |open: &&Utterance| !self.lulls(open) || self.others_talk(open);
        let open = self.utterance.as_ref().filter(|open| open.paused.is_some()).filter(is_over)?;
        Some((self.last_word(open), self.closing_of(open)))
    }

    fn closing_of(&self, utterance: &Utterance) -> Closing {
        Closing::of(&self.foreground, utterance.start, self.last_word(utterance))
    }

    /// What is thought of the words up to the pause at hand: `None` where nobody thinks of them, and
    /// within, while that is being worked out.
    fn opinion(&self, utterance: &Utterance, view: Option<&View>) -> Option<Option<Opinion>> {
        let fresh = view.filter(|view| view.span.end >= self.last_word(utterance));
        fresh.map(|view| view.opinion)
    }

    /// How long more words are waited for.
    fn patience_ms(&self, utterance: &Utterance, opinion: Opinion) -> u32 {
        let Opinion { completeness, confidence, slots_ahead, sound_odds } = opinion;
        let closing = self.closing_of(utterance);
        let pause = Pause { completeness, confidence, slots_ahead, sound_odds, closing };
        Patience::fitted().silence_ms(&pause, &self.settings)
    }

    /// How long there has been silence, or only others have talked: of these as much as the
    /// settings count.
    fn silence_ms(&self, utterance: &Utterance, now: SamplePos) -> u64 {
        // A run too short to count as yet may still become speech.
        let silence_ms = self.run.map_or(self.heard_to.ms_since(utterance.last_speech), |_| 0);
        let near_ms = now.ms_since(utterance.last_near);
        silence_ms.max(near_ms.saturating_sub(u64::from(self.settings.others_ms)))
    }

    /// How loud the speaker is of late, in dB relative to full scale.
    fn speaker(&self, utterance: &Utterance) -> f32 {
        let of_late = self.foreground.speaker(utterance.measured_from);
        of_late.max(utterance.least_loud.unwrap_or(f32::NEG_INFINITY))
    }

    /// Is whoever is near heard in the newest sound?
    fn is_near(&self, utterance: &Utterance) -> bool {
        let (foreground, speaker) = (&self.foreground, self.speaker(utterance));
        let threshold = foreground.threshold(speaker);
        // At least this loud now, and for so long of the last moments.
        let below = |db: f32| threshold.max(speaker - db);
        let (level, lately, loud_ms) = match utterance.patience_ms {
            // Before it is known whether speech was waited for, a lull says nothing.
            _ if !self.lulls(utterance) || utterance.goes_on.is_some() => {
                (threshold, below(LEAST_DB), SPOKEN_MS)
            }
            Some(patience_ms) if patience_ms <= self.settings.hangover_ms => {
                let again = foreground.threshold_again(speaker, utterance.last_near);
                (f32::NEG_INFINITY, again, SYLLABLE_MS)
            }
            _ if utterance.others_since.is_some() => (below(NEXT_DB), below(NEXT_DB), SPOKEN_MS),
            _ => (threshold, threshold, 0),
        };
        self.run.is_some() && foreground.is_at_least(level) && foreground.loud_ms(lately) >= loud_ms
    }

    /// Has whoever is near been softer for a while, though speech goes on? A murmur before silence is
    /// their own.
    fn lulls(&self, utterance: &Utterance) -> bool {
        let goes_on = utterance.last_speech >= utterance.last_near + samples(LULL_MS);
        (self.run.is_some() && goes_on) || self.others_talk(utterance)
    }

    /// Did somebody go on talking after the speaker was done?
    fn others_talk(&self, utterance: &Utterance) -> bool {
        utterance.last_speech > utterance.last_near + samples(self.settings.others_ms)
    }

    fn last_word(&self, utterance: &Utterance) -> SamplePos {
        match self.lulls(utterance) {
            true => utterance.last_near,
            false => utterance.last_speech,
        }
    }

    /// The utterance as it stands: pre-roll to tail, or to `now` while speech runs on; without
    /// what others said before and after.
    fn span(&self, utterance: &Utterance, now: SamplePos) -> Span {
        let settings = &self.settings;
        // Sentences begin softly, and soon grow as loud as they will be; they may end in a murmur.
        let loud = self.foreground.speaker(utterance.onset) - LOUDER_DB;
        let start = match self.foreground.first(loud, utterance.onset) {
            Some(near) if near > utterance.onset + samples(SOFT_MS) => {
                near.back(samples(SOFT_MS)).back(samples(settings.pre_roll_ms))
            }
            _ => utterance.start,
        };
        let start = start.max(utterance.start);
        let end = if self.others_talk(utterance) {
            (utterance.last_near + samples(settings.others_ms)).min(now)
        } else if self.run.is_some() {
            now
        } else {
            (utterance.last_speech + samples(settings.tail_ms)).min(now)
        };
        Span::new(start.min(end), end)
    }

    /// The current run, once it is too long for a click.
    fn real_run(&self) -> Option<Span> {
        self.run.filter(|run| run.ms() >= u64::from(self.settings.min_speech_ms))
    }
}

const fn samples(ms: u32) -> u64 {
    ms as u64 * SAMPLE_RATE_HZ as u64 / 1000
}

fn report(heard: &mut HeardNow, event: Heard) {
    heard.push(event).expect("one decision brings at most a resume and an end");
}

#[cfg(test)]
mod tests;
