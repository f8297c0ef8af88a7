"""microWakeWord: the package's streaming networks as plain tables of 8-bit weights.

Each `.tflite` holds one network that takes three feature frames (30 ms) a run, with its memory in
resource variables and every layer quantised: a convolution over time, four separable ones
(channel by channel, then across channels), and one unit. Ours keeps what is left when reading,
joining, cutting and assigning variables are told apart from computing: rows of layers, each of
which looks at the last `steps` frames of its input. `src/nn/streaming.rs` runs them in the same
integers.

Writes phrases.json (every phrase, its threshold as its authors recommend it, the shape of its
layers) and PHRASE.bin: per layer the weights (i8; full layers [to, steps, from], channelwise ones
[steps, channels]), biases (i32, zero point of the input folded in) and output scales, as a mantissa in 2⁻³¹ and a
number of halvings (i32 each).
"""

import ctypes
import importlib
import json
import platform
import sys
import wave
from pathlib import Path

import numpy as np

from ort import Table

FOLDER = Path("pymicro_wakeword/models")
LIBRARY = "pymicro_wakeword/lib/libtensorflowlite_c.so"
SPEECH = "moonshine_voice/assets/beckett.wav"
FORMAT = 1
RATE_HZ = 16_000
CHANNELS, NEW_FRAMES = 40, 3
# Samples per call of the package's front end.
CHUNK = 160

# Offsets of FlatBuffers fields (schema: tensorflow/compiler/mlir/lite/schema/schema.fbs).
MODEL_CODES, MODEL_SUBGRAPHS, MODEL_BUFFERS = 6, 8, 12
GRAPH_TENSORS, GRAPH_INPUTS, GRAPH_OUTPUTS, GRAPH_OPERATORS = 4, 6, 8, 10
TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_QUANTIZATION = 4, 6, 8, 12
QUANTIZATION_SCALE, QUANTIZATION_ZERO = 8, 10
BUFFER_DATA = 4
OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS, OPERATOR_OPTIONS = 4, 6, 8, 12
CODE_OLD, CODE_NEW = 4, 10
ACTIVATION = {"conv": 10, "depthwise": 12, "dense": 4}
OPERATORS = {
    2: "join",
    3: "conv",
    4: "depthwise",
    9: "dense",
    14: "sigmoid",
    22: "reshape",
    45: "cut",
    102: "split",
    114: "requantise",
    129: "once",
    142: "variable",
    143: "read",
    144: "assign",
}
TYPES = {0: np.float32, 2: np.int32, 3: np.uint8, 4: np.int64, 9: np.int8}


