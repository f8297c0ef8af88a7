"""The fit of the endpoint on pauses made with known odds."""

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


@mock.patch.object(fit_endpoint, "SUMMARY_LEN", len(SOUND))
class FitTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, talks):
        path = self.folder / "pauses.jsonl"
        path.write_text("".join(json.dumps(talk) + "\n" for talk in talks))
        return path

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
        with mock.patch("sys.argv", ["fit_endpoint.py", str(path), "-o", str(out)]):
            fit_endpoint.main()
        written = tomllib.loads(out.read_text())
        shipped = Path(__file__).resolve().parents[2] / "src/hear/endpoint/patience.toml"
        self.assertEqual([list(part) if isinstance(part, dict) else key
                          for key, part in written.items()],
                         [list(part) if isinstance(part, dict) else key
                          for key, part in tomllib.loads(shipped.read_text()).items()])

    def test_what_cannot_be_read_is_named(self):
        path = self.folder / "odd.jsonl"
        wide = talk(random.Random(4), 0)
        wide["pauses"][0]["summary"] = [0.0] * 5
        for text, words in [("", "is empty"), ('{"pauses": [', "odd.jsonl:1: no recording"),
                            ("{}", "odd.jsonl:1: no recording"),
                            (json.dumps(wide), "odd.jsonl:1: summaries of 5 numbers")]:
            path.write_text(text)
            with self.assertRaisesRegex(SystemExit, words):
                fit_endpoint.read(path)
        with self.assertRaisesRegex(SystemExit, "No such file"):
            fit_endpoint.read(self.folder / "missing.jsonl")

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
