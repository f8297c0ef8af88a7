"""The race: our program and its peers on the same sound, round by round, in warm processes of their own.

    make bench-peers [ARGS='--rounds 21 --threads 1']

In every round each contestant does each piece of work once, in an order that turns, so whatever else
the machine is doing hits all of them alike. A figure is the median over the rounds, a ratio the median
of the rounds' own ratios, ours divided by the peer's. The first round warms up and does not count.

One thread means: told to use one, and kept to one processor. Two likewise. The sound is our own voice,
so no recording is needed. `--write FILE` puts the tables between FILE's markers.
"""

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import tables

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS = "mynah"
SENTENCE = (
    "Sure, one large latte with two shots and oat milk. "
    "Your order will be ready in about five minutes. Would you like anything else?"
)

# What is done, and who does it: the first is ours. Ours are several processes, so that the memory of
# one job is not counted for another.
JOBS = {
    "recognise": ("recogniser", "moonshine", "whisper"),
    "encode": ("networks", "onnxruntime"),
    "decode": ("networks", "onnxruntime"),
    "say": ("voice", "hibari"),
}
# What a contestant is asked to load; the networks come with the first request.
LOADS = {"recogniser": "load recogniser", "voice": "load voice", "networks": None}
PACKAGES = {
    "moonshine": "moonshine-voice",
    "whisper": "faster-whisper",
    "onnxruntime": "onnxruntime",
    "hibari": "hibari-tts",
}


class Contestant:
    """A process that answers a request a line."""

    def __init__(self, name, mynah, threads, graphs):
        self.name = name
        if name in LOADS:
            command = [mynah, "bench", "--requests", "--threads", str(threads)]
        else:
            command = [sys.executable, HERE / "contestants.py", name, str(threads), graphs]
        allowed = sorted(os.sched_getaffinity(0))[:threads]
        self.process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )
        load = LOADS.get(name, "load")
        self.load = self.ask(load) if load else None

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "it ended; its words stand above"}
        if "error" in answer:
            sys.exit(f"race: error: {self.name}, asked for `{request}`: {answer['error']}")
        return answer

    def memory(self):
        """Peak megabytes of the process by now, and what of it was there before it loaded."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6, (self.load or {}).get("before_mb", 0.0)
        return 0.0, 0.0

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def race(contestants, sounds, rounds):
    """Answers by (job, seconds, contestant), one a round."""
    work = [
        (job, seconds, f"{job} {sound}")
        for job in ("recognise", "encode", "decode")
        for seconds, sound in sounds.items()
    ]
    work.append(("say", None, f"say {SENTENCE}"))
    answers = {}
    for turn in range(rounds + 1):
        print(f"race: round {turn} of {rounds}" if turn else "race: warming up", file=sys.stderr)
        for job, seconds, request in work:
            names = JOBS[job]
            for at in range(len(names)):
                name = names[(at + turn) % len(names)]
                answer = contestants[name].ask(request)
                if turn:
                    answers.setdefault((job, seconds, name), []).append(answer)
    return answers


def figures(answers):
    """Per job and length: what each took, and ours divided by each peer's."""
    found = []
    for job, names in JOBS.items():
        for seconds in dict.fromkeys(s for j, s, _ in answers if j == job):
            ours = answers[job, seconds, names[0]]
            row = {"job": job, "seconds": seconds, "took": {}, "ratio": {}}
            for name in names:
                theirs = answers[job, seconds, name]
                row["took"][name] = {
                    field: statistics.median(piece(answer, field) for answer in theirs)
                    for field in ("cpu_ms", "wall_ms", "first_audio_ms")
                    if field in theirs[0]
                }
                row["took"][name]["text"] = theirs[0].get("text")
                if name != names[0]:
                    pairs = list(zip(ours, theirs))
                    row["ratio"][name] = {
                        field: statistics.median(piece(o, field) / piece(t, field) for o, t in pairs)
                        for field in ("cpu_ms", "wall_ms", "first_audio_ms")
                        if field in theirs[0]
                    }
            found.append(row)
    return found


def piece(answer, field):
    """Of a step, where steps are counted; of a second of speech, where speech was made."""
    if field == "first_audio_ms":
        return answer[field]
    if "first_audio_ms" in answer:
        return answer[field] / answer["seconds"]
    if "text" in answer:
        return answer[field]
    return answer[field] / answer.get("count", 1)


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(part.split(":", 1) for part in lines if ":" in part)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    telling = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "asimddp", "i8mm")
    return {
        "cpu": fields.get("model name") or fields.get("Model") or platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in telling if flag in flags],
        "system": f"Linux {platform.release()}, {platform.libc_ver()[0]} {platform.libc_ver()[1]}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="9 or more (default: 11)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], choices=(1, 2))
    parser.add_argument("--seconds", type=int, nargs="+", default=[1, 3, 5, 10])
    parser.add_argument("--mynah", type=Path, default=ROOT / "target/release/mynah")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into FILE")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    args = parser.parse_args()
    args.mynah = args.mynah.resolve()
    if not args.mynah.is_file():
        sys.exit(f"race: error: {args.mynah} is missing; `cargo build --release` makes it")
    if args.rounds < 9:
        sys.exit(f"race: error: --rounds is {args.rounds}; fewer than 9 say nothing")
    processors = len(os.sched_getaffinity(0))
    if max(args.threads) > processors:
        sys.exit(f"race: error: --threads is {max(args.threads)}; here are {processors} processors")

    result = {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": machine(),
        "mynah": subprocess.check_output([args.mynah, "--version"], text=True).split(" ", 1)[1].strip(),
        "versions": {name: importlib.metadata.version(p) for name, p in PACKAGES.items()},
        "rounds": args.rounds,
        "command": command_line(parser, args),
        "runs": [],
    }
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        subprocess.run([sys.executable, HERE / "graphs.py", folder], check=True)
        maker = Contestant("voice", args.mynah, 1, folder)
        sounds = {seconds: f"{folder}/{seconds}.wav" for seconds in args.seconds}
        for seconds, path in sounds.items():
            maker.ask(f"clip {seconds}s {path}")
        maker.end()
        for threads in args.threads:
            print(f"race: {threads} thread(s)", file=sys.stderr)
            names = dict.fromkeys(name for names in JOBS.values() for name in names)
            contestants = {name: Contestant(name, args.mynah, threads, folder) for name in names}
            for contestant in contestants.values():
                stack.callback(contestant.end)
            found = figures(race(contestants, sounds, args.rounds))
            result["kernel"] = contestants["recogniser"].load["kernel"]
            result["runs"].append({"threads": threads, "figures": found, "loads": {
                name: contestant.load | dict(zip(("peak_mb", "before_mb"), contestant.memory()))
                for name, contestant in contestants.items()
                if contestant.load
            }})
            stack.close()
    text = tables.markdown(result)
    print(json.dumps(result) if args.json else text)
    if args.write:
        tables.write(args.write, "race", text)


def command_line(parser, args):
    """What to type for the same tables."""
    shown = [f"--rounds {args.rounds}", *(
        f"--{name} {' '.join(map(str, getattr(args, name)))}" for name in ("threads", "seconds")
        if getattr(args, name) != parser.get_default(name)
    )]
    kernel = os.environ.get("MYNAH_KERNEL")
    words = [f"MYNAH_KERNEL={kernel}"] if kernel else []
    return " ".join([*words, "make bench-peers", f"ARGS='{' '.join(shown)}'"])


if __name__ == "__main__":
    main()
