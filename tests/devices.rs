//! Devices that go away, come back or die while the agent works on them, on a virtual sound card.
//! Prints how long each recovery took; only that it comes counts.

mod support;

use std::time::{Duration, Instant};

use support::agent::{Agent, speak};
use support::vcard::{Card, VirtualCard};

const RUN: [&str; 5] = ["run", "agents/coffee", "--json", "--speaker", Card::SPEAKER];

fn says_it_is_deaf(agent: &mut Agent) {
    while !agent.wait_for("say")["text"].as_str().unwrap().contains("can't hear you") {}
    agent.wait_for("audio_end");
}

#[test]
#[cfg_attr(
    not(all(have_models, have_pulseaudio)),
    ignore = "needs models and pulseaudio: run `make test`"
)]
fn a_microphone_that_was_pulled_out_is_missed_aloud_and_heard_again() {
    let dir = tempfile::tempdir().unwrap();
    let order = speak(dir.path(), "order.wav", "Can I get a small cappuccino?");
    let card = VirtualCard::start();
    let mut agent = Agent::start(&card, &[&RUN[..], &["--keyboard", "--mic", Card::MIC]].concat());
    agent.wait_for("ready");
    card.unplug_mic();
    let (event, lost) = agent.wait_for_device("microphone", "lost");
    assert_eq!(event["name"], Card::MIC, "{event:#}");
    says_it_is_deaf(&mut agent);

    agent.type_line("can i get a small cappuccino");
    assert_eq!(agent.wait_for("intent")["intent"], "orderDrink", "keys work meanwhile");
    agent.wait_for("audio_end");

    card.plug_mic(44_100);
    let (event, back) = agent.wait_for_device("microphone", "back");
    assert_eq!(event["name"], Card::MIC, "{event:#}");
    println!("noticed after {} ms, back after {} ms", lost.as_millis(), back.as_millis());
    card.play_into_mic(&order);
    let intent = agent.wait_for("intent");
    assert_eq!(intent["slots"]["coffeeDrink"]["value"], "cappuccino", "{intent:#}");
    let metrics = agent.end();
    assert_eq!(metrics["microphone"]["lost"], 1, "{metrics:#}");
    assert!(metrics["microphone"]["away_ms"].as_u64() >= Some(3_000), "{metrics:#}");
}

#[test]
#[cfg_attr(
    not(all(have_models, have_pulseaudio)),
    ignore = "needs models and pulseaudio: run `make test`"
)]
fn a_microphone_that_hangs_is_opened_again() {
    let card = VirtualCard::start();
    let mut agent = Agent::start(&card, &[&RUN[..], &["--mic", Card::MIC]].concat());
    agent.wait_for("ready");
    for _ in 0..3 {
        card.hang_mic(true);
        let (_, lost) = agent.wait_for_device("microphone", "lost");
        card.hang_mic(false);
        let (_, back) = agent.wait_for_device("microphone", "back");
        println!("noticed after {} ms, back after {} ms", lost.as_millis(), back.as_millis());
    }
}

#[test]
#[cfg_attr(
    not(all(have_models, have_pulseaudio)),
    ignore = "needs models and pulseaudio: run `make test`"
)]
fn another_microphone_stands_in_and_a_dead_one_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let order = speak(dir.path(), "order.wav", "Can I get a small cappuccino?");
    let card = VirtualCard::start();
    let mics = ["--mic", Card::MIC, "--mic", Card::SECOND_MIC];
    let mut agent = Agent::start(&card, &[&RUN[..], &mics].concat());
    agent.wait_for("ready");
    card.unplug_mic();
    agent.wait_for_device("microphone", "lost");
    let (event, replaced) = agent.wait_for_device("microphone", "replaced");
    assert_eq!(event["name"], Card::SECOND_MIC, "{event:#}");
    println!("replaced after {} ms", replaced.as_millis());

    // Where nobody plays, a virtual microphone delivers zeros.
    let (event, _) = agent.wait_for_device("microphone", "flat");
    assert!(event["hint"].as_str().unwrap().contains("muted"), "{event:#}");
    says_it_is_deaf(&mut agent);
    card.play_into_mic(&order);
    agent.wait_for_device("microphone", "sound");
    let intent = agent.wait_for("intent");
    assert_eq!(intent["slots"]["coffeeDrink"]["value"], "cappuccino", "{intent:#}");
}

#[test]
#[cfg_attr(
    not(all(have_models, have_pulseaudio)),
    ignore = "needs models and pulseaudio: run `make test`"
)]
fn a_sound_server_that_was_killed_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let order = speak(dir.path(), "order.wav", "Can I get a small cappuccino?");
    let mut card = VirtualCard::start();
    let mut agent = Agent::start(&card, &[&RUN[..], &["--mic", Card::MIC]].concat());
    agent.wait_for("ready");
    for round in 1..=2 {
        card.stop_server();
        agent.wait_for_devices(&[("microphone", "lost"), ("speaker", "lost")]);
        std::thread::sleep(Duration::from_secs(round));
        card.restart_server();
        let since = Instant::now();
        agent.wait_for_devices(&[("microphone", "back"), ("speaker", "back")]);
        println!("round {round}: both are back after {} ms", since.elapsed().as_millis());
    }
    card.play_into_mic(&order);
    let intent = agent.wait_for("intent");
    assert_eq!(intent["slots"]["coffeeDrink"]["value"], "cappuccino", "{intent:#}");
    agent.wait_for("audio_end");
    let metrics = agent.end();
    for device in ["microphone", "speaker"] {
        // A sink that wakes up late is lost once more, and found again.
        assert!(metrics[device]["lost"].as_u64() >= Some(2), "{metrics:#}");
    }
}
