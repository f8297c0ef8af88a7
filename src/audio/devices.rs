//! Sound devices: what is there, which one is meant, and what to say when it is not there.
//!
//! On Linux the devices are those of ALSA, by the names its configuration gives them; PulseAudio
//! and PipeWire appear there as `default` and `pulse` or `pipewire`. Built with the feature of that
//! name, the program also talks to PulseAudio, PipeWire or JACK itself.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{ErrorKind, SampleFormat, SupportedStreamConfigRange};
use serde::Serialize;

use super::stream::{self, Format, StreamWish};

/// Which way sound goes through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Direction {
    #[serde(rename = "microphone")]
    Record,
    #[serde(rename = "speaker")]
    Play,
}

impl Direction {
    pub(crate) fn device(self) -> &'static str {
        match self {
            Self::Record => "microphone",
            Self::Play => "speaker",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Play => "play",
        }
    }

    /// The command-line option that chooses the device.
    pub(super) fn option(self) -> &'static str {
        match self {
            Self::Record => "--mic",
            Self::Play => "--speaker",
        }
    }
}

/// The device a person asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// What the system calls its default.
    #[default]
    Default,
    /// The id of a device, or a part of its name, as `mynah devices` prints them.
    Named(String),
}

impl FromStr for DeviceChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::named(text))
    }
}

impl DeviceChoice {
    /// The devices that were asked for, or else those of the board profile; the best first.
    pub fn ranked(asked: &[Self], board: &[String]) -> Vec<Self> {
        if asked.is_empty() {
            board.iter().map(|name| Self::named(name)).collect()
        } else {
            asked.to_vec()
        }
    }

    /// The best of [`ranked`](Self::ranked).
    pub fn first(asked: Option<&Self>, board: &[String]) -> Self {
        Self::ranked(asked.map_or(&[], std::slice::from_ref), board)
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    /// The one called `name`, where `default` is the system's.
    fn named(name: &str) -> Self {
        match name {
            "default" => Self::Default,
            name => Self::Named(name.to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the system's default"),
            Self::Named(name) => write!(f, "`{name}`"),
        }
    }
}

/// One device, as `mynah devices` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceInfo {
    /// What `--mic` and `--speaker` accept; stable across restarts as far as ALSA's names are.
    pub id: String,
    /// The description for people.
    pub name: String,
    pub record: Ability,
    pub play: Ability,
}

impl DeviceInfo {
    pub fn ability(&self, direction: Direction) -> &Ability {
        match direction {
            Direction::Record => &self.record,
            Direction::Play => &self.play,
        }
    }
}

/// Whether a device can be used in one direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// It does not claim to.
    No,
    /// In this format, unless asked otherwise.
    Ready(Format),
    /// It claims to but could not be opened, for this reason.
    Failed(String),
}

/// Why no sound comes in or goes out. Only [`Lost`](Self::Lost) is worth a retry without a person.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Nothing has the name asked for, or there is no default.
    #[error(
        "no {} found: looked for {choice}; devices that can {}: {}; plug one in, or pass {} NAME \
         with a name from `mynah devices`",
        direction.device(), direction.verb(), listed(usable), direction.option()
    )]
    NotFound { direction: Direction, choice: DeviceChoice, usable: Vec<String> },
    /// The device is there and refuses to be opened.
    #[error("the {} `{device}` cannot be opened: {what}{}", direction.device(), way_out(*kind))]
    Open { direction: Direction, device: String, kind: ErrorKind, what: String },
    /// None of the formats of the device can be used.
    #[error(
        "the {} `{device}` has no format that fits: {what}; see `mynah devices`, or choose \
         another device with {} NAME", direction.device(), direction.option()
    )]
    Format { direction: Direction, device: String, what: String },
    /// The device worked and does no more; opening it anew may help.
    #[error("the {} `{device}` was lost: {what}", direction.device())]
    Lost { direction: Direction, device: String, what: &'static str },
    #[error("the sound system cannot be reached: {what}; is it installed and running?")]
    NoHost { what: String },
}

fn listed(devices: &[String]) -> String {
    if devices.is_empty() { "none".into() } else { devices.join(", ") }
}

