//! The ears and the mouth: devices, what the microphone hears, and whether it hears the speaker.

use super::Finding;
use crate::audio::devices::{Ability, DeviceError, DeviceInfo, Direction};
use crate::audio::sounding::{self, Found};
use crate::units::{SAMPLE_RATE_HZ, rms_dbfs};

/// As loud as this a room is too loud to talk in, in dB relative to full scale.
const LOUD_ROOM_DB: f32 = -35.0;
/// Below this even a quiet room's microphone does not come; a 16-bit converter that only wavers between
/// neighbouring values lies at -90 and less.
const DEAD_DB: f32 = -88.0;
/// A mean of the samples beyond this is an offset worth telling, of full scale.
const OFFSET: f32 = 0.02;
/// A microphone that was just switched on clicks and settles: its first 100 ms say little.
const SETTLING: usize = SAMPLE_RATE_HZ as usize / 10;
/// At and above this a sample is at the converter's end.
const FULL: f32 = 0.999;
/// Share of samples that may be there by chance.
const CLIPPED: f32 = 0.001;
/// How alike what was played and what was heard must be, as a normalised correlation.
const ALIKE: f32 = 0.15;
/// A voice that stands out of the room by less than this is hard to follow, in dB.
const OVER_ROOM_DB: f32 = 10.0;
/// Where the second sweep may be heard around its time, in samples: more is no drift but a jump.
const JITTER: usize = SAMPLE_RATE_HZ as usize / 100;
/// How well a sweep is placed, in samples: the correlation of a second of sound has its summit within
/// a tenth of one even at [`ALIKE`]; twice that, and once more for where a sound system rounds.
const PLACED: f64 = 0.3;
/// What the two clocks may differ by before the canceller loses the echo, in parts per million.
const FOLLOWED_PPM: f64 = 300.0;
/// Crystals differ by less; beyond this samples were lost or put in.
const CLOCKS_PPM: f64 = 1_000.0;
/// What is heard later than this the canceller does not look for, in milliseconds.
const LATEST_MS: f64 = 500.0;

/// One direction's device: `opened` is the id of the one that was meant, or why it does not work.
pub fn device(
    listed: &Result<Vec<DeviceInfo>, DeviceError>,
    direction: Direction,
    opened: Result<&str, &DeviceError>,
) -> Finding {
    let check = direction.device();
    let devices = match listed {
        Ok(devices) => devices,
        Err(error) => {
            return Finding::fault(check, error.to_string(), "install ALSA or a sound server");
        }
    };
    let able = devices
        .iter()
        .filter(|device| matches!(device.ability(direction), Ability::Ready(_)))
        .count();
    match opened {
        Ok(id) => {
            let name = devices.iter().find(|device| device.id == id).map(|device| &device.name);
            let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
            let others = match able.saturating_sub(1) {
                0 => String::new(),
                others => format!(" and {others} more"),
            };
            return Finding::ok(check, format!("{id}{name}{others}"));
        }
        Err(error) if able > 0 => {
            return Finding::fault(check, error.to_string(), "`mynah devices` shows what works");
        }
        Err(_) => {}
    }
    let failed = devices.iter().find_map(|device| match device.ability(direction) {
        Ability::Failed(why) => Some((device, why)),
        _ => None,
    });
    match failed {
        Some((device, why)) => Finding::fault(
            check,
            format!("{} cannot be opened: {why}", device.id),
            "start the sound server it belongs to, end the program that uses it, or put the user \
             into the group `audio`",
        ),
        None => Finding::fault(
            check,
            format!("no {} is connected", direction.device()),
            "plug one in; `mynah devices` shows what the system sees",
        ),
    }
}

/// `heard` less its mean, and that mean.
fn centred(heard: &[f32]) -> (Vec<f32>, f32) {
    let sum: f64 = heard.iter().map(|x| f64::from(*x)).sum();
    let mean = (sum / heard.len().max(1) as f64) as f32;
    (heard.iter().map(|x| x - mean).collect(), mean)
}

