"""Word errors of our recogniser and of onnxruntime on the original graphs, on the same samples.

    python3 benches/peers words DATA.tsv… [--mix RECIPE.tsv --conditions NAME…] [--limit N]

Tables are those of `mynah eval`: `path` (WAV or FLAC, relative to the table) and `transcript`. A recipe
lists noisy copies with the columns of `mynah eval --mix`, made here as src/eval/mix.rs makes them.
Every recording is one utterance for both, handed over as the same 16-bit file at 16 kHz, under the
same limits on tokens and loops. Rows without a transcript are left out.

Words are compared in the spelling of src/eval/wer.rs. The difference is given with the half-width of
its 95 % interval, from resampling the recordings: two recognisers of equal worth differ by chance.
"""

import argparse
import collections
import csv
import json
import random
import sys
import tempfile
import wave
from pathlib import Path

import av
import numpy as np

from original import Original
from race import ROOT, Contestant
from spelling import errors, words

RATE = 16_000
# Samples in a frame of Picovoice's definition of signal-to-noise ratio, and of the search for speech.
MAX_FRAME, SPEECH_FRAME = 2048, 320
RESAMPLINGS = 2000


def read(path):
    """Channels of a recording at 16 kHz, [channels, samples]."""
    resampler = av.AudioResampler(format="fltp", rate=RATE)
    with av.open(str(path)) as container:
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def write(path, samples):
    """Writes 16 bits, and gives the samples as they are now."""
    pcm = (np.clip(samples, -1, 1) * 32767).round().astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(pcm.tobytes())
    return pcm.astype(np.float32) / 32768


def frame_power(samples, length):
    """Mean power of each whole frame."""
    count = max(1, len(samples) // length)
    return (samples[: count * length].reshape(count, -1).astype(np.float64) ** 2).mean(axis=1)


def reverberant(samples, response):
    """In a room, aligned with and as loud as before."""
    length = len(samples) + len(response)
    spectrum = np.fft.rfft(samples, length) * np.fft.rfft(response, length)
    onset = int(np.abs(response).argmax())
    wet = np.fft.irfft(spectrum, length)[onset : onset + len(samples)]
    return wet * np.sqrt((samples**2).mean() / ((wet**2).mean() + 1e-12))


def mixed(samples, row, folder):
    """The noisy copy that a row of a recipe describes."""
    if row["rir"]:
        samples = reverberant(samples, read(folder / row["rir"])[int(row["rir_channel"])])
    loudest = row["snr_def"] == "maxframe"
    if row["noise"]:
        noise, start = read(folder / row["noise"])[0], int(row["noise_start"])
        noise = np.take(noise, range(start, start + len(samples)), mode="wrap")
        if loudest:
            speech, noise_power = (frame_power(x, MAX_FRAME).max() for x in (samples, noise))
        else:
            power = frame_power(samples, SPEECH_FRAME)
            speech, noise_power = power[power > power.max() / 1000].mean(), (noise**2).mean()
        ratio = 10 ** (float(row["snr_db"]) / 10)
        samples = samples + noise * np.sqrt(speech / (noise_power * ratio + 1e-12))
    peak = np.abs(samples).max() + 1e-9
    return samples * (0.5 / peak if loudest else min(1, 0.9 / peak))


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def jobs(args):
    """(condition, transcript, samples) of every recording and copy, one at a time."""
    rows = [(path, row) for path in args.data for row in table(path) if row["transcript"]]
    if not args.mix:
        for path, row in rows[: args.limit]:
            yield path.stem, row["transcript"], read(path.parent / row["path"]).mean(axis=0)
        return
    transcripts = {(path.parent / row["path"]).resolve(): row["transcript"] for path, row in rows}
    folder = args.mix.parent
    done = collections.Counter()
    for row in table(args.mix):
        utterance = (folder / row["utt"]).resolve()
        wanted = not args.conditions or row["cond"] in args.conditions
        if wanted and utterance in transcripts and done[row["cond"]] != args.limit:
            done[row["cond"]] += 1
            samples = read(utterance)[0].astype(np.float64)
            yield row["cond"], transcripts[utterance], mixed(samples, row, folder)


def summary(counts):
    """Percent of words wrong, ours and theirs, and the difference with its half-width."""
    counts = np.array(counts)

    def rates(chosen):
        ours, theirs, all_words = chosen.sum(axis=0)
        return 100 * ours / all_words, 100 * theirs / all_words

    ours, theirs = rates(counts)
    chance = random.Random(1)
    size = len(counts)
    drawn = (rates(counts[chance.choices(range(size), k=size)]) for _ in range(RESAMPLINGS))
    differences = sorted(o - t for o, t in drawn)
    low, high = (differences[int(RESAMPLINGS * share)] for share in (0.025, 0.975))
    return ours, theirs, ours - theirs, (high - low) / 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA.tsv")
    parser.add_argument("--mix", type=Path, metavar="RECIPE.tsv")
    parser.add_argument("--conditions", nargs="+", metavar="NAME", help="of the recipe (default: all)")
    parser.add_argument("--limit", type=int, metavar="N", help="recordings per condition")
    parser.add_argument("--mynah", type=Path, default=ROOT / "target/release/mynah")
    parser.add_argument("--items", type=Path, metavar="FILE", help="what was heard, as JSON lines")
    args = parser.parse_args()
    args.mynah = args.mynah.resolve()
    if not args.mynah.is_file():
        sys.exit(f"words: error: {args.mynah} is missing; `cargo build --release` makes it")

    counts = collections.defaultdict(list)
    items = args.items.open("w", encoding="utf-8") if args.items else None
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Contestant("recogniser", args.mynah, 1, folder), Original()
        for number, (condition, transcript, samples) in enumerate(jobs(args)):
            path = Path(folder) / f"{number}.wav"
            samples = write(path, samples)
            heard = [ours.ask(f"recognise {path}")["text"], theirs.recognise(samples)]
            path.unlink()
            meant = words(transcript)
            wrong = [errors(words(text), meant) for text in heard]
            counts[condition].append([*wrong, len(meant)])
            if items:
                item = {"condition": condition, "meant": transcript, "ours": heard[0]}
                item |= {"onnxruntime": heard[1], "errors": wrong}
                print(json.dumps(item), file=items)
        ours.end()
    print("| recordings | words | ours | onnxruntime, original graphs | difference |")
    print("|---|--:|--:|--:|--:|")
    for condition, rows in counts.items():
        a, b, difference, half = summary(rows)
        print(
            f"| {condition} ({len(rows)}) | {sum(row[2] for row in rows)} | {a:.2f} % | {b:.2f} % "
            f"| {difference:+.2f} ± {half:.2f} |"
        )


if __name__ == "__main__":
    main()
