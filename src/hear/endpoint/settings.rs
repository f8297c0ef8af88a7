use serde::{Deserialize, Serialize};

use super::LULL_MS;
use crate::hear::HearError;
use crate::units::FRAME_MS;

/// Longest utterance with everything around it, in milliseconds: the thinker's audio ring holds
/// 40 s, and 5 s of that are left for a thinker that is late.
pub const MAX_SPAN_MS: u32 = 35_000;

/// Longest silence that may be waited for, in milliseconds: who is not answered for so long has left. The
/// sound buffer sets no bound, since an utterance is cut after `max_utterance_ms` and `max_grace_ms`
/// with all the silence in it.
pub const MAX_SILENCE_MS: u32 = 10_000;
const _: () = assert!(MAX_SILENCE_MS.is_multiple_of(FRAME_MS) && MAX_SILENCE_MS < MAX_SPAN_MS);

/// How speech is told from silence and when an utterance ends. All times in milliseconds, whole
/// frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointSettings {
    /// Speech begins when the judge is at least this sure, 0..1.
    pub speech_probability: f32,
    /// Speech goes on while the judge is at least this sure, 0..1; lower than `speech_probability`,
    /// so that a weak syllable does not break a word in two.
    pub silence_probability: f32,
    /// Speech shorter than this is a click, wherever it happens.
    pub min_speech_ms: u32,
    /// So much speech interrupts us while we speak, which is less: silence has to fall soon, and
    /// who speaks over somebody else speaks up.
    pub min_interruption_ms: u32,
    /// Sound kept from before the onset: a judge needs some voice before it is sure, and the
    /// breathy consonant before that is still part of the word.
    pub pre_roll_ms: u32,
    /// Sound kept after the last speech.
    pub tail_ms: u32,
    /// Silence after which recognition starts on speculation.
    pub pause_ms: u32,
    /// Silence that no utterance ends before, whatever was said: the judge hears the breath of a
    /// last consonant as silence.
    pub hangover_min_ms: u32,
    /// Silence that ends an utterance of which nobody wants to know the words: they are waited for
    /// where they are being recognised.
    pub hangover_ms: u32,
    /// Silence that ends every utterance; at most [`MAX_SILENCE_MS`].
    pub hangover_max_ms: u32,
    /// What it costs to cut in on somebody who was to go on, as waiting time of somebody who was
    /// done, in milliseconds: once the words are known, the cheaper of the two is done.
    pub cut_in_cost_ms: u32,
    /// Who waits for longer begins to wonder whether they were heard, and that costs more; at most
    /// [`MAX_SILENCE_MS`].
    pub bearable_ms: u32,
    /// How much longer each of these silences must last while only others, further away, are
    /// heard; also the sound kept after the near speaker's last word. At least 260, since the ends of
    /// words are as soft for that long, and at most [`MAX_SILENCE_MS`].
    pub others_ms: u32,
    /// Length after which an utterance ends at its next pause.
    pub max_utterance_ms: u32,
    /// How long that next pause is waited for before the utterance is cut where it is.
    pub max_grace_ms: u32,
}

impl Default for EndpointSettings {
    /// People leave about 200 ms between turns (Stivers et al. 2009), so that is where recognition
    /// starts; pauses of 200–400 ms *inside* a spoken order are common, longer ones rare (400 ms of
    /// silence cuts about one order in fifty). Whoever thinks in the midst of a sentence needs up to
    /// a second and a half. The cost of cutting in is docs/endpoint.md's. Short words
    /// ("two") have at least 100 ms of voice, clicks and knocks rarely make two windows. Soft
    /// syllables pass for somebody else's for up to 0.4 s.
    fn default() -> Self {
        Self {
            speech_probability: 0.5,
            silence_probability: 0.35,
            min_speech_ms: 80,
            min_interruption_ms: 60,
            pre_roll_ms: 300,
            tail_ms: 200,
            pause_ms: 200,
            hangover_min_ms: 240,
            hangover_ms: 400,
            hangover_max_ms: 1500,
            cut_in_cost_ms: 25_000,
            bearable_ms: 700,
            others_ms: 440,
            max_utterance_ms: 15_000,
            max_grace_ms: 1_000,
        }
    }
}

