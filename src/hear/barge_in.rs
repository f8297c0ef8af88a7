//! When somebody speaks over us: grow softer on suspicion, stop on proof, go on if it was nothing.
//!
//! Policy only, frame by frame. Growing softer costs little and makes a visitor plainer beside us,
//! so a loud moment or the judge's first doubt is enough; it takes the ear's word that speech began
//! to stop. A cough, a door or what is left of our own voice passes, and we go on.

use crate::units::FRAME_MS;

/// Gain while somebody is suspected to speak: 14 dB softer, which is heard as yielding.
pub const DUCKED: f32 = 0.2;
/// What lies so far below our own voice, in decibels, may still be a visitor: they may be 10 dB
/// softer than us, and words begin softly.
const BELOW_US_DB: f32 = 24.0;
/// What is louder than that by so much needs no judge's word: what is left of our own voice rarely
/// is.
const LOUD_DB: f32 = 4.0;
/// Where no voice of ours is heard, this counts as softest, relative to full scale.
const SOFTEST_DBFS: f32 = -50.0;
/// Nobody is suspected below so much more than the noise of the room, in decibels, and how fast that
/// is taken to grow, per frame: 3 dB a second.
const ABOVE_NOISE_DB: f32 = 12.0;
const NOISE_GROWS_DB: f32 = 0.003 * FRAME_MS as f32;
/// From here on the judge doubts that nobody speaks.
const DOUBT: f32 = 0.05;
/// A loud moment lasts for at least two frames.
const LOUD_FRAMES: u32 = 2;
/// Loudness alone keeps us soft for so long at most: a kettle is no visitor.
const LOUD_MOST_FRAMES: u32 = 500 / FRAME_MS;
/// Suspicion passes when nothing was heard for so long: longer than any gap inside a word.
const PASSES_FRAMES: u32 = 240 / FRAME_MS;

/// What was heard in one frame.
#[derive(Clone, Copy, Debug)]
pub struct Noticed {
    /// Our voice sounds.
    pub speaking: bool,
    /// Level of what is not ours, in dB relative to full scale.
    pub level: f32,
    /// Level of our voice at the microphone where it sounds, as heard with everything else.
    pub ours: Option<f32>,
    /// How sure the judge is of the newest sound that it hears speech, 0..1.
    pub probability: f32,
    /// The ear says that speech began.
    pub began: bool,
}

/// What the speaker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Move to the gain [`DUCKED`].
    Duck,
    /// Move back to full gain.
    Unduck,
    /// Be silent, and forget what was to come; the gain is full again.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Silent,
    Speaking,
    /// Frames since there last was a reason to be.
    Ducked {
        quiet: u32,
    },
    /// Told to stop. We still count as speaking until the speaking thread has noticed.
    Stopped,
}

/// The policy.
#[derive(Debug)]
pub struct BargeIn {
    state: State,
    /// Level of the room's noise.
    noise: f32,
    /// Loud frames in a row.
    loud: u32,
}

impl Default for BargeIn {
    fn default() -> Self {
        Self { state: State::Silent, noise: 0.0, loud: 0 }
    }
}

impl BargeIn {
    /// Takes a frame. What the speaker has to do about it, if anything.
    pub fn push(&mut self, noticed: &Noticed) -> Option<Order> {
        let least = noticed.ours.map_or(SOFTEST_DBFS, |ours| ours - BELOW_US_DB);
        let least = least.max(self.noise + ABOVE_NOISE_DB);
        self.noise = noticed.level.min(self.noise + NOISE_GROWS_DB);
        self.loud = if noticed.level >= least + LOUD_DB { self.loud + 1 } else { 0 };
        let doubted = noticed.probability >= DOUBT && noticed.level >= least;
        let loud = (LOUD_FRAMES..LOUD_MOST_FRAMES).contains(&self.loud);
        let (state, order) = match self.state {
            State::Ducked { .. } if !noticed.speaking => (State::Silent, Some(Order::Unduck)),
            _ if !noticed.speaking => (State::Silent, None),
            _ if noticed.began => (State::Stopped, Some(Order::Stop)),
            State::Stopped => (State::Stopped, None),
            State::Silent | State::Speaking if doubted || loud => {
                (State::Ducked { quiet: 0 }, Some(Order::Duck))
            }
            State::Silent | State::Speaking => (State::Speaking, None),
            State::Ducked { quiet } => {
                let quiet = if doubted || loud { 0 } else { quiet + 1 };
                match quiet < PASSES_FRAMES {
                    true => (State::Ducked { quiet }, None),
                    false => (State::Speaking, Some(Order::Unduck)),
                }
            }
        };
        self.state = state;
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws what is ordered, one character a frame: `D`uck, `U`nduck, `S`top, `.` nothing.
    ///
    /// Of what is heard: ` ` we are silent; `-` nobody; `o` something soft that may be a voice;
    /// `O` something loud that is none; `v` a voice; `[` the ear says that speech began.
    fn play(heard: &str) -> String {
        let mut policy = BargeIn::default();
        let frame = |heard: char| {
            let (level, probability) = match heard {
                'o' => (-42.0, 0.2),
                'O' => (-30.0, 0.01),
                'v' | '[' => (-30.0, 0.9),
                _ => (-70.0, 0.01),
            };
            Noticed {
                speaking: heard != ' ',
                level,
                ours: Some(-20.0),
                probability,
                began: heard == '[',
            }
        };
        heard
            .chars()
            .map(|heard| match policy.push(&frame(heard)) {
                None => '.',
                Some(Order::Duck) => 'D',
                Some(Order::Unduck) => 'U',
                Some(Order::Stop) => 'S',
            })
            .collect()
    }

    #[test]
    fn suspicion_ducks_proof_stops_and_what_was_nothing_passes() {
        for (what, heard, ordered) in [
            ("nobody", "----------------------", "......................"),
            ("a visitor", "-----vvvv[vvvvvvv   --", ".....D...S............"),
            ("one soft doubt", "-----o----------------", ".....D...........U...."),
            ("a click", "-----O----------------", "......................"),
            ("a cough", "----OOOOOOO--------------", ".....D................U.."),
            ("a word in two parts", "----vv---------v[----", "....D...........S...."),
            ("the end of the reply", "-----vv    ------", ".....D.U........."),
            ("the next reply", "--v[v    ---v[-", "..DS........DS."),
            ("proof without suspicion", "-----[---  ", ".....S....."),
        ] {
            assert_eq!(play(heard), ordered, "{what}");
        }
    }

    #[test]
    fn steady_noise_is_not_suspected_for_long() {
        let heard = "-".repeat(10) + &"O".repeat(200);
        let ordered = play(&heard);
        assert_eq!(ordered.matches('D').count(), 1, "{ordered}");
        let soft = ordered.find('U').unwrap() - ordered.find('D').unwrap();
        assert!((soft as u32) < LOUD_MOST_FRAMES + PASSES_FRAMES, "{ordered}");
    }

    #[test]
    fn a_softer_visitor_is_suspected_beside_a_softer_voice() {
        for (ours, level, suspected) in [
            (Some(-20.0), -38.0, true),
            (Some(-20.0), -46.0, false),
            (Some(-35.0), -46.0, true),
            (None, -44.0, true),
            (None, -52.0, false),
        ] {
            let mut policy = BargeIn::default();
            let quiet =
                Noticed { speaking: true, level: -75.0, ours, probability: 0.0, began: false };
            policy.push(&quiet);
            let heard = Noticed { level, probability: 0.3, ..quiet };
            assert_eq!(policy.push(&heard).is_some(), suspected, "{level} beside {ours:?}");
        }
    }
}
