"""Counts the instructions of every stage under valgrind, against those in benches/instructions.toml.

    make instructions                  compare
    make instructions ARGS=--record    record what is counted now, after a change that was meant

An instruction count does not move with the machine's mood, as times do, so a small slow-down shows. It
is not a time: it knows nothing of memory, and nothing of AVX-512, which valgrind cannot run; hence
the kernel `avx2`.

What is counted is the build of the development profile. Its dependencies are optimised in full and
our crate at level 1, so a figure is larger than in the release; what a change adds or saves shows all
the same, but for what only the optimiser's upper levels do. In return CI, which has built this
profile for the tests, needs nothing more: a release build of everything would cost it a quarter of an
hour of processor time from nothing, and minutes every time.

Growth beyond 3 % is told, and never fails anything. Runs on the standard library.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benches" / "instructions.toml"
AGENT = ROOT / "agents" / "coffee"
KERNEL = "avx2"
MODULE = "mynah::cli::bench::workbench::"
# Beyond this a change is told. Two runs of the same program differ by less than a thousandth.
TOLERANCE = 0.03

# Name, what `mynah bench --requests` is asked for, and the function that does it.
STAGES = (
    ("detector_window", "judge 1.wav", "judge"),
    ("encoder_3s", "encode 3.wav", "encode"),
    ("decoder_step_3s", "decode 3.wav", "decode"),
    ("understand_sentence", "understand can I get a large latte with soy milk please", "understand"),
    ("say_clause", "say One large latte with soy milk.", "say"),
)


def count(mynah):
    """Instructions per piece of work, by stage."""
    with tempfile.TemporaryDirectory() as folder:
        # Made outside valgrind, where it takes no time.
        with Program(mynah, folder) as program:
            program.ask([f"clip {seconds}s {seconds}.wav" for seconds in (1, 3)])
        found = {}
        for name, request, function in STAGES:
            # Nothing is collected but inside the function, which toggles it.
            command = ["valgrind", "--tool=callgrind", "--collect-atstart=no"]
            command.append(f"--callgrind-out-file={folder}/counts")
            command.append(f"--toggle-collect={MODULE}{function}")
            with Program(mynah, folder, command) as program:
                [answer] = program.ask([request])
            counts = (Path(folder) / "counts").read_text()
            counted = int(re.search(r"^summary: (\d+)", counts, re.MULTILINE)[1])
            if not counted:
                raise SystemExit(f"instructions: error: {MODULE}{function} is not in the program")
            found[name] = counted // answer.get("count", 1)
    return found


class Program:
    """`mynah bench --requests`, alone or under another program."""

    def __init__(self, mynah, folder, under=()):
        self.words = open(Path(folder) / "words", "w+")
        self.process = subprocess.Popen(
            [*under, mynah, "bench", "--requests", "--threads", "1", "--agent", AGENT],
            env={**os.environ, "MYNAH_KERNEL": KERNEL},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.words,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.words.close()

    def ask(self, requests):
        answers = []
        for request in requests:
            try:
                self.process.stdin.write(f"{request}\n")
                self.process.stdin.flush()
            except BrokenPipeError:
                self.fail(f"it ended before `{request}`")
            line = self.process.stdout.readline()
            answer = json.loads(line) if line else {"error": "it ended"}
            if "error" in answer:
                self.fail(f"`{request}`: {answer['error']}")
            answers.append(answer)
        return answers

    def fail(self, why):
        self.process.kill()
        self.words.seek(0)
        raise SystemExit(f"{self.words.read().strip()}\ninstructions: error: nothing counted: {why}")


def compare(recorded, found):
    """Sentences about what is more or less than recorded, or not recorded."""
    for name, now in found.items():
        was = recorded.get(name)
        if was is None:
            yield f"{name} is not recorded"
        elif abs(now / was - 1) > TOLERANCE:
            change = f"{abs(now / was - 1):.1%} {'more' if now > was else 'fewer'}"
            yield f"{name} takes {now:,} instructions, {change} than the {was:,} recorded"


def record(found):
    comment = RECORD.read_text(encoding="utf-8").split("[instructions]")[0]
    rows = "".join(f"{name} = {number}\n" for name, number in found.items())
    RECORD.write_text(f"{comment}[instructions]\n{rows}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("mynah", type=Path, help="the program, of the development profile")
    parser.add_argument("--record", action="store_true", help="record what is counted now")
    args = parser.parse_args()
    found = count(args.mynah.resolve())
    if args.record:
        record(found)
        print(f"instructions: recorded {len(found)} stages in {RECORD.relative_to(ROOT)}")
        return
    warnings = list(compare(tomllib.loads(RECORD.read_text("utf-8"))["instructions"], found))
    for warning in warnings:
        print(f"instructions: warning: {warning}")
    if warnings:
        print("instructions: if this was meant, record it: make instructions ARGS=--record")
    else:
        print(f"instructions: all {len(found)} stages within {TOLERANCE:.0%} of what is recorded")


if __name__ == "__main__":
    main()
