//! `mynah doctor` and `mynah levels` on a virtual card: a healthy one, and one with planted faults.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use mynah::audio::file;
use mynah::draw::Draw;
use support::vcard::{Card, MIC_RATE_HZ, VirtualCard};

/// What the doctor says, check by check.
struct Findings(Vec<serde_json::Value>);

impl Findings {
    /// The verdict and words of the only finding of this name.
    fn of(&self, check: &str) -> (&str, &str, &str) {
        let found: Vec<_> = self.0.iter().filter(|finding| finding["check"] == check).collect();
        let [finding] = found[..] else { panic!("{check} {} times: {:?}", found.len(), self.0) };
        let text = |key: &str| finding[key].as_str().unwrap_or_default();
        (text("verdict"), text("what"), text("next"))
    }

    fn told(&self, check: &str, verdict: &str, word: &str) {
        let (found, what, next) = self.of(check);
        assert_eq!(found, verdict, "{check}: {what}");
        assert!(what.contains(word), "{check}: {what:?} lacks {word:?}");
        assert_eq!(next.is_empty(), verdict == "ok", "{check}: {next:?}");
    }

    fn has(&self, check: &str) -> bool {
        self.0.iter().any(|finding| finding["check"] == check)
    }
}

fn mynah(card: &Card, args: &[&str]) -> Output {
    let mut mynah = Command::new(env!("CARGO_BIN_EXE_mynah"));
    mynah.args(args).envs(card.env()).output().unwrap()
}

/// The doctor on the virtual card. With a fault its exit code is 1.
fn doctor(card: &Card, args: &[&str]) -> Findings {
    let output = mynah(card, &[&["doctor", "--json"], args].concat());
    let lines = String::from_utf8(output.stdout).unwrap();
    let findings: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let faults = findings.iter().any(|finding| finding["verdict"] == "fault");
    assert_eq!(output.status.code(), Some(i32::from(faults)), "{lines}");
    Findings(findings)
}

/// Plays something into the virtual microphone until it is dropped.
struct Sounding(Child);

impl Sounding {
    fn new(card: &Card, folder: &Path, sample: impl FnMut() -> f32) -> Self {
        let wav: PathBuf = folder.join("sounding.wav");
        let sound: Vec<f32> = std::iter::repeat_with(sample).take(120 * 16_000).collect();
        file::write_wav(&wav, MIC_RATE_HZ, &sound).unwrap();
        Self(card.start_playing_into_mic(&wav))
    }
}

