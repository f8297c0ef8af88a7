//! How loud the microphone records and the speaker plays: the controls of the device's mixer, read,
//! set and checked.
//!
//! A percentage is linear in what the control counts, as `amixer` shows it and, for a sound server,
//! as the server's own tools do. What the card does with it is the card's affair; where it says so, it
//! is also told in dB.

use std::fmt;

use serde::Serialize;

use super::devices::{self, Direction};

pub mod calibrate;
mod mixer;

use mixer::OpenMixer;

/// What one control of a mixer does in one direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Control {
    /// As `amixer` calls it.
    pub name: String,
    /// Tells controls of one name apart.
    pub index: u32,
    /// The softest of its channels, 0..=100; `None` where it only switches.
    pub percent: Option<u8>,
    /// The same in dB, where the card says what its steps mean. 0 dB is the card's own reference.
    pub db: Option<f32>,
    /// Whether any channel passes sound; `None` where it cannot be switched.
    pub on: Option<bool>,
}

impl Control {
    /// It lets no sound through.
    pub fn is_silent(&self) -> bool {
        self.on == Some(false) || self.percent == Some(0)
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.index > 0 {
            write!(f, ",{}", self.index)?;
        }
        if let Some(percent) = self.percent {
            write!(f, " {percent} %")?;
        }
        if let Some(db) = self.db {
            write!(f, " ({db:+.1} dB)")?;
        }
        match self.on {
            Some(false) => f.write_str(" off"),
            _ => Ok(()),
        }
    }
}

/// The level of one device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Level {
    /// The mixer's name in ALSA's configuration.
    pub mixer: String,
    /// The one that is set.
    pub control: Control,
    /// What else the mixer has in this direction.
    pub others: Vec<Control>,
}

/// Why a level cannot be read or set. The device itself may work all the same.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    #[error(
        "the {} `{device}` has no mixer ({what}): turn it up or down on the device itself, and \
         leave {} out of the board profile", direction.device(), field(*direction)
    )]
    NoMixer { direction: Direction, device: String, what: String },
    #[error(
        "the mixer `{mixer}` of the {} `{device}` has no control that {}; it has {controls}; where \
         it is the mixer of another card, name the card's own device with {} or in the board \
         profile", direction.device(), purpose(*direction), direction.option()
    )]
    NoControl { direction: Direction, device: String, mixer: String, controls: String },
    #[error(
        "the control `{control}` of the mixer `{mixer}` (the {} `{device}`) cannot be set: {what}",
        direction.device()
    )]
    Refused { direction: Direction, device: String, mixer: String, control: String, what: String },
    #[error(
        "the control `{control}` of the mixer `{mixer}` (the {} `{device}`) was set to {wanted} % \
         and stands at {found}: another program holds it, or the card takes no orders; set it with \
         the device's own knob and leave {} out of the board profile",
        direction.device(), field(*direction)
    )]
    Unmoved {
        direction: Direction,
        device: String,
        mixer: String,
        control: String,
        wanted: u8,
        found: String,
    },
}

/// The key of the board profile that sets the level.
pub fn field(direction: Direction) -> &'static str {
    match direction {
        Direction::Record => "audio.capture_level",
        Direction::Play => "audio.playback_level",
    }
}

fn purpose(direction: Direction) -> &'static str {
    match direction {
        Direction::Record => "sets how loud it records",
        Direction::Play => "sets how loud it plays",
    }
}

/// How the device with this id, one of [`devices::list`], stands.
pub fn read(direction: Direction, device: &str) -> Result<Level, LevelError> {
    devices::quietly(|| {
        let mixer = open(direction, device)?;
        let controls = mixer.controls(direction);
        level(direction, device, &mixer, controls)
    })
}

