#!/usr/bin/env python3
"""Fits how long an agent waits in a pause (src/hear/endpoint/patience.rs) to recordings.

    mynah eval AGENT DATA.tsv [--mix RECIPE.tsv] --pauses plain.jsonl
    scripts/fit_endpoint.py plain.jsonl hesitating.jsonl … -o src/hear/endpoint/patience.toml

A logistic regression of "speech goes on" on completeness, confidence, slots ahead, the closing of
the voice and what smart-turn's network makes of the sound, over all pauses up to the true end, and how
long those last that end. Prints, for fixed hangovers and for a range of costs, how often each
set is cut and how long it waits (median, 95th percentile, mean), every speaker's pauses judged by a
fit to the others' (in five parts, drawn with --seed). Takes some minutes.
"""

import argparse
import json
import math
import random
import sys
from operator import mul
from pathlib import Path
from typing import NamedTuple

KINDS = ["complete", "may_continue", "cannot_end"]
SIGNS = ["confidence", "slots_ahead", "last_db", "late_db"]
SUREST = 0.9999
MOST_AHEAD = 3
# A pause that begins so long before the true end, in milliseconds, is in the midst of the sentence:
# detectors hear ends a little early.
TOLERANCE_MS = 150.0
# A decision so long before the true end still counts as at it, as in `mynah eval`.
END_TOLERANCE_MS = 50.0
# How much is held against a weight of the few signs, and of the many numbers of the summary, which
# are scaled to unit variance for it.
RIDGE, SOUND_RIDGE = 0.1, 100.0
# How many pauses stand for all, and how much more a long wait counts: as in patience.rs.
SHARES = 20
LONG_WAIT_COST = 16
FRAME_MS = 20
PARTS = 5
FIXED_MS = range(200, 1500, 100)
COSTS_MS = [4_000, 8_000, 16_000, 20_000, 30_000, 40_000, 60_000]


class Pause(NamedTuple):
    signs: list[float]
    summary: list[float]
    shows_ms: float
    last_speech_ms: float
    # None where nothing follows.
    goes_on_ms: float | None


class Model(NamedTuple):
    pauses_ms: list[float]
    weights: list[float]
    sound_bias: float
    sound: list[float]

    def log_odds(self, pause):
        return dot(self.weights, pause.signs) + self.sound_bias + dot(self.sound, pause.summary)

    def silence_ms(self, pause, settings):
        """As `Patience::silence_ms`."""
        odds = math.exp(self.log_odds(pause))

        def cost(after_ms):
            share = sum(length > after_ms for length in self.pauses_ms) / len(self.pauses_ms)
            late_ms = max(0, after_ms - settings.bearable)
            return after_ms + (LONG_WAIT_COST - 1) * late_ms + odds * settings.cost * share

        return min(range(settings.least, settings.most + 1, FRAME_MS), key=cost)


class Settings(NamedTuple):
    """Of the endpoint, in milliseconds."""
    least: int
    most: int
    bearable: int
    cost: int


def dot(a, b):
    return sum(map(mul, a, b))


def signs(pause):
    sure = min(max(pause["confidence"], 1 - SUREST), SUREST)
    kinds = [float(pause["completeness"] == kind) for kind in KINDS]
    ahead = min(pause["slots_ahead"], MOST_AHEAD)
    return kinds + [math.log(sure / (1 - sure)), ahead, pause["last_db"], pause["late_db"]]


def read(path):
    """(speaker, pauses, true end) of each recording. The last pause is the one that nothing follows,
    be it a soft ending heard early; where no end is marked, the voice ends with it."""
    talks = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        end, pauses = row["speech_end_ms"], []
        if end is None:
            end = row["pauses"][-1]["last_speech_ms"] if row["pauses"] else 0
        for pause in row["pauses"]:
            last = pause["last_speech_ms"]
            goes_on = pause["goes_on_ms"] if last < end - TOLERANCE_MS else None
            pauses.append(Pause(signs(pause), pause["summary"], pause["shows_ms"], last, goes_on))
            if goes_on is None:
                talks.append((row["speaker"], pauses, end))
                break
    return talks


def solve(times, right):
    """x of `times`(x) = right for a symmetric positive matrix: conjugate gradients."""
    found = [0.0] * len(right)
    rest, way = right[:], right[:]
    size = dot(rest, rest)
    enough = 1e-6 * size
    while size > enough:
        image = times(way)
        step = size / dot(way, image)
        found = [x + step * w for x, w in zip(found, way)]
        rest = [r - step * i for r, i in zip(rest, image)]
        size, before = dot(rest, rest), size
        way = [r + size / before * w for r, w in zip(rest, way)]
    return found


