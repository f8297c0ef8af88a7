"""The fit of the endpoint on pauses made with known odds."""

import copy
import json
import math
import operator
import random
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import fit_endpoint

WEIGHTS = {"complete": -1.0, "may_continue": 1.0, "cannot_end": 3.0}
SOUND = [0.0, 0.5, -1.0]
MOST_MS = 1500
SHIPPED = Path(__file__).resolve().parents[2] / "src/hear/endpoint/patience.toml"

# What may go wrong with any field, and which of it each field may be all the same.
GONE = object()
ODD = [None, True, "odd", [], {}, 7, -1, 0.5, math.nan, math.inf, 1e300, 10 ** 400, GONE]
FIELDS = [
    (["speaker"], ["odd"]),
    (["speech_end_ms"], [None, 7, 0.5]),
    (["pauses"], [[]]),
    (["pauses", 0], [GONE]),
    (["pauses", 0, "last_speech_ms"], [7, 0.5]),
    (["pauses", 0, "shows_ms"], []),
    (["pauses", 0, "goes_on_ms"], [None]),
    (["pauses", 0, "completeness"], []),
    (["pauses", 0, "confidence"], [0.5]),
    (["pauses", 0, "slots_ahead"], [7]),
    (["pauses", 0, "last_db"], [7, -1, 0.5]),
    (["pauses", 1, "late_db"], [7, -1, 0.5]),
    (["pauses", 1, "summary"], []),
    (["pauses", 1, "summary", 0], [7, -1, 0.5]),
]
# A field, what stands in it, and what is told.
FAULTS = [
    (["speaker"], 7, "speaker is 7, and must be text"),
    (["pauses"], 7, "pauses is 7, and must be a list"),
    (["pauses", 1], 7, "pause 2: 7 stands there, and must be an object with last_speech_ms, "),
    (["pauses", 1, "shows_ms"], GONE, "pause 2: shows_ms is missing"),
    (["pauses", 0, "shows_ms"], 999, "shows_ms is 999, and must not be less than last_speech_ms, 1000"),
    (["pauses", 0, "goes_on_ms"], 999, "goes_on_ms is 999, and must not be less than last_speech_ms"),
    (["pauses", 1, "completeness"], "maybe", 'pause 2: completeness is "maybe", and must be one of '
                                             "complete, may_continue, cannot_end"),
    (["pauses", 0, "confidence"], "sure", 'confidence is "sure", and must be a number from 0 to 1'),
    (["pauses", 0, "confidence"], 1.5, "confidence is 1.5, and"),
    (["pauses", 0, "slots_ahead"], True, "slots_ahead is true, and must be a whole number from 0 to 255"),
    (["pauses", 0, "late_db"], math.inf, "late_db is Infinity, and"),
    (["pauses", 1, "summary", 2], math.nan, r"pause 2: summary\[2\] is NaN, and must be a number"),
    # The program writes so what is no number.
    (["pauses", 1, "summary", 0], None, r"summary\[0\] is null, and must be a number"),
    # The other pause has as many as it should.
    (["pauses", 1, "summary"], [0.0] * 2, "pause 2: summary has 2 numbers, and must have 3"),
    (["pauses", 0, "summary"], [0.0] * 5, "pause 1: summary has 5 numbers, and must have 3"),
]


def talk(draw, number):
    """A recording with one pause in the midst of it as often as the odds say."""
    def pause(at, goes_on):
        kind = draw.choice(fit_endpoint.KINDS)
        late = draw.uniform(-20, 0)
        ahead = draw.randrange(3)
        summary = [draw.gauss(5, 1), draw.gauss(-3, 2), draw.gauss(0, 1)]
        odds = WEIGHTS[kind] + 0.2 * late + 0.5 * ahead + sum(map(operator.mul, SOUND, summary))
        return {"last_speech_ms": at, "shows_ms": at + 200, "goes_on_ms": goes_on,
                "completeness": kind, "confidence": 0.5, "slots_ahead": ahead, "summary": summary,
                "last_db": 0.0, "late_db": late}, 1 / (1 + math.exp(-odds))

    while True:
        first, on = pause(1000, 1000 + 200 + draw.expovariate(1 / 500))
        last, more = pause(3000, None)
        # Rejection keeps the odds of each pause what they are.
        if draw.random() < on and draw.random() > more:
            return {"path": str(number), "condition": "", "speaker": f"s{number % 20}",
                    "speech_end_ms": 3010, "pauses": [first, last]}


def spoilt(row, place, value):
    row = copy.deepcopy(row)
    *way, last = place
    inner = row
    for step in way:
        inner = inner[step]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    return row


class ProgramTest(unittest.TestCase):
    def test_a_summary_is_as_long_as_the_program_s(self):
        # Which is held against its own constant where the program reads it.
        weights = tomllib.loads(SHIPPED.read_text())["sound"]["weights"]
        self.assertEqual(fit_endpoint.SUMMARY_LEN, len(weights))


