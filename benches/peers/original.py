"""onnxruntime on the two graphs of the moonshine-voice package as they are, under the limits that our
recogniser has (src/asr/guards.rs), so that only the arithmetic differs."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "models" / "convert"))

import moonshine_voice  # noqa: E402
import numpy as np  # noqa: E402

import asr_golden  # noqa: E402

PACKAGES = Path(moonshine_voice.__file__).resolve().parents[1]
RATE = 16_000
MIN_SAMPLES = RATE
TOKENS_PER_SECOND = 6.5
LONGEST_PHRASE = 16


class Original(asr_golden.Original):
    def __init__(self):
        super().__init__(PACKAGES)
        folder = PACKAGES / asr_golden.ASSETS / "tiny-en"
        self.vocabulary = vocabulary((folder / "tokenizer.bin").read_bytes())

    def recognise(self, samples):
        samples = np.pad(samples, (0, max(0, MIN_SAMPLES - samples.size)))
        limit = int(np.ceil(TOKENS_PER_SECOND * samples.size / RATE))
        ids, _, _ = self.run(samples, limit)
        return self.text(without_loop(ids, limit))

    def text(self, ids):
        pieces = (self.vocabulary[token] for token in ids)
        spoken = b"".join(piece for piece in pieces if not is_control(piece))
        return spoken.decode("utf-8", "replace").replace("\u2581", " ").strip()


def without_loop(ids, limit):
    """`ids` up to where our recogniser would stop because the network repeats itself."""
    for said in range(1, len(ids) + 1):
        for length in range(1, min(LONGEST_PHRASE, said) + 1):
            phrase, repeats = ids[said - length : said], 1
            while ids[max(0, said - (repeats + 1) * length) : said - repeats * length] == phrase:
                repeats += 1
            usual = {1: 8, 2: 6}.get(length, 4)
            if repeats >= (3 if said == limit else usual):
                return ids[: said - (repeats - 1) * length]
    return ids


def is_control(piece):
    return len(piece) > 2 and piece.startswith(b"<") and piece.endswith(b">")


def vocabulary(data):
    """Pieces in token order, each behind its length: one byte, or two from 128 on."""
    pieces, at = [], 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length += 128 * (data[at] - 1)
            at += 1
        pieces.append(data[at : at + length])
        at += length
    return pieces