fn clipped(heard: &[f32]) -> f32 {
    heard.iter().filter(|x| x.abs() >= FULL).count() as f32 / heard.len().max(1) as f32
}

/// A second or more of `heard`, mono, 1 being full scale, while nobody speaks.
pub fn room(heard: &[f32]) -> Finding {
    const CHECK: &str = "room";
    let heard = heard.get(SETTLING..).unwrap_or(heard);
    let Some(first) = heard.first() else {
        return Finding::fault(
            CHECK,
            "the microphone is open and delivers nothing",
            "plug it in anew, or choose another one with --mic",
        );
    };
    let (sound, mean) = centred(heard);
    let level = rms_dbfs(&sound);
    let clipped = clipped(heard);
    if heard.iter().all(|x| x == first) || level < DEAD_DB {
        Finding::fault(
            CHECK,
            "the microphone delivers silence without any noise",
            "it is muted or not the one that is plugged in: look for a switch on it, unmute it \
             (`mynah levels --capture 70`), or choose another one with --mic",
        )
    } else if clipped > CLIPPED {
        Finding::warning(
            CHECK,
            format!("{:.1} % of what the microphone delivers is cut off", 100.0 * clipped),
            "turn its gain down (`mynah levels --capture 40`), or talk from further away",
        )
    } else if mean.abs() > OFFSET {
        Finding::warning(
            CHECK,
            format!("the microphone has an offset of {:.0} % of full scale", 100.0 * mean),
            "it still works; another sound card or microphone would not have one",
        )
    } else if level > LOUD_ROOM_DB {
        Finding::warning(
            CHECK,
            format!("with nobody speaking the room is at {level:.0} dBFS"),
            "turn the gain down, or the microphone towards the visitor; above -35 dBFS words are lost",
        )
    } else {
        Finding::ok(CHECK, format!("noise at {level:.0} dBFS"))
    }
}

/// Seconds of one sweep, and from the beginning of the first to that of the second.
const SWEEP_S: f64 = 1.0;
const APART_S: f64 = 3.0;

/// What is played to be heard: a sweep, and the same one again; at [`SAMPLE_RATE_HZ`].
pub fn sweeps() -> Vec<f32> {
    let sweep = sounding::sweep(SAMPLE_RATE_HZ, SWEEP_S);
    let rest = vec![0.0; apart() - sweep.len()];
    [&sweep[..], &rest, &sweep].concat()
}

const fn apart() -> usize {
    (APART_S * SAMPLE_RATE_HZ as f64) as usize
}

