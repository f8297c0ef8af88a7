"""The hibari voice: from the package's one ONNX graph to the two that Mynah runs.

The package's graph goes from phoneme ids to five spectra in one piece, with the number of frames
known only half-way, its weights quantised for onnxruntime's dynamic int8 and every shape computed at
run time. We read the weights out of it and write two graphs anew:

* `encoder.onnx`: `ids` i64 [1, L], `speed` f32 [1] -> `durations` f32 [L], `timbre` f32 [1, 128, L],
  `melody` f32 [1, 192, L]. The host rounds the durations (at least one) and repeats every column that
  often: R columns, 25 ms each.
* `decoder.onnx`: `timbre` [1, 128, R], `melody` [1, 192, R] -> `spectra` f32 [2R, 3005], `f0` f32
  [2R] in Hz, one row per 12.5 ms. A row holds five runs of 601 bins: log magnitude and phase turn of
  the harmonics, log magnitude of the noise, log magnitude and phase of the free part.

Weights that were int8 stay int8 in the file, with their scale; the inference engine multiplies them
out once when it loads the plan. Activations are no longer quantised, so the result lies closer to the
original network than the package's own.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

TIMBRE, MELODY, HIDDEN = 128, 192, 256  # channels of the two text encoders and of the decoder
BINS, PARTS = 601, 5
HEADS = 2
# One set of attention weights per text encoder, applied this often.
TIMBRE_LAYERS, MELODY_LAYERS = 4, 6
MELODY_DILATIONS = (1, 2, 4, 8, 1, 2)
DECODER_LAYERS = 8
OPSET = 20  # the first with Gelu
SEED = 20_24
# Name, phonemes in the package's alphabet, speed. Phonemes are spelled out so that the goldens of the
# sound do not depend on the text front end.
GOLDEN_CASES = (
    ("short", "jˈɛs.", 1.0),
    ("question", "wˌʌt kən ɪ ɡˈɛt ju tədˈA?", 1.0),
    ("fast", "wˌʌt kən ɪ ɡˈɛt ju tədˈA?", 1.5),
    ("long", "ɪf ju wˈɔɹkt ɔl nˈIt, ðə ʃˈɔɹt wˈA hˈOm ɪz ðə wˈʌn θɹu ðə pˈɑɹk, ænd ɪt ɪz ˈOpᵊn.", 1.0),
)


class Weights:
    """Reads tensors out of the package's graph, by what they do there."""

    def __init__(self, path):
        graph = onnx.load(path).graph
        self.named = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        by_output = {o: n for n in graph.node for o in n.output}
        # An int8 matrix has only its exporter's name; the bias added to its product has the real one.
        self.matrices = {}
        for add in graph.node:
            if add.op_type != "Add" or add.input[0] not in self.named:
                continue
            product = by_output.get(add.input[1])
            if product is None or product.op_type != "Mul":
                continue
            cast, scales = (by_output[i] for i in product.input)
            matmul = by_output[cast.input[0]]
            scale = next(self.named[i] for i in scales.input if i in self.named)
            if np.any(self.named[matmul.input[3]]):
                raise ValueError(f"{matmul.name}: expected int8 weights without a zero point")
            self.matrices[add.input[0]] = (self.named[matmul.input[1]], scale)

    def __getitem__(self, name):
        return self.named[name]

    def matrix(self, bias):
        """The int8 matrix [in, out] whose product gets this bias, and its scale."""
        return self.matrices[bias]


