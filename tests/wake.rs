//! Called by a phrase, an agent wakes and understands the rest of the sentence; uncalled it sleeps.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn mynah(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mynah"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// The coffee agent with other settings of listening.
fn agent(folder: &Path, listening: &str) -> PathBuf {
    let agent = folder.join("agent");
    let given = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/coffee");
    for part in ["intents", "tests"] {
        std::fs::create_dir_all(agent.join(part)).unwrap();
        for file in std::fs::read_dir(given.join(part)).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), agent.join(part).join(file.file_name())).unwrap();
        }
    }
    std::fs::copy(given.join("dialogue.yaml"), agent.join("dialogue.yaml")).unwrap();
    std::fs::copy(given.join("orders.sh"), agent.join("orders.sh")).unwrap();
    let settings = format!("name = \"coffee\"\n[listening]\n{listening}\n");
    std::fs::write(agent.join("agent.toml"), settings).unwrap();
    agent
}

/// What an agent reports of our own voice saying `words`, with quiet around them.
fn events(agent: &Path, words: &str) -> Vec<Value> {
    let wav = agent.join("said.wav");
    let said = mynah(&["say", words, "-o", wav.to_str().unwrap()]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let mut sound = samples_of(&wav);
    let second = 24_000;
    let mut padded = vec![0i16; second];
    padded.append(&mut sound);
    padded.resize(padded.len() + 12 * second, 0);
    write_wav(&wav, &padded);
    let replay = mynah(&["replay", agent.to_str().unwrap(), wav.to_str().unwrap(), "--json"]);
    let output = { replay }.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The samples of a 16-bit mono WAV with a plain header.
fn samples_of(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap();
    let data = bytes.windows(4).position(|mark| mark == b"data").expect("a data chunk") + 8;
    bytes[data..].as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

fn write_wav(path: &Path, samples: &[i16]) {
    let len = 2 * samples.len() as u32;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + len).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend([1, 0, 1, 0]);
    bytes.extend(24_000u32.to_le_bytes());
    bytes.extend(48_000u32.to_le_bytes());
    bytes.extend([2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(len.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

fn find<'e>(events: &'e [Value], kind: &str) -> Option<&'e Value> {
    events.iter().find(|event| event["event"] == kind)
}

const WAKE: &str = "mode = \"wake\"\nphrases = [\"hello garden\"]\nfollow_up_s = 3";

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_call_wakes_and_the_rest_of_the_sentence_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(folder.path(), WAKE);
    let events = events(&agent, "Hello garden, can I get a large latte, please?");
    let wake = find(&events, "wake").unwrap_or_else(|| panic!("{events:#?}"));
    assert_eq!((&wake["by"], &wake["phrase"]), (&"phrase".into(), &"hello garden".into()));
    assert!(wake["verified"].as_f64().unwrap() > 0.5 && wake["spotted"].is_null(), "{wake}");
    let transcript = find(&events, "transcript").unwrap()["text"].as_str().unwrap().to_lowercase();
    assert!(transcript.contains("latte") && !transcript.contains("garden"), "{transcript}");
    let intent = find(&events, "intent").unwrap();
    assert_eq!(
        (&intent["status"], &intent["slots"]["size"]["value"]),
        (&"accepted".into(), &"large".into())
    );
    // The question it then asks is not answered; after that it sleeps.
    assert_eq!(kinds(&events).iter().filter(|kind| **kind == "wake").count(), 1);
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_call_behind_other_words_wakes_and_those_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(folder.path(), WAKE);
    let events =
        events(&agent, "We will see tomorrow, hello garden, can I get a large latte, please?");
    assert!(find(&events, "wake").is_some(), "{events:#?}");
    let transcript = find(&events, "transcript").unwrap()["text"].as_str().unwrap().to_lowercase();
    assert!(transcript.contains("latte") && !transcript.contains("tomorrow"), "{transcript}");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn what_is_said_to_others_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(folder.path(), WAKE);
    let events = events(&agent, "Can I get a large latte, please?");
    assert_eq!(kinds(&events), ["speech_start", "speech_end", "metrics"], "{events:#?}");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_call_alone_wakes_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(folder.path(), WAKE);
    let events = events(&agent, "Hello garden!");
    let told = kinds(&events);
    let expected = ["speech_start", "wake", "speech_end", "prosody", "asleep", "metrics"];
    assert_eq!(told, expected, "{events:#?}");
    let at = |kind: &str| find(&events, kind).unwrap()["at"].as_u64().unwrap();
    let awake_ms = (at("asleep") - at("speech_end")) / 16;
    assert!((3_000..3_100).contains(&awake_ms), "{awake_ms} ms");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn two_stages_agree_on_a_phrase_that_a_network_knows() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(folder.path(), "mode = \"wake\"\nphrases = [\"Hey Jarvis\"]");
    let events = events(&agent, "Hey Jarvis, can I get a large latte, please?");
    let wake = find(&events, "wake").unwrap_or_else(|| panic!("{events:#?}"));
    assert!(wake["spotted"].as_f64().unwrap() > 0.9, "{wake}");
    assert!(find(&events, "spotted").is_some() && find(&events, "intent").is_some());
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn what_cannot_work_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(folder.path(), "mode = \"push-to-talk\"");
    let refused = |agent: &Path, more: &[&str]| {
        let mut command = mynah(&["run", agent.to_str().unwrap()]);
        let output = command.args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let error = refused(&agent, &[]);
    assert!(error.contains("nothing to press") && error.contains("--press"), "{error}");
    let error = refused(&agent, &["--press-gpio", "no-such-chip:17"]);
    assert!(error.contains("--press-gpio no-such-chip:17"), "{error}");
    // A board that cannot read all that is said.
    std::fs::write(agent.join("agent.toml"), format!("name = \"coffee\"\n[listening]\n{WAKE}\n"))
        .unwrap();
    let error = refused(&agent, &["--board", "raspberry-pi-zero-2-w"]);
    assert!(error.contains("`hello garden`") && error.contains("too slow"), "{error}");
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_phrase_that_nobody_can_call_by_is_refused_alike_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("quiet.wav");
    write_wav(&wav, &[0; 6 * 24_000]);
    let (wav, commands) = (wav.to_str().unwrap(), ["check", "run", "replay", "calibrate"]);
    for (phrases, place, why) in [
        ("\"\"", "agent.toml:4:12", "there is no word in ``"),
        ("\"hi\"", "agent.toml:4:12", "`hi` is too short"),
        ("\"hey you\", \"oh\"", "agent.toml:4:23", "`oh` is too short"),
        ("\"hey you\", \"Hey, you\"", "agent.toml:4:23", "`hey you` twice"),
    ] {
        let agent = agent(folder.path(), &format!("mode = \"wake\"\nphrases = [{phrases}]"));
        let told = commands.map(|command| {
            let mut line = mynah(&[command, agent.to_str().unwrap()]);
            match command {
                "replay" => line.arg(wav),
                "calibrate" => line.args(["--wav", wav]),
                _ => &mut line,
            };
            let output = line.output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{command}: {phrases}");
            String::from_utf8(output.stderr).unwrap()
        });
        assert!(told[0].contains(place) && told[0].contains(why), "{}", told[0]);
        assert!(told.iter().all(|other| *other == told[0]), "{phrases}: {told:#?}");
        let doctor = mynah(&["doctor", "--no-sound", agent.to_str().unwrap()]).output().unwrap();
        let found = String::from_utf8(doctor.stdout).unwrap();
        assert!(found.contains("FAULT    agent") && found.contains(why), "{phrases}: {found}");
        let output = mynah(&["check", agent.to_str().unwrap(), "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["problems"][0]["line"], 4, "{report}");
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_room_is_calibrated_by_what_was_heard_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(folder.path(), "mode = \"wake\"\nphrases = [\"hey jarvis\"]");
    let wav = folder.path().join("room.wav");
    let calibrate = |more: &[&str]| {
        let mut command = mynah(&["calibrate", agent.to_str().unwrap()]);
        command.args(more).output().unwrap()
    };
    let heard = |samples: &[i16]| -> Value {
        write_wav(&wav, samples);
        let output = calibrate(&["--wav", wav.to_str().unwrap(), "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let quiet = heard(&[0; 6 * 24_000]);
    assert_eq!((quiet["utterances"].as_u64(), quiet["wake_bound"].as_f64()), (Some(0), Some(0.5)));
    assert!(quiet["spot_bound"].is_null(), "{quiet}");
    // The phrase itself, which nobody should have said.
    let said = mynah(&["say", "Hey Jarvis!", "-o", wav.to_str().unwrap()]).output().unwrap();
    assert!(said.status.success());
    let mut sound = vec![0; 3 * 24_000];
    sound.extend(samples_of(&wav));
    sound.resize(sound.len() + 3 * 24_000, 0);
    let called = heard(&sound);
    assert!(called["phrases"][0]["spotted"].as_f64() > Some(0.9), "{called}");
    assert!(called["wake_bound"].as_f64() > Some(0.7), "{called}");
    // What tells nothing is refused.
    write_wav(&wav, &[0; 24_000]);
    let output = calibrate(&["--wav", wav.to_str().unwrap()]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && error.contains("at least 5 s"), "{error}");
    std::fs::write(agent.join("agent.toml"), "name = \"coffee\"\n").unwrap();
    let output = calibrate(&[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && error.contains("names no phrase"), "{error}");
}