/// Whether the [`sweeps`] are in `heard`, at [`SAMPLE_RATE_HZ`] from the moment they were asked for;
/// how loud beside the room, whose sound is `quiet`, how late, and how the two clocks differ.
pub fn echo(quiet: &[f32], heard: &[f32]) -> Finding {
    const CHECK: &str = "echo";
    let sweep = sounding::sweep(SAMPLE_RATE_HZ, SWEEP_S);
    let found = sounding::find(&sweep, heard);
    if found.alike < ALIKE {
        return Finding::warning(
            CHECK,
            "the microphone does not hear the speaker",
            "right for a headset. Otherwise turn the speaker up (`mynah levels --playback 70`), or \
             choose it with --speaker",
        );
    }
    let (earlier, later) = (other(&sweep, heard, found, false), other(&sweep, heard, found, true));
    let (first, second) = match (earlier, later) {
        (Some(a), Some(b)) if a.alike > b.alike => (a, Some(found)),
        (Some(a), None) => (a, Some(found)),
        (_, later) => (found, later),
    };
    let at = first.at as usize;
    let ours = &heard[at.min(heard.len())..(at + sweep.len()).min(heard.len())];
    let (level, room) = (rms_dbfs(&centred(ours).0), rms_dbfs(&centred(quiet).0));
    let late_ms = first.at * 1000.0 / f64::from(SAMPLE_RATE_HZ);
    let mut what = format!(
        "the microphone hears the speaker {late_ms:.0} ms after it was asked to play, at \
         {level:.0} dBFS, {:.0} dB above the room",
        level - room
    );
    let drift = second.map(|second| {
        let apart = apart() as f64;
        ((second.at - first.at) / apart - 1.0) * 1e6
    });
    let unsure = PLACED / apart() as f64 * 1e6;
    if let Some(ppm) = drift.filter(|ppm| ppm.abs() <= CLOCKS_PPM) {
        what += &format!("; their clocks differ by {ppm:+.0} ppm (± {unsure:.0})");
    }
    let (what, next) = match drift {
        _ if clipped(ours) > CLIPPED => (
            format!("{what}; there it is cut off"),
            "turn the speaker down or the gain (`mynah levels --calibrate` does both)",
        ),
        _ if level - room < OVER_ROOM_DB => (
            what,
            "the voice hardly stands out of the room: turn the speaker up (`mynah levels \
             --calibrate`), or bring it nearer to the visitor",
        ),
        None => (
            format!("{what}; sound was lost while it played"),
            "the machine is too busy for sound, or a cable is loose: end other programs, or let \
             `period_ms` of the board profile be larger",
        ),
        Some(ppm) if ppm.abs() > CLOCKS_PPM => (
            format!(
                "{what}; between two sounds it came to hear {:.1} ms otherwise",
                ppm * APART_S / 1e3
            ),
            "samples are lost or put in: end other programs, or let `period_ms` of the board \
             profile be larger",
        ),
        Some(ppm) if ppm.abs() > FOLLOWED_PPM => (
            what,
            "that is more than the echo canceller follows: use one sound card for both, or a \
             better one",
        ),
        _ if late_ms > LATEST_MS => (
            what,
            "that is later than the echo canceller looks: name the card itself instead of a sound \
             server, or a smaller `period_ms` in the board profile",
        ),
        Some(_) => return Finding::ok(CHECK, what),
    };
    Finding::warning(CHECK, what, next)
}

/// The other of the two sweeps, before or after the one that was found.
fn other(sweep: &[f32], heard: &[f32], found: Found, after: bool) -> Option<Found> {
    let at = found.at.round() as usize;
    let middle = if after { at + apart() } else { at.checked_sub(apart())? };
    let from = middle.saturating_sub(JITTER);
    let heard = heard.get(from..(middle + JITTER + sweep.len()).min(heard.len()))?;
    let other = sounding::find(sweep, heard);
    (other.alike >= ALIKE).then_some(Found { at: from as f64 + other.at, ..other })
}

#[cfg(test)]
mod tests {
    use cpal::SampleFormat;

    use super::*;
    use crate::audio::stream::Format;
    use crate::doctor::Verdict::{self, Fault, Ok as Good, Warning};
    use crate::draw::Draw;

    fn noise(level: f32) -> Vec<f32> {
        let mut draw = Draw::new(3);
        (0..16_000).map(|_| draw.between(-level, level)).collect()
    }

    fn told(finding: &Finding, verdict: Verdict, word: &str) {
        assert_eq!(finding.verdict, verdict, "{finding:?}");
        assert_eq!(finding.next.is_none(), verdict == Good, "{finding:?}");
        assert!(finding.what.contains(word), "{word}: {finding:?}");
    }

    #[test]
    fn what_a_microphone_can_have_is_told() {
        told(&room(&[]), Fault, "nothing");
        told(&room(&[0.0; 16_000]), Fault, "silence");
        told(&room(&[0.25; 16_000]), Fault, "silence");
        told(&room(&noise(1e-6)), Fault, "silence");
        told(&room(&noise(0.001)), Good, "dBFS");
        told(&room(&noise(0.1)), Warning, "the room is at");
        let offset: Vec<f32> = noise(0.001).iter().map(|x| x + 0.1).collect();
        told(&room(&offset), Warning, "offset of 10 %");
        let clipped: Vec<f32> = noise(3.0).iter().map(|x| x.clamp(-1.0, 1.0)).collect();
        told(&room(&clipped), Warning, "cut off");
    }