class Graph:
    """Collects nodes and weights; every method returns the name of what it computed."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes, self.initializers, self.count = [], {}, 0

    def op(self, kind, *inputs, out=None, **attributes):
        out = out or f"{kind.lower()}_{self.count}"
        self.count += 1
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=out, **attributes))
        return out

    def const(self, name, value):
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def weight(self, name):
        return self.const(name, self.weights[name])

    def integers(self, *values):
        return self.const("i_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value):
        return self.const(f"f_{value}", np.float32(value))

    def transpose(self, x):
        """[1, C, T] <-> [1, T, C]"""
        return self.op("Transpose", x, perm=[0, 2, 1])

    def linear(self, x, bias):
        """x [1, T, in] times the int8 matrix of this bias, plus the bias."""
        name = bias.removesuffix("bias") + "weight"
        real = name + ".f32"
        if name not in self.initializers:
            quantised, scale = self.weights.matrix(bias)
            self.op("DequantizeLinear", self.const(name, quantised),
                    self.const(name + ".scale", scale), out=real)
        return self.op("Add", self.op("MatMul", x, real), self.weight(bias))

    def norm(self, x, name):
        return self.op("LayerNormalization", x, self.weight(name + ".weight"),
                       self.weight(name + ".bias"), axis=-1, epsilon=1e-5)

    def conv(self, x, name, dilation=1):
        weight = self.weights[name + ".weight"]
        width = weight.shape[2]
        pad = dilation * (width - 1) // 2
        group = weight.shape[0] if weight.shape[1] == 1 < weight.shape[0] else 1
        return self.op("Conv", x, self.weight(name + ".weight"), self.weight(name + ".bias"),
                       kernel_shape=[width], pads=[pad, pad], dilations=[dilation], group=group)

    def block(self, x, name, dilation=1):
        """Depth-wise convolution over time, then two linear layers over the channels; x [1, C, T]."""
        y = self.transpose(self.conv(x, name + ".dw", dilation))
        y = self.linear(self.norm(y, name + ".norm"), name + ".pw1.bias")
        y = self.linear(self.op("Gelu", y), name + ".pw2.bias")
        y = self.op("Mul", y, self.weight(name + ".gamma"))
        return self.op("Add", x, self.transpose(y))

    def attention(self, x, name, channels):
        """One pre-norm transformer layer; x [1, L, C]."""
        size = channels // HEADS
        qkv = self.linear(self.norm(x, name + ".norm1"), name + ".self_attn.in_proj_bias")
        heads = []
        for part, perm in enumerate(([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])):
            y = self.op("Slice", qkv, self.integers(part * channels),
                        self.integers((part + 1) * channels), self.integers(2))
            y = self.op("Reshape", y, self.integers(1, -1, HEADS, size))
            heads.append(self.op("Transpose", y, perm=perm))
        scores = self.op("Mul", self.op("MatMul", heads[0], heads[1]), self.number(size ** -0.5))
        y = self.op("MatMul", self.op("Softmax", scores, axis=-1), heads[2])
        y = self.op("Reshape", self.op("Transpose", y, perm=[0, 2, 1, 3]),
                    self.integers(1, -1, channels))
        x = self.op("Add", x, self.linear(y, name + ".self_attn.out_proj.bias"))
        y = self.linear(self.norm(x, name + ".norm2"), name + ".linear1.bias")
        return self.op("Add", x, self.linear(self.op("Gelu", y), name + ".linear2.bias"))

    def text(self, ids, name, channels, layers, out):
        """Phoneme ids to features [1, C, L]."""
        x = self.transpose(self.op("Gather", self.weight(name + ".emb.weight"), ids))
        for layer in range(2):
            x = self.block(x, f"{name}.convs.{layer}")
        x = self.transpose(x)
        for _ in range(layers):
            x = self.attention(x, name + ".attn", channels)
        return self.op("Transpose", self.norm(x, name + ".norm"), perm=[0, 2, 1], out=out)

    def save(self, path, inputs, outputs):
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, path.stem, [value(*i) for i in inputs], [value(*o) for o in outputs],
            list(self.initializers.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                  ir_version=9, producer_name="mynah")
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString(deterministic=True))


def encoder(weights, path):
    g = Graph(weights)
    g.text("ids", "m.text", TIMBRE, TIMBRE_LAYERS, "timbre")
    melody = g.text("ids", "pn.text", MELODY, MELODY_LAYERS, "melody")
    x = g.conv(g.op("Gelu", g.conv(melody, "pn.dur.0")), "pn.dur.2")
    x = g.op("Sub", g.op("Exp", g.op("Reshape", x, g.integers(-1))), g.number(1.0))
    g.op("Div", x, "speed", out="durations")
    f, i = TensorProto.FLOAT, TensorProto.INT64
    g.save(path, [("ids", i, [1, "L"]), ("speed", f, [1])],
           [("durations", f, ["L"]), ("timbre", f, [1, TIMBRE, "L"]),
            ("melody", f, [1, MELODY, "L"])])


def decoder(weights, path):
    g = Graph(weights)
    x = g.conv("melody", "pn.pro_in")
    for layer, dilation in enumerate(MELODY_DILATIONS):
        x = g.block(x, f"pn.pro.{layer}", dilation)
    # Two frames of 12.5 ms leave each column: [1, 4, R] -> [1, 2, 2R], pitch and energy.
    x = g.op("Reshape", g.conv(x, "pn.pro_out"), g.integers(1, 2, 2, -1))
    x = g.op("Reshape", g.op("Transpose", x, perm=[0, 1, 3, 2]), g.integers(1, 2, -1))
    part = [g.op("Slice", x, g.integers(k), g.integers(k + 1), g.integers(1)) for k in range(2)]
    hertz = g.op("Mul", part[0], g.number(100.0))
    g.op("Reshape", hertz, g.integers(-1), out="f0")
    pitch = g.op("Log", g.op("Add", g.op("Relu", hertz), g.number(1.0)))
    pitch = g.op("Mul", pitch, g.number(0.2))
    twice = g.op("Unsqueeze", "timbre", g.integers(3))
    twice = g.op("Concat", twice, twice, axis=3)
    twice = g.op("Reshape", twice, g.integers(1, TIMBRE, -1))
    x = g.conv(g.op("Concat", twice, pitch, part[1], axis=1), "m.dec_in")
    for layer in range(DECODER_LAYERS):
        x = g.block(x, f"m.dec.{layer}")
    x = g.linear(g.norm(g.transpose(x), "m.dec_norm"), "m.head.bias")
    g.op("Reshape", x, g.integers(-1, BINS * PARTS), out="spectra")
    f = TensorProto.FLOAT
    g.save(path, [("timbre", f, [1, TIMBRE, "R"]), ("melody", f, [1, MELODY, "R"])],
           [("spectra", f, ["F", BINS * PARTS]), ("f0", f, ["F"])])


def assets(packages):
    return Path(packages) / "hibari" / "assets"


def convert(packages, out):
    """Writes the two graphs of the voice into `out`."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    weights = Weights(assets(packages) / "hibari.onnx")
    encoder(weights, out / "encoder.onnx")
    decoder(weights, out / "decoder.onnx")


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def package_vocoder(packages):
    """The package's own spectra-to-samples module; imported by file, for it needs only numpy."""
    spec = importlib.util.spec_from_file_location(
        "hibari_dsp", Path(packages) / "hibari" / "dsp.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FixedNoise:
    """Stands in for the package's random generator so that both vocoders get the same noise."""

    def __init__(self, values):
        self.values = values

    def standard_normal(self, shape, dtype):
        assert self.values.shape == shape and self.values.dtype == dtype
        return self.values


def golden(packages, built, golden):
    """Writes reference inputs and outputs of the graphs (by onnxruntime) and of the vocoder (by the
    package) into `golden`: little-endian files, and `cases.json` with their shapes."""
    golden = Path(golden)
    golden.mkdir(parents=True, exist_ok=True)
    with open(assets(packages) / "vocab.json", encoding="utf-8") as file:
        vocabulary = json.load(file)
    vocoder = package_vocoder(packages)
    encode, decode = (session(Path(built) / "tts" / f"{n}.onnx") for n in ("encoder", "decoder"))
    whole = session(assets(packages) / "hibari.onnx")
    noise = np.random.default_rng(SEED)
    cases = {}
    for name, phonemes, speed in GOLDEN_CASES:
        ids = np.array([[0, *(vocabulary[c] for c in phonemes), 0]], np.int64)
        feed = {"ids": ids, "speed": np.array([speed], np.float32)}
        durations, timbre, melody = encode.run(None, feed)
        times = np.maximum(np.rint(durations), 1).astype(np.int64)
        spectra, f0 = decode.run(None, {"timbre": np.repeat(timbre, times, axis=2),
                                        "melody": np.repeat(melody, times, axis=2)})
        parts = [np.ascontiguousarray(part.T) for part in np.split(spectra, PARTS, axis=1)]
        z = noise.standard_normal((BINS, 2 * len(f0)), np.float32)
        samples = vocoder.synth(*parts, f0, FixedNoise(z.copy()))
        # Noise per frame, as the Rust side draws it: [F, 601, (re, im)].
        z = z.reshape(BINS, len(f0), 2).transpose(1, 0, 2)
        # The package's quantised graph, for the distance that leaving its quantisation causes.
        theirs = whole.run(None, feed)
        arrays = {"ids": ids[0], "durations": durations, "timbre": timbre, "melody": melody,
                  "spectra": spectra, "f0": f0, "noise": z, "samples": samples,
                  "package_f0": theirs[5][0]}
        cases[name] = {"speed": speed, "arrays": {}}
        for what, array in arrays.items():
            kind = "i64" if array.dtype == np.int64 else "f32"
            file = f"{name}.{what}.{kind}"
            (golden / file).write_bytes(np.ascontiguousarray(array, f"<{kind[0]}{int(kind[1:]) // 8}"))
            cases[name]["arrays"][what] = {"file": file, "shape": list(array.shape)}
    (golden / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
