#!/usr/bin/env python3
"""Fits how long an agent waits in a pause (src/hear/endpoint/patience.rs) to recordings.

    mynah eval AGENT DATA.tsv [--mix RECIPE.tsv] --pauses plain.jsonl
    $($(scripts/python.sh) models/convert --python) scripts/fit_endpoint.py plain.jsonl hesitating.jsonl … \\
            -o src/hear/endpoint/patience.toml

A logistic regression of "speech goes on" on completeness, confidence, slots ahead, the closing of
the voice and what smart-turn's network makes of the sound, over all pauses up to the true end, and how
long those last that end. Prints, for fixed hangovers and for a range of costs, how often talks of each
set are cut, how many of the pauses inside the voice are taken for ends, and how long is waited at the
end (median, 95th percentile, mean), every speaker's pauses judged by a fit to the others' (in five
parts, drawn with --seed). Takes some seconds, with the numpy of the converters' environment.
"""

import argparse
import json
import math
import random
import sys
from pathlib import Path
from typing import NamedTuple

try:
    import numpy as np
except ImportError:
    sys.exit("fit_endpoint: numpy is missing here; the converters' Python has it: "
             "$($(scripts/python.sh) models/convert --python) scripts/fit_endpoint.py …")

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
# Numbers of a summary (src/hear/smart_turn.rs).
SUMMARY_LEN = 768
# Silence is counted in the detector's windows, and a pause shows after so much of it.
WINDOW_MS, PAUSE_MS = 32, 200
PARTS = 5
FIXED_MS = range(200, 1500, 100)
COSTS_MS = [8_000, 16_000, 25_000, 35_000, 45_000, 60_000]


class Pause(NamedTuple):
    signs: np.ndarray
    summary: np.ndarray
    shows_ms: float
    last_speech_ms: float
    # None where nothing follows.
    goes_on_ms: float | None

    def taken_ms(self, silence_ms):
        """When the turn is taken after so much silence."""
        more = math.ceil(silence_ms / WINDOW_MS) - math.ceil(PAUSE_MS / WINDOW_MS)
        return self.shows_ms + more * WINDOW_MS


class Model(NamedTuple):
    pauses_ms: np.ndarray
    weights: np.ndarray
    sound_bias: float
    sound: np.ndarray

    def log_odds(self, pause):
        return self.weights @ pause.signs + self.sound_bias + self.sound @ pause.summary

    def silence_ms(self, pause, settings):
        """As `Patience::silence_ms`."""
        after_ms = np.arange(settings.least, settings.most + 1, FRAME_MS)
        share = (self.pauses_ms > after_ms[:, None]).mean(1)
        delay_ms = after_ms + (LONG_WAIT_COST - 1) * np.maximum(0, after_ms - settings.bearable)
        cost = delay_ms + math.exp(self.log_odds(pause)) * settings.cost * share
        return int(after_ms[cost.argmin()])


class Settings(NamedTuple):
    """Of the endpoint, in milliseconds."""
    least: int
    most: int
    bearable: int
    cost: int


def signs(pause):
    sure = min(max(pause["confidence"], 1 - SUREST), SUREST)
    kinds = [float(pause["completeness"] == kind) for kind in KINDS]
    ahead = min(pause["slots_ahead"], MOST_AHEAD)
    return np.array(kinds + [math.log(sure / (1 - sure)), ahead, pause["last_db"], pause["late_db"]])