    #[test]
    fn devices_that_are_missing_or_taken_are_told_once_and_why() {
        let device = |record: Ability| DeviceInfo {
            id: "usb".into(),
            name: "USB Audio".into(),
            record,
            play: Ability::No,
        };
        let format = Format { rate_hz: 48_000, channels: 1, sample: SampleFormat::I16 };
        let busy = Ability::Failed("device or resource busy".into());
        let missing = DeviceError::NotFound {
            direction: Direction::Record,
            choice: "HDMI".parse().unwrap(),
            usable: vec!["`usb`".into()],
        };
        for (record, opened, verdict, word) in [
            (Ability::Ready(format), Ok("usb"), Good, "usb (USB Audio)"),
            (Ability::Ready(format), Ok("unlisted"), Good, "unlisted"),
            (Ability::Ready(format), Err(&missing), Fault, "`HDMI`"),
            (busy, Err(&missing), Fault, "busy"),
            (Ability::No, Err(&missing), Fault, "no microphone"),
        ] {
            let listed = Ok(vec![device(record)]);
            told(&super::device(&listed, Direction::Record, opened), verdict, word);
        }
        told(&super::device(&Ok(Vec::new()), Direction::Play, Err(&missing)), Fault, "no speaker");
        let host = Err(DeviceError::NoHost { what: "no libasound".into() });
        told(&super::device(&host, Direction::Play, Err(&missing)), Fault, "no libasound");
    }

    /// Six seconds in a room of this noise that hears the sweeps from 100 ms on, with its own clock
    /// so many millionths faster, and the second one so much later.
    fn hears(room: f32, loud: f32, ppm: f64, jump: usize) -> Vec<f32> {
        let fine: Vec<f32> = sweeps();
        let mut heard: Vec<f32> = (0..6).flat_map(|_| noise(room)).collect();
        let rate = 1.0 + ppm / 1e6;
        for (i, to) in heard.iter_mut().enumerate().skip(1_600) {
            let late = if i > 1_600 + 2 * 16_000 { jump } else { 0 };
            let at = (i - 1_600 - late) as f64 / rate;
            let (whole, part) = (at as usize, (at % 1.0) as f32);
            let [a, b] = [whole, whole + 1].map(|k| fine.get(k).copied().unwrap_or(0.0));
            *to = (*to + loud * (a * (1.0 - part) + b * part)).clamp(-1.0, 1.0);
        }
        heard
    }

    #[test]
    fn the_speaker_is_found_with_its_delay_level_and_clock() {
        for (ppm, says) in [(0.0, "+0 ppm"), (150.0, "150 ppm"), (-80.0, "-80 ppm")] {
            let finding = echo(&noise(0.001), &hears(0.001, 0.3, ppm, 0));
            told(&finding, Good, "100 ms after");
            assert!(finding.what.contains("dB above the room"), "{finding:?}");
            let clocks = finding.what.split("differ by ").nth(1).expect("the clocks are told");
            let told: f64 = clocks.split(' ').next().unwrap().parse().unwrap();
            assert!((told - ppm).abs() < 7.0, "{told} ppm, not {says}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_echo_is_told_with_the_way_out() {
        let quiet = noise(0.001);
        told(&echo(&quiet, &noise(0.01).repeat(6)), Warning, "does not hear");
        told(&echo(&quiet, &[]), Warning, "does not hear");
        told(&echo(&quiet, &hears(0.001, 5.0, 0.0, 0)), Warning, "cut off");
        told(&echo(&noise(0.2), &hears(0.2, 0.3, 0.0, 0)), Warning, "dB above");
        told(&echo(&quiet, &hears(0.001, 0.3, 600.0, 0)), Warning, "+600 ppm");
        told(&echo(&quiet, &hears(0.001, 0.3, 0.0, 120)), Warning, "7.5 ms otherwise");
        told(&echo(&quiet, &hears(0.001, 0.3, 0.0, 4_000)), Warning, "sound was lost");
        let mut late = vec![0.0; 9_000];
        late.extend(hears(0.001, 0.3, 0.0, 0));
        told(&echo(&quiet, &late), Warning, "662 ms after");
    }
}
