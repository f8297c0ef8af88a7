#!/usr/bin/env python3
"""Hold what `mynah eval AGENT DATA.tsv --json > report.json` measured of voices against DATA.tsv.

The rate is compared with the syllables of the transcripts (groups of vowel letters) in the time from
speech_start_s to speech_end_s, or else in the whole recording; pitch with that of the same speaker's
other recordings.
"""

import argparse
import csv
import json
import math
import re
import statistics
import sys
from pathlib import Path


def syllables(text):
    count = 0
    for word in re.findall(r"[a-z']+", text.lower()):
        groups = len(re.findall(r"[aeiouy]+", word))
        is_silent = word.endswith("e") and not word.endswith("le") and groups > 1
        count += max(groups - is_silent, 1)
    return count


def show(name, values):
    ordered = sorted(values)
    shares = (0.05, 0.5, 0.95)
    shown = " / ".join(f"{ordered[round(share * (len(ordered) - 1))]:.2f}" for share in shares)
    print(f"{name}: {shown} (n = {len(ordered)})")


def rate_errors(items, rows):
    """Share that the measured rate is off, where all words fell into one utterance."""
    for item in items:
        row, prosody = rows[item["path"]], item["prosody"]
        words = len((row["transcript"] or "").split())
        if words < 4 or abs(len(item["heard"].split()) - words) > 1:
            continue
        if prosody["confidence"]["rate"] < 0.8:
            continue
        start = float(row.get("speech_start_s") or 0)
        end = float(row.get("speech_end_s") or row["duration_s"])
        true = syllables(row["transcript"]) / (end - start - prosody["pauses_s"])
        yield abs(prosody["rate_per_s"] / true - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("data", type=Path)
    args = parser.parse_args()
    with args.data.open(newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file, delimiter="\t")}
    items = [item for item in json.loads(args.report.read_text())["items"] if item.get("prosody")]
    if not items:
        sys.exit(f"{args.report}: no item has a prosody; is it of `mynah eval --json` on recordings?")
    print("5th percentile / median / 95th")
    show("loudness over the room, dB", [item["prosody"]["loudness_db"] for item in items])
    show("voiced", [item["prosody"]["voiced"] for item in items])
    show("held sounds", [item["prosody"]["held"] for item in items])
    errors = list(rate_errors(items, rows))
    if errors:
        show("rate off the transcript's, share", errors)
    voices = {}
    for item in items:
        if item["prosody"]["pitch"]:
            voices.setdefault(item["speaker"], []).append(item["prosody"]["pitch"]["median_hz"])
    own = [(hz, statistics.median(all_hz)) for all_hz in voices.values() for hz in all_hz if len(all_hz) > 2]
    if own:
        show("pitch off the speaker's, semitones", [abs(12 * math.log2(hz / mid)) for hz, mid in own])


if __name__ == "__main__":
    main()
