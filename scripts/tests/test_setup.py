"""scripts/setup.sh on machines that lack things: what it installs, asks for and refuses.

Each test gives it a PATH of its own, with stand-ins for the programs it may call.
"""

import os
import pty
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
# What the script itself is written with.
TOOLS = "bash dirname env find grep head sed sort touch uname".split()
ALL_PACKAGES = (
    "build-essential pkg-config libasound2-dev pulseaudio pulseaudio-utils alsa-utils "
    "libasound2-plugins strace qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross python3-venv"
)


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.calls = self.root / "calls"
        self.calls.touch()
        self.bin = self.root / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        # A checkout whose models are "converted" by a script that notes that it ran.
        shutil.copytree(SCRIPTS, self.root / "scripts", ignore=shutil.ignore_patterns("tests"))
        (self.root / "Cargo.toml").write_text('rust-version = "1.95"\n')
        (self.root / "rust-toolchain.toml").write_text('channel = "1.95.0"\n')
        (self.root / "models").mkdir()
        self.program("cargo", "")
        self.program("rustc", "echo 'rustc 1.95.0 (59807616e 2026-04-14)'")
        self.program("id", "echo 1000")
        self.program("apt-get", f'echo "apt-get $*" >> {self.calls}')
        self.program("sudo", f'echo "sudo $*" >> {self.calls}; [ "$1" != -n ] || shift; "$@"')
        # Python without ensurepip, as Debian ships it; the system has the plug-in file or not.
        self.python(with_venv=False)
        self.program("find", "")

    def program(self, name: str, body: str):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!{shutil.which('bash')}\n{body}\n")
        path.chmod(0o755)

    def python(self, with_venv: bool, version_fits: bool = True):
        self.program(
            "python3",
            f'case "$*" in\n*version_info*) exit {int(not version_fits)} ;;\n'
            f"*ensurepip*) exit {int(not with_venv)} ;;\n--version) echo Python 3.9.2 ;;\n"
            f'*) echo "convert $*" >> {self.calls} ;;\nesac',
        )

    def everything_is_there(self):
        programs = "cc pkg-config pulseaudio paplay parec aplay strace qemu-aarch64"
        for name in [*programs.split(), "aarch64-linux-gnu-gcc"]:
            self.program(name, "")
        self.program("find", "echo found")
        self.python(with_venv=True)

    def setup(self, *arguments, expect: int, **variables) -> str:
        done = subprocess.run(
            [self.root / "scripts" / "setup.sh", *arguments],
            env={"PATH": str(self.bin), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, expect, done.stderr)
        return done.stderr

    def calls_made(self) -> list[str]:
        return self.calls.read_text().splitlines()

    def test_nothing_missing_goes_straight_to_the_models(self):
        self.everything_is_there()
        self.setup("test", expect=0)
        self.assertEqual(self.calls_made(), [f"convert {self.root}/models/convert"])

    def test_root_installs_what_is_missing_with_fresh_lists(self):
        self.program("id", "echo 0")
        self.setup("test", expect=0)
        update, install, convert = self.calls_made()
        self.assertEqual(update, "apt-get update -qq")
        self.assertEqual(
            install, f"apt-get install -y --no-install-recommends {ALL_PACKAGES} -qq"
        )
        self.assertTrue(convert.startswith("convert"))

    def test_root_does_not_refresh_fresh_lists(self):
        self.program("id", "echo 0")
        self.program("find", "echo fresh")
        self.setup("demo", expect=0)
        self.assertFalse([call for call in self.calls_made() if "update" in call])

    def test_the_demo_needs_no_sound_daemon(self):
        self.program("id", "echo 0")
        self.setup("demo", expect=0)
        self.assertNotIn("pulseaudio", " ".join(self.calls_made()))

    def test_only_counting_instructions_needs_valgrind(self):
        self.everything_is_there()
        self.program("id", "echo 0")
        for what, installs in (("bench", False), ("test", False), ("instructions", True)):
            with self.subTest(what=what):
                self.calls.write_text("")
                self.setup(what, expect=0)
                self.assertEqual("valgrind" in " ".join(self.calls_made()), installs)

    def test_ci_uses_sudo_without_asking(self):
        self.setup("demo", expect=0, CI="true")
        self.assertIn("sudo -n apt-get update -qq", self.calls_made())

    def test_without_a_terminal_the_line_is_printed_and_nothing_changes(self):
        said = self.setup("test", expect=1)
        self.assertIn(
            f"sudo apt-get install -y --no-install-recommends {ALL_PACKAGES}", said
        )
        self.assertEqual(self.calls_made(), [])

    def test_at_a_terminal_the_answer_decides(self):
        for answer, installs in (("y", True), ("n", False), ("", False)):
            with self.subTest(answer=answer):
                self.calls.write_text("")
                status, said = self.at_a_terminal(answer)
                self.assertIn("[y/N]", said)
                self.assertEqual(status == 0, installs, said)
                self.assertEqual(bool(self.calls_made()), installs)

    def at_a_terminal(self, answer: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [self.root / "scripts" / "setup.sh", "demo"],
            env={"PATH": str(self.bin)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        said = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux reports the closed terminal of a finished child this way.
                break
            if not piece:
                break
            said += piece
        os.close(ours)
        return child.wait(), said.decode()

    def test_arm_needs_debians_compiler_only_where_rustup_cannot_fetch_it(self):
        self.program("id", "echo 0")
        for rustup, needs_debian in (("exit 0", False), ("exit 1", True)):
            with self.subTest(rustup=rustup):
                self.calls.write_text("")
                self.program("rustup", f'echo "rustup $*" >> {self.calls}; {rustup}')
                self.setup("test", expect=0)
                calls = " ".join(self.calls_made())
                self.assertIn("rustup --quiet target add aarch64-unknown-linux-musl", calls)
                self.assertEqual("gcc-aarch64-linux-gnu" in calls, needs_debian)

    def test_a_failed_installation_stops_everything(self):
        self.program("id", "echo 0")
        self.program("apt-get", "exit 100")
        said = self.setup("demo", expect=1)
        self.assertIn("installing failed", said)
        self.assertEqual(self.calls_made(), [])

    def test_a_system_without_apt_is_told_the_names(self):
        (self.bin / "apt-get").unlink()
        self.assertIn("libasound2-dev", self.setup("demo", expect=1))

    def test_old_and_missing_rust_are_told_apart(self):
        self.everything_is_there()
        for rustc, message in (
            ("echo 'rustc 1.94.9 (0 2026-01-01)'", "Rust 1.94.9 is too old: this needs 1.95"),
            ("exit 1", "rustup toolchain install 1.95.0"),
        ):
            self.program("rustc", rustc)
            self.assertIn(message, self.setup("demo", expect=1))
        self.program("rustc", "echo 'rustc 1.100.0 (0 2027-01-01)'")
        self.setup("demo", expect=0)
        (self.bin / "cargo").unlink()
        self.assertIn("Rust is not installed", self.setup("demo", expect=1))

    def test_models_need_no_rust_and_pass_options_on(self):
        self.everything_is_there()
        (self.bin / "cargo").unlink()
        self.setup("models", "--update", expect=0)
        self.assertEqual(self.calls_made(), [f"convert {self.root}/models/convert --update"])

    def test_an_old_python_is_refused_unless_a_newer_one_is_beside_it(self):
        self.everything_is_there()
        self.python(with_venv=True, version_fits=False)
        self.assertIn("Python 3.9.2 is not one of them", self.setup("models", expect=1))
        self.program("python3.12", f'echo "newer $*" >> {self.calls}')
        self.setup("models", expect=0)
        self.assertIn(f"newer {self.root}/models/convert", self.calls_made())


if __name__ == "__main__":
    unittest.main()
