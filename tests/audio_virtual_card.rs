//! Capture and playback through a real sound system, with a virtual microphone and speaker.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use mynah::audio::capture::Capture;
use mynah::audio::devices::{self, Ability, DeviceChoice, DeviceError};
use mynah::audio::file;
use mynah::audio::playback::{Playback, SPEECH_RATE_HZ};
use mynah::audio::sounding::{find, sweep};
use mynah::audio::stream::StreamWish;
use mynah::observe::resident_mb;
use support::vcard::{Card, MIC_RATE_HZ, SPEAKER_RATE_HZ, VirtualCard, on_a_card, wait_for};

fn named(name: &str) -> DeviceChoice {
    DeviceChoice::Named(name.into())
}

/// Frames from `capture` while `playing` says so and half a second longer.
fn listen(capture: &mut Capture, mut playing: impl FnMut() -> bool) -> Vec<f32> {
    let mut heard = Vec::new();
    let mut at = None;
    let mut until = None;
    while until.is_none_or(|until| Instant::now() < until) {
        if until.is_none() && !playing() {
            until = Some(Instant::now() + Duration::from_millis(500));
        }
        if let Some(frame) = capture.next_frame(Duration::from_millis(100)) {
            assert!(at.is_none_or(|at| frame.at == at), "positions follow each other");
            at = Some(frame.at + frame.samples.len() as u64);
            heard.extend_from_slice(&frame.samples);
        }
        capture.check().unwrap();
    }
    heard
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_clip_played_into_the_microphone_is_captured() {
    on_a_card("a_clip_played_into_the_microphone_is_captured", |card| {
        let dir = tempfile::tempdir().unwrap();
        let (wav, clip) = (dir.path().join("clip.wav"), sweep(MIC_RATE_HZ, 3.0));
        file::write_wav(&wav, MIC_RATE_HZ, &clip).unwrap();

        // As the device is, and resampled from what most devices are.
        let native = StreamWish { rate_hz: Some(MIC_RATE_HZ), ..StreamWish::default() };
        for (choice, wish, expected) in [
            (named(Card::MIC), native, 0.9999),
            (named("virtual microphone"), StreamWish::default(), 0.99),
            (DeviceChoice::Default, StreamWish { period_ms: 5, ..StreamWish::default() }, 0.99),
        ] {
            undisturbed(|| {
                let mut capture = Capture::open(&choice, &wish).unwrap();
                // A stream that was opened does not record yet.
                assert!(capture.next_frame(Duration::from_secs(30)).is_some());
                let mut paplay = card.start_playing_into_mic(&wav);
                let heard = listen(&mut capture, || paplay.try_wait().unwrap().is_none());
                let stats = capture.stats();
                let found = find(&clip, &heard);
                println!("{}: {found:?}, {stats:?}", capture.format());
                let disturbed = stats.xruns + stats.errors + stats.dropped_frames > 0;
                disturbed || found.alike <= expected
            });
        }
    });
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn speech_is_heard_from_the_speaker_until_it_is_stopped() {
    on_a_card("speech_is_heard_from_the_speaker_until_it_is_stopped", |card| {
        let dir = tempfile::tempdir().unwrap();
        let wav = dir.path().join("heard.wav");
        let speech = sweep(SPEECH_RATE_HZ, 3.0);

        let open = || Playback::open(&named(Card::SPEAKER), &StreamWish::default()).unwrap();
        let mut playback = open();
        assert_eq!(playback.format().rate_hz, SPEAKER_RATE_HZ);
        undisturbed(|| {
            let before = playback.stats();
            let recording = card.record_speaker(&wav, SPEECH_RATE_HZ);
            playback.feeder().begin();
            for clause in speech.chunks(20_000) {
                assert_eq!(playback.feeder().push(clause), Ok(clause.len()));
            }
            assert_eq!(playback.feeder().end(), Ok(true));
            wait_for("the speech to end", || playback.control().is_idle());
            assert_eq!(playback.feeder().progress_ms(), 3_000);
            wait_for_the_rest();
            let heard = file::read(recording.stop()).unwrap();
            let found = find(&speech, &heard.samples);
            let stats = playback.stats();
            println!("{}: {found:?}, {stats:?}", playback.format());
            let disturbed = stats.xruns + stats.errors > before.xruns + before.errors;
            // Begun on an odd sample of the device, it lies between two of the recording: 0.966.
            let again = disturbed || found.alike <= 0.96;
            if again {
                // A stream that began badly stays bad.
                playback = open();
            }
            again
        });
        playback.check().unwrap();

        // Stopped on the way: nothing is heard but what was counted as played.
        let before = playback.control().played();
        let recording = card.record_speaker(&wav, SPEECH_RATE_HZ);
        playback.feeder().begin();
        playback.feeder().push(&speech).unwrap();
        wait_for("a second of speech", || playback.feeder().progress_ms() >= 1_000);
        playback.control().flush();
        wait_for("silence", || playback.control().is_idle());
        wait_for_the_rest();
        let said = (playback.control().played() - before) as f64 / f64::from(SPEAKER_RATE_HZ);
        let heard = file::read(recording.stop()).unwrap();
        let loud = heard.samples.iter().filter(|sample| sample.abs() > 0.02).count();
        let loud = loud as f64 / f64::from(heard.rate_hz);
        println!("stopped after {said:.3} s, {loud:.3} s of it loud");
        assert!((0.5..said).contains(&loud), "{loud} s loud of {said} s said");
    });
}

/// What the sound system still holds when the last sample was handed over, with a wide margin.
fn wait_for_the_rest() {
    std::thread::sleep(Duration::from_millis(700));
}

/// Measures until no sample was lost on the way, which happens to any sound system on a machine
/// that is busy with other things. Streams report some of it; what the daemon or the recorder lose
/// shows in the correlation only, so the printed lines say which it was.
fn undisturbed(mut measure: impl FnMut() -> bool) {
    for _ in 0..10 {
        if !measure() {
            return;
        }
    }
    panic!("samples were lost in ten of ten measurements; the machine is too busy for sound");
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_device_that_is_not_there_is_named_with_those_that_are() {
    on_a_card("a_device_that_is_not_there_is_named_with_those_that_are", |_| {
        let Err(error) = Capture::open(&named("USB Mic"), &StreamWish::default()) else {
            panic!("there is no such microphone");
        };
        let message = error.to_string();
        assert!(matches!(error, DeviceError::NotFound { .. }), "{message}");
        for part in ["no microphone found", "`USB Mic`", "`mic` (virtual microphone)", "--mic NAME"]
        {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
        let Err(error) = Playback::open(&named("HDMI"), &StreamWish::default()) else {
            panic!("there is no such speaker");
        };
        assert!(error.to_string().contains("`spk` (virtual speaker)"), "{error}");
        let wish = StreamWish { rate_hz: Some(1_000_000), ..StreamWish::default() };
        let Err(error) = Capture::open(&named(Card::MIC), &wish) else {
            panic!("no microphone is that fast");
        };
        assert!(matches!(error, DeviceError::Format { .. }), "{error}");

        let listed = devices::list().unwrap();
        let mic = listed.iter().find(|device| device.id == Card::MIC).unwrap();
        assert!(
            matches!(mic.record, Ability::Ready(format) if format.rate_hz == 48_000),
            "{mic:?}"
        );
    });
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_sound_server_that_dies_is_noticed() {
    on_a_card("a_sound_server_that_dies_is_noticed", |card| {
        let mut capture = Capture::open(&DeviceChoice::Default, &StreamWish::default()).unwrap();
        let mut playback = Playback::open(&DeviceChoice::Default, &StreamWish::default()).unwrap();
        assert!(capture.next_frame(Duration::from_secs(30)).is_some());
        capture.check().unwrap();
        playback.check().unwrap();
        card.stop_server();
        let mut lost = None;
        wait_for("the loss to be noticed", || {
            while capture.next_frame(Duration::from_millis(20)).is_some() {}
            lost = capture.check().err();
            lost.is_some() && playback.check().is_err()
        });
        let message = lost.unwrap().to_string();
        assert!(message.starts_with("the microphone `default` was lost"), "{message}");
    });
}

/// Threads and open files of this process.
fn held() -> (usize, usize) {
    let count = |what| std::fs::read_dir(what).map_or(0, Iterator::count);
    (count("/proc/self/task"), count("/proc/self/fd"))
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_thousand_openings_leave_nothing_behind() {
    on_a_card("a_thousand_openings_leave_nothing_behind", |_| {
        let open_both = || {
            let wish = StreamWish::default();
            let capture = Capture::open(&named(Card::MIC), &wish).unwrap();
            let playback = Playback::open(&named(Card::SPEAKER), &wish).unwrap();
            drop((capture, playback));
        };
        // What libraries keep for the next time is there after the first.
        (0..5).for_each(|_| open_both());
        let (before, resident) = (held(), resident_mb());
        let since = Instant::now();
        (0..500).for_each(|_| open_both());
        let grown = resident_mb().zip(resident).map(|(after, before)| after - before);
        println!("1,000 openings in {:.1} s, {grown:?} MB more", since.elapsed().as_secs_f32());
        assert_eq!(held(), before, "threads and files");
        assert!(grown.is_none_or(|mb| mb < 5.0), "{grown:?} MB more");
    });
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn the_command_lists_the_devices() {
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
    let speaker = lines.iter().find(|device| device["id"] == Card::SPEAKER).unwrap();
    assert_eq!(speaker["play"]["ready"]["rate_hz"], 48_000);
}
