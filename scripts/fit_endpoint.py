#!/usr/bin/env python3
"""Fits how long an agent waits in a pause (src/hear/endpoint/patience.rs) to recordings.

    mynah eval AGENT DATA.tsv [--mix RECIPE.tsv] --pauses plain.jsonl
    scripts/fit_endpoint.py plain.jsonl hesitating.jsonl … -o src/hear/endpoint/patience.toml

A logistic regression of "speech goes on" on completeness, confidence, slots ahead, smart-turn's
opinion and the closing of the voice, over all pauses up to the true end; τ is the mean rest of those that end. Prints, for fixed
hangovers and for a range of costs, how often each set is cut and how long it waits (median, 95th
percentile, mean), every speaker's pauses judged by a fit to the others' (in five parts, drawn with
--seed).
"""

import argparse
import json
import math
import random
import sys
from pathlib import Path

KINDS = ["complete", "may_continue", "cannot_end"]
SIGNS = ["confidence", "slots_ahead", "sounds_done", "last_db", "late_db"]
SUREST = 0.9999
MOST_AHEAD = 3
# A pause that begins so long before the true end, in milliseconds, is in the midst of the sentence:
# detectors hear ends a little early.
TOLERANCE_MS = 150.0
# A decision so long before the true end still counts as at it, as in `mynah eval`.
END_TOLERANCE_MS = 50.0
RIDGE = 0.1
PARTS = 5
FIXED_MS = range(200, 1500, 100)
COSTS_MS = [1_000, 2_000, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000, 32_000]


def signs(pause):
    def log_odds(key):
        sure = min(max(pause[key], 1 - SUREST), SUREST)
        return math.log(sure / (1 - sure))

    kinds = [float(pause["completeness"] == kind) for kind in KINDS]
    ahead = min(pause["slots_ahead"], MOST_AHEAD)
    return kinds + [
        log_odds("confidence"), ahead, log_odds("sounds_done"), pause["last_db"], pause["late_db"]
    ]


def read(path):
    """(speaker, [(signs, shows, last speech, goes on or None)], true end) of each recording whose
    end is known. The last pause is the one that nothing follows, be it a soft ending heard early."""
    talks = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        end, pauses = row["speech_end_ms"], []
        if end is None:
            continue
        for pause in row["pauses"]:
            inner = pause["last_speech_ms"] < end - TOLERANCE_MS
            goes_on = pause["goes_on_ms"] if inner else None
            pauses.append((signs(pause), pause["shows_ms"], pause["last_speech_ms"], goes_on))
            if goes_on is None:
                talks.append((row["speaker"], pauses, end))
                break
    return talks


def solve(matrix, right):
    """Gauss with pivots; both are used up."""
    size = len(right)
    for i in range(size):
        best = max(range(i, size), key=lambda row: abs(matrix[row][i]))
        matrix[i], matrix[best] = matrix[best], matrix[i]
        right[i], right[best] = right[best], right[i]
        for row in range(i + 1, size):
            times = matrix[row][i] / matrix[i][i]
            for column in range(i, size):
                matrix[row][column] -= times * matrix[i][column]
            right[row] -= times * right[i]
    found = [0.0] * size
    for i in reversed(range(size)):
        rest = sum(matrix[i][k] * found[k] for k in range(i + 1, size))
        found[i] = (right[i] - rest) / matrix[i][i]
    return found


def regress(pauses):
    """Log-odds weights of "goes on", by Newton's method."""
    size = len(KINDS) + len(SIGNS)
    weights = [0.0] * size
    for _ in range(50):
        slope = [RIDGE * weight for weight in weights]
        bend = [[RIDGE * (i == k) for k in range(size)] for i in range(size)]
        for x, _, _, goes_on in pauses:
            odds = sum(w * v for w, v in zip(weights, x))
            p = 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))
            for i in range(size):
                slope[i] += (p - (goes_on is not None)) * x[i]
                for k in range(size):
                    bend[i][k] += p * (1 - p) * x[i] * x[k]
        step = solve(bend, slope)
        weights = [weight - by for weight, by in zip(weights, step)]
        if max(map(abs, step)) < 1e-6:
            break
    return weights


def fit(talks):
    """(τ in milliseconds, weights)."""
    pauses = [pause for _, pauses, _ in talks for pause in pauses]
    rests = [goes_on - shows for _, shows, _, goes_on in pauses if goes_on is not None]
    if not rests or len(rests) == len(pauses):
        sys.exit("the recordings need pauses after which speech goes on, and ends")
    return sum(rests) / len(rests), regress(pauses)


def wait_ms(model, cost_ms, x):
    tau, weights = model
    odds = sum(w * v for w, v in zip(weights, x))
    return tau * (odds + math.log(cost_ms / tau))


def judge(talks, decide):
    """Share of talks cut, and waits behind the true end of the others, in order. `decide` takes the
    speaker, the signs of a pause, where it shows and where it began."""
    cut, waits = 0, []
    for speaker, pauses, end in talks:
        for x, shows, last, goes_on in pauses:
            decided = decide(speaker, x, shows, last)
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
    tau, weights = model
    lines = ["# Written by scripts/fit_endpoint.py.", f"tau_ms = {tau:.1f}", "", "[bias]"]
    lines += [f"{kind} = {weight:.4f}" for kind, weight in zip(KINDS, weights)]
    lines += ["", "[weight]"]
    lines += [f"{sign} = {weight:.4f}" for sign, weight in zip(SIGNS, weights[len(KINDS):])]
    return "\n".join(lines) + "\n"


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
    parser.add_argument("--least", type=int, default=260, help="endpoint.hangover_min_ms")
    parser.add_argument("--most", type=int, default=1400, help="endpoint.hangover_max_ms")
    args = parser.parse_args()
    sets = {path.stem: read(path) for path in args.pauses}
    talks = [talk for one in sets.values() for talk in one]
    models = held_out(talks, args.seed)
    for ms in FIXED_MS:
        tell(f"fixed {ms:6} ms", sets, lambda _speaker, _x, _shows, last: last + ms)
    for cost in COSTS_MS:
        def own(speaker, x, shows, last):
            wait = max(0.0, wait_ms(models[speaker], cost, x))
            return min(max(shows + wait, last + args.least), last + args.most)
        tell(f"cost  {cost:6} ms", sets, own)
    args.out.write_text(text(fit(talks)), encoding="utf-8")


if __name__ == "__main__":
    main()