impl Drop for Sounding {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// White noise with its largest samples at `level`, cut off at full scale, around `offset`.
fn noise(level: f32, offset: f32) -> impl FnMut() -> f32 {
    let mut draw = Draw::new(7);
    move || (offset + draw.between(-level, level)).clamp(-1.0, 1.0)
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_healthy_card_is_healthy_and_a_muted_one_is_not() {
    let card = VirtualCard::start();
    let dir = tempfile::tempdir().unwrap();
    let _room = Sounding::new(&card, dir.path(), noise(0.001, 0.0));
    // The microphone hears the speaker a little softer.
    let module =
        card.pactl(&["load-module", "module-loopback", "source=vspk.monitor", "sink=vmic"]);
    let module = module.trim();
    card.pactl(&["set-sink-volume", "vspk", "80%"]);

    let healthy = doctor(&card, &[]);
    for check in ["microphone", "capture", "room", "speaker", "playback"] {
        assert_eq!(healthy.of(check).0, "ok", "{:?}", healthy.of(check));
    }
    let (_, what, _) = healthy.of("echo");
    assert!(what.contains("hears the speaker") && what.contains("dB above the room"), "{what}");
    healthy.told("capture", "ok", "Capture 100 %");
    healthy.told("playback", "ok", "Master 80 %");

    card.pactl(&["set-source-mute", "mic", "1"]);
    let muted = doctor(&card, &[]);
    muted.told("microphone", "ok", "default");
    muted.told("capture", "fault", "switched off");
    muted.told("room", "fault", "silence");
    assert!(!muted.has("echo"), "a deaf microphone is not asked for an echo");

    // A board that asks for levels gets them, here and at every start.
    let board = dir.path().join("lobby.toml");
    let text = std::fs::read_to_string("boards/x86-kiosk.toml").unwrap();
    let text = text.replace("name = \"x86-kiosk\"", "name = \"lobby\"");
    let text = text.replace("period_ms = 20", "period_ms = 20\ncapture_level = 90");
    std::fs::write(&board, text).unwrap();
    card.pactl(&["set-sink-mute", "vspk", "1"]);
    let set = doctor(&card, &["--board", board.to_str().unwrap()]);
    set.told("capture", "ok", "Capture 90 %");
    assert_eq!(set.of("room").0, "ok", "{:?}", set.of("room"));
    set.told("playback", "fault", "muted");
    set.told("echo", "warning", "does not hear");

    card.pactl(&["set-sink-mute", "vspk", "0"]);
    card.pactl(&["set-source-volume", "mic", "0%"]);
    card.pactl(&["unload-module", module]);
    let down = doctor(&card, &[]);
    down.told("capture", "fault", "0 %");
    down.told("room", "fault", "silence");
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn a_microphone_that_lies_is_found_out() {
    let card = VirtualCard::start();
    let dir = tempfile::tempdir().unwrap();
    // Nothing at all, not even noise, as with a cable that is not plugged in.
    doctor(&card, &[]).told("room", "fault", "silence");
    for (level, offset, verdict, word) in [
        (0.0, 0.25, "fault", "silence"),
        (0.001, 0.25, "warning", "offset of 25 %"),
        (3.0, 0.0, "warning", "cut off"),
        (0.1, 0.0, "warning", "the room is at"),
    ] {
        let _sounding = Sounding::new(&card, dir.path(), noise(level, offset));
        let findings = doctor(&card, &[]);
        findings.told("room", verdict, word);
        if verdict == "warning" {
            findings.told("echo", "warning", "does not hear the speaker");
        }
    }
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn what_is_missing_is_told_once() {
    let card = VirtualCard::start();
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().to_str().unwrap();
    std::fs::write(dir.path().join("agent.toml"), "name = 3\n").unwrap();
    let findings =
        doctor(&card, &["--mic", "USB Mic", "--speaker", "HDMI", "--models", empty, empty]);
    findings.told("microphone", "fault", "`USB Mic`");
    findings.told("speaker", "fault", "`HDMI`");
    findings.told("models", "fault", empty);
    findings.told("agent", "fault", empty);
    for check in ["capture", "room", "playback", "echo"] {
        assert!(!findings.has(check), "nothing is said of what is not there: {check}");
    }

    card.stop_server();
    let findings = doctor(&card, &[]);
    findings.told("microphone", "fault", "");
    findings.told("speaker", "fault", "");
}

#[test]
#[cfg_attr(not(have_pulseaudio), ignore = "needs pulseaudio and pulseaudio-utils")]
fn levels_are_shown_set_and_found() {
    let card = VirtualCard::start();
    let dir = tempfile::tempdir().unwrap();
    let said = |output: Output| -> String {
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };

    let shown = said(mynah(&card, &["levels"]));
    assert!(shown.contains("microphone default: Capture 100 %"), "{shown}");
    assert!(shown.contains("Master 100 %"), "{shown}");
    let set = said(mynah(&card, &["levels", "--capture", "40", "--playback", "60", "--json"]));
    let playback: serde_json::Value = serde_json::from_str(set.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&playback["direction"], &playback["control"]["percent"]),
        (&"speaker".into(), &60.into())
    );
    assert!(card.pactl(&["get-source-volume", "mic"]).contains(" 40% "));

    // Far too soft at first; PulseAudio's 60 % is 13 dB less than all.
    let _room = Sounding::new(&card, dir.path(), noise(0.001, 0.0));
    card.pactl(&["load-module", "module-loopback", "source=vspk.monitor", "sink=vmic"]);
    let text = said(mynah(&card, &["levels", "--calibrate"]));
    let last = text.lines().rfind(|line| line.contains("our voice at")).expect(&text);
    let level = last.split("our voice at ").nth(1).unwrap().split(' ').next().unwrap();
    assert!((-29..=-23).contains(&level.parse::<i32>().unwrap()), "{text}");
    let key = text.lines().find_map(|line| line.strip_prefix("capture_level = ")).expect(&text);
    assert!(card.pactl(&["get-source-volume", "mic"]).contains(&format!(" {key}% ")), "{text}");

    // Where nothing is heard, nothing stays changed.
    card.pactl(&["unload-module", "module-loopback"]);
    said(mynah(&card, &["levels", "--capture", "40", "--playback", "60"]));
    let deaf = mynah(&card, &["levels", "--calibrate"]);
    assert_eq!(deaf.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&deaf.stderr).contains("does not hear"), "{deaf:?}");
    assert!(card.pactl(&["get-source-volume", "mic"]).contains(" 40% "));
    assert!(card.pactl(&["get-sink-volume", "vspk"]).contains(" 60% "));

    card.stop_server();
    let gone = mynah(&card, &["levels"]);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
}
