//! A sound card without hardware: a private PulseAudio daemon with a virtual microphone and a
//! virtual speaker, seen through ALSA like any other device.
//!
//! Works as root, in a container, without D-Bus and without touching a daemon that runs already:
//! everything it needs lies in a temporary folder, and the daemon ends with the value.
//!
//! A program that is to use the card gets [`Card::env`]. A test that uses it by itself runs in
//! [`on_a_card`], because libasound reads the environment of its process.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Sample rates of the two virtual devices, in hertz.
pub const MIC_RATE_HZ: u32 = 16_000;
pub const SPEAKER_RATE_HZ: u32 = 48_000;

/// Sound does not wait for a machine that is busy with another test's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A virtual card that runs, and ends when this is dropped; the only one of its program.
pub struct VirtualCard {
    card: Card,
    daemon: Child,
    /// Null sinks fall asleep when nobody listens and then swallow the first 0.8 s.
    keepers: Vec<Child>,
    _folder: tempfile::TempDir,
    _only: MutexGuard<'static, ()>,
}

/// What can be done with a running card.
pub struct Card {
    folder: PathBuf,
}

impl std::ops::Deref for VirtualCard {
    type Target = Card;
    fn deref(&self) -> &Card {
        &self.card
    }
}

impl VirtualCard {
    /// Starts the daemon, once no other test has one, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it does not start within half a minute; the message ends with the daemon's log.
    pub fn start() -> Self {
        let only = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder =
            tempfile::Builder::new().prefix("vcard").tempdir().expect("a temporary folder");
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("our own folder");
        for (name, text) in [("default.pa", script(path)), ("asound.conf", asound(path))] {
            fs::write(path.join(name), text).expect("writing into our own folder");
        }
        let card = Card { folder: path.to_path_buf() };
        let daemon = card.daemon();
        let mut card = Self { card, daemon, keepers: Vec::new(), _folder: folder, _only: only };
        card.wait_until_it_answers();
        card.keep_awake();
        card
    }

