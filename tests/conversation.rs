//! Whole conversations through the program itself, as a deployer would run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn mynah(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mynah"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn events(output: &Output) -> Vec<serde_json::Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|l| serde_json::from_str(l).expect("a JSON line")).collect()
}

fn named<'a>(events: &'a [serde_json::Value], name: &str) -> Vec<&'a serde_json::Value> {
    events.iter().filter(|e| e["event"] == name).collect()
}

/// Speech followed by two seconds of silence.
fn speak(dir: &Path, words: &str) -> PathBuf {
    let spoken = dir.join("spoken.wav");
    let output = mynah(&["say", words, "-o", spoken.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut reader = hound::WavReader::open(&spoken).unwrap();
    let spec = reader.spec();
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let path = dir.join("heard.wav");
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    let half = vec![0; spec.sample_rate as usize / 2];
    let silence = vec![0; 2 * spec.sample_rate as usize];
    for sample in half.iter().chain(&samples).chain(&silence) {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
    path
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_spoken_order_is_understood_and_answered_the_same_on_every_run() {
    let dir = tempfile::tempdir().unwrap();
    let clip = speak(dir.path(), "Can I get a large latte with some milk?");
    let out = dir.path().join("answer.wav");
    let replay = || {
        let clip = clip.to_str().unwrap();
        events(&mynah(&["replay", "agents/coffee", clip, "--json", "--out", out.to_str().unwrap()]))
    };
    let mut first = replay();
    let intents = named(&first, "intent");
    assert_eq!(intents.len(), 1, "{first:#?}");
    assert_eq!(intents[0]["intent"], "orderDrink");
    assert_eq!(intents[0]["status"], "accepted");
    assert_eq!(intents[0]["slots"]["size"]["value"], "large");
    assert_eq!(intents[0]["slots"]["coffeeDrink"]["value"], "latte");
    assert_eq!(intents[0]["slots"]["milkAmount"]["value"], "some milk");
    assert!(!named(&first, "say").is_empty() && !named(&first, "audio_start").is_empty());
    let answer = hound::WavReader::open(&out).unwrap();
    assert!(answer.duration() > answer.spec().sample_rate, "the answer sounds");

    let mut second = replay();
    for event in first.iter_mut().chain(&mut second) {
        event.as_object_mut().unwrap().remove("wall_ms");
    }
    assert_eq!(first, second);
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn the_demo_takes_the_whole_order() {
    let dir = tempfile::tempdir().unwrap();
    let (out, picture) = (dir.path().join("demo.wav"), dir.path().join("demo.svg"));
    let output = mynah(&[
        "demo",
        "--json",
        "--out",
        out.to_str().unwrap(),
        "--timeline",
        picture.to_str().unwrap(),
    ]);
    let events = events(&output);
    let act = |name: &str| named(&events, "dialogue").iter().any(|e| e["act"] == name);
    assert!(act("ask_slot"), "a slot was missing: {events:#?}");
    assert!(act("confirm"), "the order was read back: {events:#?}");
    assert_eq!(named(&events, "action").len(), 2, "ordered once, and it went well: {events:#?}");
    assert!(named(&events, "turn").len() >= 4, "several turns");
    assert_eq!(hound::WavReader::open(&out).unwrap().spec().channels, 2, "both sides");
    assert!(std::fs::read_to_string(&picture).unwrap().contains("<svg"));
}

/// `audio` of all kinds that must fail with one clear sentence, exit 2, and nothing written.
#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn bad_sound_is_refused_with_its_name_and_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let no_samples = dir.path().join("no-samples.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    hound::WavWriter::create(&no_samples, spec).unwrap().finalize().unwrap();
    let bad = [
        file("empty.wav", b""),
        file("text.wav", b"this is no sound"),
        file("cut.flac", b"fLaC\0\0\0\x22\x10\0"),
        no_samples.to_str().unwrap().to_owned(),
        dir.path().join("absent.wav").to_str().unwrap().to_owned(),
    ];
    let out = dir.path().join("out.wav");
    for path in &bad {
        for command in [
            vec!["transcribe", path],
            vec!["replay", "agents/coffee", path, "--out", out.to_str().unwrap()],
        ] {
            let output = mynah(&command);
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command:?}: {message}");
            assert!(message.contains(path.as_str()), "{command:?}: {message}");
            assert!(!message.contains("panicked"), "{message}");
            assert!(!out.exists(), "nothing half-written");
        }
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn stereo_float_at_96_khz_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain.wav");
    let output = mynah(&["say", "Can I get a small mocha?", "-o", plain.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut reader = hound::WavReader::open(&plain).unwrap();
    assert_eq!(reader.spec().sample_rate, 24_000);
    let path = dir.path().join("studio.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 96_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32768.0).collect();
    for pair in samples.windows(2) {
        for step in 0..4 {
            let sample = pair[0] + (pair[1] - pair[0]) * step as f32 / 4.0;
            writer.write_sample(sample).unwrap();
            writer.write_sample(sample * 0.5).unwrap();
        }
    }
    writer.finalize().unwrap();
    let output = mynah(&["transcribe", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).to_lowercase().contains("small mocha"), "{output:?}");
}

#[test]
fn a_missing_model_says_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let out = empty.path().join("out.wav");
    let (out, models) = (out.to_str().unwrap(), empty.path().to_str().unwrap());
    let output = mynah(&["say", "hello", "-o", out, "--models", models]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("make models"), "{}", text(&output.stderr));
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_damaged_model_is_named() {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/built");
    let dir = tempfile::tempdir().unwrap();
    copy_tree(&built, dir.path());
    let victim = dir.path().join("vad/silero.onnx");
    let mut bytes = std::fs::read(&victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&victim, bytes).unwrap();
    let clip = dir.path().join("clip.wav");
    std::fs::copy(speak(dir.path(), "Hello."), &clip).unwrap();
    let output = mynah(&[
        "replay",
        "agents/coffee",
        clip.to_str().unwrap(),
        "--models",
        dir.path().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let message = text(&output.stderr);
    assert!(message.contains("silero.onnx") && message.contains("make models"), "{message}");
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Needs `strace`; the set-up installs it for the tests.
#[test]
#[cfg_attr(not(all(have_models, have_strace)), ignore = "needs models and strace: run `make test`")]
fn the_demo_opens_no_socket_but_unix_ones() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let status = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=socket,socketpair,connect,sendto,io_uring_setup", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_mynah"))
        .args(["demo", "--out"])
        .arg(dir.path().join("demo.wav"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(std::process::Stdio::null())
        .status()
        .expect("strace starts");
    assert!(status.success());
    let calls = std::fs::read_to_string(&trace).unwrap();
    let foreign: Vec<&str> = calls
        .lines()
        .filter(|call| call.contains("socket(") || call.contains("io_uring_setup("))
        .filter(|call| !call.contains("AF_UNIX"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
}
