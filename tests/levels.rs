//! The levels of a microphone and a speaker, through the mixer of a real sound system.

mod support;

use std::time::Duration;

use mynah::audio::capture::Capture;
use mynah::audio::devices::Direction::{self, Play, Record};
use mynah::audio::devices::{self, DeviceChoice, DeviceError};
use mynah::audio::file;
use mynah::audio::levels::{self, LevelError};
use mynah::audio::sounding::sweep;
use mynah::audio::stream::StreamWish;
use mynah::units::rms_dbfs;
use support::vcard::{Card, MIC_RATE_HZ, on_a_card};

/// What the daemon says of its virtual microphone or speaker.
fn told(card: &Card, direction: Direction) -> (String, bool) {
    let (kind, name) = match direction {
        Record => ("source", "mic"),
        Play => ("sink", "vspk"),
    };
    let volume = card.pactl(&[&format!("get-{kind}-volume"), name]);
    let percent = volume.split('/').nth(1).expect("`Volume: mono: 65536 / 100% / 0.00 dB`");
    let mute = card.pactl(&[&format!("get-{kind}-mute"), name]);
    (percent.trim().to_owned(), mute.contains("yes"))
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn what_is_set_is_what_the_sound_server_has_and_the_reverse() {
    on_a_card("what_is_set_is_what_the_sound_server_has_and_the_reverse", |card| {
        for (direction, device) in
            [(Record, Card::MIC), (Record, "default"), (Play, Card::SPEAKER), (Play, "default")]
        {
            // `mic` and `spk` have no mixer of their own.
            let set = levels::set(direction, device, 70).unwrap();
            assert_eq!((set.mixer.as_str(), set.control.percent), ("default", Some(70)));
            assert_eq!(told(card, direction), ("70%".into(), false));
            assert_eq!(levels::read(direction, device).unwrap(), set);

            let (kind, name) = match direction {
                Record => ("source", "mic"),
                Play => ("sink", "vspk"),
            };
            card.pactl(&[&format!("set-{kind}-volume"), name, "35%"]);
            card.pactl(&[&format!("set-{kind}-mute"), name, "1"]);
            let read = levels::read(direction, device).unwrap();
            assert_eq!((read.control.percent, read.control.on), (Some(35), Some(false)));
            assert!(read.control.is_silent(), "{read:?}");

            assert_eq!(levels::apply(direction, device, None).unwrap(), None);
            assert_eq!(told(card, direction), ("35%".into(), true), "nothing was asked for");
            let applied = levels::apply(direction, device, Some(100)).unwrap().unwrap();
            assert_eq!((applied.control.percent, applied.control.on), (Some(100), Some(true)));
            assert_eq!(told(card, direction), ("100%".into(), false));
        }
    });
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn the_level_is_in_what_is_recorded() {
    on_a_card("the_level_is_in_what_is_recorded", |card| {
        let dir = tempfile::tempdir().unwrap();
        let wav = dir.path().join("tone.wav");
        file::write_wav(&wav, MIC_RATE_HZ, &sweep(MIC_RATE_HZ, 30.0)).unwrap();
        let mut playing = card.start_playing_into_mic(&wav);
        let recorded = |percent: u8| -> f32 {
            levels::set(Record, Card::MIC, percent).unwrap();
            let choice = DeviceChoice::Named(Card::MIC.into());
            let mut capture = Capture::open(&choice, &StreamWish::default()).unwrap();
            let mut heard = Vec::new();
            while heard.len() < MIC_RATE_HZ as usize {
                let frame = capture.next_frame(Duration::from_secs(30)).expect("it records");
                heard.extend_from_slice(&frame.samples);
            }
            rms_dbfs(&heard)
        };
        let (full, half) = (recorded(100), recorded(50));
        playing.kill().unwrap();
        playing.wait().unwrap();
        // PulseAudio's volumes are cubic: half is an eighth of the amplitude, 18 dB less.
        assert!((full - half - 18.0).abs() < 2.0, "{full} dBFS, at half {half}");
    });
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_card_without_a_mixer_is_named() {
    on_a_card("a_card_without_a_mixer_is_named", |card| {
        let error = levels::set(Record, "plughw:CARD=7,DEV=0", 50).unwrap_err();
        assert!(matches!(error, LevelError::NoMixer { .. }), "{error}");
        let message = error.to_string();
        for part in ["microphone `plughw:CARD=7,DEV=0`", "`hw:7`", "audio.capture_level"] {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
        let error = levels::read(Play, "zero\0byte:CARD=x\0y").unwrap_err();
        assert!(matches!(error, LevelError::NoMixer { .. }), "{error}");

        let device = |name: &str| devices::id(&DeviceChoice::Named(name.into()), Play);
        assert_eq!(device("virtual speaker").unwrap(), Card::SPEAKER);
        assert_eq!(devices::id(&DeviceChoice::Default, Play).unwrap(), "default");
        assert!(matches!(device("HDMI"), Err(DeviceError::NotFound { .. })));

        card.stop_server();
        let error = levels::read(Play, "default").unwrap_err();
        assert!(matches!(error, LevelError::NoMixer { .. }), "{error}");
    });
}