fn way_out(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::DeviceBusy => "; close that program",
        ErrorKind::PermissionDenied => "; add the user to the `audio` group and log in again",
        ErrorKind::DeviceNotAvailable => "; plug it in, or see `mynah devices`",
        _ => "",
    }
}

/// Why a device refused, in the words of somebody who stands before the machine.
fn reason(error: &cpal::Error) -> String {
    match error.kind() {
        ErrorKind::DeviceBusy => "another program uses it".into(),
        ErrorKind::PermissionDenied => "this user may not use it".into(),
        ErrorKind::DeviceNotAvailable => "it is not connected".into(),
        _ => {
            let what = error.to_string();
            what.trim_end_matches(['.', ' ']).to_owned()
        }
    }
}

/// A device that was found and answered.
pub(super) struct Found {
    pub device: cpal::Device,
    pub id: String,
    pub configs: Vec<SupportedStreamConfigRange>,
}

/// All devices worth choosing, each opened for a moment to learn its format. Takes up to a second
/// or two.
pub fn list() -> Result<Vec<DeviceInfo>, DeviceError> {
    quietly(|| Ok(describe_all(&all(&hosts()?)?)))
}

/// Finds the device that `choice` means and what it can do.
///
/// A name matches an id exactly, or else a part of an id or description, in any case. Of several
/// such matches the first that can be opened is taken, and those that convert formats (`plughw:`)
/// come before the bare hardware.
pub(super) fn find(choice: &DeviceChoice, direction: Direction) -> Result<Found, DeviceError> {
    quietly(|| {
        let hosts = hosts()?;
        let devices = all(&hosts)?;
        let mut refused = None;
        for (id, device) in candidates(choice, direction, &hosts, &devices) {
            match configs(&device, direction) {
                Ok(configs) => return Ok(Found { device, id, configs }),
                Err(error) => _ = refused.get_or_insert((id, error)),
            }
        }
        match (choice, refused) {
            // A name that exists deserves the reason; a default that does not work is no device.
            (DeviceChoice::Named(_), Some((device, error))) => {
                Err(open_error(direction, device, &error))
            }
            _ => Err(not_found(choice, direction, &devices)),
        }
    })
}

/// The id of the device that `choice` means; it is not opened, so another program may have it. Of
/// several that match a name it is the first that claims to be able.
pub fn id(choice: &DeviceChoice, direction: Direction) -> Result<String, DeviceError> {
    quietly(|| {
        let hosts = hosts()?;
        let devices = all(&hosts)?;
        // The default claims nothing of itself.
        let able = |device: &cpal::Device| match (choice, direction) {
            (DeviceChoice::Default, _) => true,
            (DeviceChoice::Named(_), Direction::Record) => device.supports_input(),
            (DeviceChoice::Named(_), Direction::Play) => device.supports_output(),
        };
        let found = candidates(choice, direction, &hosts, &devices);
        let found = found.into_iter().find(|(_, device)| able(device));
        found.map(|(id, _)| id).ok_or_else(|| not_found(choice, direction, &devices))
    })
}

/// The devices of `devices` that `choice` can mean, best first.
fn candidates(
    choice: &DeviceChoice,
    direction: Direction,
    hosts: &[cpal::Host],
    devices: &[(String, cpal::Device)],
) -> Vec<(String, cpal::Device)> {
    // The name of a sound system alone is its default; that of the first one is the system's.
    let system = match choice {
        DeviceChoice::Default => hosts.first(),
        DeviceChoice::Named(name) => {
            hosts.iter().find(|h| h.id().name().eq_ignore_ascii_case(name))
        }
    };
    match (choice, system) {
        (_, Some(host)) => {
            let default = match direction {
                Direction::Record => host.default_input_device(),
                Direction::Play => host.default_output_device(),
            };
            default.map(|device| (id_of(&device), device)).into_iter().collect()
        }
        (DeviceChoice::Default, None) => Vec::new(),
        (DeviceChoice::Named(name), None) => {
            let described: Vec<(&str, String)> =
                devices.iter().map(|(id, device)| (&**id, device.to_string())).collect();
            let matching = matching(name, &described);
            matching.into_iter().map(|at| devices[at].clone()).collect()
        }
    }
}

