//! How far the microphone and the speaker are turned up.

use super::Finding;
use crate::audio::devices::Direction;
use crate::audio::levels::{Level, LevelError};

/// Below this a control is as good as off, in percent.
const LOW: u8 = 10;

/// How a device's own control stands, after it was set where the board profile asks for that (`asked`).
pub fn level(direction: Direction, read: &Result<Level, LevelError>, asked: bool) -> Finding {
    let (check, option) = match direction {
        Direction::Record => ("capture", "--capture"),
        Direction::Play => ("playback", "--playback"),
    };
    let level = match (read, asked) {
        (Ok(level), _) => level,
        (Err(error), true) => {
            return Finding::warning(
                check,
                error.to_string(),
                "the board profile asks for a level that is not reached: change it there",
            );
        }
        // Many cards have none, and a knob instead.
        (Err(_), false) => return Finding::ok(check, "has no control that could be turned down"),
    };
    let Level { mixer, control, .. } = level;
    let what = format!("{control}, in the mixer `{mixer}`");
    let turn = format!("`mynah levels {option} 70` turns it up and switches it on");
    if control.is_silent() {
        let silent = match direction {
            Direction::Record => "the microphone is switched off",
            Direction::Play => "the speaker is muted",
        };
        Finding::fault(check, format!("{silent}: {what}"), turn)
    } else if control.percent.is_some_and(|percent| percent < LOW) {
        Finding::warning(check, format!("turned down low: {what}"), turn)
    } else {
        Finding::ok(check, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::levels::Control;
    use crate::doctor::Verdict::{Fault, Ok as Good, Warning};

    #[test]
    fn what_is_off_or_low_is_told() {
        for (percent, on, expected) in [
            (Some(70), Some(true), Good),
            (Some(70), None, Good),
            (None, Some(true), Good),
            (Some(70), Some(false), Fault),
            (Some(0), Some(true), Fault),
            (Some(0), None, Fault),
            (Some(5), Some(true), Warning),
        ] {
            let control = Control { name: "Mic".into(), index: 0, percent, db: None, on };
            let read = Ok(Level { mixer: "hw:1".into(), control, others: Vec::new() });
            for direction in [Direction::Record, Direction::Play] {
                let finding = level(direction, &read, false);
                assert_eq!(finding.verdict, expected, "{finding:?}");
                assert_eq!(finding.next.is_none(), expected == Good, "{finding:?}");
            }
        }
    }

    #[test]
    fn no_control_matters_where_the_board_asks_for_one() {
        let none = Err(LevelError::NoMixer {
            direction: Direction::Record,
            device: "usb".into(),
            what: "none".into(),
        });
        assert_eq!(level(Direction::Record, &none, false).verdict, Good);
        assert_eq!(level(Direction::Record, &none, true).verdict, Warning);
    }
}
