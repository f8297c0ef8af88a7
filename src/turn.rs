//! What the listener and the thinker tell one another about a turn.
//!
//! The listener owns time and sound; the thinker owns meaning. Each sees of the other only these
//! small values: events carry positions, never audio, and the [`View`] is a latest value that may
//! be stale.

use serde::{Deserialize, Serialize};

use crate::units::{SamplePos, Span};

/// Can the words so far end here, as the interpreter sees them?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// A whole request to which nothing in the grammar adds anything, but for words such as
    /// "please".
    Complete,
    /// A whole request that more words could add to ("a latte" … "with milk"), or words that the
    /// grammar does not know.
    #[default]
    MayContinue,
    /// The beginning of a request that cannot stand alone ("a large …").
    CannotEnd,
}

/// What kind of answer the dialogue waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Nothing was asked: any request.
    #[default]
    Request,
    /// "Is that right?"
    YesNo,
    /// The value of one slot.
    Slot,
}

/// What the thinker makes of the pause at hand, read by the endpoint policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// The sound it is about; older than the utterance at hand means stale.
    pub span: Span,
    /// `None` while it is being worked out.
    pub opinion: Option<Opinion>,
}

/// Whether somebody who pauses has come to an end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opinion {
    pub completeness: Completeness,
    /// How sure the interpreter is of what it was taken for, 0..1.
    pub confidence: f32,
    /// How many slots more words could fill: see `Interpretation::slots_ahead`.
    pub slots_ahead: u8,
    /// What the sound of it adds to the log-odds that speech goes on; below 0 it sounds done.
    pub sound_odds: f32,
}

impl View {
    /// Of what comes after `at` nothing is thought yet, nor is anybody at work on it.
    pub fn nothing(at: SamplePos) -> Self {
        Self { span: Span::new(at, at), opinion: None }
    }
}

/// How an utterance, or what there is of it so far, was said, apart from the words.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prosody {
    /// The voice's mean power while it sounds, over the room's, in dB.
    pub loudness_db: f32,
    /// Syllables per second of speech, pauses not counted.
    pub rate_per_s: f32,
    /// Silences of 250 ms and more between first and last sound, and how long they are together.
    pub pauses: u32,
    pub pauses_s: f32,
    /// Their share of the time between first and last sound.
    pub pause_ratio: f32,
    /// Sounds held for 300 ms and more, as in "um" or "sooo", and how long they are together.
    pub held: u32,
    pub held_s: f32,
    /// Share of the sound that has a voice: near 0 is whispered.
    pub voiced: f32,
    /// `None` of a whisper.
    pub pitch: Option<Melody>,
    /// How long our own voice sounded meanwhile, in seconds.
    pub overlap_s: f32,
    pub confidence: ProsodyConfidence,
}

/// The pitch of a voice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Melody {
    /// The median, in hertz.
    pub median_hz: f32,
    /// From the lowest tenth to the highest, in semitones.
    pub range_st: f32,
    /// How it moves over the last 0.3 s of voice, in semitones per second; below zero it falls.
    /// `None` where there is less.
    pub slope_st_per_s: Option<f32>,
}

/// How far each measure is to be trusted, 0..1: from how clearly the voice stands out of the room
/// and how much of it there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ProsodyConfidence {
    pub loudness: f32,
    pub rate: f32,
    /// Of held sounds, too.
    pub pauses: f32,
    pub voiced: f32,
    pub pitch: f32,
}

/// Why an utterance was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Silence outlasted the hangover.
    Silence,
    /// Only others, further away, went on talking.
    OthersTalk,
    /// The utterance reached its longest allowed length.
    TooLong,
    /// The sound ended (file over, device lost, session stopped).
    EndOfSound,
}

impl EndReason {
    /// The longer utterance to hold against `span`, where a last word may have been so soft that it
    /// was taken for others'. `decided_at` is where the waiting for more ended.
    pub fn longer(self, span: Span, decided_at: SamplePos) -> Option<Span> {
        let unsure = self == Self::OthersTalk && decided_at > span.end;
        unsure.then(|| Span::new(span.start, decided_at))
    }
}

impl Heard {
    /// Where in the sound this became known.
    pub fn at(&self) -> SamplePos {
        match *self {
            Self::SpeechStart { at }
            | Self::Spotted { at, .. }
            | Self::Resume { at }
            | Self::Ducked { at }
            | Self::Unducked { at }
            | Self::Due { at }
            | Self::EndOfSound { at } => at,
            Self::Pause { span } | Self::Prosody { span, .. } => span.end,
            Self::SpeechEnd { decided_at, .. } => decided_at,
        }
    }
}

/// What somebody does with a button: a key, a line of a socket, a switch, a place on a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    Down,
    Up,
    /// Both at once, where only that is told.
    Tap,
}

/// From listener to thinker, over the bounded event channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard {
    /// Speech began; `at` is the onset, before which the pre-roll still counts.
    SpeechStart { at: SamplePos },
    /// Somebody may speak over us: our voice grows softer from `at` on.
    Ducked { at: SamplePos },
    /// It was nothing: our voice grows loud again from `at` on.
    Unducked { at: SamplePos },
    /// A pause inside an utterance: worth recognising `span` speculatively. Where others talk on it is
    /// told again once `span` is what the utterance will be.
    Pause { span: Span },
    /// The speech after a [`Heard::Pause`] went on.
    Resume { at: SamplePos },
    /// How `span` was said: what there is of an utterance that is `open`, once a second and in each
    /// pause, or a whole one just before its [`Heard::SpeechEnd`]. `None` where nothing stands out of
    /// the room.
    Prosody { span: Span, prosody: Option<Prosody>, open: bool },
    /// The utterance is over. `span` includes the pre-roll; `decided_at` is where the policy
    /// stopped waiting, `last_speech` where it last heard speech.
    SpeechEnd { span: Span, last_speech: SamplePos, decided_at: SamplePos, why: EndReason },
    /// The small network number `phrase` heard its phrase, which ended shortly before `at`, and is
    /// so sure of it in thousandths.
    Spotted { at: SamplePos, phrase: u8, per_mille: u16 },
    /// The deadline the thinker had asked for has come. Sample time is the only clock, and the
    /// listener holds it.
    Due { at: SamplePos },
    /// The source has no more sound.
    EndOfSound { at: SamplePos },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_may_have_hidden_is_held_against_something_longer() {
        let (span, later) = (Span::new(SamplePos(100), SamplePos(900)), SamplePos(1500));
        let longer = Span::new(SamplePos(100), later);
        for (why, decided_at, expected) in [
            (EndReason::OthersTalk, later, Some(longer)),
            (EndReason::OthersTalk, span.end, None),
            (EndReason::Silence, later, None),
            (EndReason::TooLong, later, None),
            (EndReason::EndOfSound, later, None),
        ] {
            assert_eq!(why.longer(span, decided_at), expected, "{why:?} at {decided_at:?}");
        }
    }
}
