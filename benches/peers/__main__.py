"""Mynah beside its peers on this machine: `make bench-peers`, or `python3 benches/peers race|words`.

Runs on the system's Python with nothing but its standard library; the peers are installed, pinned by
hash, into a private environment in the cache folder (about 400 MB, once). Needs a release build and
`make models`; after the installation no network.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "models" / "convert"))

from environment import Environment  # noqa: E402
from trouble import Trouble, of_os_error  # noqa: E402

USES = ("race", "words")


def say(line: str) -> None:
    print(f"peers: {line}", file=sys.stderr, flush=True)


def cache_folder() -> Path:
    if named := os.environ.get("MYNAH_CACHE"):
        return Path(named).absolute() / "peers"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base).absolute() / "mynah" / "peers"


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in USES:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    # A folder of its own: an environment forgets the others beside it.
    cache = cache_folder()
    environment = Environment(cache, HERE / "requirements.txt")
    try:
        (cache / "tmp").mkdir(parents=True, exist_ok=True)
        if not environment.usable():
            say("installing the peers (about 400 MB, once, some minutes)")
            environment.prepare(lambda _: None)
    except Trouble as trouble:
        say(f"error: {trouble}")
        return 1
    except OSError as error:
        say(f"error: {of_os_error(error, 'installing the peers')}")
        return 1
    use, *rest = sys.argv[1:]
    env = {**environment.env(), "TMPDIR": str(cache / "tmp")}
    os.execve(environment.python, [str(environment.python), str(HERE / f"{use}.py"), *rest], env)


if __name__ == "__main__":
    sys.exit(main())
