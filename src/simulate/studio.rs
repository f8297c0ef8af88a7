//! Our own voice as many visitors in many places.

use super::accent::accented;
use super::noise::Surroundings;
use super::room;
use crate::audio::file::Clip;
use crate::cancel::CancelToken;
use crate::draw::Draw;
use crate::nlu::classify::EVERYDAY;
use crate::tts::{Style, TtsError, VOICE_RATE_HZ, Voice};
use crate::units::SAMPLE_RATE_HZ;

/// How fast and how high people speak against our voice; less than the voice can, so that it stays
/// intelligible.
const PACE: (f32, f32) = (0.8, 1.35);
const PITCH: (f32, f32) = (0.8, 1.3);
/// Share of the sounds that somebody says otherwise than our voice: none to a strong accent.
const ACCENT: (f32, f32) = (0.0, 0.12);
/// Sentences that babble is made of.
const TALK: usize = 12;
/// Share of utterances in an echoing room, and in quiet.
const IN_A_ROOM: f32 = 0.5;
const IN_QUIET: f32 = 0.25;
/// Power of the voice over that of the noise, in decibels.
const SNR_DB: (f32, f32) = (-3.0, 25.0);
/// The same in quiet.
const QUIET_DB: f32 = 50.0;
/// Mean level of the voice, in decibels to full scale.
const LEVEL_DB: (f32, f32) = (-38.0, -18.0);
/// What an endpoint leaves before and behind the voice, in seconds.
const BEFORE_S: f32 = 0.3;
const BEHIND_S: f32 = 0.5;
const _: () = assert!(PACE.0 >= *crate::tts::PACE.start() && PACE.1 <= *crate::tts::PACE.end());
const _: () = assert!(PITCH.0 >= *crate::tts::PITCH.start() && PITCH.1 <= *crate::tts::PITCH.end());

/// Makes utterances.
pub struct Studio {
    /// For babble, 16 kHz; made when first needed.
    talk: Vec<Vec<f32>>,
    draw: Draw,
}

impl Studio {
    /// The same seed makes the same utterances of the same texts in the same order.
    pub fn new(seed: u64) -> Self {
        Self { talk: Vec::new(), draw: Draw::new(seed) }
    }

    /// `text` as somebody might say it somewhere: mono at 16 kHz.
    pub fn utterance(&mut self, voice: &mut Voice, text: &str) -> Result<Vec<f32>, TtsError> {
        if self.talk.is_empty() {
            for text in EVERYDAY.lines().take(TALK) {
                let sound = self.spoken(voice, text)?;
                self.talk.push(sound);
            }
        }
        let spoken = self.spoken(voice, text)?;
        let seconds = |s: f32| (s * SAMPLE_RATE_HZ as f32) as usize;
        let level = 10f32.powf(self.draw.between(LEVEL_DB.0, LEVEL_DB.1) / 20.0);
        let gain = level / rms(&spoken).max(f32::MIN_POSITIVE);
        let mut sound = vec![0.0; seconds(BEFORE_S)];
        sound.extend(spoken.iter().map(|sample| gain * sample));
        sound.resize(sound.len() + seconds(BEHIND_S), 0.0);
        if self.draw.chance(IN_A_ROOM) {
            sound = room::heard(&sound, &room::response(&mut self.draw));
        }
        let kinds = Surroundings::ALL;
        let (kind, snr_db) = match self.draw.chance(IN_QUIET) {
            true => (Surroundings::Pink, QUIET_DB),
            false => (kinds[self.draw.below(kinds.len())], self.draw.between(SNR_DB.0, SNR_DB.1)),
        };
        let noise = kind.sound(sound.len(), &self.talk, &mut self.draw);
        let noise_gain = level * 10f32.powf(-snr_db / 20.0) / rms(&noise).max(f32::MIN_POSITIVE);
        for (sample, noise) in sound.iter_mut().zip(noise) {
            *sample = (*sample + noise_gain * noise).clamp(-1.0, 1.0);
        }
        Ok(sound)
    }

    /// `text` by somebody else every time.
    fn spoken(&mut self, voice: &mut Voice, text: &str) -> Result<Vec<f32>, TtsError> {
        let draw = &mut self.draw;
        let style = Style {
            pace: draw.between(PACE.0, PACE.1),
            pitch: draw.between(PITCH.0, PITCH.1),
            seed: draw.bits(),
        };
        let accent = draw.between(ACCENT.0, ACCENT.1);
        let never = CancelToken::never();
        let mut samples = Vec::new();
        for clause in voice.clauses(text)? {
            let phonemes = accented(&clause.phonemes, accent, draw);
            let clause = voice.respoken(&clause, phonemes);
            samples.extend(voice.synthesize(&clause, &style, &never)?);
        }
        Ok(Clip { rate_hz: VOICE_RATE_HZ, samples }.to_rate(SAMPLE_RATE_HZ).samples)
    }
}

/// Root of the mean power.
fn rms(samples: &[f32]) -> f32 {
    let power: f32 = samples.iter().map(|s| s * s).sum();
    (power / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ModelStore;

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn the_same_seed_is_the_same_visitor_and_no_two_are_alike() {
        let mut voice = Voice::load(&ModelStore::open(None).unwrap()).unwrap();
        let mut say = |studio: &mut Studio| studio.utterance(&mut voice, "two teas").unwrap();
        let (mut one, mut same, mut other) = (Studio::new(1), Studio::new(1), Studio::new(2));
        let first = say(&mut one);
        assert_eq!(first, say(&mut same));
        assert_ne!(first, say(&mut one));
        assert_ne!(first, say(&mut other));
        assert!(first.len() > SAMPLE_RATE_HZ as usize && first.iter().all(|s| s.abs() <= 1.0));
        assert!(rms(&first) > 1e-3);
    }
}
