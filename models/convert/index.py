"""`models/built`: what is in it, whether it is whole, and how a new one takes its place."""

import json
import os
import shutil
from pathlib import Path

from fetch import sha256_of

# Layout version of the models folder; `src/models.rs` reads the same number.
FORMAT = 1


def listing(root: Path, prefix: str = "") -> dict[str, dict]:
    """Every file below `root` in name order: {"asr/x.onnx": {"bytes": …, "sha256": …}}."""
    files = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = prefix + path.relative_to(root).as_posix()
        files[name] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    return files


def is_whole(built: Path, keys: dict[str, str]) -> bool:
    """`built` was made from exactly `keys`, and every byte of it is still the listed one."""
    try:
        index = json.loads((built / "index.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(index, dict) or index.get("format") != FORMAT or index.get("keys") != keys:
        return False
    try:
        present = listing(built)
    except OSError:
        return False
    present.pop("index.json", None)
    return present == index.get("files")


def assemble(parts: list[tuple[Path, str]], built: Path) -> tuple[Path, dict[str, dict]]:
    """Copies each (folder, place) into a folder beside `built`; returns it and what is in it."""
    fresh = built.with_name(built.name + ".partial")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for folder, place in parts:
        shutil.copytree(folder, fresh / place)
    return fresh, listing(fresh)


def publish(fresh: Path, files: dict[str, dict], built: Path, keys: dict[str, str]) -> None:
    """Gives `fresh` its index and the place of `built`; the index appears with its files."""
    index = {"format": FORMAT, "keys": keys, "files": files}
    (fresh / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    old = built.with_name(built.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if built.exists():
        os.rename(built, old)
    os.rename(fresh, built)
    shutil.rmtree(old, ignore_errors=True)