impl EndpointSettings {
    /// Refuses settings that make no sense, naming field, value and rule.
    pub fn check(&self) -> Result<(), HearError> {
        self.check_probabilities()?;
        let times = [
            ("min_speech_ms", self.min_speech_ms),
            ("min_interruption_ms", self.min_interruption_ms),
            ("pre_roll_ms", self.pre_roll_ms),
            ("tail_ms", self.tail_ms),
            ("pause_ms", self.pause_ms),
            ("hangover_min_ms", self.hangover_min_ms),
            ("hangover_ms", self.hangover_ms),
            ("hangover_max_ms", self.hangover_max_ms),
            ("bearable_ms", self.bearable_ms),
            ("others_ms", self.others_ms),
            ("max_utterance_ms", self.max_utterance_ms),
            ("max_grace_ms", self.max_grace_ms),
        ];
        for (field, ms) in times {
            if ms == 0 || ms % FRAME_MS != 0 {
                return Err(HearError::NotWholeFrames { field, ms });
            }
        }
        // Shorter silences are bounded by `hangover_max_ms`.
        let silences = [
            ("hangover_max_ms", self.hangover_max_ms),
            ("bearable_ms", self.bearable_ms),
            ("others_ms", self.others_ms),
        ];
        for (field, ms) in silences {
            if ms > MAX_SILENCE_MS {
                return Err(HearError::TooMuchSilence { field, ms });
            }
        }
        // Others are told from a soft ending by a lull at least.
        if self.others_ms < LULL_MS {
            return Err(HearError::OthersTooSoon { ms: self.others_ms, least_ms: LULL_MS });
        }
        // Each pair: the first must not be longer than the second.
        let pairs = [
            (("tail_ms", self.tail_ms), ("pause_ms", self.pause_ms)),
            (("pause_ms", self.pause_ms), ("hangover_min_ms", self.hangover_min_ms)),
            (("hangover_min_ms", self.hangover_min_ms), ("hangover_ms", self.hangover_ms)),
            (("hangover_ms", self.hangover_ms), ("hangover_max_ms", self.hangover_max_ms)),
            (
                ("min_interruption_ms", self.min_interruption_ms),
                ("min_speech_ms", self.min_speech_ms),
            ),
            (("min_speech_ms", self.min_speech_ms), ("max_utterance_ms", self.max_utterance_ms)),
        ];
        for ((field, ms), (limit_field, limit_ms)) in pairs {
            if ms > limit_ms {
                return Err(HearError::LongerThan { field, ms, limit_field, limit_ms });
            }
        }
        let parts = [self.pre_roll_ms, self.max_utterance_ms, self.max_grace_ms];
        let whole_ms = parts.iter().fold(0u32, |sum, ms| sum.saturating_add(*ms));
        if whole_ms > MAX_SPAN_MS {
            return Err(HearError::SpanTooLong { ms: whole_ms });
        }
        Ok(())
    }

    fn check_probabilities(&self) -> Result<(), HearError> {
        let fields = [
            ("speech_probability", self.speech_probability),
            ("silence_probability", self.silence_probability),
        ];
        for (field, value) in fields {
            if !(value > 0.0 && value < 1.0) {
                return Err(HearError::NotAProbability { field, value });
            }
        }
        if self.silence_probability > self.speech_probability {
            return Err(HearError::ProbabilitiesCrossed {
                silence: self.silence_probability,
                speech: self.speech_probability,
            });
        }
        Ok(())
    }

    /// The same, but ending every utterance after `ms` of silence, for an ear that is never told
    /// what was said. Makes sense where these settings do, and `ms` is a positive number of whole frames
    /// up to [`MAX_SILENCE_MS`].
    pub fn fixed(&self, ms: u32) -> Self {
        Self {
            tail_ms: self.tail_ms.min(ms),
            pause_ms: self.pause_ms.min(ms),
            hangover_min_ms: self.hangover_min_ms.min(ms),
            hangover_ms: ms,
            hangover_max_ms: ms,
            ..self.clone()
        }
    }
}
