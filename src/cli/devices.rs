use std::io::Write;

use anyhow::Context as _;

use super::{Context, Failure};
use crate::audio::devices::{self, Ability, DeviceInfo};

/// List what can be heard and played on this machine.
///
/// The first column is what --mic and --speaker accept. Every device is opened for a moment, so a
/// device that another program uses is shown with that reason.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah devices           a table for people
  mynah devices --json    one JSON object per device
  mynah run agents/coffee --mic \"plughw:CARD=1,DEV=0\"")]
pub struct Args {}

pub fn run(_args: &Args, context: &Context) -> Result<(), Failure> {
    let devices = devices::list().context("listing the sound devices")?;
    let mut out = std::io::stdout().lock();
    let mut print = |line: String| match writeln!(out, "{line}") {
        // Whoever reads the list may stop early, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("printing the list"),
    };
    if context.json {
        for device in &devices {
            print(serde_json::to_string(device).context("writing JSON")?)?;
        }
        return Ok(());
    }
    for (heading, ability) in [
        ("Microphones (--mic)", (|device| &device.record) as fn(&DeviceInfo) -> &Ability),
        ("Speakers (--speaker)", |device| &device.play),
    ] {
        print(heading.into())?;
        for line in table(&devices, ability) {
            print(line)?;
        }
    }
    Ok(())
}

/// A line for each device that claims the ability, those that work first.
fn table(devices: &[DeviceInfo], ability: fn(&DeviceInfo) -> &Ability) -> Vec<String> {
    let width = devices.iter().map(|device| device.id.chars().count()).max().unwrap_or(0);
    let line = |device: &DeviceInfo, what: &str| {
        format!("  {:width$}  {what}  ({})", device.id, device.name)
    };
    let mut ready = Vec::new();
    let mut failed = Vec::new();
    for device in devices {
        match ability(device) {
            Ability::No => {}
            Ability::Ready(format) => ready.push(line(device, &format.to_string())),
            Ability::Failed(why) => failed.push(line(device, &format!("not usable: {why}"))),
        }
    }
    if ready.is_empty() {
        ready.push("  none that works; `mynah demo` and `mynah replay` need none".into());
    }
    ready.append(&mut failed);
    ready
}

#[cfg(test)]
mod tests {
    use cpal::SampleFormat;

    use super::*;
    use crate::audio::stream::Format;

    #[test]
    fn working_devices_come_first_and_others_say_why_not() {
        let format = Format { rate_hz: 48_000, channels: 2, sample: SampleFormat::I16 };
        let device = |id: &str, record| DeviceInfo {
            id: id.into(),
            name: format!("the {id}"),
            record,
            play: Ability::No,
        };
        let devices = [
            device("usb", Ability::Failed("it is not connected".into())),
            device("default", Ability::Ready(format)),
            device("hdmi", Ability::No),
        ];
        assert_eq!(
            table(&devices, |device| &device.record),
            [
                "  default  48000 Hz, 2 channels, i16  (the default)",
                "  usb      not usable: it is not connected  (the usb)",
            ]
        );
        let none = table(&devices, |device| &device.play);
        assert!(none.len() == 1 && none[0].contains("mynah demo"), "{none:?}");
        let json = serde_json::to_value(&devices[1]).unwrap();
        assert_eq!(json["record"]["ready"]["sample"], "i16");
        assert_eq!(json["play"], "no");
    }
}