fn not_found(
    choice: &DeviceChoice,
    direction: Direction,
    devices: &[(String, cpal::Device)],
) -> DeviceError {
    let usable = describe_all(devices)
        .into_iter()
        .filter(|info| matches!(info.ability(direction), Ability::Ready(_)))
        .map(|info| format!("`{}` ({})", info.id, info.name));
    DeviceError::NotFound { direction, choice: choice.clone(), usable: usable.collect() }
}

pub(super) fn open_error(direction: Direction, device: String, error: &cpal::Error) -> DeviceError {
    DeviceError::Open { direction, device, kind: error.kind(), what: reason(error) }
}

/// Where `name` matches in `devices` (id, description), best first.
fn matching(name: &str, devices: &[(&str, String)]) -> Vec<usize> {
    // cpal writes the sound system before the id; accept what other programs print.
    let name = name.strip_prefix("alsa:").unwrap_or(name);
    if let Some(at) = devices.iter().position(|(id, _)| *id == name) {
        return vec![at];
    }
    let name = name.to_lowercase();
    let contains = |text: &str| text.to_lowercase().contains(&name);
    let mut matches: Vec<usize> = (0..devices.len())
        .filter(|&at| contains(devices[at].0) || contains(&devices[at].1))
        .collect();
    matches.sort_by_key(|&at| {
        let id = devices[at].0;
        match id.split(':').next() {
            Some("plughw") => 0,
            Some("sysdefault" | "default") => 1,
            Some("hw") => 3,
            _ => 2,
        }
    });
    matches
}

/// The sound systems that this program was built for and that are there; ALSA first.
fn hosts() -> Result<Vec<cpal::Host>, DeviceError> {
    // Never `default_host`, which panics when there is none.
    let mut ids = cpal::available_hosts();
    ids.sort_by_key(|id| id.name() != ALSA);
    let mut refused = DeviceError::NoHost { what: "no driver for it".into() };
    let mut hosts = Vec::new();
    for id in ids {
        match cpal::host_from_id(id) {
            Ok(host) => hosts.push(host),
            Err(error) => refused = DeviceError::NoHost { what: error.to_string() },
        }
    }
    if hosts.is_empty() { Err(refused) } else { Ok(hosts) }
}

const ALSA: &str = "ALSA";

/// Every device but ALSA's `null`, which has no clock: it would record silence without end.
fn all(hosts: &[cpal::Host]) -> Result<Vec<(String, cpal::Device)>, DeviceError> {
    let (mut devices, mut refused) = (Vec::new(), None);
    for host in hosts {
        match host.devices() {
            Ok(found) => devices.extend(found.map(|device| (id_of(&device), device))),
            Err(error) => refused = Some(DeviceError::NoHost { what: error.to_string() }),
        }
    }
    devices.retain(|(id, _)| id != "null");
    // One that does not answer is no hindrance where another does.
    refused.filter(|_| devices.is_empty()).map_or(Ok(devices), Err)
}

/// ALSA's own names, and for other sound systems, theirs after the system's: `pulseaudio:NAME`.
fn id_of(device: &cpal::Device) -> String {
    device.id().map_or_else(
        |_| device.to_string(),
        |id| if id.host().name() == ALSA { id.id().to_owned() } else { id.to_string() },
    )
}

/// ALSA plug-ins that only wrap the default device, or a sound server that greets everybody who
/// looks for it with a page of messages. They can be named, but are not shown.
const WRAPPERS: [&str; 8] =
    ["jack", "lavrate", "oss", "samplerate", "speex", "speexrate", "upmix", "vdownmix"];

fn describe_all(devices: &[(String, cpal::Device)]) -> Vec<DeviceInfo> {
    let shown = devices.iter().filter(|(id, _)| !WRAPPERS.contains(&&**id));
    shown.map(|(id, device)| describe(id, device)).collect()
}

