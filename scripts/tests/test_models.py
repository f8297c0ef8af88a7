"""`make models` on tiny packages and converters, with the mishaps that happen to people."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

DRIVER = Path(__file__).resolve().parents[2] / "models" / "convert"
MARK = "# ---- converted files, written by `make manifest` ----\n"
CONVERTER = """
from pathlib import Path

def convert(packages, out):
    (out / "weights.bin").write_bytes((packages / "seed" / "weights.txt").read_bytes() * 2)

def golden(packages, built, golden):
    (golden / "cases.json").write_text("[]")
"""


def make_wheel(folder: Path, content: bytes) -> Path:
    """The wheel of a package `seed` that carries `content`, the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "seed-1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: seed\nVersion: 1.0\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (
            ("seed/weights.txt", content),
            ("seed-1.0.dist-info/METADATA", about),
            ("seed-1.0.dist-info/WHEEL", tags),
            ("seed-1.0.dist-info/RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


class Models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.first_cache = Path(cls.scratch.name) / "cache"
        # One private environment for all tests: making it is the slow part.
        case = cls("setup_tree")
        case.setup_tree(cls.first_cache)
        case.models()

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def setUp(self):
        cache = Path(tempfile.mkdtemp(dir=self.scratch.name))
        (environment,) = self.first_cache.glob("python-*")
        (cache / environment.name).symlink_to(environment)
        self.setup_tree(cache)

    def setup_tree(self, cache: Path):
        """A repository with two models in it, and an index that offers their package."""
        self.cache = cache
        self.root = Path(tempfile.mkdtemp(dir=self.scratch.name))
        self.index = self.root / "offered"
        self.wheel = make_wheel(self.index, b"0123456789")
        self.convert = self.root / "models" / "convert"
        self.convert.mkdir(parents=True)
        for name in ("one", "two"):
            (self.convert / f"{name}.py").write_text(CONVERTER)
        shutil.copy(DRIVER / "step.py", self.convert)
        (self.convert / "requirements.txt").write_text("# nothing\n")
        self.manifest = self.root / "models" / "manifest.toml"
        self.built = self.root / "models" / "built"
        self.write_manifest()

    def write_manifest(self, free_mb=1, pattern="seed/*"):
        names = ("one", "two")
        models = "".join(
            f'[[model]]\nname = "{name}"\ntitle = "model {name}"\npackages = ["seed"]\n'
            f'sources = ["{name}.py"]\nseconds = 1\n'
            for name in names
        )
        converted = "".join(
            f'[converted."{name}/weights.bin"]\nbytes = 20\n'
            f'sha256 = "{hashlib.sha256(b"0123456789" * 2).hexdigest()}"\n'
            for name in names
        )
        self.manifest.write_text(
            f'free_mb = {free_mb}\n[[package]]\nname = "seed"\nversion = "1.0"\n'
            f'sha256 = "{hashlib.sha256(self.wheel.read_bytes()).hexdigest()}"\nbytes = 500\n'
            f'licence = "MIT"\nhomepage = "none"\nfiles = ["{pattern}"]\n'
            f"{models}{MARK}{converted}"
        )

    def models(self, *options, expect=0, **variables) -> str:
        """Runs the driver; returns what it said."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
        env |= {"MYNAH_CACHE": str(self.cache), "PIP_NO_INDEX": "1"}
        env |= {"PIP_FIND_LINKS": str(self.index)} | variables
        paths = ("--manifest", self.manifest, "--built", self.built)
        done = subprocess.run(
            [sys.executable, DRIVER, *paths, *options], capture_output=True, text=True, env=env
        )
        self.assertEqual(done.returncode, expect, done.stderr)
        return done.stderr

    def index_of_built(self) -> dict:
        return json.loads((self.built / "index.json").read_text())

    def assert_whole(self):
        names = ["golden/one/cases.json", "golden/two/cases.json"]
        names += ["one/weights.bin", "two/weights.bin"]
        files = self.index_of_built()["files"]
        self.assertEqual(sorted(files), names)
        for name, file in files.items():
            content = (self.built / name).read_bytes()
            self.assertEqual(file["bytes"], len(content))
            self.assertEqual(file["sha256"], hashlib.sha256(content).hexdigest())
        leftovers = [p.name for p in self.built.parent.iterdir() if p.name.startswith("built.")]
        self.assertEqual(leftovers, [])

    def test_the_second_run_does_nothing(self):
        said = self.models()
        for step in ("fetching seed 1.0", "converting model one (about 1 s)", "4 files"):
            self.assertIn(step, said)
        self.assert_whole()
        self.assertIn("up to date", self.models(PIP_FIND_LINKS="/nowhere"))

    def test_another_checkout_takes_finished_conversions_from_the_cache(self):
        self.models()
        self.setup_tree(self.cache)
        said = self.models(PIP_FIND_LINKS="/nowhere")
        self.assertNotIn("converting", said)
        self.assert_whole()

    def test_only_a_changed_converter_runs_again(self):
        self.models()
        (self.convert / "two.py").write_text(CONVERTER + "# changed\n")
        said = self.models()
        self.assertNotIn("model one", said)
        self.assertIn("model two", said)

    def test_a_damaged_converted_file_is_mended(self):
        self.models()
        (self.built / "one" / "weights.bin").write_bytes(b"01234567890123456780")
        self.models()
        self.assert_whole()

    def test_a_damaged_conversion_in_the_cache_is_made_again(self):
        self.models()
        (cached,) = (self.cache / "converted").glob("one-*")
        (cached / "out" / "weights.bin").write_bytes(b"x")
        shutil.rmtree(self.built)
        self.assertIn("converting model one", self.models())
        self.assert_whole()

    def test_a_damaged_wheel_in_the_cache_is_fetched_again(self):
        self.models()
        shutil.rmtree(self.cache / "converted")
        shutil.rmtree(self.built)
        (cached,) = (self.cache / "wheels").glob("*/*.whl")
        cached.write_bytes(cached.read_bytes()[:-9])
        self.assertIn("is damaged: fetching it again", self.models())
        self.assert_whole()

    def test_a_wrong_hash_says_so_and_uses_nothing(self):
        make_wheel(self.index, b"something else")
        said = self.models(expect=1)
        self.assertIn("wrong hash while fetching seed 1.0", said)
        self.assertFalse(self.built.exists())
        self.assertFalse((self.cache / "wheels").exists())

    def test_no_network_says_so(self):
        # Port 9 of this machine, where nobody listens.
        nobody = "http://127.0.0.1:9/simple"
        said = self.models(expect=1, PIP_NO_INDEX="0", PIP_INDEX_URL=nobody, PIP_FIND_LINKS="")
        self.assertIn("no network while fetching seed 1.0", said)
        self.assertEqual(said.count("error:"), 1)
        self.models()
        self.assert_whole()

    def test_too_little_disk_space_says_so_before_anything_is_fetched(self):
        self.write_manifest(free_mb=10**9)
        self.cache = Path(tempfile.mkdtemp(dir=self.scratch.name))
        said = self.models(expect=1)
        self.assertIn("MB of free disk space", said)
        self.assertIn("MYNAH_CACHE", said)
        self.assertNotIn("fetching", said)

    def test_a_disk_that_fills_up_says_so(self):
        full = "def convert(packages, out):\n    raise OSError(28, 'No space left on device')\n"
        (self.convert / "two.py").write_text(full)
        said = self.models(expect=1)
        self.assertIn("no space left on the disk while converting two", said)
        self.assertFalse(self.built.exists())

    def test_a_run_that_was_killed_starts_cleanly_again(self):
        once = self.root / "once"
        kill = (
            "import os, signal\nfrom pathlib import Path\n"
            f"if not Path({str(once)!r}).exists():\n"
            f"    Path({str(once)!r}).touch()\n"
            "    os.kill(os.getppid(), signal.SIGKILL)\n"
        )
        (self.convert / "two.py").write_text(kill + CONVERTER)
        self.models(expect=-9)
        self.assertFalse(self.built.exists())
        self.models()
        self.assert_whole()
        self.assertFalse((self.cache / "tmp").exists())

    def test_a_stopped_run_stops_its_converter_and_says_how_to_go_on(self):
        # Not an interrupt from the keyboard: a shell in the background ignores these for its children.
        outlived = self.root / "outlived"
        stop = (
            "import os, signal, time\nfrom pathlib import Path\n"
            "os.kill(os.getppid(), signal.SIGTERM)\ntime.sleep(60)\n"
            f"Path({str(outlived)!r}).touch()\n"
        )
        (self.convert / "two.py").write_text(stop + CONVERTER)
        self.assertIn("run the same command again", self.models(expect=130))
        self.assertFalse(outlived.exists())

    def test_a_failing_converter_keeps_the_old_models(self):
        self.models()
        (self.convert / "two.py").write_text("raise ValueError('odd graph')\n")
        said = self.models(expect=1)
        self.assertIn("odd graph", said)
        self.assertIn("two.py failed", said)
        self.assert_whole()

    def test_another_result_than_the_listed_one_is_named_until_recorded(self):
        (self.convert / "two.py").write_text(CONVERTER.replace("* 2", "* 3"))
        said = self.models(expect=1)
        self.assertIn("two/weights.bin: not what", said)
        self.assertNotIn("one/weights.bin", said)
        self.assertFalse(self.built.exists())
        self.models("--update")
        self.assertIn("up to date", self.models())
        self.assertEqual(self.index_of_built()["files"]["two/weights.bin"]["bytes"], 30)

    def test_a_package_without_the_expected_file_is_named(self):
        self.write_manifest(pattern="seed/model.onnx")
        self.assertIn("seed 1.0 holds no file seed/model.onnx", self.models(expect=1))

    def test_a_broken_manifest_names_its_place(self):
        self.manifest.write_text("free_mb = \n")
        self.assertIn("manifest.toml: Invalid value (at line 1", self.models(expect=1))


if __name__ == "__main__":
    unittest.main()