@mock.patch.object(fit_endpoint, "SUMMARY_LEN", len(SOUND))
class FitTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, talks, name="pauses.jsonl"):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(talk) + "\n" for talk in talks))
        return path

    def run_main(self, *arguments):
        with mock.patch("sys.argv", ["fit_endpoint.py", *map(str, arguments)]):
            fit_endpoint.main()

    def refuses(self, words, *arguments):
        with self.subTest(words), self.assertRaisesRegex(SystemExit, words):
            self.run_main(*arguments)

    def test_the_odds_that_made_the_pauses_are_found(self):
        draw = random.Random(1)
        path = self.write([talk(draw, number) for number in range(2000)])
        # Three numbers of which two matter need no holding back.
        with mock.patch.object(fit_endpoint, "SOUND_RIDGE", 1.0):
            model = fit_endpoint.fit(fit_endpoint.read(path), MOST_MS)
        # 200 ms until they show, and then exponentially distributed, but for the longest.
        reached = 1 - math.exp(-(MOST_MS - 200) / 500)
        for part, length in enumerate(model.pauses_ms[:-1], 1):
            share = part / fit_endpoint.SHARES * reached
            self.assertAlmostEqual(length, 200 - 500 * math.log(1 - share), delta=80)
        self.assertLessEqual(model.pauses_ms[-1], MOST_MS)
        found = dict(zip(fit_endpoint.KINDS, model.weights))
        self.assertAlmostEqual(found["cannot_end"] - found["may_continue"], 2.0, delta=0.6)
        self.assertAlmostEqual(found["may_continue"] - found["complete"], 2.0, delta=0.6)
        found = dict(zip(fit_endpoint.SIGNS, model.weights[len(fit_endpoint.KINDS):]))
        self.assertAlmostEqual(found["late_db"], 0.2, delta=0.05)
        self.assertAlmostEqual(found["slots_ahead"], 0.5, delta=0.15)
        for weight, true in zip(model.sound, SOUND):
            self.assertAlmostEqual(weight, true, delta=0.15)

    def test_the_turn_is_taken_where_costs_are_least(self):
        pauses_ms = np.array([500, 600, 1100, 1200])
        model = fit_endpoint.Model(pauses_ms, np.array([]), 0.0, np.array([1.0]))
        settings = fit_endpoint.Settings(200, 1400, 700, 10_000)
        # The table of patience.rs.
        for odds, silence_ms in [(0.07, 200), (0.09, 600), (1.5, 600), (1.7, 1200), (1e9, 1200)]:
            sound = np.array([math.log(odds)])
            pause = fit_endpoint.Pause(np.array([]), sound, 0, 0, None)
            self.assertEqual(model.silence_ms(pause, settings), silence_ms, odds)

    def test_what_is_written_is_what_the_program_reads(self):
        draw = random.Random(2)
        path = self.write([talk(draw, number) for number in range(200)])
        out = self.folder / "patience.toml"
        self.run_main(path, "-o", out)
        written = tomllib.loads(out.read_text())
        self.assertEqual([list(part) if isinstance(part, dict) else key
                          for key, part in written.items()],
                         [list(part) if isinstance(part, dict) else key
                          for key, part in tomllib.loads(SHIPPED.read_text()).items()])

    def test_a_file_that_is_none_of_recordings_is_named(self):
        path, whole = self.folder / "odd.jsonl", json.dumps(talk(random.Random(4), 0))
        for text, words in [(b"", "odd.jsonl: it is empty"),
                            (b"\n", "odd.jsonl:1: no JSON"),
                            (whole.encode() + b'\n{"pauses": [', "odd.jsonl:2: no JSON, or only a part"),
                            (b"[" * 100_000, "odd.jsonl:1: no JSON"),
                            (b"7" * 10_000, "odd.jsonl:1: no JSON"),
                            (b"{}", "odd.jsonl:1: speaker is missing"),
                            (b"[]", "odd.jsonl:1: a list stands there, and must be an object"),
                            (b"\xff", "odd.jsonl: no text")]:
            path.write_bytes(text)
            with self.subTest(words), self.assertRaisesRegex(SystemExit, words):
                fit_endpoint.read(path)
        for path, words in [(self.folder, "Is a directory"),
                            (self.folder / "missing.jsonl", "missing.jsonl: No such file")]:
            with self.subTest(words), self.assertRaisesRegex(SystemExit, words):
                fit_endpoint.read(path)

    def test_a_fault_is_named_with_its_line_and_field(self):
        row = talk(random.Random(4), 0)
        for place, value, words in FAULTS:
            path = self.write([row, spoilt(row, place, value)])
            with self.subTest(words), self.assertRaisesRegex(SystemExit, f"pauses.jsonl:2: .*{words}"):
                fit_endpoint.read(path)

    def test_no_field_takes_what_it_cannot_be(self):
        row = talk(random.Random(4), 0)
        for place, fine in FIELDS:
            for value in ODD:
                path = self.write([row, spoilt(row, place, value)])
                words = "pauses.jsonl:2: .*write the file anew"
                with self.subTest(place=place, value=value):
                    if value in fine:
                        fit_endpoint.read(path)
                    else:
                        with self.assertRaisesRegex(SystemExit, words):
                            fit_endpoint.read(path)

    def test_files_are_told_apart_by_their_names(self):
        draw, out = random.Random(5), self.folder / "patience.toml"
        rows = [talk(draw, number) for number in range(40)]
        one, other = self.write(rows, "a/plain.jsonl"), self.write(rows, "b/plain.jsonl")
        for twice in [other, one]:
            self.refuses(f"{twice}: a file named plain was given before", one, twice, "-o", out)
        self.assertFalse(out.exists())

    def test_too_few_recordings_for_a_fit_are_told(self):
        draw, out = random.Random(6), self.folder / "patience.toml"
        rows = [talk(draw, number) for number in range(40)]
        silent = self.write([dict(row, pauses=[]) for row in rows], "silent.jsonl")
        alone = self.write([dict(row, speaker="s1") for row in rows], "alone.jsonl")
        fluent = [dict(row, pauses=row["pauses"][1:]) for row in rows]
        smooth = self.write(fluent, "smooth.jsonl")
        one = self.write([*(dict(row, speaker="s1") for row in rows),
                          *(dict(row, speaker="s2") for row in fluent)], "one.jsonl")
        self.refuses("silent.jsonl: no recording in it has a pause", silent, "-o", out)
        self.refuses('all recordings are by one speaker, "s1"', alone, "-o", out)
        self.refuses("after no pause of .* speech goes on within 1500 ms", smooth, "-o", out)
        self.refuses('after no pause of "s2" speech goes on', one, "-o", out)
        self.assertFalse(out.exists())

    def test_what_cannot_be_written_is_told(self):
        draw = random.Random(7)
        path = self.write([talk(draw, number) for number in range(200)])
        before = path.read_text()
        own = path.rename(self.folder / "pauses.txt")
        for out, words in [(self.folder / "missing/patience.toml", "missing is no folder; make it first"),
                           (own / "patience.toml", "pauses.txt is no folder"),
                           (self.folder, "is a folder; name the file"),
                           (own, "must not be written over"),
                           (self.folder / "first.jsonl", "must not be written over"),
                           ("/dev/full", "No space left on device")]:
            self.refuses(f"-o {out}.*{words}", own, "-o", out)
        self.assertEqual(own.read_text(), before)
        # Nothing is forbidden to root, who may run the tests.
        with mock.patch("os.access", return_value=False):
            self.refuses("Permission denied", own, "-o", self.folder / "patience.toml")

    def test_waits_that_no_endpoint_could_have_are_refused(self):
        draw = random.Random(8)
        path = self.write([talk(draw, number) for number in range(200)])
        for waits in [["--least", "0"], ["--most", "-5"], ["--bearable", "1e3"],
                      ["--most", "9" * 30], ["--least", "300", "--most", "200"]]:
            with self.subTest(waits), mock.patch("sys.stderr"), self.assertRaises(SystemExit) as end:
                self.run_main(path, "-o", self.folder / "patience.toml", *waits)
            self.assertEqual(end.exception.code, 2)

    def test_odds_beyond_all_numbers_are_waited_for(self):
        model = fit_endpoint.Model(np.array([500]), np.array([]), 0.0, np.array([1.0]))
        for log_odds, silence_ms in [(-1e6, 200), (1e6, 500)]:
            pause = fit_endpoint.Pause(np.array([]), np.array([log_odds]), 0, 0, None)
            settings = fit_endpoint.Settings(200, 1400, 700, 60_000)
            self.assertEqual(model.silence_ms(pause, settings), silence_ms)

    def test_what_is_cut_and_waited_for_is_counted(self):
        pause = fit_endpoint.Pause(np.array([]), np.array([]), 1224, 1000, 1800)
        end = pause._replace(last_speech_ms=3000, shows_ms=3224, goes_on_ms=None)
        talks = [("a", [pause, end], 3010), ("b", [end], 3010)]
        # 200 ms are seven windows, 500 sixteen, 900 twenty-nine.
        for ms, judged in [(900, (0.0, 0.0, [918, 918])), (500, (0.5, 1.0, [502]))]:
            self.assertEqual(fit_endpoint.judge(talks, lambda _, p: p.taken_ms(ms)), judged)

    def test_a_pause_after_the_end_is_no_pause(self):
        row = talk(random.Random(3), 0)
        row["pauses"].append(dict(row["pauses"][-1], last_speech_ms=5000, shows_ms=5200))
        ((_, pauses, _),) = fit_endpoint.read(self.write([row]))
        self.assertEqual([pause.goes_on_ms is None for pause in pauses], [False, True])


if __name__ == "__main__":
    unittest.main()