def convert(packages: Path, out: Path) -> None:
    """Writes OUT/phrases.json and a file of weights for every phrase."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    phrases = []
    for about in described(Path(packages)):
        network = Network(about["model"])
        (out / f"{about['name']}.bin").write_bytes(network.weights())
        phrases.append(
            {
                "phrase": about["phrase"],
                "weights": f"{about['name']}.bin",
                "cutoff": about["cutoff"],
                "mean_of": about["mean_of"],
                **network.shape(),
            }
        )
    text = json.dumps({"format": FORMAT, "phrases": phrases}, indent=1)
    (out / "phrases.json").write_text(text + "\n", encoding="utf-8")


def described(packages: Path) -> list[dict]:
    """What the package says of each of its models, in order of their names."""
    found = []
    for path in sorted((packages / FOLDER).glob("*.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        micro = about["micro"]
        if (about["type"], about["version"], micro["feature_step_size"]) != ("micro", 2, 10):
            raise SystemExit(f"wake: {path} describes another kind of model than was written for")
        found.append(
            {
                "name": path.stem,
                "phrase": about["wake_word"].lower(),
                "cutoff": micro["probability_cutoff"],
                "mean_of": micro["sliding_window_size"],
                "model": path.parent / about["model"],
            }
        )
    if not found:
        raise SystemExit(f"wake: no models in {packages / FOLDER}")
    return found


class Network:
    """The layers of one model."""

    def __init__(self, path: Path):
        self.path = path
        data = path.read_bytes()
        if data[4:8] != b"TFL3":
            raise SystemExit(f"wake: {path} is not a TFLite model (no TFL3 mark)")
        model = Table(data, int.from_bytes(data[:4], "little"))
        self.codes = model.tables(MODEL_CODES)
        self.buffers = model.tables(MODEL_BUFFERS)
        self.graph = model.tables(MODEL_SUBGRAPHS)[0]
        self.tensors = self.graph.tables(GRAPH_TENSORS)
        self.input = self._only(GRAPH_INPUTS)
        if self._shape(self.input) != [1, NEW_FRAMES, CHANNELS]:
            raise SystemExit(f"wake: {path} takes {self._shape(self.input)} at a time")
        self.layers = self._layers()

    def _only(self, slot) -> int:
        (tensor,) = self.graph.array(slot, "<i4")
        return int(tensor)

    def _shape(self, tensor) -> list[int]:
        return self.tensors[tensor].array(TENSOR_SHAPE, "<i4").tolist()

    def _quantised(self, tensor):
        """Scales (one, or one per output channel) and zero point."""
        quantised = self.tensors[tensor].table(TENSOR_QUANTIZATION)
        scales = quantised.array(QUANTIZATION_SCALE, "<f4").astype(np.float64)
        zeros = quantised.array(QUANTIZATION_ZERO, "<i8")
        if np.any(zeros != zeros[0]):
            raise SystemExit(f"wake: {self.path} has a zero point per channel")
        return scales, int(zeros[0])

    def _constant(self, tensor) -> np.ndarray:
        table = self.tensors[tensor]
        # TensorType is a byte.
        kind = TYPES[table.number(TENSOR_TYPE, "<b")]
        data = self.buffers[table.number(TENSOR_BUFFER, "<I")].array(BUFFER_DATA, np.uint8)
        return np.frombuffer(data.tobytes(), kind).reshape(self._shape(tensor))

    def _layers(self) -> list[dict]:
        layers = []
        for operator in self.graph.tables(GRAPH_OPERATORS):
            code = self.codes[operator.number(OPERATOR_CODE, "<I")]
            number = max(code.number(CODE_OLD, "<b"), code.number(CODE_NEW, "<i"))
            kind = OPERATORS.get(number)
            if kind is None:
                raise SystemExit(f"wake: {self.path} has an operator {number} unknown here")
            if kind not in ACTIVATION:
                continue
            inputs = operator.array(OPERATOR_INPUTS, "<i4").tolist()
            (output,) = operator.array(OPERATOR_OUTPUTS, "<i4").tolist()
            activation = operator.table(OPERATOR_OPTIONS).number(ACTIVATION[kind], "<b")
            layer = self._layer(kind, *inputs, output, rectified=activation == 1)
            before = layers[-1] if layers else None
            if kind == "depthwise" and before and before["kind"] == "depthwise":
                # Channels in two halves, which look back by different lengths.
                layers[-1] = beside(before, layer)
            else:
                layers.append(layer)
        return layers

    def _layer(self, kind, x, weight, bias, y, rectified) -> dict:
        (scale_in,), zero_in = self._quantised(x)
        (scale_out,), zero_out = self._quantised(y)
        scales, zero = self._quantised(weight)
        w = self._constant(weight)
        if zero != 0:
            raise SystemExit(f"wake: {self.path} has weights that are not symmetric")
        if kind == "conv":
            # [to, steps, 1, from]
            rows = w[:, :, 0, :]
        elif kind == "dense":
            # [to, steps · from]: behind a convolution across the channels, as many as it has.
            rows = w.reshape(w.shape[0], -1, self._shape(x)[-1])
        else:
            # [1, steps, 1, channels]
            rows = w[0, :, 0, :]
        sums = rows.astype(np.int64).sum(0 if kind == "depthwise" else (1, 2))
        return {
            "kind": kind,
            "rows": rows,
            "bias": self._constant(bias) - zero_in * sums,
            "multiplier": np.broadcast_to(scale_in * scales / scale_out, sums.shape),
            "zero_in": zero_in,
            "zero_out": zero_out,
            "least": zero_out if rectified else -128,
            "scale_out": scale_out,
        }

    def shape(self) -> dict:
        """The part of phrases.json that says how to read the weights."""
        layers = []
        for layer in self.layers:
            if layer["kind"] == "depthwise":
                steps, channels = layer["rows"].shape
                row = {"kind": "channelwise", "steps": steps, "from": channels, "to": channels}
            else:
                to, steps, channels = layer["rows"].shape
                row = {"kind": "full", "steps": steps, "from": channels, "to": to}
            row |= {name: layer[name] for name in ("zero_in", "zero_out", "least")}
            layers.append(row)
        # What the unit's table was flattened from is what the layer before it gives.
        unit, before = layers[-1], layers[-2]["to"]
        unit |= {"steps": unit["steps"] * unit["from"] // before, "from": before}
        (scale,), zero = self._quantised(self.input)
        return {
            "new_steps": NEW_FRAMES,
            "input_scale": scale,
            "input_zero": zero,
            "output_scale": self.layers[-1]["scale_out"],
            "layers": layers,
        }

    def weights(self) -> bytes:
        parts = []
        for layer in self.layers:
            bias = layer["bias"]
            if np.abs(bias).max() > np.iinfo(np.int32).max // 2:
                raise SystemExit(f"wake: {self.path} has a bias that leaves no room for a sum")
            mantissa, exponent = np.frexp(layer["multiplier"])
            # To 31 bits, as TensorFlow Lite does; none is so near 1 that it rounds up to it.
            mantissa = np.round(mantissa * 2**31)
            if mantissa.max() >= 2**31 or exponent.max() > 0 or exponent.min() < -31:
                raise SystemExit(f"wake: {self.path} has an output scale that was not planned for")
            parts += [layer["rows"].astype("<i1"), bias.astype("<i4")]
            parts += [mantissa.astype("<i4"), (-exponent).astype("<i4")]
        return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)

    def showing_its_unit(self) -> bytes:
        """The file, changed to put out what its last unit gives before the sigmoid."""
        for operator in self.graph.tables(GRAPH_OPERATORS):
            code = self.codes[operator.number(OPERATOR_CODE, "<I")]
            if OPERATORS[max(code.number(CODE_OLD, "<b"), code.number(CODE_NEW, "<i"))] == "dense":
                (unit,) = operator.array(OPERATOR_OUTPUTS, "<i4").tolist()
        data = bytearray(self.path.read_bytes())
        (at,) = self.graph._items(GRAPH_OUTPUTS, 4)
        data[at : at + 4] = unit.to_bytes(4, "little")
        return bytes(data)


def beside(a: dict, b: dict) -> dict:
    """Two layers that compute neighbouring channels, as one: the shorter looks at zeros first."""
    same = ("zero_in", "zero_out", "least", "scale_out")
    if any(a[name] != b[name] for name in same):
        raise SystemExit("wake: halves of a layer that do not fit together")
    steps = max(len(a["rows"]), len(b["rows"]))
    longer = [np.pad(x["rows"], ((steps - len(x["rows"]), 0), (0, 0))) for x in (a, b)]
    return a | {
        "rows": np.concatenate(longer, 1),
        "bias": np.concatenate([a["bias"], b["bias"]]),
        "multiplier": np.concatenate([a["multiplier"], b["multiplier"]]),
    }


def golden(packages: Path, built: Path, golden: Path) -> None:
    """Writes what the package's own programs compute: features of sounds, and units of networks.

    Those programs exist for 64-bit x86 alone; elsewhere cases.json lists nothing, and why.
    """
    packages, golden = Path(packages), Path(golden)
    golden.mkdir(parents=True, exist_ok=True)
    if platform.machine() != "x86_64":
        reason = f"the package has no programs for {platform.machine()}"
        text = json.dumps({"sounds": [], "phrases": [], "missing": reason})
        (golden / "cases.json").write_text(text + "\n")
        return
    sounds = signals(packages)
    for name, sound in sounds.items():
        sound.astype("<i2").tofile(golden / f"{name}.audio.i16")
        features(packages, sound).astype("<u2").tofile(golden / f"{name}.features.u16")
    phrases = []
    for about in described(packages):
        inputs = drawn_features(about["name"])
        units = run_units(packages, Network(about["model"]).showing_its_unit(), inputs)
        if np.unique(units).size < 16:
            raise SystemExit(f"wake: {about['name']} hardly moves on drawn features")
        inputs.astype("<u2").tofile(golden / f"{about['name']}.input.u16")
        units.astype("<i1").tofile(golden / f"{about['name']}.unit.i8")
        phrases.append({"phrase": about["phrase"], "name": about["name"]})
    text = json.dumps({"sounds": list(sounds), "phrases": phrases, "missing": None}, indent=1)
    (golden / "cases.json").write_text(text + "\n")


def signals(packages: Path) -> dict[str, np.ndarray]:
    """Recorded speech; tones, noise and clicks at every level up to clipping; silence."""
    with wave.open(str(packages / SPEECH)) as file:
        form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        if form != (RATE_HZ, 1, 2):
            raise SystemExit(f"wake: {SPEECH} is {form}, expected 16 kHz mono 16-bit")
        speech = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    t = np.arange(6 * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(9).uniform(-1, 1, t.size)
    level = 10.0 ** (-5 * (t % 2) / 2)
    sweep = np.sin(2 * np.pi * (60 * t + 600 * t * t))
    synthetic = level * np.where(t % 0.7 < 0.35, 1.2 * sweep, noise)
    synthetic[::4000] = 1
    synthetic = np.clip(np.round(32768 * synthetic), -32768, 32767)
    return {"speech": speech, "synthetic": synthetic, "silence": np.zeros(RATE_HZ)}


def features(packages: Path, sound: np.ndarray) -> np.ndarray:
    """[frames, channels] of the package's front end, as the integers it computes."""
    sys.path.insert(0, str(packages))
    frontend = importlib.import_module("micro_features_cpp")
    state = frontend.create_frontend()
    audio = sound.astype("<i2").tobytes()
    rows = []
    for at in range(0, len(audio) - 2 * CHUNK + 1, 2 * CHUNK):
        row, _ = frontend.process_samples(state, audio[at : at + 2 * CHUNK])
        if row:
            rows.append(row)
    # The front end hands its integers out as floats, in steps of 10/256.
    return np.round(np.array(rows).reshape(-1, CHANNELS) / 0.0390625)


