//! Capture and playback through a real sound system, with a virtual microphone and speaker.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use mynah::audio::capture::Capture;
use mynah::audio::devices::{self, Ability, DeviceChoice, DeviceError};
use mynah::audio::file;
use mynah::audio::playback::{Playback, SPEECH_RATE_HZ};
use mynah::audio::stream::StreamWish;
use support::sound::{correlation, sweep};
use support::vcard::{self, MIC_RATE_HZ, SPEAKER_RATE_HZ, VirtualCard};

fn named(name: &str) -> DeviceChoice {
    DeviceChoice::Named(name.into())
}

/// Frames from `capture` while `playing` says so and half a second longer.
fn listen(capture: &mut Capture, mut playing: impl FnMut() -> bool) -> Vec<f32> {
    let mut heard = Vec::new();
    let mut until = None;
    while until.is_none_or(|until| Instant::now() < until) {
        if until.is_none() && !playing() {
            until = Some(Instant::now() + Duration::from_millis(500));
        }
        if let Some(frame) = capture.next_frame(Duration::from_millis(100)) {
            assert_eq!(frame.at.0 as usize, heard.len(), "positions follow each other");
            heard.extend_from_slice(&frame.samples);
        }
        capture.check().unwrap();
    }
    heard
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_clip_played_into_the_microphone_is_captured() {
    let only = vcard::ours();
    let card = VirtualCard::start();
    card.enter(&only);
    let dir = tempfile::tempdir().unwrap();
    let (wav, clip) = (dir.path().join("clip.wav"), sweep(MIC_RATE_HZ, 3.0));
    file::write_wav(&wav, MIC_RATE_HZ, &clip).unwrap();

    // As the device is, and resampled from what most devices are.
    let native = StreamWish { rate_hz: Some(MIC_RATE_HZ), ..StreamWish::default() };
    for (choice, wish, expected) in [
        (named(VirtualCard::MIC), native, 0.9999),
        (named("virtual microphone"), StreamWish::default(), 0.99),
        (DeviceChoice::Default, StreamWish { period_ms: 5, ..StreamWish::default() }, 0.99),
    ] {
        let mut capture = Capture::open(&choice, &wish).unwrap();
        let mut paplay = card.start_playing_into_mic(&wav);
        let heard = listen(&mut capture, || paplay.try_wait().unwrap().is_none());
        let stats = capture.stats();
        assert_eq!((stats.dropped_frames, stats.gaps), (0, 0), "{stats:?}");
        let (found, shift) = correlation(&clip, &heard);
        println!("{}: {found:.5} at {shift}, {stats:?}", capture.format());
        assert!(
            found > expected,
            "{choice} at {}: {found} at {shift}; {stats:?}",
            capture.format()
        );
    }
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn speech_is_heard_from_the_speaker_until_it_is_stopped() {
    let only = vcard::ours();
    let card = VirtualCard::start();
    card.enter(&only);
    let dir = tempfile::tempdir().unwrap();
    let wav = dir.path().join("heard.wav");
    let speech = sweep(SPEECH_RATE_HZ, 3.0);

    let recording = card.record_speaker(&wav, SPEECH_RATE_HZ);
    let mut playback =
        Playback::open(&named(VirtualCard::SPEAKER), &StreamWish::default()).unwrap();
    assert_eq!(playback.format().rate_hz, SPEAKER_RATE_HZ);
    playback.feeder().begin();
    for clause in speech.chunks(20_000) {
        assert_eq!(playback.feeder().push(clause), Ok(clause.len()));
    }
    assert_eq!(playback.feeder().end(), Ok(true));
    vcard::wait_for("the speech to end", || playback.control().is_idle());
    playback.check().unwrap();
    assert_eq!(playback.feeder().progress_ms(), 3_000);
    std::thread::sleep(Duration::from_millis(700));
    let heard = file::read(recording.stop()).unwrap();
    let (found, shift) = correlation(&speech, &heard.samples);
    println!("{}: {found:.5} at {shift}, {:?}", playback.format(), playback.stats());
    assert!(found > 0.98, "{found} at {shift}; {:?}", playback.stats());

    // Stopped in the middle: the rest is never heard.
    let recording = card.record_speaker(&wav, SPEECH_RATE_HZ);
    playback.feeder().begin();
    playback.feeder().push(&speech).unwrap();
    vcard::wait_for("a second of speech", || playback.feeder().progress_ms() >= 1_000);
    playback.control().flush();
    vcard::wait_for("silence", || playback.control().is_idle());
    let said = playback.control().played() * u64::from(SPEECH_RATE_HZ) / u64::from(SPEAKER_RATE_HZ);
    std::thread::sleep(Duration::from_millis(700));
    let heard = file::read(recording.stop()).unwrap().samples;
    let said = said as usize - speech.len();
    assert!((SPEECH_RATE_HZ as usize..speech.len() / 2).contains(&said), "{said}");
    let loud = heard.iter().filter(|sample| sample.abs() > 0.02).count();
    assert!(loud < said, "{loud} loud samples of {said}");
    let (rest, _) = correlation(&speech[speech.len() / 2..], &heard);
    assert!(rest < 0.5, "{rest}");
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_device_that_is_not_there_is_named_with_those_that_are() {
    let only = vcard::ours();
    let card = VirtualCard::start();
    card.enter(&only);
    let Err(error) = Capture::open(&named("USB Mic"), &StreamWish::default()) else {
        panic!("there is no such microphone");
    };
    let message = error.to_string();
    assert!(matches!(error, DeviceError::NotFound { .. }), "{message}");
    for part in ["no microphone found", "`USB Mic`", "`mic` (virtual microphone)", "--mic NAME"] {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
    let Err(error) = Playback::open(&named("HDMI"), &StreamWish::default()) else {
        panic!("there is no such speaker");
    };
    assert!(error.to_string().contains("`spk` (virtual speaker)"), "{error}");
    let wish = StreamWish { rate_hz: Some(1_000_000), ..StreamWish::default() };
    let Err(error) = Capture::open(&named(VirtualCard::MIC), &wish) else {
        panic!("no microphone is that fast");
    };
    assert!(matches!(error, DeviceError::Format { .. }), "{error}");

    let listed = devices::list().unwrap();
    let mic = listed.iter().find(|device| device.id == VirtualCard::MIC).unwrap();
    assert!(matches!(mic.record, Ability::Ready(format) if format.rate_hz == 48_000), "{mic:?}");
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_sound_server_that_dies_is_noticed() {
    let only = vcard::ours();
    let card = VirtualCard::start();
    card.enter(&only);
    let mut capture = Capture::open(&DeviceChoice::Default, &StreamWish::default()).unwrap();
    let mut playback = Playback::open(&DeviceChoice::Default, &StreamWish::default()).unwrap();
    assert!(capture.next_frame(Duration::from_secs(30)).is_some());
    capture.check().unwrap();
    playback.check().unwrap();
    drop(card);
    let mut lost = None;
    vcard::wait_for("the loss to be noticed", || {
        while capture.next_frame(Duration::from_millis(20)).is_some() {}
        lost = capture.check().err();
        lost.is_some() && playback.check().is_err()
    });
    let message = lost.unwrap().to_string();
    assert!(message.starts_with("the microphone `default` was lost"), "{message}");
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn the_command_lists_the_devices() {
    let _only = vcard::ours();
    let card = VirtualCard::start();
    let run = |args: &[&str]| {
        let mut mynah = Command::new(env!("CARGO_BIN_EXE_mynah"));
        let output = mynah.args(args).envs(card.env()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "libasound is kept quiet: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let table = run(&["devices"]);
    for part in ["Microphones (--mic)", "  mic ", "virtual microphone", "48000 Hz"] {
        assert!(table.contains(part), "{table}\nlacks {part:?}");
    }
    let lines = run(&["devices", "--json"]);
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let speaker = lines.iter().find(|device| device["id"] == VirtualCard::SPEAKER).unwrap();
    assert_eq!(speaker["play"]["ready"]["rate_hz"], 48_000);
}
