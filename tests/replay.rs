//! `mynah replay` on a clock and in a room of its own choosing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mynah::audio::echo_path::{Echo, EchoPath};
use mynah::audio::file;
use mynah::audio::room_response::RoomResponse;
use mynah::audio::sounding::find;
use mynah::audio::track::Track;
use mynah::units::{FRAME_LEN, SAMPLE_RATE_HZ, SamplePos};
use serde_json::Value;

const SETTINGS: &str = "name = \"porter\"\n";
const INTENTS: &str = "language: en\nintents:\n  time:\n    data:\n      \
    - sentences: [\"what time is it [please]\"]\n";
const DIALOGUE: &str = "intents:\n  time:\n    reply: >-\n      It is {{ now.clock }} on \
    {{ now.weekday }}, {{ now.date }}. The museum is open every day from nine in the morning until \
    six in the evening, and the garden is open until it is dark.\n";

/// A folder with an agent that tells the time at length, somebody who asks for it and then keeps
/// silent for twelve seconds, and a room.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(scene.path("agent/intents")).unwrap();
        for (name, text) in [
            ("agent/agent.toml", SETTINGS),
            ("agent/intents/time.yaml", INTENTS),
            ("agent/dialogue.yaml", DIALOGUE),
        ] {
            std::fs::write(scene.path(name), text).unwrap();
        }
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn mynah(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mynah"))
            .args(arguments)
            .env("MYNAH_MODELS", Path::new(env!("CARGO_MANIFEST_DIR")).join("models/built"))
            // Central European time by rule, so that no zone file is needed.
            .env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
            .current_dir(&self.0)
            .output()
            .expect("the program starts")
    }

    /// Writes what `words` sound like.
    fn say(&self, words: &str, to: &str) -> Vec<f32> {
        let output = self.mynah(&["say", words, "-o", to]);
        assert!(output.status.success(), "{}", stderr(&output));
        file::read(self.path(to)).unwrap().samples
    }

    fn question(&self) {
        let spoken = self.say("What time is it?", "spoken.wav");
        let silence = |seconds: f64| vec![0.0; (24_000.0 * seconds) as usize];
        let samples = [silence(0.5), spoken, silence(12.0)].concat();
        file::write_wav(self.path("heard.wav"), 24_000, &samples).unwrap();
    }

    /// Noise that dies away by 60 dB in a third of a second, behind a direct sound.
    fn room(&self) -> String {
        let mut seed = 1u32;
        let samples: Vec<f32> = (0..SAMPLE_RATE_HZ / 3)
            .map(|i| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = seed as f32 / u32::MAX as f32 * 2.0 - 1.0;
                let decay = 10f32.powf(-3.0 * i as f32 / (SAMPLE_RATE_HZ as f32 / 3.0));
                if i == 0 { 0.9 } else { 0.05 * noise * decay }
            })
            .collect();
        let path = self.path("room.wav");
        file::write_wav(&path, SAMPLE_RATE_HZ, &samples).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The events of a replay of the question, wall times aside.
    fn replay(&self, more: &[&str]) -> Vec<Value> {
        let mut events = self.events(&[&["replay", "agent", "heard.wav", "--json"], more].concat());
        for event in &mut events {
            event.as_object_mut().unwrap().remove("wall_ms");
        }
        events
    }

    /// What the program writes, line by line.
    fn events(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.mynah(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON line"))
            .collect()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Positions of the events of this name, in milliseconds.
fn at_ms(events: &[Value], name: &str) -> Vec<f64> {
    let named = events.iter().filter(|event| event["event"] == name);
    named.map(|event| event["at"].as_u64().unwrap() as f64 / 16.0).collect()
}

fn said(events: &[Value]) -> String {
    let says: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "say")
        .map(|event| event["text"].as_str().unwrap())
        .collect();
    says.join(" ")
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn the_clock_of_a_replay_is_the_one_it_is_given() {
    let scene = Scene::new();
    scene.question();
    for (now, told) in [
        // The question takes more than a second.
        (&["--now", "2026-03-05T15:04:59"][..], "3:05 PM on Thursday, March 5."),
        (&["--now", "2026-07-01T22:30:00Z"], "12:30 AM on Thursday, July 2."),
        (&[], "10:00 AM on Monday, January 5."),
    ] {
        let events = scene.replay(now);
        assert!(said(&events).contains(told), "{now:?}: {}", said(&events));
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn an_echo_is_heard_where_it_falls_and_the_same_on_every_run() {
    let scene = Scene::new();
    scene.question();
    let room = format!("{}:6", scene.room());
    let echo = |more: &[&str]| scene.replay(&[&["--echo", &room][..], more].concat());

    let alone = scene.replay(&["--out", "reply.wav"]);
    assert!(at_ms(&alone, "barge_in").is_empty(), "nobody but the visitor is heard");
    let starts = at_ms(&alone, "audio_start")[0];
    let reply = file::read(scene.path("reply.wav")).unwrap().samples;
    let voice = reply.iter().position(|s| s.abs() > 0.05).unwrap() as f64 / 24.0;
    assert!(voice >= starts);

    let at = |delay: &str| {
        let events = echo(&["--headset", "--delay-ms", delay, "--drift-ppm", "-200"]);
        assert_eq!(at_ms(&events, "audio_start")[0], starts);
        let interrupted = at_ms(&events, "barge_in");
        assert!(!interrupted.is_empty(), "its own voice interrupts it: {events:#?}");
        let begun = at_ms(&events, "speech_start")[1];
        assert!((begun..begun + 300.0).contains(&interrupted[0]), "{begun} {interrupted:?}");
        (begun, events)
    };
    let (soon, events) = at("60");
    let (_, again) = at("60");
    assert_eq!(events, again);
    let heard = voice + 60.0;
    assert!((heard - 60.0..heard + 300.0).contains(&soon), "heard at {soon}, said at {voice}");
    let (late, _) = at("460");
    assert!((late - soon - 400.0).abs() <= 20.0, "{soon} and {late}");

    // It may be deaf while it speaks, and the room is quiet soon after.
    let deaf = echo(&["--half-duplex"]);
    assert!(at_ms(&deaf, "barge_in").is_empty());
    assert_eq!(at_ms(&deaf, "speech_start"), at_ms(&alone, "speech_start"));
    assert_eq!(at_ms(&deaf, "audio_end"), at_ms(&alone, "audio_end"));
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_drift_moves_a_long_reply_further_with_every_second() {
    let scene = Scene::new();
    let voice = scene.say(
        "This is a long sentence that goes on for a while. So does the second one, which says \
         nothing either. The third one has the best of it, for it is the last.",
        "long.wav",
    );
    let response = RoomResponse::open(&scene.room()).unwrap();
    let heard = |drift_ppm: f64| {
        let mut track = Track::new(24_000);
        track.put(0, &voice);
        let path = EchoPath { drift_ppm, ..EchoPath::plain(response.clone(), 30) };
        let mut echo = Echo::new(path, 24_000);
        let mut sound = Vec::new();
        for index in 0..voice.len() * 2 / 3 / FRAME_LEN {
            let mut frame = [0.0; FRAME_LEN];
            echo.add_to(SamplePos((index * FRAME_LEN) as u64), &mut frame, &mut track);
            sound.extend(frame);
        }
        sound
    };
    const PPM: f64 = 1_000.0;
    let plain = heard(0.0);
    let (fast, slow) = (heard(PPM), heard(-PPM));
    let window = 3_200;
    for part in [1, 2, 3] {
        let from = plain.len() * part / 4 - window / 2;
        let wanted = (from + window / 2) as f64 * PPM * 1e-6;
        for (drifted, sign) in [(&fast, -1.0), (&slow, 1.0)] {
            let found =
                find(&plain[from..from + window], &drifted[from - 400..from + window + 400]);
            let shift = found.at - 400.0;
            assert!(found.alike > 0.9, "{found:?}");
            assert!((shift - sign * wanted).abs() < 4.0, "{shift} samples, not {wanted} by {sign}");
        }
    }
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn a_murmured_ending_is_heard_where_others_talk() {
    let scene = Scene::new();
    let order = scene.say("May I have a large latte with milk?", "order.wav");
    let talk = scene.say(
        "The museum was closed on that day, so we walked along the river for hours, and nobody \
         knew where the others had gone. In the evening we met them again near the station.",
        "talk.wav",
    );
    let (begin, fade) = (24_000, 2_400);
    // "With milk", but for its beginning, 12 dB below what comes before.
    let murmur = begin + order.len() - 16_800;
    let sound: Vec<f32> = (0..)
        .zip(&talk)
        .map(|(at, far)| {
            let near = if at < begin { 0.0 } else { *order.get(at - begin).unwrap_or(&0.0) };
            let faded = (at + fade).saturating_sub(murmur).min(fade) as f32 / fade as f32;
            (1.0 - 0.75 * faded) * near + 0.1 * far
        })
        .collect();
    file::write_wav(scene.path("heard.wav"), 24_000, &sound).unwrap();
    let agent = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/coffee");
    let agent = agent.to_str().unwrap();
    let events = scene.events(&["replay", agent, "heard.wav", "--json", "--state-dir", "state"]);
    let first = |name: &str| events.iter().find(|event| event["event"] == name).expect(name);
    assert_eq!(first("speech_end")["why"], "others_talk");
    let slots = &first("intent")["slots"];
    assert!(slots["milkAmount"]["value"].is_string(), "{slots}");
}

/// None of this comes as far as the models.
#[test]
fn what_cannot_be_is_refused_with_the_value_and_a_way_out() {
    let scene = Scene::new();
    file::write_wav(scene.path("heard.wav"), 16_000, &[0.0; 16_000]).unwrap();
    file::write_wav(scene.path("silent.wav"), 16_000, &[0.0; 160]).unwrap();
    file::write_wav(scene.path("long.wav"), 16_000, &[0.5; 6 * 16_000]).unwrap();
    std::fs::write(scene.path("empty.wav"), b"").unwrap();
    let room = scene.room();
    let loud = format!("{room}:loud");
    let deafening = format!("{room}:99");
    for (arguments, parts) in [
        (&["--now", "tomorrow"][..], &["'tomorrow'", "--now", "2026-03-05T14:30:00+01:00"][..]),
        (&["--now", "2026-02-30T10:00"], &["2026-02-30T10:00", "no date and time"]),
        (&["--now", "2026-03-29T02:30"], &["2026-03-29T02:30", "skipped"]),
        (&["--delay-ms", "40"], &["--echo"]),
        (&["--drift-ppm", "-40"], &["--echo"]),
        (&["--echo", &room, "--delay-ms", "-1"], &["-1"]),
        (&["--echo", &room, "--delay-ms", "2001"], &["2001", "0..=2000"]),
        (&["--echo", &room, "--drift-ppm", "-1001"], &["-1001", "-1000..=1000"]),
        (&["--echo", &room, "--out", &room], &["--out names the room of --echo itself"]),
        (&["--echo", "absent.wav"], &["--echo", "absent.wav", "cannot read"]),
        (&["--echo", "empty.wav"], &["--echo", "empty.wav", "0 bytes"]),
        (&["--echo", "silent.wav:-3"], &["--echo", "silent.wav", "silent"]),
        (&["--echo", "long.wav"], &["--echo", "long.wav", "at most 5 s"]),
        (&["--echo", &loud], &["--echo", "`loud`", "number of decibels"]),
        (&["--echo", &deafening], &["--echo", "99 dB", "-100 to 40"]),
    ] {
        let output = scene.mynah(&[&["replay", "agent", "heard.wav"], arguments].concat());
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        for part in parts {
            assert!(message.contains(part), "{arguments:?}: {part:?} is missing in {message}");
        }
        assert!(!message.contains("panicked"), "{message}");
    }
}

#[test]
fn a_chat_can_be_held_at_any_time() {
    let scene = Scene::new();
    let talk = Command::new("sh")
        .args(["-c", "echo what time is it | \"$0\" chat agent --now 2026-12-24T18:00"])
        .arg(env!("CARGO_BIN_EXE_mynah"))
        .current_dir(&scene.0)
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&talk.stdout).into_owned();
    assert!(said.contains("It is 6:00 PM on Thursday, December 24."), "{said}{}", stderr(&talk));
}

#[test]
#[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
fn with_its_voice_taken_out_it_hears_nobody_but_the_visitor() {
    let scene = Scene::new();
    scene.question();
    let room = format!("{}:0", scene.room());
    let replay = |file: &str| {
        let echo = ["--echo", &room, "--delay-ms", "60"];
        scene.events(&[&["replay", "agent", file, "--json"][..], &echo].concat())
    };
    let alone = replay("heard.wav");
    assert_eq!(at_ms(&alone, "speech_start").len(), 1, "not itself: {alone:#?}");
    assert!(at_ms(&alone, "barge_in").is_empty());
    let reply = said(&alone);

    // The same, and in the middle of the reply again, softer than the reply is heard.
    let heard = file::read(scene.path("heard.wav")).unwrap().samples;
    let spoken = file::read(scene.path("spoken.wav")).unwrap().samples;
    let again = (24.0 * (at_ms(&alone, "audio_start")[0] + 5_000.0)) as usize;
    let mut twice = heard.clone();
    twice[again..].iter_mut().zip(&spoken).for_each(|(heard, spoken)| *heard += 0.4 * spoken);
    file::write_wav(scene.path("twice.wav"), 24_000, &twice).unwrap();
    let events = replay("twice.wav");
    let event = events.iter().find(|event| event["event"] == "barge_in").expect("an interruption");
    let stopped = event["at"].as_u64().unwrap() as f64 / 16.0 - again as f64 / 24.0;
    assert!((0.0..500.0).contains(&stopped), "stopped after {stopped} ms");
    let words = |part: &str| event[part].as_str().unwrap().split_whitespace().count();
    let (before, after) = (words("said"), words("unsaid"));
    assert!(before > 8 && after > 8, "{before} words, and {after} more: {event}");
    assert!(reply.split_whitespace().count().abs_diff(before + after) < 6, "{reply}: {event}");
    assert_eq!(said(&events).matches("It is 10:00 AM").count(), 2, "it answers again");
}
