//! The whole agent on a (virtual) sound card: speech goes into the microphone, the answer comes
//! out of the speaker and is understood again.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::agent::{Agent, mynah, speak};
use support::vcard::{Card, VirtualCard};

#[test]
#[cfg_attr(
    not(all(have_models, have_pulseaudio)),
    ignore = "needs models and pulseaudio: run `make test`"
)]
fn an_order_through_the_microphone_is_answered_through_the_speaker() {
    let dir = tempfile::tempdir().unwrap();
    let order = speak(dir.path(), "order.wav", "Can I get a small cappuccino?");
    let card = VirtualCard::start();
    let answer = dir.path().join("answer.wav");
    let recording = card.record_speaker(&answer, 24_000);
    let (mic, speaker) = (Card::MIC, Card::SPEAKER);
    let mut agent = Agent::start(
        &card,
        &["run", "agents/coffee", "--json", "--mic", mic, "--speaker", speaker],
    );
    agent.wait_for("ready");
    card.play_into_mic(&order);

    let intent = agent.wait_for("intent");
    assert_eq!(intent["intent"], "orderDrink", "{intent:#}");
    assert_eq!(intent["slots"]["size"]["value"], "small");
    assert_eq!(intent["slots"]["coffeeDrink"]["value"], "cappuccino");
    agent.wait_for("audio_start");
    agent.wait_for("audio_end");
    let said: Vec<String> = agent
        .seen
        .iter()
        .filter(|event| event["event"] == "say")
        .map(|event| event["text"].as_str().unwrap().to_lowercase())
        .collect();
    drop(agent);

    let heard = mynah(&["transcribe", recording.stop().to_str().unwrap()]).output().unwrap();
    let heard = String::from_utf8_lossy(&heard.stdout).to_lowercase();
    for word in ["small", "cappuccino"] {
        assert!(said.iter().any(|line| line.contains(word)), "the order is read back: {said:?}");
        assert!(heard.contains(word), "the speaker said {said:?}, heard was {heard:?}");
    }
}

/// An agent that tells the time at length.
fn talker(dir: &Path) -> PathBuf {
    let agent = dir.join("talker");
    std::fs::create_dir_all(agent.join("intents")).unwrap();
    for (name, text) in [
        ("agent.toml", "name = \"talker\"\n"),
        (
            "intents/time.yaml",
            "language: en\nintents:\n  time:\n    data:\n      \
             - sentences: [\"what time is it [please]\"]\n",
        ),
        (
            "dialogue.yaml",
            "intents:\n  time:\n    reply: >-\n      It is time. The museum is open every day from \
             nine in the morning until six in the evening, and the garden is open until it is dark.\n",
        ),
    ] {
        std::fs::write(agent.join(name), text).unwrap();
    }
    agent
}

#[test]
#[cfg_attr(
    not(all(have_models, have_pulseaudio)),
    ignore = "needs models and pulseaudio: run `make test`"
)]
fn who_speaks_over_the_reply_makes_it_softer_and_then_silent() {
    const TIMES: usize = 6;
    let dir = tempfile::tempdir().unwrap();
    let question = speak(dir.path(), "question.wav", "What time is it?");
    let card = VirtualCard::start();
    let folder = talker(dir.path());
    let mut agent = Agent::start(
        &card,
        &[
            "run",
            folder.to_str().unwrap(),
            "--json",
            "--headset",
            "--mic",
            Card::MIC,
            "--speaker",
            Card::SPEAKER,
        ],
    );
    agent.wait_for("ready");
    card.play_into_mic(&question);
    let (mut soft, mut silent) = (Vec::new(), Vec::new());
    // On a machine that stands still the speaker is lost at times, and a reply with it.
    for _ in 0..3 * TIMES {
        agent.wait_for("audio_start");
        std::thread::sleep(Duration::from_millis(1_500));
        let before = agent.seen.len();
        card.play_into_mic(&question);
        agent.wait_for("intent");
        let stop = agent.seen[before..].iter().find(|event| event["event"] == "barge_in");
        let Some(stop) = stop.cloned() else { continue };
        let last = |kind: &str| {
            let found = agent.seen.iter().rfind(|event| event["event"] == kind);
            found.unwrap_or_else(|| panic!("no {kind}: {:#?}", agent.seen))["at"].as_u64().unwrap()
        };
        let began = last("speech_start");
        let ms = |at: u64| (at as f64 - began as f64) / 16.0;
        soft.push(ms(last("ducked")));
        silent.push(ms(stop["at"].as_u64().unwrap()));
        assert!(stop["said"].as_str().unwrap().starts_with("It is time"), "{stop}");
        assert!(stop["unsaid"].as_str().unwrap().ends_with("it is dark."), "{stop}");
        if soft.len() == TIMES {
            break;
        }
    }
    assert_eq!(soft.len(), TIMES, "interruptions of {}", 3 * TIMES);
    for (what, mut times) in [("softer", soft), ("silent", silent)] {
        times.sort_by(f64::total_cmp);
        println!(
            "{what} after {:.0} ms (median), {:.0} ms (most)",
            times[TIMES / 2],
            times[TIMES - 1]
        );
    }
}

#[test]
#[cfg_attr(
    not(all(have_models, have_pulseaudio, have_strace)),
    ignore = "needs models, pulseaudio and strace: run `make test`"
)]
fn an_agent_at_work_opens_no_socket_but_unix_ones() {
    let dir = tempfile::tempdir().unwrap();
    let order = speak(dir.path(), "order.wav", "Can I get a small cappuccino?");
    let card = VirtualCard::start();
    let trace = dir.path().join("trace");
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "--seccomp-bpf", "-e", "trace=socket,socketpair,io_uring_setup", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_mynah"))
        .args(["run", "agents/coffee", "--json", "--mic", Card::MIC, "--speaker", Card::SPEAKER])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut agent = Agent::run(&card, traced);
    agent.wait_for("ready");
    card.play_into_mic(&order);
    agent.wait_for("audio_end");
    drop(agent);
    let calls = std::fs::read_to_string(&trace).unwrap();
    let (unix, foreign): (Vec<&str>, Vec<&str>) =
        calls.lines().filter(|call| call.contains('(')).partition(|call| call.contains("AF_UNIX"));
    assert!(foreign.is_empty(), "{foreign:#?}");
    assert!(!unix.is_empty(), "the sound daemon was spoken to: {calls}");
}

#[test]
#[cfg_attr(
    not(all(have_models, have_pulseaudio)),
    ignore = "needs models and pulseaudio: run `make test`"
)]
fn an_unknown_microphone_is_named_with_those_there_are() {
    let card = VirtualCard::start();
    let output =
        mynah(&["run", "agents/coffee", "--mic", "Mars Rover"]).envs(card.env()).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    for word in ["Mars Rover", Card::MIC, "--mic", "mynah devices"] {
        assert!(message.contains(word), "{word}: {message}");
    }
}