def drawn_features(name: str) -> np.ndarray:
    """[frames, channels]: smooth in time and pitch as speech is, of all levels, and silent at times."""
    draw = np.random.default_rng(sum(name.encode()))
    coarse = draw.uniform(-200, 700, (120, 12))
    frames = np.arange(1200)
    in_time = np.stack([np.interp(frames / 10.1, np.arange(120), c) for c in coarse.T], 1)
    pitch = np.arange(CHANNELS) / (CHANNELS - 1) * 11
    rows = np.stack([np.interp(pitch, np.arange(12), row) for row in in_time])
    rows += draw.uniform(-40, 40, rows.shape)
    rows[400:520] = 0
    return np.round(np.clip(rows, 0, 660))


def run_units(packages: Path, model: bytes, features: np.ndarray) -> np.ndarray:
    """What the last unit gives for every three frames, as TensorFlow Lite computes it."""
    lite = ctypes.CDLL(str(packages / LIBRARY))
    pointer = ctypes.c_void_p
    for name, given in (
        ("TfLiteModelCreate", [ctypes.c_char_p, ctypes.c_size_t]),
        ("TfLiteInterpreterCreate", [pointer, pointer]),
        ("TfLiteInterpreterGetInputTensor", [pointer, ctypes.c_int32]),
        ("TfLiteInterpreterGetOutputTensor", [pointer, ctypes.c_int32]),
        ("TfLiteInterpreterAllocateTensors", [pointer]),
        ("TfLiteInterpreterInvoke", [pointer]),
        ("TfLiteTensorCopyFromBuffer", [pointer, ctypes.c_char_p, ctypes.c_size_t]),
        ("TfLiteTensorCopyToBuffer", [pointer, pointer, ctypes.c_size_t]),
    ):
        function = getattr(lite, name)
        function.argtypes = given
        function.restype = pointer if "Create" in name or "Get" in name else ctypes.c_int
    network = lite.TfLiteModelCreate(model, len(model))
    running = lite.TfLiteInterpreterCreate(network, None)
    if not running or lite.TfLiteInterpreterAllocateTensors(running):
        raise SystemExit("wake: TensorFlow Lite cannot run the package's model")
    units = np.zeros(1, np.int8)
    all_units = []
    # The scale and zero point of every model's input.
    quantised = np.clip(np.round(features * 0.0390625 / np.float32(26 / 255) - 128), -128, 127)
    for three in quantised.astype(np.int8).reshape(-1, NEW_FRAMES, CHANNELS):
        given = three.tobytes()
        into = lite.TfLiteInterpreterGetInputTensor(running, 0)
        lite.TfLiteTensorCopyFromBuffer(into, given, len(given))
        if lite.TfLiteInterpreterInvoke(running):
            raise SystemExit("wake: TensorFlow Lite failed on a model of the package")
        unit = lite.TfLiteInterpreterGetOutputTensor(running, 0)
        lite.TfLiteTensorCopyToBuffer(unit, units.ctypes.data_as(pointer), 1)
        all_units.append(units[0])
    return np.array(all_units, np.int8)