/// Sets the device to `percent` (more than 100 counts as 100), switches it on, and makes sure of it by
/// asking anew.
pub fn set(direction: Direction, device: &str, percent: u8) -> Result<Level, LevelError> {
    let percent = percent.min(100);
    devices::quietly(|| {
        let mixer = open(direction, device)?;
        let before = level(direction, device, &mixer, mixer.controls(direction))?;
        let Control { name, index, .. } = &before.control;
        let wanted = mixer.set(direction, name, *index, percent).map_err(|error| {
            let (device, control) = (device.to_owned(), name.clone());
            LevelError::Refused {
                direction,
                device,
                mixer: before.mixer.clone(),
                control,
                what: error.to_string(),
            }
        })?;
        // A mixer remembers what was written into it, so only a new one tells what is.
        drop(mixer);
        let mixer = open(direction, device)?;
        let after = level(direction, device, &mixer, mixer.controls(direction))?;
        let reached =
            mixer.stands_at(direction, name, *index, wanted) && after.control.on != Some(false);
        if !reached {
            return Err(LevelError::Unmoved {
                direction,
                device: device.to_owned(),
                mixer: after.mixer,
                control: name.clone(),
                wanted: percent,
                found: after.control.to_string(),
            });
        }
        Ok(after)
    })
}

/// [`set`]s what the board profile asks for; where it asks for nothing, nothing is touched or read.
pub fn apply(
    direction: Direction,
    device: &str,
    percent: Option<u8>,
) -> Result<Option<Level>, LevelError> {
    percent.map(|percent| set(direction, device, percent)).transpose()
}

/// Opens the first mixer of [`mixers`] that is there.
fn open(direction: Direction, device: &str) -> Result<OpenMixer, LevelError> {
    let mut refused = None;
    for name in mixers(device) {
        match OpenMixer::open(&name) {
            Ok(mixer) => return Ok(mixer),
            Err(error) => _ = refused.get_or_insert(error),
        }
    }
    let what = refused.map_or("none is known".to_owned(), |error| error.to_string());
    Err(LevelError::NoMixer { direction, device: device.to_owned(), what })
}

/// The names that the mixer of the device `id` may have, best first.
///
/// A device of a card has the card's. Of others (`pulse`, `pipewire`, those of an `asound.conf`) ALSA
/// knows no more than the name: a mixer of the same name, or else the default one.
fn mixers(id: &str) -> Vec<String> {
    let (kind, arguments) = id.split_once(':').unwrap_or((id, ""));
    let named = arguments.split(',').find_map(|argument| argument.strip_prefix("CARD="));
    let card = match kind {
        // These may also be written without names: `hw:1,0`.
        "hw" | "plughw" => named.or_else(|| arguments.split(',').next()),
        _ => named,
    };
    match card.filter(|card| !card.is_empty()) {
        Some(card) => vec![format!("hw:{card}")],
        None if kind == "default" => vec!["default".to_owned()],
        None => vec![id.to_owned(), "default".to_owned()],
    }
}

fn level(
    direction: Direction,
    device: &str,
    mixer: &OpenMixer,
    mut controls: Vec<Control>,
) -> Result<Level, LevelError> {
    let Some(at) = main(direction, &controls) else {
        let listed = match controls.iter().map(|c| c.name.clone()).collect::<Vec<_>>() {
            none if none.is_empty() => "none for this direction".to_owned(),
            names => names.join(", "),
        };
        return Err(LevelError::NoControl {
            direction,
            device: device.to_owned(),
            mixer: mixer.name().to_owned(),
            controls: listed,
        });
    };
    let control = controls.remove(at);
    Ok(Level { mixer: mixer.name().to_owned(), control, others: controls })
}

/// Which control a deployer means by "the volume". Cards name theirs freely; these are what drivers of
/// the kernel call the one that governs a direction, the most general first. A card may have several
/// in a row, so that the first one is enough.
const MICROPHONES: [&str; 6] = ["Capture", "Mic", "Headset", "Digital", "ADC", "Line"];
const SPEAKERS: [&str; 8] =
    ["Master", "Speaker", "PCM", "Headphone", "Headset", "Digital", "Line Out", "DAC"];
/// What is in the way of something else: an extra stage before the gain, the microphone in one's own
/// headphones, a beep.
const ASIDES: [&str; 6] = ["Boost", "Sidetone", "Beep", "Loopback", "Gain Control", "Mix"];

