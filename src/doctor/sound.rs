//! The ears and the mouth: devices, what the microphone hears, and whether it hears the speaker.

use super::Finding;
use crate::audio::devices::{Ability, DeviceError, DeviceInfo, Direction};
use crate::units::SAMPLE_RATE_HZ;

/// As loud as this a room is too loud to talk in, in dB relative to full scale.
const LOUD_ROOM_DB: f32 = -35.0;
/// Below this even a quiet room's microphone does not come.
const DEAD_DB: f32 = -90.0;
/// A mean of the samples beyond this is an offset worth telling, of full scale.
const OFFSET: f32 = 0.02;
/// At and above this a sample is at the converter's end.
const FULL: f32 = 0.999;
/// Share of samples that may be there by chance.
const CLIPPED: f32 = 0.001;
/// How alike what was played and what was heard must be, as a normalised correlation.
const ALIKE: f32 = 0.15;

/// What can be heard and played at all.
pub fn devices(listed: &Result<Vec<DeviceInfo>, DeviceError>, direction: Direction) -> Finding {
    let check = direction.device();
    let devices = match listed {
        Ok(devices) => devices,
        Err(error) => {
            return Finding::fault(check, error.to_string(), "install ALSA or a sound server");
        }
    };
    let able: Vec<&DeviceInfo> = devices
        .iter()
        .filter(|device| matches!(device.ability(direction), Ability::Ready(_)))
        .collect();
    if let Some(first) = able.first() {
        let others = match able.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        return Finding::ok(check, format!("{} ({}){others}", first.id, first.name));
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

/// A second or more of `heard`, mono, 1 being full scale, while nobody speaks.
pub fn room(heard: &[f32]) -> Finding {
    const CHECK: &str = "room";
    let Some(first) = heard.first() else {
        return Finding::fault(
            CHECK,
            "the microphone is open and delivers nothing",
            "plug it in anew, or choose another one with --mic",
        );
    };
    let mean = heard.iter().sum::<f32>() / heard.len() as f32;
    let power = heard.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / heard.len() as f32;
    let level = 10.0 * power.max(1e-20).log10();
    let clipped = heard.iter().filter(|x| x.abs() >= FULL).count() as f32 / heard.len() as f32;
    if heard.iter().all(|x| x == first) || level < DEAD_DB {
        Finding::fault(
            CHECK,
            "the microphone delivers silence without any noise",
            "it is muted or not the one that is plugged in: look for a switch on it, unmute it \
             (`alsamixer`, F4), or choose another one with --mic",
        )
    } else if clipped > CLIPPED {
        Finding::warning(
            CHECK,
            format!("{:.1} % of what the microphone delivers is cut off", 100.0 * clipped),
            "turn its gain down (`alsamixer`, F4)",
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

/// A second of a tone that rises from 300 Hz to 3.4 kHz, at [`SAMPLE_RATE_HZ`]: nothing in a room
/// sounds like it.
pub fn sweep() -> Vec<f32> {
    let rate = SAMPLE_RATE_HZ as f32;
    let phase = |t: f32| std::f32::consts::TAU * (300.0 * t + 1550.0 * t * t);
    (0..SAMPLE_RATE_HZ).map(|i| 0.3 * phase(i as f32 / rate).sin()).collect()
}

/// Whether `played` is in `heard`, both at [`SAMPLE_RATE_HZ`]. `began` is the sample of `heard` at
/// which playing was asked for.
pub fn echo(played: &[f32], heard: &[f32], began: usize) -> Finding {
    const CHECK: &str = "echo";
    let after = heard.get(began..).unwrap_or_default();
    let (alike, late) = likeness(played, after);
    if alike < ALIKE {
        return Finding::warning(
            CHECK,
            "the microphone does not hear the speaker",
            "right for a headset. Otherwise turn the speaker up, or choose it with --speaker",
        );
    }
    let ms = late as u64 * 1000 / u64::from(SAMPLE_RATE_HZ);
    Finding::ok(CHECK, format!("the microphone hears the speaker, about {ms} ms later"))
}

/// The largest normalised correlation over all delays, and that delay in samples. Looked for at a
/// quarter of the rate first.
fn likeness(played: &[f32], heard: &[f32]) -> (f32, usize) {
    const COARSE: usize = 4;
    let thin = |sound: &[f32]| -> Vec<f32> {
        sound.chunks_exact(COARSE).map(|part| part.iter().sum::<f32>() / COARSE as f32).collect()
    };
    let (few, sparse) = (thin(played), thin(heard));
    let at = |played: &[f32], heard: &[f32], late: usize| {
        let (mut product, mut ours, mut theirs) = (0.0, 1e-9, 1e-9);
        for (a, b) in played.iter().zip(&heard[late..]) {
            product += a * b;
            ours += a * a;
            theirs += b * b;
        }
        product.abs() / f32::sqrt(ours * theirs)
    };
    let best = |played: &[f32], heard: &[f32], from: usize, to: usize| {
        let last = heard.len().saturating_sub(played.len());
        (from..=to.min(last))
            .map(|late| (at(played, heard, late), late))
            .max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let Some((_, coarse)) = best(&few, &sparse, 0, usize::MAX) else { return (0.0, 0) };
    let near = COARSE * coarse;
    best(played, heard, near.saturating_sub(COARSE), near + COARSE).unwrap_or((0.0, 0))
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
    fn devices_that_are_missing_or_taken_are_told() {
        let device = |record: Ability| DeviceInfo {
            id: "usb".into(),
            name: "USB Audio".into(),
            record,
            play: Ability::No,
        };
        let format = Format { rate_hz: 48_000, channels: 1, sample: SampleFormat::I16 };
        let busy = Ability::Failed("device or resource busy".into());
        for (record, verdict, word) in [
            (Ability::Ready(format), Good, "USB Audio"),
            (busy, Fault, "busy"),
            (Ability::No, Fault, "no microphone"),
        ] {
            told(&devices(&Ok(vec![device(record)]), Direction::Record), verdict, word);
        }
        told(&devices(&Ok(Vec::new()), Direction::Play), Fault, "no speaker");
        let host = Err(DeviceError::NoHost { what: "no libasound".into() });
        told(&devices(&host, Direction::Play), Fault, "no libasound");
    }

    #[test]
    fn the_speaker_is_found_in_what_the_microphone_hears() {
        let played = sweep();
        let mut heard = noise(0.01);
        heard.extend(noise(0.01));
        heard.extend(noise(0.01));
        told(&echo(&played, &heard, 4_000), Warning, "does not hear");
        for (i, sample) in played.iter().enumerate() {
            heard[4_000 + 1_600 + i] += 0.05 * sample;
        }
        told(&echo(&played, &heard, 4_000), Good, "about 100 ms");
        told(&echo(&played, &[], 10), Warning, "does not hear");
    }
}
