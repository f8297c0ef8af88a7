//! A sound card without hardware: a private PulseAudio daemon with a virtual microphone and a
//! virtual speaker, seen through ALSA like any other device.
//!
//! Works as root, in a container, without D-Bus and without touching a daemon that runs already:
//! everything it needs lies in a temporary folder, and the daemon ends with the value.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Sample rates of the two virtual devices, in hertz.
pub const MIC_RATE_HZ: u32 = 16_000;
pub const SPEAKER_RATE_HZ: u32 = 48_000;

/// The sound card of this machine that does not exist.
pub struct VirtualCard {
    folder: tempfile::TempDir,
    daemon: Child,
    /// Null sinks fall asleep when nobody listens and then swallow the first 0.8 s.
    keepers: Vec<Child>,
}

impl VirtualCard {
    /// The names for `--mic` and `--speaker`.
    pub const MIC: &str = "mic";
    pub const SPEAKER: &str = "spk";

    /// Starts the daemon and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it does not start within half a minute; the message ends with the daemon's log.
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("vcard").tempdir().expect("a temporary folder");
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("our own folder");
        for (name, text) in [("default.pa", script(path)), ("asound.conf", asound(path))] {
            fs::write(path.join(name), text).expect("writing into our own folder");
        }
        let daemon = command(path, "pulseaudio")
            .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"])
            .args(["--realtime=no", "--high-priority=no", "--disable-shm=yes"])
            .arg(format!("--log-target=file:{}", path.join("log").display()))
            .arg("-F")
            .arg(path.join("default.pa"))
            .spawn()
            .expect("pulseaudio is installed; build.rs looked for it");
        let mut card = Self { folder, daemon, keepers: Vec::new() };
        card.wait_until_it_answers();
        for monitor in ["vmic.monitor", "vspk.monitor"] {
            let keeper = card.command("parec").arg(format!("--device={monitor}")).spawn();
            card.keepers.push(keeper.expect("parec comes with pulseaudio"));
        }
        card
    }

    /// The variables a child process needs to see the card and nothing else.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        env(self.folder.path())
    }

    /// Makes this process see the card. Only for tests that hold [`ours`]: the environment belongs
    /// to the whole process.
    pub fn enter(&self, _only: &MutexGuard<'_, ()>) {
        for (name, value) in self.env() {
            // SAFETY: the guard keeps the other tests of this program from running, and neither
            // the harness' main thread nor the daemon's children read the environment meanwhile.
            unsafe { std::env::set_var(name, value) };
        }
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
        let parec = self
            .command("parec")
            .args(["--device=vspk.monitor", "--file-format=wav", "--channels=1"])
            .args(["--format=s16le", "--latency-msec=20"])
            .arg(format!("--rate={rate_hz}"))
            .arg(wav)
            .spawn()
            .expect("parec comes with pulseaudio");
        let recording = Recording { parec, wav: wav.to_path_buf() };
        // It writes the header with the first sound it gets.
        wait_for("the recording to begin", || {
            fs::metadata(&recording.wav).is_ok_and(|file| file.len() > 0)
        });
        recording
    }

    fn command(&self, program: &str) -> Command {
        command(self.folder.path(), program)
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

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
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

/// Only one test of a program may change the environment or measure sound at a time.
pub fn ours() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A test that failed while it held the lock leaves nothing behind that matters to others.
    ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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
         load-module module-null-sink sink_name=vmic rate={MIC_RATE_HZ} channels=1 format=s16le\n\
         load-module module-null-sink sink_name=vspk rate={SPEAKER_RATE_HZ} channels=2 format=s16le\n\
         load-module module-remap-source source_name=mic master=vmic.monitor\n\
         set-default-sink vspk\n\
         set-default-source mic\n",
        socket = socket.display()
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
         ctl.!default {{ type pulse server \"{server}\" }}\n{}{}",
        pcm(VirtualCard::MIC, "mic", "virtual microphone"),
        pcm(VirtualCard::SPEAKER, "vspk", "virtual speaker"),
    )
}
