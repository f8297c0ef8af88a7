//! What is heard beside the voice.

use crate::demo::Kitchen;
use crate::draw::Draw;

/// Voices that talk at once.
const VOICES: usize = 5;

/// A kind of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// All frequencies, the low ones louder: traffic, air.
    Pink,
    /// A fan, mains hum, dishes.
    Kitchen,
    /// Other people.
    Babble,
}

impl Surroundings {
    pub const ALL: [Self; 3] = [Self::Pink, Self::Kitchen, Self::Babble];

    /// `len` samples at 16 kHz, of any level. `talk` is speech to make babble of; without any there is
    /// none.
    pub fn sound(self, len: usize, talk: &[Vec<f32>], draw: &mut Draw) -> Vec<f32> {
        match self {
            Self::Pink => pink(len, draw),
            Self::Kitchen => {
                let mut sound = vec![0.0; len];
                Kitchen::new(draw.bits()).add_to(&mut sound);
                sound
            }
            Self::Babble => babble(len, talk, draw),
        }
    }
}

/// White noise through three low-passes whose sum falls by 3 dB per octave (the "economy" filter of
/// P. Kellett, 1999, good to half a decibel above 9 Hz at 44.1 kHz; its shape moves with the rate).
fn pink(len: usize, draw: &mut Draw) -> Vec<f32> {
    let mut state = [0.0f32; 3];
    let next = |_| {
        let white = draw.between(-1.0, 1.0);
        for (state, (keep, gain)) in
            state.iter_mut().zip([(0.99765, 0.0990460), (0.96300, 0.2965164), (0.57000, 1.0526913)])
        {
            *state = keep * *state + gain * white;
        }
        state.iter().sum::<f32>() + 0.1848 * white
    };
    (0..len).map(next).collect()
}

/// Several sentences at once, each repeated without end from somewhere in it.
fn babble(len: usize, talk: &[Vec<f32>], draw: &mut Draw) -> Vec<f32> {
    let mut sound = vec![0.0; len];
    for _ in 0..VOICES {
        let Some(one) = talk.get(draw.below(talk.len().max(1))).filter(|one| !one.is_empty())
        else {
            continue;
        };
        let (from, gain) = (draw.below(one.len()), draw.between(0.5, 1.0));
        let voice = one.iter().cycle().skip(from);
        sound.iter_mut().zip(voice).for_each(|(sum, sample)| *sum += gain * sample);
    }
    sound
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::rms_dbfs;

    #[test]
    fn pink_noise_loses_power_to_the_top() {
        let sound = Surroundings::Pink.sound(160_000, &[], &mut Draw::new(1));
        // A difference of neighbours weighs high frequencies, a sum low ones.
        let high: Vec<f32> = sound.windows(2).map(|w| (w[0] - w[1]) * 0.1).collect();
        let low: Vec<f32> = sound.windows(2).map(|w| (w[0] + w[1]) * 0.1).collect();
        assert!(rms_dbfs(&low) > rms_dbfs(&high) + 6.0);
    }

    #[test]
    fn the_same_draw_is_the_same_noise() {
        let talk = vec![vec![0.1, -0.1, 0.2], vec![0.3; 50]];
        for kind in Surroundings::ALL {
            let sound = |seed| kind.sound(2000, &talk, &mut Draw::new(seed));
            assert_eq!(sound(3), sound(3));
            assert_ne!(sound(3), sound(4), "{kind:?}");
            assert!(sound(3).iter().all(|s| s.is_finite()));
        }
        assert_eq!(Surroundings::Babble.sound(3, &[], &mut Draw::new(1)), [0.0; 3]);
    }
}