fn describe(id: &str, device: &cpal::Device) -> DeviceInfo {
    let ability = |direction, claims: bool| {
        if !claims {
            return Ability::No;
        }
        match configs(device, direction) {
            Ok(configs) => match stream::pick(&configs, direction, &StreamWish::default()) {
                Ok(picked) => Ability::Ready(picked.format),
                Err(what) => Ability::Failed(what),
            },
            Err(error) => Ability::Failed(reason(&error)),
        }
    };
    DeviceInfo {
        id: id.to_owned(),
        name: device.to_string(),
        record: ability(Direction::Record, device.supports_input()),
        play: ability(Direction::Play, device.supports_output()),
    }
}

fn configs(
    device: &cpal::Device,
    direction: Direction,
) -> Result<Vec<SupportedStreamConfigRange>, cpal::Error> {
    let pcm = |config: &SupportedStreamConfigRange| !is_dsd(config.sample_format());
    Ok(match direction {
        Direction::Record => device.supported_input_configs()?.filter(pcm).collect(),
        Direction::Play => device.supported_output_configs()?.filter(pcm).collect(),
    })
}

fn is_dsd(format: SampleFormat) -> bool {
    matches!(format, SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32)
}

/// Runs `work` with the messages that libasound prints for every device it cannot open kept off
/// the terminal. They tell a person nothing that our errors do not.
///
/// The redirection is for this thread and stays: libasound has no call to end it. What the
/// streams' own threads print is not covered.
pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    let _ = alsa::Output::local_error_handler();
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(name: &str) -> Vec<&'static str> {
        const DEVICES: [(&str, &str); 6] = [
            ("default", "Default ALSA Output"),
            ("mic", "virtual mic"),
            ("hw:CARD=1,DEV=0", "USB Mic, USB Audio"),
            ("plughw:CARD=1,DEV=0", "USB Mic, USB Audio"),
            ("sysdefault:CARD=Mic", "USB Mic, USB Audio"),
            ("hdmi:CARD=0", "HDA Intel, HDMI 0"),
        ];
        let devices: Vec<_> = DEVICES.iter().map(|(id, name)| (*id, (*name).to_owned())).collect();
        matching(name, &devices).into_iter().map(|at| DEVICES[at].0).collect()
    }

    #[test]
    fn a_name_finds_its_device() {
        let cases: &[(&str, &[&str])] = &[
            ("mic", &["mic"]),
            ("alsa:mic", &["mic"]),
            ("virtual", &["mic"]),
            ("hw:CARD=1,DEV=0", &["hw:CARD=1,DEV=0"]),
            ("usb mic", &["plughw:CARD=1,DEV=0", "sysdefault:CARD=Mic", "hw:CARD=1,DEV=0"]),
            ("HDMI", &["hdmi:CARD=0"]),
            ("nothing", &[]),
        ];
        for (name, expected) in cases {
            assert_eq!(ids(name), *expected, "{name}");
        }
    }

    #[test]
    fn errors_say_what_was_looked_for_and_what_to_do() {
        let none = DeviceError::NotFound {
            direction: Direction::Record,
            choice: DeviceChoice::Default,
            usable: vec![],
        };
        assert_eq!(
            none.to_string(),
            "no microphone found: looked for the system's default; devices that can record: none; \
             plug one in, or pass --mic NAME with a name from `mynah devices`"
        );
        let other = DeviceError::NotFound {
            direction: Direction::Play,
            choice: "USB DAC".parse().unwrap(),
            usable: vec!["`hdmi` (HDA Intel)".into(), "`spk` (virtual speaker)".into()],
        };
        assert_eq!(
            other.to_string(),
            "no speaker found: looked for `USB DAC`; devices that can play: `hdmi` (HDA Intel), \
             `spk` (virtual speaker); plug one in, or pass --speaker NAME with a name from \
             `mynah devices`"
        );
        let busy = open_error(
            Direction::Record,
            "hw:0".into(),
            &cpal::Error::with_message(ErrorKind::DeviceBusy, "it is busy."),
        );
        let busy = busy.to_string();
        assert!(busy.contains("`hw:0` cannot be opened"), "{busy}");
        assert!(busy.ends_with("another program uses it; close that program"), "{busy}");
    }
}
