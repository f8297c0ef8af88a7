//! A button on a GPIO line, as a Raspberry Pi has them: the button joins the line to ground, and the
//! line's own resistor pulls it up.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use crossbeam_channel::Sender;
use gpiocdev::Request;
use gpiocdev::line::{Bias, EdgeDetection, EdgeKind, Offset, Value};

use super::Failure;
use crate::turn::Press;

/// Contacts bounce for a few milliseconds.
const DEBOUNCE: Duration = Duration::from_millis(10);

/// Where a button is.
#[derive(Debug, PartialEq)]
enum Place {
    /// As the board calls the line: `GPIO17`.
    Named(String),
    /// By chip and number: `gpiochip0:17`.
    Numbered(PathBuf, Offset),
}

impl Place {
    fn read(text: &str) -> Result<Self, anyhow::Error> {
        let Some((chip, offset)) = text.rsplit_once(':') else {
            return Ok(Self::Named(text.to_owned()));
        };
        let offset = offset.parse().ok().filter(|_| !chip.is_empty());
        let offset = offset
            .ok_or_else(|| anyhow!("a line is called by its name, or chip:number, gpiochip0:17"))?;
        Ok(Self::Numbered(PathBuf::from("/dev").join(chip), offset))
    }

    fn find(self) -> Result<(PathBuf, Offset), anyhow::Error> {
        match self {
            Self::Numbered(chip, offset) => Ok((chip, offset)),
            Self::Named(name) => {
                let found = gpiocdev::find_named_line(&name);
                let found = found.context(
                    "no line that this user may use has this name; `gpioinfo` lists them, and on \
                     Raspberry Pi OS they are for members of the group gpio",
                )?;
                Ok((found.chip, found.info.offset))
            }
        }
    }
}

/// Hands on what is pressed on the line called `name`, from a thread of its own.
pub fn watch(name: &str, presses: Sender<Press>) -> Result<(), Failure> {
    let (request, is_down) = open(name)
        .with_context(|| format!("--press-gpio {name}: there is no button"))
        .map_err(Failure::Input)?;
    let name = name.to_owned();
    std::thread::spawn(move || {
        let edges = request.edge_events().map(|edge| edge.map(|edge| edge.kind));
        if let Err(error) = follow(is_down, edges, &presses) {
            eprintln!("mynah: nothing can be pressed on {name} any more: {error}");
        }
    });
    Ok(())
}

/// The line, and whether the button is down.
fn open(name: &str) -> Result<(Request, bool), anyhow::Error> {
    let (chip, offset) = Place::read(name)?.find()?;
    let request = Request::builder()
        .on_chip(chip)
        .with_consumer("mynah")
        .with_line(offset)
        .with_bias(Bias::PullUp)
        .as_active_low()
        .with_edge_detection(EdgeDetection::BothEdges)
        .with_debounce_period(DEBOUNCE)
        .request()?;
    let is_down = request.value(offset)? == Value::Active;
    Ok((request, is_down))
}

/// Makes presses of edges until there are no more or nobody wants them. A button that is lost while
/// it is down is let go.
fn follow<E: Display>(
    mut is_down: bool,
    edges: impl Iterator<Item = Result<EdgeKind, E>>,
    presses: &Sender<Press>,
) -> Result<(), E> {
    if is_down && presses.send(Press::Down).is_err() {
        return Ok(());
    }
    let mut lost = Ok(());
    for edge in edges {
        let (press, down) = match edge {
            Ok(EdgeKind::Rising) => (Press::Down, true),
            Ok(EdgeKind::Falling) => (Press::Up, false),
            Err(error) => {
                lost = Err(error);
                break;
            }
        };
        // An edge that was missed leaves two alike.
        if down != is_down && presses.send(press).is_err() {
            return Ok(());
        }
        is_down = down;
    }
    if is_down {
        // An agent that is gone needs no word.
        let _ = presses.send(Press::Up);
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_names_or_numbers() {
        let numbered = |chip: &str, offset| Place::Numbered(chip.into(), offset);
        for (text, place) in [
            ("GPIO17", Some(Place::Named("GPIO17".into()))),
            ("gpiochip4:17", Some(numbered("/dev/gpiochip4", 17))),
            ("/dev/gpiochip0:5", Some(numbered("/dev/gpiochip0", 5))),
            (":5", None),
            ("gpiochip0:", None),
            ("gpiochip0:-1", None),
        ] {
            assert_eq!(Place::read(text).ok(), place, "{text}");
        }
    }

    #[test]
    fn edges_are_presses_and_a_lost_button_is_let_go() {
        use EdgeKind::{Falling, Rising};
        let follows = |is_down, edges: &[_], expected: &[Press], end: Result<(), &str>| {
            let (sender, presses) = crossbeam_channel::unbounded();
            assert_eq!(follow(is_down, edges.iter().copied(), &sender), end, "{edges:?}");
            drop(sender);
            assert_eq!(presses.iter().collect::<Vec<_>>(), expected, "{edges:?}");
        };
        let both = [Press::Down, Press::Up];
        follows(false, &[Ok(Rising), Ok(Falling)], &both, Ok(()));
        follows(true, &[Ok(Falling)], &both, Ok(()));
        follows(false, &[Ok(Rising), Ok(Rising), Err("gone")], &both, Err("gone"));
        follows(false, &[Ok(Falling), Err("gone")], &[], Err("gone"));
    }

    #[test]
    fn a_line_that_is_not_there_is_told() {
        let (sender, _presses) = crossbeam_channel::unbounded();
        for name in ["no such line", "no-such-chip:3"] {
            let Err(Failure::Input(error)) = watch(name, sender.clone()) else {
                panic!("{name} is there")
            };
            assert!(format!("{error:#}").contains(&format!("--press-gpio {name}")), "{error:#}");
        }
    }
}
