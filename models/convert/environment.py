"""A Python environment of our own in the cache folder: nothing is installed into the system."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from trouble import Trouble, of_pip

# Two retries: a flaky link gets its chance, a missing one is reported within seconds.
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "2", "--timeout", "30")


class Environment:
    def __init__(self, cache: Path, requirements: Path):
        made_of = "\n".join((sys.version, platform.machine(), requirements.read_text("utf-8")))
        key = hashlib.sha256(made_of.encode()).hexdigest()[:12]
        self.cache = cache
        self.requirements = requirements
        self.root = cache / f"python-{key}"
        self.python = self.root / "bin" / "python"
        self.complete = self.root / "complete"
        # The cache's lock; children inherit it, so that one that outlives a killed set-up still
        # holds it and the next set-up waits instead of working in the same folders.
        self.lock_fd: int | None = None

    def usable(self) -> bool:
        """Made to the end, and the Python it was made from is still there."""
        if not self.complete.is_file():
            return False
        return subprocess.run([self.python, "-c", ""], capture_output=True).returncode == 0

    def prepare(self, say) -> None:
        if self.usable():
            return
        say("making a private Python environment (about 55 MB to download, a minute)")
        # Environments of other requirements or an older Python, and one that was cut short.
        for folder in self.cache.glob("python-*"):
            shutil.rmtree(folder, ignore_errors=True)
        made = self.run([sys.executable, "-m", "venv", self.root], stdout=subprocess.PIPE)
        if made.returncode != 0:
            words = (made.stdout + made.stderr).strip()
            if "No space left" in words:
                raise of_pip(words, "making the Python environment", "above")
            raise Trouble(
                f"`{sys.executable} -m venv` failed: {words.splitlines()[-1] if words else 'no words'}; "
                "on Debian and Ubuntu `apt-get install python3-venv` brings what it needs"
            )
        if any(not line.startswith("#") for line in self.requirements.read_text("utf-8").splitlines()):
            self.pip(
                "installing the Python packages",
                "install",
                "--require-hashes",
                "--only-binary=:all:",
                "--no-cache-dir",
                "-r",
                self.requirements,
            )
        self.complete.write_text("made to the end\n")

    def pip(self, doing: str, *arguments) -> None:
        """Runs pip; its progress bar goes to the terminal, its words on failure to a log."""
        log = self.cache / "pip.log"
        quiet = () if sys.stderr.isatty() else ("--quiet",)
        command = [self.python, *PIP, *quiet, *arguments]
        done = self.run(command, stdout=sys.stderr if sys.stderr.isatty() else subprocess.PIPE)
        if done.returncode != 0:
            words = (done.stdout or "") + done.stderr
            try:
                log.write_text(words, encoding="utf-8")
            except OSError:
                pass  # A full disk must not hide why pip failed.
            raise of_pip(words, doing, str(log))

    def run(self, command, stdout) -> subprocess.CompletedProcess:
        """Runs a child to its end; its standard error is kept as text."""
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self.env(),
            pass_fds=() if self.lock_fd is None else (self.lock_fd,),
        )

    def env(self) -> dict[str, str]:
        """This process's variables without what would mix in a foreign Python."""
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        # pip unpacks in TMPDIR; a small /tmp must not fail where the cache has room.
        env.update(TMPDIR=str(self.cache / "tmp"), PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")
        return env