def regress(rows, goes_on, ridge):
    """Log-odds weights of "goes on", by Newton's method."""
    columns = list(zip(*rows))
    weights = [0.0] * len(ridge)
    for _ in range(30):
        odds = [max(-30.0, min(30.0, dot(weights, row))) for row in rows]
        p = [1 / (1 + math.exp(-value)) for value in odds]
        wrong = [a - b for a, b in zip(p, goes_on)]
        bend = [value * (1 - value) for value in p]
        slope = [dot(column, wrong) + r * w for column, r, w in zip(columns, ridge, weights)]

        def times(way):
            bent = [b * dot(row, way) for b, row in zip(bend, rows)]
            return [dot(column, bent) + r * w for column, r, w in zip(columns, ridge, way)]

        step = solve(times, slope)
        weights = [weight - by for weight, by in zip(weights, step)]
        if max(map(abs, step)) < 1e-4:
            break
    return weights


def fit(talks):
    pauses = [pause for _, pauses, _ in talks for pause in pauses]
    goes_on = [pause.goes_on_ms is not None for pause in pauses]
    lengths = sorted(pause.goes_on_ms - pause.last_speech_ms
                     for pause, on in zip(pauses, goes_on) if on)
    if not lengths or len(lengths) == len(pauses):
        sys.exit("the recordings need pauses after which speech goes on, and ends")
    means, scales = [], []
    for column in zip(*(pause.summary for pause in pauses)):
        mean = sum(column) / len(column)
        means.append(mean)
        scales.append(math.sqrt(sum((x - mean) ** 2 for x in column) / len(column)) or 1.0)
    rows = [pause.signs + [(x - mean) / scale
                           for x, mean, scale in zip(pause.summary, means, scales)]
            for pause in pauses]
    few = len(KINDS) + len(SIGNS)
    weights = regress(rows, goes_on, [RIDGE] * few + [SOUND_RIDGE] * len(means))
    sound = [weight / scale for weight, scale in zip(weights[few:], scales)]
    shares = [(number + 0.5) / SHARES for number in range(SHARES)]
    pauses_ms = [quantile(lengths, share) for share in shares]
    return Model(pauses_ms, weights[:few], -dot(sound, means), sound)


def judge(talks, decide):
    """Share of talks cut, and waits behind the true end of the others, in order. `decide` takes
    speaker and pause."""
    cut, waits = 0, []
    for speaker, pauses, end in talks:
        for pause in pauses:
            decided, goes_on = decide(speaker, pause), pause.goes_on_ms
            if goes_on is None and decided >= end - END_TOLERANCE_MS:
                waits.append(decided - end)
            elif goes_on is None or decided < goes_on:
                cut += 1
                break
    return cut / len(talks), sorted(waits)


def quantile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] if values else math.nan


def held_out(talks, seed):
    """For each speaker the fit to speakers of other parts."""
    speakers = sorted({speaker for speaker, _, _ in talks})
    random.Random(seed).shuffle(speakers)
    models = {}
    for part in range(PARTS):
        out = set(speakers[part::PARTS])
        if out and len(out) < len(speakers):
            model = fit([talk for talk in talks if talk[0] not in out])
            models.update((speaker, model) for speaker in out)
    return models


def text(model):
    lengths = ", ".join(f"{length:.0f}" for length in model.pauses_ms)
    lines = ["# Written by scripts/fit_endpoint.py.", f"pauses_ms = [{lengths}]", "", "[bias]"]
    lines += [f"{kind} = {weight:.4f}" for kind, weight in zip(KINDS, model.weights)]
    lines += ["", "[weight]"]
    lines += [f"{sign} = {weight:.4f}" for sign, weight in zip(SIGNS, model.weights[len(KINDS):])]
    lines += ["", "[sound]", f"bias = {model.sound_bias:.4f}", "weights = ["]
    for at in range(0, len(model.sound), 8):
        lines.append("    " + " ".join(f"{weight:.4f}," for weight in model.sound[at:at + 8]))
    return "\n".join(lines + ["]"]) + "\n"


def tell(name, sets, decide):
    told = []
    for one, talks in sets.items():
        cut, waits = judge(talks, decide)
        told.append(f"{one}: {100 * cut:.1f} % cut, {quantile(waits, 0.5):.0f}/"
                    f"{quantile(waits, 0.95):.0f}, mean {sum(waits) / max(1, len(waits)):.0f} ms")
    print(f"{name}  " + "; ".join(told))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pauses", nargs="+", type=Path, metavar="PAUSES.jsonl")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=int, default=240, help="endpoint.hangover_min_ms")
    parser.add_argument("--most", type=int, default=1400, help="endpoint.hangover_max_ms")
    parser.add_argument("--bearable", type=int, default=700, help="endpoint.bearable_ms")
    args = parser.parse_args()
    sets = {path.stem: read(path) for path in args.pauses}
    talks = [talk for one in sets.values() for talk in one]
    models = held_out(talks, args.seed)
    for ms in FIXED_MS:
        tell(f"fixed {ms:6} ms", sets, lambda _speaker, pause: pause.last_speech_ms + ms)
    for cost in COSTS_MS:
        settings = Settings(args.least, args.most, args.bearable, cost)

        def own(speaker, pause):
            silence_ms = models[speaker].silence_ms(pause, settings)
            return max(pause.shows_ms, pause.last_speech_ms + silence_ms)
        tell(f"cost  {cost:6} ms", sets, own)
    args.out.write_text(text(fit(talks)), encoding="utf-8")


if __name__ == "__main__":
    main()
