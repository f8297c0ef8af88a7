#!/usr/bin/env python3
"""Fits how long an agent waits in a pause (src/hear/endpoint/patience.rs) to recordings.

    mynah eval AGENT DATA.tsv [--mix RECIPE.tsv] --pauses plain.jsonl
    $($(scripts/python.sh) models/convert --python) scripts/fit_endpoint.py plain.jsonl hesitating.jsonl … \\
            -o src/hear/endpoint/patience.toml

A logistic regression of "speech goes on" on completeness, confidence, slots ahead, the closing of
the voice and what smart-turn's network makes of the sound, over all pauses up to the true end, and how
long those last that end. Prints, for fixed hangovers and for a range of costs, how often talks of each
set (a file, by its name) are cut, how many of the pauses inside the voice are taken for ends, and how
long is waited at the end (median, 95th percentile, mean), every speaker's pauses judged by a fit to the
others' (in five parts, drawn with --seed). Takes some seconds, with the numpy of the converters'
environment. Whatever in a file could not have been written by the program is refused, with its place.
"""

import argparse
import json
import math
import os
import random
import sys
from pathlib import Path
from typing import Callable, NamedTuple

try:
    import numpy as np
except ImportError:
    sys.exit("fit_endpoint: numpy is missing here; the converters' Python has it: "
             "$($(scripts/python.sh) models/convert --python) scripts/fit_endpoint.py …")

KINDS = ["complete", "may_continue", "cannot_end"]
SIGNS = ["confidence", "slots_ahead", "last_db", "late_db"]
SUREST = 0.9999
MOST_AHEAD = 3
# Beyond, odds times a cost are more than a floating-point number holds, and decide nothing else.
MOST_LOG_ODDS = 600.0
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
# Numbers of a summary, as SUMMARY_LEN of src/hear/smart_turn.rs.
SUMMARY_LEN = 768
# Nothing that is measured comes near it, and it is far from where sums overflow.
LARGEST = 1_000_000_000
# The most that --least, --most and --bearable may be.
MOST_WAIT_MS = 60_000
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
        cost = delay_ms + math.exp(min(self.log_odds(pause), MOST_LOG_ODDS)) * settings.cost * share
        return int(after_ms[cost.argmin()])


class Settings(NamedTuple):
    """Of the endpoint, in milliseconds."""
    least: int
    most: int
    bearable: int
    cost: int


class Rule(NamedTuple):
    words: str
    holds: Callable[[object], bool]


def within(least, most, types=(int, float)):
    # To Python true is 1, and NaN a number; NaN is within nothing.
    name = "a number" if float in types else "a whole number"
    return Rule(f"{name} from {least:,} to {most:,}",
                lambda value: type(value) in types and least <= value <= most)


def or_null(rule):
    return Rule(f"{rule.words}, or null", lambda value: value is None or rule.holds(value))


TEXT = Rule("text", lambda value: isinstance(value, str))
LIST = Rule("a list", lambda value: isinstance(value, list))
KIND = Rule(f"one of {', '.join(KINDS)}", lambda value: value in KINDS)
TIME, NUMBER = within(0, LARGEST), within(-LARGEST, LARGEST)
# No two levels that a microphone hears lie further apart.
DB = within(-200, 200)
# What is used of a line of `mynah eval --pauses` (src/cli/eval.rs) and of its pauses
# (src/eval/rehearsal.rs).
RECORDING = {"speaker": TEXT, "speech_end_ms": or_null(TIME), "pauses": LIST}
PAUSE = {"last_speech_ms": TIME, "shows_ms": TIME, "goes_on_ms": or_null(TIME),
         "completeness": KIND, "confidence": within(0, 1), "slots_ahead": within(0, 255, (int,)),
         "last_db": DB, "late_db": DB, "summary": LIST}


def refuse(fault):
    sys.exit(f"fit_endpoint: {fault}")


def broken(where, fault):
    refuse(f"{where}: {fault}; write the file anew with `mynah eval AGENT DATA.tsv --pauses FILE`")


def told(value):
    shapes = {list: "a list", dict: "an object"}
    return shapes.get(type(value)) or json.dumps(value)[:40]


def must(value, rule, where, name):
    if not rule.holds(value):
        broken(where, f"{name} is {told(value)}, and must be {rule.words}")


def check(found, rules, where):
    if not isinstance(found, dict):
        broken(where, f"{told(found)} stands there, and must be an object with {', '.join(rules)}")
    for name, rule in rules.items():
        if name not in found:
            broken(where, f"{name} is missing")
        must(found[name], rule, where, name)


def signs(pause):
    sure = min(max(pause["confidence"], 1 - SUREST), SUREST)
    kinds = [float(pause["completeness"] == kind) for kind in KINDS]
    ahead = min(pause["slots_ahead"], MOST_AHEAD)
    return np.array(kinds + [math.log(sure / (1 - sure)), ahead, pause["last_db"], pause["late_db"]])


