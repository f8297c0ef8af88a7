#!/usr/bin/env python3
"""A recipe of noisy copies for `mynah eval --mix` and `mynah eval-wake --mix`.

    scripts/noise_recipe.py DATA.tsv --noise street.flac babble.flac … --snr 10 -o noisy.tsv
        Every recording once in each of the noises, from a place in the noise that is drawn anew for
        every copy; the condition is the name of the noise. With --in-turn in one of them only, the
        next noise for the next recording. The ratio is one of mean powers, that of the recording where somebody speaks.

Every position stands in the recipe, so the same sound is made everywhere. Needs no packages.
"""

import argparse
import csv
import os
import random
import sys
import wave
from pathlib import Path

RATE = 16_000


def length(path):
    """Samples of a WAV or FLAC file as they are counted after conversion to 16 kHz."""
    with open(path, "rb") as file:
        head = file.read(42)
    if head[:4] == b"fLaC":
        # STREAMINFO: 20 bits rate, 3 bits channels, 5 bits depth, 36 bits samples.
        packed = int.from_bytes(head[18:26], "big")
        rate, samples = packed >> 44, packed & (1 << 36) - 1
    else:
        with wave.open(str(path)) as file:
            rate, samples = file.getframerate(), file.getnframes()
    return samples * RATE // rate


def copies(args):
    lengths = [length(noise) for noise in args.noise]
    with open(args.data, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for number, row in enumerate(rows):
        recording = os.path.relpath(args.data.parent / row["path"], args.out.parent)
        for turn, (noise, samples) in enumerate(zip(args.noise, lengths)):
            if args.in_turn and turn != number % len(args.noise):
                continue
            start = random.Random(f"{args.seed} {row['path']} {noise.name}").randrange(samples)
            noise_from_out = os.path.relpath(noise, args.out.parent)
            yield [recording, noise.stem, noise_from_out, start, args.snr, "rms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="data set, as `mynah eval` reads it")
    parser.add_argument("--noise", type=Path, nargs="+", required=True, help="WAV or FLAC files")
    parser.add_argument("--snr", type=float, default=10, help="in dB (default: 10)")
    parser.add_argument("--in-turn", action="store_true", help="one noise for each recording")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--out", type=Path, required=True, help="recipe to write")
    args = parser.parse_args()
    lines = list(copies(args))
    with open(args.out, "w", encoding="utf-8") as file:
        for line in [["utt", "cond", "noise", "noise_start", "snr_db", "snr_def"], *lines]:
            file.write("\t".join(map(str, line)) + "\n")
    print(f"{args.out}: {len(lines)} copies", file=sys.stderr)


if __name__ == "__main__":
    main()