/// Where in `controls` the one is that sets the level.
fn main(direction: Direction, controls: &[Control]) -> Option<usize> {
    let names: &[&str] = match direction {
        Direction::Record => &MICROPHONES,
        Direction::Play => &SPEAKERS,
    };
    // A microphone in a card's list of what it plays is heard in the headphones only.
    let aside = |name: &str| {
        ASIDES.iter().any(|part| name.contains(part))
            || direction == Direction::Play && name.contains("Mic")
    };
    let rank = |control: &Control| {
        let name = control.name.as_str();
        let known = names.iter().position(|known| *known == name);
        let like = || names.iter().position(|known| name.contains(known));
        match (known, like()) {
            (Some(at), _) => at,
            (None, Some(at)) => names.len() + at,
            (None, None) => 2 * names.len(),
        }
    };
    let able = (0..controls.len()).filter(|at| controls[*at].percent.is_some());
    able.filter(|at| !aside(&controls[*at].name)).min_by_key(|at| rank(&controls[*at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_the_mixer_of_its_card() {
        for (device, expected) in [
            ("default", &["default"] as &[&str]),
            ("default:CARD=Mic", &["hw:Mic"]),
            ("hw:CARD=1,DEV=0", &["hw:1"]),
            ("hw:2,0", &["hw:2"]),
            ("plughw:1", &["hw:1"]),
            ("plughw:CARD=Device,DEV=0", &["hw:Device"]),
            ("sysdefault:CARD=Headphones", &["hw:Headphones"]),
            ("front:CARD=PCH,DEV=0", &["hw:PCH"]),
            ("hw:", &["hw:", "default"]),
            ("pulse", &["pulse", "default"]),
            ("lobby", &["lobby", "default"]),
        ] {
            assert_eq!(mixers(device), expected, "{device}");
        }
    }

    fn controls(names: &[&str]) -> Vec<Control> {
        let control = |name: &&str| Control {
            name: (*name).to_owned(),
            index: 0,
            percent: (!name.ends_with("Switch")).then_some(50),
            db: None,
            on: Some(true),
        };
        names.iter().map(control).collect()
    }

    #[test]
    fn the_control_that_governs_is_found_on_usual_cards() {
        use Direction::{Play, Record};
        for (direction, names, expected) in [
            // A sound server, an on-board codec, USB microphones and headsets, a Pi's own output,
            // boards on a Pi's header.
            (Play, &["Master"] as &[&str], Some("Master")),
            (Play, &["Headphone", "Speaker", "PCM", "Mic", "Master", "Beep"], Some("Master")),
            (Play, &["Headphone", "Mic Boost"], Some("Headphone")),
            (Play, &["Mic", "Speaker"], Some("Speaker")),
            (Play, &["Mic Playback Sidetone"], None),
            (Play, &["PCM"], Some("PCM")),
            (Play, &["Digital", "Analogue"], Some("Digital")),
            (Play, &["UMC404HD 192k Output"], Some("UMC404HD 192k Output")),
            (Record, &["Capture"], Some("Capture")),
            (Record, &["Internal Mic Boost", "Capture", "Digital"], Some("Capture")),
            (Record, &["Mic"], Some("Mic")),
            (Record, &["Auto Gain Control", "Internal Mic"], Some("Internal Mic")),
            (Record, &["Capture Switch"], None),
            (Record, &[], None),
        ] {
            let controls = controls(names);
            let found = main(direction, &controls).map(|at| controls[at].name.as_str());
            assert_eq!(found, expected, "{names:?}");
        }
    }

    #[test]
    fn a_control_is_one_line() {
        let mut control = controls(&["Mic"]).remove(0);
        assert_eq!(control.to_string(), "Mic 50 %");
        assert!(!control.is_silent());
        control.db = Some(-7.25);
        control.index = 1;
        control.on = Some(false);
        assert_eq!(control.to_string(), "Mic,1 50 % (-7.2 dB) off");
        assert!(control.is_silent());
        control.on = None;
        control.percent = Some(0);
        assert!(control.is_silent());
    }

    #[test]
    fn nothing_is_touched_where_nothing_is_asked_for() {
        let nowhere = "a device that is not there";
        assert!(matches!(apply(Direction::Play, nowhere, None), Ok(None)));
    }

    #[test]
    fn errors_name_the_device_and_the_way_out() {
        let none = LevelError::NoMixer {
            direction: Direction::Record,
            device: "usb".into(),
            what: "No such file".into(),
        };
        assert_eq!(
            none.to_string(),
            "the microphone `usb` has no mixer (No such file): turn it up or down on the device \
             itself, and leave audio.capture_level out of the board profile"
        );
    }
}
