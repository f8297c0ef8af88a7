"""The figures of benches/: how words are compared, counts read, and tables put into a document."""

import sys
import tempfile
import unittest
from pathlib import Path

BENCHES = Path(__file__).resolve().parents[2] / "benches"
sys.path[:0] = [str(BENCHES), str(BENCHES / "peers")]

import instructions  # noqa: E402
import spelling  # noqa: E402
import tables  # noqa: E402


class Spelling(unittest.TestCase):
    def test_it_is_that_of_the_program(self):
        # The table of src/eval/wer.rs.
        for text, expected in (
            ("", ""),
            ("  Hello,   WORLD!! ", "hello world"),
            ("What's up? It’s “fine”…", "whats up its fine"),
            ("up-to-date", "up to date"),
            ("Café CAFE\u0301", "café cafe\u0301"),
            ("12 oz", "twelve oz"),
            ("0 7 10 19 20 21 99", "zero seven ten nineteen twenty twenty one ninety nine"),
            ("100 105 342", "one hundred one hundred five three hundred forty two"),
            ("1,250", "one thousand two hundred fifty"),
            ("12,000,001", "twelve million one"),
            ("1, 250", "one two hundred fifty"),
            ("007", "zero zero seven"),
            ("1234567890", "one two three four five six seven eight nine zero"),
            ("at 8:30.", "at eight thirty"),
            ("3.5 and 3.", "three point five and three"),
            ("1st 2nd 3rd 4th 12th", "first second third fourth twelfth"),
            ("20th 21st 30TH", "twentieth twenty first thirtieth"),
            ("4them", "four them"),
            ("50% of $5 & 20°", "fifty percent of five dollars and twenty degrees"),
            ("b2b", "b2b"),
            ("press # now", "press now"),
        ):
            self.assertEqual(" ".join(spelling.words(text)), expected, text)

    def test_errors_are_the_fewest_edits(self):
        for meant, heard, wrong in (
            ("one two three", "1, 2, 3!", 0),
            ("a large latte please", "a latte please", 1),
            ("a b c d", "b c d e", 2),
            ("say something", "", 2),
            ("", "you you", 2),
        ):
            counted = spelling.errors(spelling.words(heard), spelling.words(meant))
            self.assertEqual(counted, wrong, (meant, heard))


class Instructions(unittest.TestCase):
    def test_only_more_than_three_percent_is_told(self):
        recorded = {"encode": 1000, "decode": 1000, "say": 1000}
        told = list(instructions.compare(recorded, {"encode": 1029, "decode": 1031, "say": 900}))
        self.assertEqual(len(told), 2)
        self.assertIn("decode takes 1,031 instructions, 3.1% more than the 1,000 recorded", told)
        self.assertIn("10.0% fewer", told[1])
        self.assertEqual(list(instructions.compare({}, {"new": 1})), ["new is not recorded"])


class Tables(unittest.TestCase):
    def test_only_what_stands_between_the_markers_changes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.md"
            path.write_text("A\n<!-- race: begin -->\nold\n<!-- race: end -->\nZ\n")
            tables.write(path, "race", "new")
            expected = "A\n<!-- race: begin -->\nnew\n<!-- race: end -->\nZ\n"
            self.assertEqual(path.read_text(), expected)
            with self.assertRaises(SystemExit):
                tables.write(path, "words", "new")


if __name__ == "__main__":
    unittest.main()
