//! Finds the levels at which our own voice comes back as loud as speech should be.
//!
//! How loud a visitor will be nobody knows beforehand; how loud we are to them is measured here, over
//! the same microphone. A microphone that hears our voice at the level of speech hears a visitor before
//! the device at a similar one.

/// Level of speech that leaves room above for the loudest syllables of somebody nearer, and is far
/// above a converter's own noise: the nominal one of ITU-T P.56 recordings.
pub const SPEECH_DBFS: f32 = -26.0;
/// So near to it is near enough.
pub const NEAR_DB: f32 = 3.0;
/// A room that fills the scale so far leaves no place for a shout: the gain goes no further up.
const FULL_ROOM_DBFS: f32 = -45.0;
/// A knob is turned no finer than this, in percent.
const FINEST: u8 = 3;
/// What a control that is off or at nothing is set to before anything is heard.
const HALFWAY: u8 = 50;
/// Of a control's way down the last part is as good as off.
const LOWEST: u8 = 5;

/// How far both are turned up, in percent; `None` for one that has no control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turned {
    pub capture: Option<u8>,
    pub playback: Option<u8>,
}

/// What came back at some setting, in dB relative to full scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Our voice without the room; `None` where it is not heard.
    pub voice_dbfs: Option<f32>,
    pub room_dbfs: f32,
    /// Some of it was cut off.
    pub clipped: bool,
}

/// How what came back is to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Softer,
    Right,
    Louder,
}

impl Heard {
    pub fn wish(&self) -> Wish {
        match self.voice_dbfs {
            _ if self.clipped => Wish::Softer,
            Some(level) if level > SPEECH_DBFS + NEAR_DB => Wish::Softer,
            Some(level) if level >= SPEECH_DBFS - NEAR_DB => Wish::Right,
            _ => Wish::Louder,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knob {
    Capture,
    Playback,
}

impl Turned {
    fn knob(&mut self, knob: Knob) -> Option<&mut u8> {
        match knob {
            Knob::Capture => self.capture.as_mut(),
            Knob::Playback => self.playback.as_mut(),
        }
    }
}

/// Turns the microphone, and then, where that does not do, the speaker, until our voice is
/// [`SPEECH_DBFS`] loud or nothing more can be turned: at most a dozen times. Returns the setting that
/// was heard last and what was heard there.
///
/// # Errors
/// The first of `hear`, which sets both and listens.
pub fn calibrate<E>(
    start: Turned,
    mut hear: impl FnMut(Turned) -> Result<Heard, E>,
) -> Result<(Turned, Heard), E> {
    let audible = |percent: u8| if percent < LOWEST { HALFWAY } else { percent };
    let mut now =
        Turned { capture: start.capture.map(audible), playback: start.playback.map(audible) };
    let mut heard = hear(now)?;
    for knob in [Knob::Capture, Knob::Playback] {
        // A gain that is turned up in a loud room makes the room louder, not the voice clearer.
        let wish = |heard: &Heard| match (knob, heard.wish()) {
            (Knob::Capture, Wish::Louder) if heard.room_dbfs > FULL_ROOM_DBFS => Wish::Right,
            (_, wish) => wish,
        };
        let (mut low, mut high) = (LOWEST, 100);
        while let Some(at) = now.knob(knob) {
            match wish(&heard) {
                Wish::Right => break,
                // The ends themselves are tried last.
                Wish::Softer if *at <= low => break,
                Wish::Louder if *at >= high => break,
                Wish::Softer => high = *at,
                Wish::Louder => low = *at,
            }
            let next = match (high - low, wish(&heard)) {
                (apart, Wish::Louder) if apart <= FINEST && high == 100 => high,
                (apart, Wish::Softer) if apart <= FINEST && low == LOWEST => low,
                (apart, _) if apart <= FINEST => break,
                (apart, _) => low + apart / 2,
            };
            *at = next;
            heard = hear(now)?;
        }
    }
    Ok((now, heard))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A room where our voice is at `voice` dBFS and its noise at `noise` dBFS with both knobs at 100,
    /// and each percent less takes 0.5 dB.
    fn room(start: Turned, voice: f32, noise: f32) -> (Turned, Heard, usize) {
        let mut times = 0;
        let (turned, heard) = calibrate(start, |at| {
            times += 1;
            let less = |knob: Option<u8>| 0.5 * f32::from(100 - knob.unwrap_or(100));
            let room_dbfs = noise - less(at.capture);
            let level = voice - less(at.capture) - less(at.playback);
            let voice_dbfs = (level > room_dbfs - 10.0).then_some(level);
            Ok::<_, ()>(Heard { voice_dbfs, room_dbfs, clipped: level > -10.0 })
        })
        .unwrap();
        (turned, heard, times)
    }

    fn both(capture: u8, playback: u8) -> Turned {
        Turned { capture: Some(capture), playback: Some(playback) }
    }

    #[test]
    fn it_ends_at_the_level_of_speech_wherever_that_can_be() {
        for (start, voice, noise) in [
            (both(70, 70), 4.0, -60.0),    // right at once
            (both(100, 100), 0.0, -60.0),  // too loud, and cut off
            (both(0, 0), 0.0, -60.0),      // off
            (both(20, 60), 10.0, -40.0),   // too soft
            (both(50, 100), -25.0, -90.0), // only near the end of the way
            (both(80, 10), 0.0, -70.0),    // the speaker is too soft for any gain
            (both(90, 60), -5.0, -30.0),   // a loud room: the speaker has to do it
            (Turned { capture: None, playback: Some(100) }, -10.0, -60.0),
            (Turned { capture: Some(100), playback: None }, -10.0, -60.0),
            (both(30, 100), 60.0, -60.0), // far too loud for the lowest gain
        ] {
            let (turned, heard, times) = room(start, voice, noise);
            assert_eq!(heard.wish(), Wish::Right, "{start:?}: {turned:?}, {heard:?}");
            assert!(times <= 14, "{start:?}: {times} times");
        }
    }

    #[test]
    fn what_is_right_is_not_touched() {
        let (turned, _, times) = room(both(70, 70), 4.0, -60.0);
        assert_eq!((turned, times), (both(70, 70), 1));
    }

    #[test]
    fn it_gives_up_where_nothing_helps() {
        let (turned, heard, times) = room(both(50, 50), -80.0, -60.0);
        assert_eq!((turned, heard.wish()), (both(100, 100), Wish::Louder));
        assert!(times <= 16, "{times}");
        let none = Turned { capture: None, playback: None };
        assert_eq!(room(none, -80.0, -60.0), (none, room(none, -80.0, -60.0).1, 1));
    }
}