def recordings(path):
    """The recordings that `mynah eval --pauses` wrote down."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"fit_endpoint: {path}: {error}")
    if not lines:
        sys.exit(f"fit_endpoint: {path} is empty; `mynah eval --pauses {path}` writes it")
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            widths = {len(pause["summary"]) for pause in row["pauses"]}
        except (ValueError, KeyError, TypeError):
            sys.exit(f"fit_endpoint: {path}:{number}: no recording as `mynah eval --pauses` writes "
                     "it, or only a part of one; write the file anew")
        if widths - {SUMMARY_LEN}:
            sys.exit(f"fit_endpoint: {path}:{number}: summaries of {max(widths)} numbers, expected "
                     f"{SUMMARY_LEN}: another version wrote them; write the file anew")
        yield row


def read(path):
    """(speaker, pauses, true end) of each recording. The last pause is the one that nothing follows,
    be it a soft ending heard early; where no end is marked, the voice ends with it."""
    talks = []
    for row in recordings(path):
        end, pauses = row["speech_end_ms"], []
        if end is None:
            end = row["pauses"][-1]["last_speech_ms"] if row["pauses"] else 0
        for pause in row["pauses"]:
            last = pause["last_speech_ms"]
            goes_on = pause["goes_on_ms"] if last < end - TOLERANCE_MS else None
            summary = np.array(pause["summary"])
            pauses.append(Pause(signs(pause), summary, pause["shows_ms"], last, goes_on))
            if goes_on is None:
                talks.append((row["speaker"], pauses, end))
                break
    return talks


def regress(rows, goes_on, ridge):
    """Log-odds weights of "goes on", by Newton's method."""
    weights = np.zeros(rows.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (p - goes_on) + ridge * weights
        bend = (rows * (p * (1 - p))[:, None]).T @ rows + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        weights -= step
        if abs(step).max() < 1e-4:
            break
    return weights


def fit(talks, most_ms):
    pauses = [pause for _, pauses, _ in talks for pause in pauses]
    goes_on = np.array([pause.goes_on_ms is not None for pause in pauses])
    lengths = sorted(pause.goes_on_ms - pause.last_speech_ms
                     for pause, on in zip(pauses, goes_on) if on)
    # What nobody waits for says nothing of how long to wait.
    lengths = [length for length in lengths if length <= most_ms]
    if not lengths or goes_on.all():
        sys.exit("the recordings need pauses after which speech goes on, and ends")
    summaries = np.array([pause.summary for pause in pauses])
    mean, scale = summaries.mean(0), summaries.std(0)
    scale[scale == 0] = 1
    rows = np.hstack([[pause.signs for pause in pauses], (summaries - mean) / scale])
    few = len(KINDS) + len(SIGNS)
    weights = regress(rows, goes_on, np.array([RIDGE] * few + [SOUND_RIDGE] * len(mean)))
    sound = weights[few:] / scale
    # The longest of each share: that one has to be waited for to hear them all.
    pauses_ms = np.array([quantile(lengths, (part + 1) / SHARES) for part in range(SHARES)])
    return Model(pauses_ms, weights[:few], float(-sound @ mean), sound)


class Judged(NamedTuple):
    # Share of talks cut, and of pauses inside the voice taken for ends.
    cut: float
    taken: float
    # Behind the true end of talks that were not cut, in order.
    waits: list[float]


def judge(talks, decide):
    """`decide` takes speaker and pause."""
    cut, taken, inside, waits = 0, 0, 0, []
    for speaker, pauses, end in talks:
        is_cut = False
        for pause in pauses:
            decided, goes_on = decide(speaker, pause), pause.goes_on_ms
            if goes_on is not None:
                inside += 1
                taken += decided < goes_on
                is_cut |= decided < goes_on
            elif decided < end - END_TOLERANCE_MS:
                is_cut = True
            elif not is_cut:
                waits.append(decided - end)
        cut += is_cut
    return Judged(cut / len(talks), taken / inside if inside else 0.0, sorted(waits))


def quantile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] if values else math.nan


def held_out(talks, seed, most_ms):
    """For each speaker the fit to speakers of other parts."""
    speakers = sorted({speaker for speaker, _, _ in talks})
    random.Random(seed).shuffle(speakers)
    models = {}
    for part in range(PARTS):
        out = set(speakers[part::PARTS])
        if out and len(out) < len(speakers):
            model = fit([talk for talk in talks if talk[0] not in out], most_ms)
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
    print(name)
    for one, talks in sets.items():
        cut, taken, waits = judge(talks, decide)
        mean = sum(waits) / max(1, len(waits))
        print(f"    {one:<20} {100 * cut:5.1f} % cut, {100 * taken:5.1f} % of pauses taken, waits "
              f"{quantile(waits, 0.5):.0f}/{quantile(waits, 0.95):.0f}, mean {mean:.0f} ms")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pauses", nargs="+", type=Path, metavar="PAUSES.jsonl")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=int, default=240, help="endpoint.hangover_min_ms")
    parser.add_argument("--most", type=int, default=1500, help="endpoint.hangover_max_ms")
    parser.add_argument("--bearable", type=int, default=700, help="endpoint.bearable_ms")
    args = parser.parse_args()
    sets = {path.stem: read(path) for path in args.pauses}
    talks = [talk for one in sets.values() for talk in one]
    models = held_out(talks, args.seed, args.most)
    for ms in FIXED_MS:
        tell(f"fixed {ms} ms", sets, lambda _speaker, pause: pause.taken_ms(ms))
    for cost in COSTS_MS:
        settings = Settings(args.least, args.most, args.bearable, cost)

        def own(speaker, pause):
            return pause.taken_ms(models[speaker].silence_ms(pause, settings))
        tell(f"cost {cost} ms", sets, own)
    args.out.write_text(text(fit(talks, args.most)), encoding="utf-8")


if __name__ == "__main__":
    main()