    /// Starts the daemon anew, after [`Card::stop_server`].
    pub fn restart_server(&mut self) {
        for keeper in &mut self.keepers {
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
        self.keepers.clear();
        let _ = self.daemon.wait();
        self.daemon = self.card.daemon();
        self.wait_until_it_answers();
        self.keep_awake();
    }

    fn keep_awake(&mut self) {
        for monitor in ["vmic.monitor", "vspk.monitor"] {
            let keeper = self.command("parec").arg(format!("--device={monitor}")).spawn();
            self.keepers.push(keeper.expect("parec comes with pulseaudio"));
        }
    }

    fn wait_until_it_answers(&mut self) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.command("pactl").arg("info").status().is_ok_and(|status| status.success()) {
            let ended = self.daemon.try_wait().ok().flatten();
            assert!(ended.is_none(), "pulseaudio ended at once: {}", self.log());
            assert!(Instant::now() < until, "pulseaudio does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Card {
    /// The names for `--mic` and `--speaker`. The second microphone hears what the first one does, and
    /// stays when that one is unplugged.
    pub const MIC: &str = "mic";
    pub const SECOND_MIC: &str = "second";
    pub const SPEAKER: &str = "spk";

    /// The variables a child process needs to see the card and nothing else.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        env(&self.folder)
    }

    /// Plays a WAV file into the virtual microphone, at its own rate, and returns at its end.
    pub fn play_into_mic(&self, wav: &Path) {
        let status = self.start_playing_into_mic(wav).wait().expect("paplay was started");
        assert!(status.success(), "paplay {}: {status}; {}", wav.display(), self.log());
    }

    /// Plays a WAV file into the virtual microphone without waiting for its end.
    pub fn start_playing_into_mic(&self, wav: &Path) -> Child {
        let mut paplay = self.command("paplay");
        paplay.arg("--device=vmic").arg(wav).spawn().expect("paplay comes with pulseaudio")
    }

    /// Records what the virtual speaker plays into a mono WAV file of `rate_hz`, until
    /// [`Recording::stop`].
    pub fn record_speaker(&self, wav: &Path, rate_hz: u32) -> Recording {
        // A file of an earlier recording would look like the beginning of this one.
        let _ = fs::remove_file(wav);
        let parec = self
            .command("parec")
            .args(["--device=vspk.monitor", "--file-format=wav", "--channels=1"])
            .args(["--format=s16le", "--latency-msec=20"])
            .arg(format!("--rate={rate_hz}"))
            .arg(wav)
            .spawn()
            .expect("parec comes with pulseaudio");
        let recording = Recording { parec, wav: wav.to_path_buf() };
        // The header alone, 44 bytes, does not mean that it records yet.
        wait_for("the recording to begin", || {
            fs::metadata(&recording.wav).is_ok_and(|file| file.len() > 1_000)
        });
        recording
    }

    /// Takes the microphone away, as if its cable was pulled out.
    pub fn unplug_mic(&self) {
        self.pactl(&["unload-module", "module-remap-source"]);
        // The daemon moves whoever listened to another source, as it would not on a machine with one.
        let listening = self.pactl(&["list", "source-outputs"]);
        let mut cli = UnixStream::connect(self.folder.join("cli")).expect("the daemon listens");
        for stream in listening.split("Source Output #").filter(|s| s.contains("ALSA plug-in")) {
            let (number, _) = stream.split_once('\n').expect("a heading");
            writeln!(cli, "kill-source-output {number}").expect("the daemon reads");
        }
    }

    /// Gives it back, at another rate than it had.
    pub fn plug_mic(&self, rate_hz: u32) {
        let rate = format!("rate={rate_hz}");
        let source = ["load-module", "module-remap-source", "source_name=mic"];
        self.pactl(&[&source[..], &["master=vmic.monitor", &rate]].concat());
        self.pactl(&["set-default-source", "mic"]);
    }

    /// Lets the microphone hang: it is there, and delivers nothing.
    pub fn hang_mic(&self, hang: bool) {
        self.pactl(&["suspend-source", "mic", if hang { "1" } else { "0" }]);
    }

    fn daemon(&self) -> Child {
        self.command("pulseaudio")
            .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"])
            .args(["--realtime=no", "--high-priority=no", "--disable-shm=yes"])
            .arg(format!("--log-target=file:{}", self.folder.join("log").display()))
            .arg("-F")
            .arg(self.folder.join("default.pa"))
            .spawn()
            .expect("pulseaudio is installed; build.rs looked for it")
    }

    /// Ends the daemon, as a crash or an update would.
    pub fn stop_server(&self) {
        self.pactl(&["exit"]);
    }

    /// Asks the daemon something, as its own tool does; returns what it prints.
    pub fn pactl(&self, args: &[&str]) -> String {
        let output = self.command("pactl").args(args).stdout(Stdio::piped()).output();
        let output = output.expect("pactl comes with pulseaudio");
        assert!(output.status.success(), "pactl {args:?}: {}; {}", output.status, self.log());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, program: &str) -> Command {
        command(&self.folder, program)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for VirtualCard {
    fn drop(&mut self) {
        for child in self.keepers.iter_mut().chain([&mut self.daemon]) {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A running recording of the virtual speaker. Dropped, it stops and keeps what it has.
pub struct Recording {
    parec: Child,
    wav: PathBuf,
}

impl Recording {
    /// Ends the recording and returns its file. What was played up to some 50 ms ago is in it.
    pub fn stop(mut self) -> PathBuf {
        // An interrupt lets it complete the header; a kill would not.
        let interrupt = Command::new("kill").args(["-INT", &self.parec.id().to_string()]).status();
        assert!(interrupt.is_ok_and(|status| status.success()), "parec ended before its time");
        let _ = self.parec.wait();
        std::mem::take(&mut self.wav)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.parec.kill();
        let _ = self.parec.wait();
    }
}

/// Runs `body` on a card of its own, in a process of its own that sees no other; `test` is the name
/// of the test that calls this.
pub fn on_a_card(test: &str, body: impl FnOnce(&Card)) {
    const FOLDER: &str = "MYNAH_TEST_CARD";
    if let Some(folder) = std::env::var_os(FOLDER) {
        return body(&Card { folder: folder.into() });
    }
    let card = VirtualCard::start();
    let output = Command::new(std::env::current_exe().expect("this test program"))
        .args([test, "--exact", "--include-ignored", "--nocapture"])
        .envs(card.env())
        .env(FOLDER, &card.folder)
        .stdin(Stdio::null())
        .output()
        .expect("this test program runs already");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    print!("{out}");
    assert!(out.contains("1 passed"), "{test}: {}\n{errors}\n{}", output.status, card.log());
}

/// Waits half a minute at most, so that a busy machine is slow and not a failure.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn env(folder: &Path) -> Vec<(&'static str, OsString)> {
    let socket = socket(folder);
    vec![
        ("ALSA_CONFIG_PATH", folder.join("asound.conf").into()),
        ("PULSE_SERVER", format!("unix:{}", socket.display()).into()),
        ("PULSE_RUNTIME_PATH", folder.into()),
        ("PULSE_STATE_PATH", folder.join("state").into()),
        ("PULSE_COOKIE", folder.join("cookie").into()),
        ("XDG_RUNTIME_DIR", folder.into()),
    ]
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("native")
}

fn command(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.envs(env(folder)).env_remove("DBUS_SESSION_BUS_ADDRESS");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The daemon's start-up script: two sinks that end nowhere; what goes into `vmic` comes out of
/// the source `mic`.
fn script(folder: &Path) -> String {
    let socket = socket(folder);
    format!(
        "load-module module-native-protocol-unix auth-anonymous=1 socket={socket}\n\
         load-module module-cli-protocol-unix socket={cli}\n\
         load-module module-null-sink sink_name=vmic rate={MIC_RATE_HZ} channels=1 format=s16le\n\
         load-module module-null-sink sink_name=vspk rate={SPEAKER_RATE_HZ} channels=2 format=s16le\n\
         load-module module-remap-source source_name=mic master=vmic.monitor\n\
         set-default-sink vspk\n\
         set-default-source mic\n",
        socket = socket.display(),
        cli = folder.join("cli").display()
    )
}

/// ALSA's configuration: the two devices by name. Only what has a `hint` is listed to programs.
fn asound(folder: &Path) -> String {
    let server = format!("unix:{}", socket(folder).display());
    let pcm = |name: &str, device: &str, description: &str| {
        format!(
            "pcm.{name} {{ type pulse server \"{server}\" device \"{device}\" \
             hint {{ show on description \"{description}\" }} }}\n"
        )
    };
    format!(
        "</usr/share/alsa/alsa.conf>\n\
         pcm.!default {{ type pulse server \"{server}\" \
         hint {{ show on description \"Default device of the virtual card\" }} }}\n\
         ctl.!default {{ type pulse server \"{server}\" }}\n{}{}{}",
        pcm(Card::MIC, "mic", "virtual microphone"),
        pcm(Card::SECOND_MIC, "vmic.monitor", "another one"),
        pcm(Card::SPEAKER, "vspk", "virtual speaker"),
    )
}