def read_pause(pause, where):
    check(pause, PAUSE, where)
    summary = pause["summary"]
    if len(summary) != SUMMARY_LEN:
        broken(where, f"summary has {len(summary)} numbers, and must have {SUMMARY_LEN}: another "
                      "version of the program wrote it")
    for at, number in enumerate(summary):
        must(number, NUMBER, where, f"summary[{at}]")
    last, shows, goes_on = (pause[name] for name in ["last_speech_ms", "shows_ms", "goes_on_ms"])
    for name, time in [("shows_ms", shows), ("goes_on_ms", goes_on)]:
        if time is not None and time < last:
            broken(where, f"{name} is {time}, and must not be less than last_speech_ms, {last}")
    return Pause(signs(pause), np.array(summary), shows, last, goes_on)


def recordings(path):
    """(speaker, end of the voice or None, pauses) of what `mynah eval --pauses` wrote down."""
    try:
        # Not `splitlines`, which takes more than JSON does for the end of a line.
        with path.open(encoding="utf-8") as file:
            lines = list(file)
    except OSError as error:
        refuse(f"{path}: {error.strerror}; give files that `mynah eval --pauses` wrote")
    except UnicodeDecodeError as error:
        broken(path, f"no text ({error})")
    if not lines:
        broken(path, "it is empty")
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            broken(where, "no JSON, or only a part of it")
        check(row, RECORDING, where)
        pauses = [read_pause(pause, f"{where}: pause {count}")
                  for count, pause in enumerate(row["pauses"], 1)]
        yield row["speaker"], row["speech_end_ms"], pauses


def read(path):
    """(speaker, pauses, true end) of each recording. The last pause is the one that nothing follows,
    be it a soft ending heard early; where no end is marked, the voice ends with it."""
    talks = []
    for speaker, end, heard in recordings(path):
        if end is None:
            end = heard[-1].last_speech_ms if heard else 0
        pauses = []
        for pause in heard:
            if pause.last_speech_ms >= end - TOLERANCE_MS:
                pause = pause._replace(goes_on_ms=None)
            pauses.append(pause)
            if pause.goes_on_ms is None:
                talks.append((speaker, pauses, end))
                break
    if not talks:
        refuse(f"{path}: no recording in it has a pause at its end, so there is nothing to judge by; "
               "leave the file out, or look whether its recordings hold speech")
    return talks


def read_sets(paths):
    """Talks by the name of their file."""
    sets = {}
    for path in paths:
        if path.stem in sets:
            refuse(f"{path}: a file named {path.stem} was given before, and what is printed goes by "
                   "that name; rename one of them, and give none twice")
        sets[path.stem] = read(path)
    return sets


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
    if not lengths:
        speakers = sorted({speaker for speaker, _, _ in talks})
        refuse(f"after no pause of {told(', '.join(speakers))} speech goes on within {most_ms} ms "
               "(--most), and a fit to them needs such; add recordings in which they hesitate")
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
    if len(speakers) < 2:
        refuse(f"all recordings are by one speaker, {told(speakers[0])}, and each is judged by a fit to "
               "others; add some, or fill in the column `speaker` of the data set")
    random.Random(seed).shuffle(speakers)
    models = {}
    for part in range(PARTS):
        out = set(speakers[part::PARTS])
        if out:
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


def wait_ms(text):
    if not (text.isdigit() and 0 < int(text) <= MOST_WAIT_MS):
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 to {MOST_WAIT_MS:,}")
    return int(text)


def check_out(out, pauses):
    """Before there is work to lose. `-o *.jsonl` would write over the first of them."""
    if not os.path.isdir(out.parent):
        refuse(f"-o {out}: {out.parent} is no folder; make it first")
    if os.path.isdir(out):
        refuse(f"-o {out} is a folder; name the file to write in it")
    if out.suffix == ".jsonl" or os.path.realpath(out) in map(os.path.realpath, pauses):
        refuse(f"-o {out}: such a file holds pauses and must not be written over; name another, "
               "such as patience.toml")
    if not os.access(out if os.path.exists(out) else out.parent, os.W_OK):
        refuse(f"-o {out}: Permission denied; name a file that you may write")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pauses", nargs="+", type=Path, metavar="PAUSES.jsonl")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=wait_ms, default=240, help="endpoint.hangover_min_ms")
    parser.add_argument("--most", type=wait_ms, default=1500, help="endpoint.hangover_max_ms")
    parser.add_argument("--bearable", type=wait_ms, default=700, help="endpoint.bearable_ms")
    args = parser.parse_args()
    if args.least > args.most:
        parser.error(f"--least is {args.least} ms, more than --most, {args.most} ms")
    check_out(args.out, args.pauses)
    sets = read_sets(args.pauses)
    talks = [talk for one in sets.values() for talk in one]
    models = held_out(talks, args.seed, args.most)
    for ms in FIXED_MS:
        tell(f"fixed {ms} ms", sets, lambda _speaker, pause: pause.taken_ms(ms))
    for cost in COSTS_MS:
        settings = Settings(args.least, args.most, args.bearable, cost)

        def own(speaker, pause):
            return pause.taken_ms(models[speaker].silence_ms(pause, settings))
        tell(f"cost {cost} ms", sets, own)
    fitted = text(fit(talks, args.most))
    try:
        args.out.write_text(fitted, encoding="utf-8")
    except OSError as error:
        refuse(f"-o {args.out}: {error.strerror}; name a file that can be written")


if __name__ == "__main__":
    main()
